//! Tests of each operation of the API, and of features that several operations share, such as rate limits.

pub mod api_keys_change;
pub mod api_keys_create;
pub mod api_keys_get;
pub mod api_keys_list;
pub mod api_keys_revoke;
pub mod api_keys_rotate;
pub mod audit_events;
pub mod caching;
pub mod dashboard;
pub mod docs;
pub mod documented_examples;
pub mod health;
pub mod idempotency;
pub mod login;
pub mod login_throttling;
pub mod logout;
pub mod me;
pub mod members;
pub mod openapi;
pub mod operator;
pub mod password;
pub mod previous_secret;
pub mod projects;
pub mod rate_limits;
pub mod restored_credentials;
pub mod sessions;
