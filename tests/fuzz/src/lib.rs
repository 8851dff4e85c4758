//! What must hold for all input: of the credentials, events, bodies and cursors that come from outside, and of the
//! template that the gateway reads.
//!
//! A target takes any bytes and panics where something does not hold. [LibFuzzer](https://llvm.org/docs/LibFuzzer.html)
//! looks for such bytes, guided by which code they reach (`tests/fuzz/run`). What it found that reaches code of its own
//! is in `corpus`, in a folder of the target's name, and is tried again by `cargo test`.

mod authorizer_event;
mod body;
mod cursor;
mod function_event;
mod operator;
mod rest_event;
mod template;
mod token;
mod values;
mod yaml;

use crate::body::Operation;

/// Something that must hold for all input.
pub struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub name: &'static str,
    what: What,
}

/// What must hold.
enum What {
    /// This.
    Of(fn(&[u8])),
    /// That an operation takes the bodies that its description lets it take, and no others.
    OfBodies(Operation),
}

/// All there are.
pub const TARGETS: [Target; 16] = [
    of("token", token::check),
    of("authorizer-event", authorizer_event::check),
    of("function-event", function_event::check),
    of("cursor", cursor::check),
    of("values", values::check),
    of_bodies("login", "login", "post", "/v1/auth/login"),
    of_bodies("password", "password", "post", "/v1/auth/password"),
    of_bodies("api-keys-create", "api-keys-create", "post", "/v1/api-keys"),
    of_bodies("api-keys-rotate", "api-keys-rotate", "post", "/v1/api-keys/{key_id}/rotate"),
    of_bodies("members-create", "members", "post", "/v1/members"),
    of_bodies("members-change", "members", "patch", "/v1/members/{user_id}"),
    of_bodies("projects-create", "projects", "post", "/v1/projects"),
    of_bodies("projects-change", "projects", "patch", "/v1/projects/{project_id}"),
    of("operator", operator::check),
    of("yaml", yaml::check),
    of("template", template::check),
];

const fn of(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, what: What::Of(check) }
}

const fn of_bodies(
    name: &'static str,
    function: &'static str,
    method: &'static str,
    path: &'static str,
) -> Target {
    Target { name, what: What::OfBodies(Operation { function, method, path }) }
}

impl Target {
    /// Checks that it holds for `input`.
    ///
    /// # Panics
    /// Where it does not.
    pub fn check(&self, input: &[u8]) {
        match &self.what {
            What::Of(check) => check(input),
            What::OfBodies(operation) => operation.check(input),
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
        files.map(|file| fs::read(file.expect("a file").path()).expect("it is read")).collect()
    }

    #[test]
    fn all_holds_for_the_corpus() {
        for target in &TARGETS {
            let inputs = inputs(target);
            assert!(!inputs.is_empty(), "{}", target.name);
            for input in inputs {
                target.check(&input);
            }
        }
    }

    #[test]
    fn every_body_of_the_description_has_a_target() {
        let document: Value = serde_json::from_str(openapi::DOCUMENT).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").iter();
        let described = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            let with_bodies = methods.filter(|(_, operation)| operation.get("requestBody").is_some());
            with_bodies.map(|(method, _)| (method.as_str(), path.as_str()))
        });
        let tried = TARGETS.iter().filter_map(|target| match &target.what {
            What::Of(_) => None,
            What::OfBodies(operation) => Some((operation.method, operation.path)),
        });
        assert_eq!(tried.collect::<BTreeSet<_>>(), described.collect());
    }
}
