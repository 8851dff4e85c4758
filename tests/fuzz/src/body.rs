//! The body of a request.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::rest_event;

/// An operation that reads a body.
pub(crate) struct Operation {
    pub(crate) function: &'static str,
    /// In lower case, as the description has it.
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
}

/// The most bytes that a body has, as the contract says.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What no schema says: that a moment has passed, how long the parts of an address and how good a password is.
const BEYOND_SCHEMAS: [&str; 4] = ["email", "expires_at", "new_password", "password"];

impl Operation {
    /// The operation takes a body only if it fits the schema that the API's description gives, and refuses one only if it
    /// does not, or for what no schema says. The answer then says so in the API's own form.
    pub(crate) fn check(&self, input: &[u8]) {
        // As API Gateway hands on a body that is no UTF-8.
        let body = String::from_utf8_lossy(input);
        let event = rest_event::event(self.method, self.path, &body, &rest_event::session());
        let answer = rest_event::invoke(self.function, event.to_string().into_bytes());
        let answer = answer.expect("a function answers every request");
        let value = serde_json::from_str::<Value>(&body).ok();
        let value = value.filter(Value::is_object);
        let fits = value.as_ref().is_some_and(|value| self.schema().is_valid(value));
        match answer["statusCode"].as_u64() {
            // It needs a table or peppers.
            Some(500 | 503) => {
                let may_be_left_out = self.path.ends_with("/rotate");
                assert!(
                    fits || (body.is_empty() && may_be_left_out),
                    "is taken, and has another form: {body}"
                );
                assert!(body.len() <= MAX_BODY_BYTES);
            }
            Some(413) => assert!(body.len() > MAX_BODY_BYTES),
            Some(400) => {
                let refusal: Value =
                    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
                let error = &refusal["error"];
                let message = error["message"].as_str().expect("a message");
                assert_eq!(error["code"], "BAD_REQUEST");
                let field = error.get("field").map(|field| field.as_str().expect("a name"));
                let beyond = field.is_some_and(|field| BEYOND_SCHEMAS.contains(&field))
                    || message == "The body must be UTF-8"
                    || message.contains("is repeated");
                assert!(!fits || beyond, "is refused, though it fits: {message}: {body}");
            }
            status => panic!("is answered {status:?}: {answer}"),
        }
    }

    /// What checks bodies against the API's description.
    fn schema(&self) -> Arc<Validator> {
        static SCHEMAS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
        let mut schemas = SCHEMAS.lock().expect("no other panicked");
        let operation = format!("/paths/{}/{}", self.path.replace('/', "~1"), self.method);
        let make = |operation: &String| {
            let mut document: Value = serde_json::from_str(openapi::DOCUMENT).expect("JSON");
            let schema = format!("#{operation}/requestBody/content/application~1json/schema");
            document["$ref"] = json!(schema.replace('{', "%7B").replace('}', "%7D"));
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&document).expect("a schema"))
        };
        Arc::clone(schemas.entry(operation).or_insert_with_key(make))
    }
}
