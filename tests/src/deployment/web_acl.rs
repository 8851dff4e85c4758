//! The example of a web ACL: which rule limits the requests that need no credential.

use regex::Regex;
use serde_json::Value;

use crate::{operation_table::public_routes, response::text};

/// Returns the names of the rules that count requests with this path, apart from the one that counts all requests.
fn rules(acl: &Value, path: &str) -> Vec<String> {
    let rules = acl["Resources"]["WebAcl"]["Properties"]["Rules"].as_array().expect("rules");
    let counts_path = |rule: &&Value| {
        let statement = &rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"];
        let [regex, suffix] = ["RegexMatchStatement", "ByteMatchStatement"].map(|kind| &statement[kind]);
        if regex["FieldToMatch"]["UriPath"].is_object() {
            Regex::new(text(regex, "RegexString")).expect("a regular expression").is_match(path)
        } else if suffix["FieldToMatch"]["UriPath"].is_object() {
            assert_eq!(suffix["PositionalConstraint"], "ENDS_WITH");
            path.ends_with(text(suffix, "SearchString"))
        } else {
            false
        }
    };
    rules.iter().filter(counts_path).map(|rule| text(rule, "Name").to_owned()).collect()
}

#[test]
fn each_public_route_has_a_limit_of_its_own() {
    let acl = include_str!("../../../infra/example-web-acl/template.yaml");
    let acl = gateway::yaml::parse(acl).expect("YAML");
    for (method, route) in public_routes() {
        let expected: &[&str] = match route {
            // It causes no call to the table, and its response is small.
            "/v1/health" => &[],
            "/v1/credentials/revoke" => &["Reports"],
            "/v1/auth/password-reset" => &["Logins", "Resets"],
            _ if route.starts_with("/v1/auth/") => &["Logins"],
            _ => &["Pages"],
        };
        // On a custom domain, the path does not start with the stage.
        for path in [route.to_owned(), format!("/live{route}")] {
            assert_eq!(rules(&acl, &path), expected, "{method} {path}");
        }
    }
    for path in ["/v1/auth/logout", "/v1/auth/login/other", "/v1/auth/me", "/v1/auth/reauthenticate"] {
        assert_eq!(rules(&acl, path), [""; 0], "{path}");
    }
}
