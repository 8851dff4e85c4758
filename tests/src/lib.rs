//! Tests of the whole service over HTTP.
//!
//! Each test starts its own gateway, which runs the real functions with an embedded `DynamoDB`. Environment variables change
//! that:
//!
//! - `DYNAMODB_URL`: a `DynamoDB` that all tests use. Each test has its own tables there.
//! - `SERVICE_URL`: a running service. All tests use it, except those that control the clock or the table.
//!   `LAMBDA_URL` and `FUNCTION_NAMES` say where its functions can be invoked directly, and under which names.
#![cfg(test)]

mod authenticator;
mod authorization;
mod browser;
mod caller;
mod deployment;
mod dynamodb;
mod faults;
mod input;
mod operation_table;
mod operations;
mod own_process;
mod races;
mod response;
mod seeded;
mod service;
mod target;
