//! What the Lambda functions of MedTWIN Auth share.
//!
//! One file, one idea. The path of a request: [`token`] reads the credential, [`store`] finds what it
//! stands for, [`access`] decides, [`principal`] carries the decision to the function, and [`http`]
//! hands the function a request and its answer back.

pub mod access;
pub mod account;
pub mod api_key;
pub mod app;
pub mod audit;
pub mod authority;
pub mod aws;
mod base62;
pub mod browser;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod digest;
mod dynamodb_calls;
pub mod email;
pub mod environment;
pub mod error;
pub mod function;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod invocation;
pub mod limit;
pub mod member;
pub mod metrics;
pub mod name;
pub mod operation;
pub mod origin;
pub mod password;
pub mod pepper;
mod pepper_source;
pub mod permission;
pub mod principal;
pub mod project;
pub mod random;
pub mod refusal;
pub mod scope;
pub mod session;
pub mod store;
pub mod strict_json;
pub mod telemetry;
pub mod throttling;
pub mod timestamp;
pub mod token;
