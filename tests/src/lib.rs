//! Tests of the whole service: each starts a gateway of its own, with the real functions and a real
//! `DynamoDB` in memory, or a table of its own in the one at `DYNAMODB_URL`, and speaks HTTP to it. Those that need
//! no clock of their own speak to the service at `SERVICE_URL` instead, where there is one. One file an operation; the
//! names say operation, case and status.
#![cfg(test)]

mod answer;
mod api_keys_create;
mod api_keys_get;
mod api_keys_list;
mod api_keys_revoke;
mod api_keys_rotate;
mod asvs;
mod audit_events;
mod authorizer;
mod bodies;
mod browser;
mod caller;
mod context;
mod cors;
mod credentials;
mod dashboard;
mod dependencies;
mod docs;
mod documentation;
mod dynamodb;
mod escalation;
mod fast_path;
mod faults;
mod growth;
mod headers;
mod health;
mod histories;
mod idempotency;
mod in_flight;
mod interleavings;
mod isolation;
mod least_privilege;
mod login;
mod login_throttling;
mod logout;
mod logs;
mod me;
mod members;
mod metrics;
mod model;
mod openapi;
mod operator;
mod outage;
mod password;
mod paths;
mod peppers;
mod projects;
mod queries;
mod races;
mod rate_limits;
mod raw_requests;
mod restart;
mod routes;
mod seeded;
mod service;
mod sessions;
mod signature;
mod start;
mod target;
