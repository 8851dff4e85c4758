//! Tests of the whole service over HTTP. Each starts a gateway of its own, with the real functions and a real `DynamoDB` in
//! memory or, with `DYNAMODB_URL`, in a table of its own there. Tests that need no clock of their own run against the
//! service at `SERVICE_URL`, if that is set.
#![cfg(test)]

mod authorization;
mod browser;
mod caller;
mod deployment;
mod dynamodb;
mod faults;
mod input;
mod operation_table;
mod operations;
mod races;
mod response;
mod seeded;
mod service;
mod target;
