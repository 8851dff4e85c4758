//! The properties of the resources in a SAM template, as far as the gateway supports them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::preflight::Definition;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(crate) struct Globals {
    pub(crate) function: FunctionProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct FunctionProperties {
    pub(crate) timeout: Option<u64>,
    pub(crate) memory_size: Option<i32>,
    pub(crate) environment: Environment,
    pub(crate) policies: Vec<RolePolicy>,
    pub(crate) events: BTreeMap<String, Event>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Environment {
    pub(crate) variables: BTreeMap<String, Value>,
}

/// A policy of a function's role. Managed policies and SAM's policy templates are not supported.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RolePolicy {
    pub(crate) statement: Vec<RoleStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RoleStatement {
    // Parsed only to reject other effects.
    #[serde(rename = "Effect")]
    _effect: AllowOnly,
    pub(crate) action: Vec<String>,
    #[serde(rename = "Resource")]
    _resource: Value,
    // The gateway does not enforce policies.
    #[serde(rename = "Condition")]
    _condition: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) enum AllowOnly {
    Allow,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    /// An [`ApiEvent`] if `kind` is `Api`.
    pub(crate) properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ApiEvent {
    pub(crate) rest_api_id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) auth: RouteAuth,
    #[serde(default = "ApiEvent::default_timeout")]
    pub(crate) timeout_in_millis: u64,
}

impl ApiEvent {
    /// API Gateway's default, in milliseconds.
    fn default_timeout() -> u64 {
        29_000
    }
}

// Unknown fields are rejected: ignoring a restriction would authorize requests that AWS denies.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RouteAuth {
    pub(crate) authorizer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ApiProperties {
    pub(crate) stage_name: String,
    #[serde(default)]
    pub(crate) auth: ApiAuth,
    pub(crate) definition_body: Option<Definition>,
    #[serde(default)]
    pub(crate) merge_definitions: bool,
    #[serde(default)]
    pub(crate) gateway_responses: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) binary_media_types: Vec<String>,
    /// In bytes. If it is missing, responses are not compressed.
    pub(crate) minimum_compression_size: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ApiAuth {
    pub(crate) default_authorizer: Option<String>,
    #[serde(default)]
    pub(crate) authorizers: BTreeMap<String, AuthorizerProperties>,
    pub(crate) add_default_authorizer_to_cors_preflight: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AuthorizerProperties {
    pub(crate) function_arn: String,
    // Parsed only to reject other types.
    #[serde(rename = "FunctionPayloadType")]
    _function_payload_type: PayloadType,
    pub(crate) identity: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PayloadType {
    Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) headers: Vec<String>,
    pub(crate) reauthorize_every: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TableProperties {
    pub(crate) key_schema: Vec<KeyElement>,
    pub(crate) attribute_definitions: Vec<Attribute>,
    pub(crate) billing_mode: String,
    pub(crate) time_to_live_specification: Option<TimeToLive>,
    pub(crate) stream_specification: Option<Stream>,
    #[serde(default)]
    pub(crate) global_secondary_indexes: Vec<Value>,
    #[serde(default)]
    pub(crate) local_secondary_indexes: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyElement {
    pub(crate) attribute_name: String,
    pub(crate) key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) attribute_name: String,
    pub(crate) attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TimeToLive {
    pub(crate) attribute_name: String,
    pub(crate) enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Stream {
    pub(crate) stream_view_type: String,
}

/// The gateway does not support the other properties, which say what happens if the function fails.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EventSourceProperties {
    pub(crate) function_name: String,
    pub(crate) event_source_arn: String,
    pub(crate) batch_size: usize,
    pub(crate) filter_criteria: FilterCriteria,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct FilterCriteria {
    pub(crate) filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Filter {
    /// JSON.
    pub(crate) pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecretProperties {
    pub(crate) generate_secret_string: GenerateSecretString,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GenerateSecretString {
    #[serde(default = "GenerateSecretString::default_length")]
    pub(crate) password_length: usize,
    #[serde(default)]
    pub(crate) exclude_punctuation: bool,
}

impl GenerateSecretString {
    /// Secrets Manager's default, in characters.
    fn default_length() -> usize {
        32
    }
}
