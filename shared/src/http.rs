//! HTTP: the conversion between Lambda events and a handler's requests and responses, and the types that describe
//! operations in the OpenAPI document.

pub mod authenticator_response;
pub mod caching;
mod cors;
mod deprecation_headers;
pub mod event;
pub mod examples;
pub mod handler;
pub mod idempotency;
pub mod json;
pub mod key_lifetime;
pub mod new_invitation;
pub mod new_session;
pub mod openapi;
pub mod patch;
pub mod policy_patch;
mod query;
mod rate_limit_headers;
pub mod redirect;
pub mod request;
pub mod request_options;
pub mod response;
pub mod second_factor;
pub mod security_headers;
pub mod views;

pub use lambda_http::http::{HeaderValue, StatusCode, header};

pub use self::{
    event::Event,
    handler::{authorized, public},
    request::{ENVIRONMENT, PAGING, Request},
    response::{Response, json, json_text, no_content},
};
