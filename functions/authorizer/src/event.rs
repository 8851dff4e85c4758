//! The event of a REST API's REQUEST authorizer, as far as it is read.

use std::collections::HashMap;

use serde::Deserialize;
use shared::access::Asked;

/// What API Gateway asks.
///
/// Ours instead of the one in `aws_lambda_events`: that one joins headers whose names differ in case alone
/// and refuses an event with a header outside of ASCII. Both are to be answered with a 401.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerRequest {
    pub(crate) method_arn: String,
    pub(crate) request_context: RequestContext,
    resource: String,
    http_method: String,
    headers: Option<HashMap<String, String>>,
    multi_value_headers: Option<HashMap<String, Vec<String>>>,
    multi_value_query_string_parameters: Option<HashMap<String, Vec<String>>>,
    path_parameters: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext {
    pub(crate) request_id: Option<String>,
}

impl AuthorizerRequest {
    /// The one `Authorization` that came, if it was one: two credentials, in whatever guise, are none.
    pub(crate) fn authorization(&self) -> Option<&str> {
        let is_authorization = |name: &String| name.eq_ignore_ascii_case("authorization");
        let all = self.multi_value_headers.iter().flatten().filter(|(name, _)| is_authorization(name));
        let mut values: Vec<&str> = all.flat_map(|(_, values)| values).map(String::as_str).collect();
        if self.multi_value_headers.is_none() {
            let single = self.headers.iter().flatten().filter(|(name, _)| is_authorization(name));
            values.extend(single.map(|(_, value)| value.as_str()));
        }
        match values.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// What the request asks for.
    pub(crate) fn asked(&self) -> Asked<'_> {
        let path = |name| self.path_parameters.as_ref().and_then(|path| path.get(name)).map(String::as_str);
        let query = self.multi_value_query_string_parameters.as_ref();
        Asked {
            method: &self.http_method,
            route: &self.resource,
            key_id: path("key_id"),
            project_id: path("project_id"),
            environments: query.and_then(|query| query.get("environment")).map_or(&[], Vec::as_slice),
        }
    }
}
