//! Example requests as curl commands.

use serde_json::Value;
use shared::http::idempotency;

use super::{pretty, text};

/// Returns the curl command that sends the example request of an operation.
pub(super) fn curl(described: &Value, method: &str, path: &str, request: Option<&Value>) -> String {
    let mut path = path.to_owned();
    let mut lines = Vec::new();
    if let Some(scheme) = described["security"].as_array().and_then(|all| all.first()) {
        let credential = if scheme.get("apiKey").is_some() { "Bearer $KEY" } else { "Session $SESSION" };
        lines.push(format!("-H \"Authorization: {credential}\""));
    }
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let name = text(parameter, "name");
        match text(parameter, "in") {
            "path" => path = path.replace(&format!("{{{name}}}"), example(parameter)),
            // This header needs a new value for each request. The others are for repeated requests.
            "header" if name == idempotency::PARAMETER.name => {
                lines.push(format!("-H \"{name}: $(uuidgen)\""));
            }
            _ => {}
        }
    }
    if let Some(request) = request {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d '{}'", pretty(&request["example"])));
    }
    let method = match (method, request) {
        ("GET", _) | ("POST", Some(_)) => String::new(),
        _ => format!("-X {method} "),
    };
    lines.insert(0, format!("curl {method}\"$API{path}\""));
    lines.join(" \\\n  ")
}

fn example(parameter: &Value) -> &str {
    parameter["schema"]["examples"][0].as_str().expect("the schema of an id has an example")
}
