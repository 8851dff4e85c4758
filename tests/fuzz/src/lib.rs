//! Rules that must hold for every input. The inputs are credentials, events, request bodies and cursors, which come
//! from callers, and the template that the gateway reads.
//!
//! A target checks one rule: its function takes arbitrary bytes and panics if they violate the rule.
//! [LibFuzzer](https://llvm.org/docs/LibFuzzer.html) searches for such bytes, guided by the code that they reach
//! (`tests/fuzz/run`). The folder `corpus/TARGET` contains inputs that each reach different code. `cargo test` checks
//! them again.

mod allowed_ips;
mod authorizer_event;
mod body;
mod cursor;
mod function_event;
mod new_password;
mod operator;
mod rest_event;
mod template;
mod token;
mod values;
mod yaml;

use crate::body::Operation;

/// A rule that must hold for every input.
pub struct Target {
    /// The name of the target and of its folder in `corpus`.
    pub name: &'static str,
    rule: Rule,
}

enum Rule {
    /// The function panics if an input violates the rule.
    Check(fn(&[u8])),
    /// The operation accepts exactly the bodies that match its schema in the OpenAPI document.
    RequestBody(Operation),
}

pub const TARGETS: [Target; 30] = [
    check("token", token::check),
    check("authorizer-event", authorizer_event::check),
    check("function-event", function_event::check),
    check("cursor", cursor::check),
    check("values", values::check),
    check("allowed-ips", allowed_ips::check),
    check("new-password", new_password::check),
    request_body("accept-invitation", "accept-invitation", "post", "/v1/auth/accept-invitation"),
    request_body("login", "login", "post", "/v1/auth/login"),
    request_body("login-passkey", "login-passkey", "post", "/v1/auth/login/passkey"),
    request_body("login-second-factor", "login-passkey", "post", "/v1/auth/login/second-factor"),
    request_body("passkeys-add", "passkeys", "post", "/v1/auth/passkeys"),
    request_body("password", "password", "post", "/v1/auth/password"),
    request_body("reauthenticate", "reauthenticate", "post", "/v1/auth/reauthenticate"),
    request_body("password-reset", "password-reset", "post", "/v1/auth/password-reset"),
    request_body("password-reset-confirm", "password-reset", "post", "/v1/auth/password-reset/confirm"),
    request_body("api-keys-create", "api-keys-create", "post", "/v1/api-keys"),
    request_body("api-keys-change", "api-keys-change", "patch", "/v1/api-keys/{key_id}"),
    request_body("api-keys-rotate", "api-keys-rotate", "post", "/v1/api-keys/{key_id}/rotate"),
    request_body("api-keys-revoke", "api-keys-revoke", "post", "/v1/api-keys/revoke"),
    request_body("api-keys-simulate", "api-keys-simulate", "post", "/v1/api-keys/{key_id}/simulate"),
    request_body("account-change", "account", "patch", "/v1/account"),
    request_body("members-create", "members", "post", "/v1/members"),
    request_body("members-change", "members", "patch", "/v1/members/{user_id}"),
    request_body("projects-create", "projects", "post", "/v1/projects"),
    request_body("projects-change", "projects", "patch", "/v1/projects/{project_id}"),
    request_body("credentials-revoke", "credentials-revoke", "post", "/v1/credentials/revoke"),
    check("operator", operator::check),
    check("yaml", yaml::check),
    check("template", template::check),
];

const fn check(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, rule: Rule::Check(check) }
}

const fn request_body(
    name: &'static str,
    function: &'static str,
    method: &'static str,
    path: &'static str,
) -> Target {
    Target { name, rule: Rule::RequestBody(Operation { function, method, path }) }
}

impl Target {
    /// Checks that the rule holds for `input`.
    ///
    /// # Panics
    /// If `input` violates the rule.
    pub fn check(&self, input: &[u8]) {
        match &self.rule {
            Rule::Check(check) => check(input),
            Rule::RequestBody(operation) => operation.check(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use serde_json::Value;

    use super::*;

    /// The inputs in the corpus of `target`.
    fn inputs(target: &Target) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let files = fs::read_dir(folder).expect("each target has a corpus");
        files.map(|file| fs::read(file.expect("an entry").path()).expect("a readable file")).collect()
    }

    #[test]
    fn every_target_accepts_its_corpus() {
        for target in &TARGETS {
            let inputs = inputs(target);
            assert!(!inputs.is_empty(), "{}", target.name);
            for input in inputs {
                target.check(&input);
            }
        }
    }

    #[test]
    fn every_request_body_of_the_openapi_document_has_a_target() {
        let document: Value = serde_json::from_str(openapi::DOCUMENT).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").iter();
        let documented = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            let with_bodies = methods.filter(|(_, operation)| operation.get("requestBody").is_some());
            with_bodies.map(|(method, _)| (method.as_str(), path.as_str()))
        });
        let covered = TARGETS.iter().filter_map(|target| match &target.rule {
            Rule::Check(_) => None,
            Rule::RequestBody(operation) => Some((operation.method, operation.path)),
        });
        assert_eq!(covered.collect::<BTreeSet<_>>(), documented.collect());
    }
}
