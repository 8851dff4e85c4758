//! The input is the body of a request.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::rest_event;

/// An operation with a request body.
pub(crate) struct Operation {
    pub(crate) function: &'static str,
    /// In lower case, as in the OpenAPI document.
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
}

/// The maximum size of a body, from the API contract.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Fields with rules that a schema cannot express: an address is an IP address or network, a time is in the future, the parts of
/// an email address have a maximum length, a password is hard to guess, and the response of an authenticator contains a challenge.
const FIELDS_WITH_FURTHER_RULES: [&str; 6] =
    ["allowed_ips", "credential", "email", "expires_at", "new_password", "password"];

/// The operation that rejects the response of an authenticator with 401, because it is a login.
const PASSKEY_LOGIN: &str = "/v1/auth/login/passkey";

/// New passwords. An operation checks their length only after it has verified the current password, or the token.
const FIELDS_CHECKED_LATER: [&str; 2] = ["new_password", "password"];

impl Operation {
    /// The operation accepts a body only if it matches its schema in the OpenAPI document. It rejects a body only if
    /// the body does not match, or violates a rule that a schema cannot express. A rejection has the API's error
    /// format.
    pub(crate) fn check(&self, input: &[u8]) {
        // API Gateway replaces invalid UTF-8 in the same way.
        let body = String::from_utf8_lossy(input);
        let event = rest_event::event(self.method, self.path, &body, &rest_event::session());
        let response = rest_event::invoke(self.function, event.to_string().into_bytes());
        let response = response.expect("a function responds to every request");
        let value = serde_json::from_str::<Value>(&body).ok();
        let value = value.filter(Value::is_object);
        let matches_schema = value.as_ref().is_some_and(|value| self.schema().is_valid(value));
        match response["statusCode"].as_u64() {
            // The response of the authenticator names no challenge or no member.
            Some(401) => assert!(matches_schema && self.path == PASSKEY_LOGIN, "unauthorized: {body}"),
            // The body was accepted, and the request failed because it needs a table, peppers or the key of the token MACs.
            Some(409 | 500 | 503) => {
                let is_optional = self.path.ends_with("/rotate");
                assert!(
                    self.matches_as_far_as_checked(value) || (body.is_empty() && is_optional),
                    "accepted, but does not match the schema: {body}"
                );
                assert!(body.len() <= MAX_BODY_BYTES);
            }
            Some(413) => assert!(body.len() > MAX_BODY_BYTES),
            Some(400) => {
                let rejection: Value =
                    serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
                let error = &rejection["error"];
                let message = error["message"].as_str().expect("a message");
                assert_eq!(error["code"], "BAD_REQUEST");
                let field = error.get("field").map(|field| field.as_str().expect("a name"));
                // Of a repeated field, the operation reads the first value, and the schema sees the last one.
                let is_repeated =
                    field.is_some_and(|field| body.matches(&format!("\"{field}\"")).count() > 1);
                let violates_further_rule = is_repeated
                    || field.is_some_and(|field| FIELDS_WITH_FURTHER_RULES.contains(&field))
                    || message == "The body must be UTF-8"
                    || message.contains("is repeated")
                    || message.contains("unless there is a");
                assert!(
                    !matches_schema || violates_further_rule,
                    "rejected, but matches the schema: {message}: {body}"
                );
            }
            status => panic!("unexpected status {status:?}: {response}"),
        }
    }

    /// Returns true if `value` matches the schema apart from the length of [`FIELDS_CHECKED_LATER`].
    fn matches_as_far_as_checked(&self, value: Option<Value>) -> bool {
        let Some(mut value) = value else { return false };
        for name in FIELDS_CHECKED_LATER {
            if let Some(field @ Value::String(_)) = value.get_mut(name) {
                *field = json!("two lizards on the 8th wall");
            }
        }
        self.schema().is_valid(&value)
    }

    /// Returns the validator of the operation's schema in the OpenAPI document.
    fn schema(&self) -> Arc<Validator> {
        static SCHEMAS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
        let mut schemas = SCHEMAS.lock().expect("no thread panicked");
        let operation = format!("/paths/{}/{}", self.path.replace('/', "~1"), self.method);
        let compile = |operation: &String| {
            let mut document: Value = serde_json::from_str(openapi::DOCUMENT).expect("JSON");
            let schema = format!("#{operation}/requestBody/content/application~1json/schema");
            document["$ref"] = json!(schema.replace('{', "%7B").replace('}', "%7D"));
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&document).expect("a schema"))
        };
        Arc::clone(schemas.entry(operation).or_insert_with_key(compile))
    }
}
