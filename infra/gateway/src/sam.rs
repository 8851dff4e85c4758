//! The properties of SAM's resources, as far as the gateway reads them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

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
    pub(crate) events: BTreeMap<String, Event>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Environment {
    pub(crate) variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Event {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    /// Those of an [`ApiEvent`], if `kind` is `Api`.
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
}

// Whatever decides on access and isn't understood here is refused. Ignored, it would let in what AWS keeps out.
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
    #[serde(default)]
    pub(crate) gateway_responses: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) binary_media_types: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ApiAuth {
    pub(crate) default_authorizer: Option<String>,
    #[serde(default)]
    pub(crate) authorizers: BTreeMap<String, AuthorizerProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AuthorizerProperties {
    pub(crate) function_arn: String,
    // Read so that a template with another one is refused.
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
