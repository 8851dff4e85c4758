//! What an authorizer's answer means for the request.

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::telemetry::log::TARGET;

use crate::{function_error::FunctionError, gateway_response::ResponseType, policy::Policy, scalar};

/// The only error by which an authorizer says that the caller is unknown. Any other is its own failure.
const UNAUTHORIZED: &str = "Unauthorized";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Value,
}

/// What functions find in `requestContext.authorizer`, if the authorizer's `answer` lets the request in.
pub(crate) fn context(
    answer: Result<Vec<u8>, FunctionError>,
    method_arn: &str,
) -> Result<Map<String, Value>, ResponseType> {
    let answer = answer.map_err(|error| {
        if error.error_message == UNAUTHORIZED {
            ResponseType::Unauthorized
        } else {
            tracing::warn!(target: TARGET, error_type = error.error_type, "the authorizer failed");
            ResponseType::AuthorizerFailure
        }
    })?;
    let malformed = ResponseType::AuthorizerConfigurationError;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| malformed)?;
    let context = strings(answer.principal_id, answer.context).ok_or(malformed)?;
    if answer.policy_document.allows(method_arn) { Ok(context) } else { Err(ResponseType::AccessDenied) }
}

/// The context, all of it as strings, with the principal.
fn strings(principal_id: String, context: Value) -> Option<Map<String, Value>> {
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

    fn judge(answer: &Value) -> Result<Map<String, Value>, ResponseType> {
        context(Ok(answer.to_string().into_bytes()), "arn:x/live/GET/a")
    }

    fn answer(effect: &str, context: &Value) -> Value {
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
    fn an_allow_hands_on_the_context_as_strings() {
        let context = judge(&answer("Allow", &json!({"s": "x", "n": 1, "f": 1.5, "b": true}))).unwrap();
        let expected = json!({"s": "x", "n": "1", "f": "1.5", "b": "true", "principalId": "me"});
        assert_eq!(Value::Object(context), expected);
        assert!(judge(&answer("Allow", &Value::Null)).is_ok());
    }

    #[test]
    fn a_deny_denies() {
        assert_eq!(judge(&answer("Deny", &json!({}))), Err(ResponseType::AccessDenied));
    }

    #[test]
    fn an_error_is_a_401_only_when_it_says_exactly_so() {
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
    fn what_is_not_an_answer_is_an_error_of_configuration() {
        for answer in [json!(null), json!({}), json!("x"), json!({"principalId": "me"})] {
            assert_eq!(judge(&answer), Err(ResponseType::AuthorizerConfigurationError), "{answer}");
        }
        let result = context(Ok(b"{".to_vec()), "arn");
        assert_eq!(result, Err(ResponseType::AuthorizerConfigurationError));
    }

    #[test]
    fn a_wrong_principal_or_context_is_one_too() {
        for context in [json!({"a": null}), json!({"a": []}), json!({"a": {}}), json!([]), json!("a")] {
            let result = judge(&answer("Allow", &context));
            assert_eq!(result, Err(ResponseType::AuthorizerConfigurationError), "{context}");
        }
        let mut answer = answer("Allow", &json!({}));
        for principal in [Value::Null, json!(1)] {
            answer["principalId"] = principal;
            assert_eq!(judge(&answer), Err(ResponseType::AuthorizerConfigurationError));
        }
    }
}
