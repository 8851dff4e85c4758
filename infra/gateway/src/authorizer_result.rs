//! Interprets the result of an authorizer: the context of an authorized request, or the gateway response to a denied one.

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::telemetry::log::TARGET;

use crate::{function_error::FunctionError, gateway_response::ResponseType, policy::Policy, scalar};

/// The error message by which an authorizer rejects a credential. Any other message means that the authorizer failed.
const UNAUTHORIZED: &str = "Unauthorized";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerResponse {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Value,
}

/// Returns the context that functions receive in `requestContext.authorizer`, if the authorizer allowed the request.
pub(crate) fn context(
    result: Result<Vec<u8>, FunctionError>,
    method_arn: &str,
) -> Result<Map<String, Value>, ResponseType> {
    let response = result.map_err(|error| {
        if error.error_message == UNAUTHORIZED {
            ResponseType::Unauthorized
        } else {
            tracing::warn!(target: TARGET, error_type = error.error_type, "the authorizer failed");
            ResponseType::AuthorizerFailure
        }
    })?;
    let malformed = ResponseType::AuthorizerConfigurationError;
    let response: AuthorizerResponse = serde_json::from_slice(&response).map_err(|_| malformed)?;
    let context = context_strings(response.principal_id, response.context).ok_or(malformed)?;
    if response.policy_document.allows(method_arn) { Ok(context) } else { Err(ResponseType::AccessDenied) }
}

/// Converts the values of the context to strings and adds the principal. Returns `None` if a value is not a scalar.
fn context_strings(principal_id: String, context: Value) -> Option<Map<String, Value>> {
    let mut strings = match context {
        Value::Null => Map::new(),
        Value::Object(context) => context
            .into_iter()
            .map(|(name, value)| Some((name, Value::String(scalar::text(&value)?))))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    strings.insert("principalId".to_owned(), principal_id.into());
    Some(strings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context_of(response: &Value) -> Result<Map<String, Value>, ResponseType> {
        context(Ok(response.to_string().into_bytes()), "arn:x/live/GET/a")
    }

    fn response(effect: &str, context: &Value) -> Value {
        json!({
            "principalId": "me",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": "arn:x/live/GET/a"}],
            },
            "context": context,
            "usageIdentifierKey": null,
        })
    }

    #[test]
    fn allow_returns_the_context_as_strings() {
        let context =
            context_of(&response("Allow", &json!({"s": "x", "n": 1, "f": 1.5, "b": true}))).unwrap();
        let expected = json!({"s": "x", "n": "1", "f": "1.5", "b": "true", "principalId": "me"});
        assert_eq!(Value::Object(context), expected);
        assert!(context_of(&response("Allow", &Value::Null)).is_ok());
    }

    #[test]
    fn deny_returns_access_denied() {
        assert_eq!(context_of(&response("Deny", &json!({}))), Err(ResponseType::AccessDenied));
    }

    #[test]
    fn error_is_unauthorized_only_with_the_exact_message() {
        for (message, kind) in [
            ("Unauthorized", ResponseType::Unauthorized),
            ("unauthorized", ResponseType::AuthorizerFailure),
            ("Unauthorized.", ResponseType::AuthorizerFailure),
            ("", ResponseType::AuthorizerFailure),
        ] {
            let error = FunctionError::new("Error", message);
            assert_eq!(context(Err(error), "arn"), Err(kind), "{message}");
        }
    }

    #[test]
    fn malformed_response_is_a_configuration_error() {
        for response in [json!(null), json!({}), json!("x"), json!({"principalId": "me"})] {
            assert_eq!(context_of(&response), Err(ResponseType::AuthorizerConfigurationError), "{response}");
        }
        let result = context(Ok(b"{".to_vec()), "arn");
        assert_eq!(result, Err(ResponseType::AuthorizerConfigurationError));
    }

    #[test]
    fn malformed_principal_or_context_is_a_configuration_error() {
        for context in [json!({"a": null}), json!({"a": []}), json!({"a": {}}), json!([]), json!("a")] {
            let result = context_of(&response("Allow", &context));
            assert_eq!(result, Err(ResponseType::AuthorizerConfigurationError), "{context}");
        }
        let mut response = response("Allow", &json!({}));
        for principal in [Value::Null, json!(1)] {
            response["principalId"] = principal;
            assert_eq!(context_of(&response), Err(ResponseType::AuthorizerConfigurationError));
        }
    }
}
