//! Request bodies: malformed and invalid ones on every route that requires or allows a body.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    caller::NEW_PASSWORD,
    response::{Response, without},
    seeded,
    service::{OwnService, PASSWORD, Request, new_address},
    target::Target,
};

/// A route with a request body.
struct Route {
    method: &'static str,
    path: &'static str,
    valid_body: fn() -> Value,
    /// The status of the response to the valid body.
    status: u16,
    /// The fields, each with invalid values in JSON.
    invalid_values: &'static [(&'static str, &'static [&'static str])],
}

const INVALID_TEXTS: &[&str] = &["null", "1", "true", "[]", "{}", r#"["text"]"#];
const INVALID_NAMES: &[&str] =
    &["null", "1", "[]", "{}", r#""""#, r#"" \t ""#, r#""a\u0000b""#, r#""a\nb""#, r#""\u009f""#];
const INVALID_PERMISSIONS: &[&str] = &[
    "1",
    "{}",
    "[]",
    r#""read""#,
    "[null]",
    "[1]",
    r#"["root"]"#,
    r#"["READ"]"#,
    r#"["read", ""]"#,
    r#"[["read"]]"#,
    // A Cyrillic letter, a full-width letter, and a character without width.
    r#"["r\u0435ad"]"#,
    r#"["\uff52ead"]"#,
    r#"["read\u200b"]"#,
    r#"["read\u0000"]"#,
];
const INVALID_EMAILS: &[&str] = &[
    "null",
    "1",
    "[]",
    r#""""#,
    r#""nobody""#,
    r#""a@b@example.com""#,
    r#""ä@example.com""#,
    // Letters that look like ASCII letters or become ASCII letters when their case changes: a dotless i, a Kelvin sign, a
    // long s, a ligature, full-width letters and Cyrillic letters.
    r#""m\u0131ke@example.com""#,
    r#""mi\u212ae@example.com""#,
    r#""u\u017fer@example.com""#,
    r#""\ufb01n@example.com""#,
    r#""\uff41nn@example.com""#,
    r#""ann\uff20example.com""#,
    r#""\u0430nn@example.com""#,
    r#""ann@ex\u0430mple.com""#,
    r#""ann@example\u3002com""#,
    r#""ann\u200b@example.com""#,
    r#""ann\u0000@example.com""#,
    r#""ann@example.com\n""#,
    r#"" ann@example.com""#,
];
const INVALID_NEW_PASSWORDS: &[&str] =
    &["null", "1", "[]", r#""""#, r#""fourteen chars""#, r#""passwordpassword""#];
const INVALID_TYPES: &[&str] = &["null", "1", "[]", r#""""#, r#""LIVE""#, r#""production""#];
const INVALID_SCOPES: &[&str] = &[
    "1",
    "[]",
    "{}",
    r#""proj_a""#,
    r#"["proj_a"]"#,
    r#"[["proj_a"]]"#,
    r#"{"projects": null}"#,
    r#"{"projects": []}"#,
    r#"{"projects": "proj_a"}"#,
    r#"{"projects": [1]}"#,
    r#"{"projects": ["a"]}"#,
    r#"{"projects": ["proj_"]}"#,
    r#"{"projects": ["proj_a/b"]}"#,
    r#"{"projects": ["PROJ_a"]}"#,
    r#"{"projects": ["\u0440roj_a"]}"#,
    r#"{"projects": ["proj_\u212a"]}"#,
    r#"{"projects": ["proj_a\u0000"]}"#,
    r#"{"projects": ["proj_a"], "all": true}"#,
];
const INVALID_EXPIRIES: &[&str] = &[
    "1",
    "[]",
    r#""""#,
    r#""tomorrow""#,
    r#""2027-01-30""#,
    r#""2027-01-30T12:00:00""#,
    r#""2027-02-30T12:00:00Z""#,
    // A time in the past, and the present time.
    r#""2020-01-30T12:00:00Z""#,
    r#""2026-01-30T00:00:00Z""#,
];
const INVALID_GRACE_PERIODS: &[&str] = &[
    "null",
    "-1",
    "604801",
    "1.5",
    r#""60""#,
    "true",
    "[]",
    "1e30",
    "18446744073709551616",
    "-9223372036854775809",
];
const INVALID_CREDENTIALS: &[&str] = &[
    "null",
    "1",
    "{}",
    "[]",
    r#""mt_live_invalid""#,
    "[null]",
    "[1]",
    r#"[["mt_live_invalid"]]"#,
    r#"["mt_live_invalid", {}]"#,
];
const INVALID_POLICIES: &[&str] = &[
    "null",
    "1",
    "[]",
    "{}",
    r#"{"require_second_factor": 1}"#,
    r#"{"require_second_factor": null}"#,
    r#"{"reauthentication_minutes": 4}"#,
    r#"{"reauthentication_minutes": 721}"#,
    r#"{"max_key_lifetime_days": 0}"#,
    r#"{"max_key_lifetime_days": 3651}"#,
    r#"{"max_key_lifetime_days": 1.5}"#,
    r#"{"max_key_lifetime_days": "1"}"#,
    r#"{"idle_key_days": 6}"#,
    r#"{"idle_key_days": 3651}"#,
    r#"{"idle_key_days": 1e30}"#,
    r#"{"idle_key_days": 18446744073709551616}"#,
    r#"{"idle_key_days": []}"#,
    r#"{"unknown": null}"#,
];
const INVALID_STATUSES: &[&str] = &["1", "true", "[]", r#""""#, r#""ACTIVE""#, r#""removed""#];

const INVALID_ALLOWED_IPS: &[&str] = &[
    "1",
    "{}",
    "[]",
    r#""192.0.2.1""#,
    "[null]",
    "[1]",
    "[[]]",
    r#"[""]"#,
    r#"["example.com"]"#,
    r#"["192.0.2.1/24"]"#,
    r#"["192.0.2.0/33"]"#,
    r#"["192.0.2.0/024"]"#,
    r#"["192.0.2.01"]"#,
    r#"["2001:db8::1/64"]"#,
    r#"["fe80::1%eth0"]"#,
    r#"["192.0.2.1", "192.0.2.1 "]"#,
    // Full-width digits.
    r#"["\uff11.1.1.1"]"#,
];
const INVALID_FLAGS: &[&str] = &["null", "1", "[]", r#""true""#];
const INVALID_OBJECTS: &[&str] = &["null", "1", "true", "[]", r#""text""#];
const INVALID_METHODS: &[&str] =
    &["null", "1", "[]", r#""""#, r#""get""#, r#""GET ""#, r#""G\u0000T""#, r#""ABCDEFGHIJKLMNOPQRSTU""#];
const INVALID_PATHS: &[&str] = &[
    "null",
    "1",
    "[]",
    r#""""#,
    r#""v1/projects""#,
    r#""https://example.com/v1/projects""#,
    r#""/v1/projects#top""#,
    r#""/v1/projects/proj_a b""#,
    r#""/v1/projects/\u00e4""#,
    r#""/v1/projects\n""#,
    r#""/v1/projects\u0000""#,
];
const INVALID_ADDRESSES: &[&str] = &[
    "null",
    "1",
    "[]",
    r#""""#,
    r#""192.0.2""#,
    r#""192.0.2.256""#,
    r#""192.0.2.01""#,
    r#""192.0.2.1 ""#,
    r#""192.0.2.0/24""#,
    r#""192.0.2.1:80""#,
    r#""[2001:db8::1]""#,
    r#""fe80::1%eth0""#,
    r#""localhost""#,
];
const INVALID_KEY_IDS: &[&str] = &[
    "1",
    "{}",
    "[]",
    r#""key_0000000000000000""#,
    "[null]",
    r#"[["key_0000000000000000"]]"#,
    r#"["key_000000000000000"]"#,
    r#"["key_0000000000000000", "user_0000000000000000"]"#,
    r#"["KEY_0000000000000000"]"#,
    r#"["key_000000000000000\u0000"]"#,
];
const INVALID_MEMBER_IDS: &[&str] =
    &["1", "[]", "{}", r#""""#, r#""user_""#, r#""key_0000000000000000""#, r#""USER_0000000000000000""#];

const ROUTES: [Route; 20] = [
    Route {
        method: "POST",
        path: "/v1/auth/login",
        valid_body: || json!({"email": "{email}", "password": PASSWORD}),
        status: 200,
        invalid_values: &[("email", INVALID_TEXTS), ("password", INVALID_TEXTS)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/reauthenticate",
        valid_body: || json!({"password": PASSWORD}),
        status: 204,
        invalid_values: &[("password", INVALID_TEXTS)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/password",
        valid_body: || json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        status: 204,
        invalid_values: &[("current_password", INVALID_TEXTS), ("new_password", INVALID_NEW_PASSWORDS)],
    },
    Route {
        method: "POST",
        path: "/v1/api-keys",
        valid_body: || json!({"name": "A", "permissions": ["read"]}),
        status: 201,
        invalid_values: &[
            ("name", INVALID_NAMES),
            ("permissions", INVALID_PERMISSIONS),
            ("type", INVALID_TYPES),
            ("scope", INVALID_SCOPES),
            ("expires_at", INVALID_EXPIRIES),
            ("allowed_ips", INVALID_ALLOWED_IPS),
        ],
    },
    Route {
        method: "PATCH",
        path: "/v1/api-keys/{key_id}",
        valid_body: || json!({"name": "A", "permissions": ["read"], "allowed_ips": ["127.0.0.1"]}),
        status: 200,
        invalid_values: &[
            ("name", INVALID_NAMES),
            ("permissions", INVALID_PERMISSIONS),
            ("scope", INVALID_SCOPES),
            ("expires_at", INVALID_EXPIRIES),
            ("allowed_ips", INVALID_ALLOWED_IPS),
            ("disabled", INVALID_FLAGS),
        ],
    },
    Route {
        method: "POST",
        path: "/v1/api-keys/{key_id}/rotate",
        valid_body: || json!({"grace_period": 60}),
        status: 200,
        invalid_values: &[("grace_period", INVALID_GRACE_PERIODS)],
    },
    Route {
        method: "POST",
        path: "/v1/projects",
        valid_body: || json!({"name": "A"}),
        status: 201,
        invalid_values: &[("name", INVALID_NAMES)],
    },
    Route {
        method: "PATCH",
        path: "/v1/projects/{project_id}",
        valid_body: || json!({"name": "A"}),
        status: 200,
        invalid_values: &[("name", INVALID_NAMES)],
    },
    Route {
        method: "PATCH",
        path: "/v1/account",
        valid_body: || json!({"name": "A", "policy": {"max_key_lifetime_days": null, "idle_key_days": 90}}),
        status: 200,
        invalid_values: &[("name", INVALID_NAMES), ("policy", INVALID_POLICIES)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/accept-invitation",
        valid_body: || json!({"token": "{invitation}", "password": PASSWORD}),
        status: 200,
        invalid_values: &[("token", INVALID_TEXTS), ("password", INVALID_NEW_PASSWORDS)],
    },
    Route {
        method: "POST",
        path: "/v1/members",
        valid_body: || json!({"email": new_address(), "permissions": ["read"]}),
        status: 201,
        invalid_values: &[("email", INVALID_EMAILS), ("permissions", INVALID_PERMISSIONS)],
    },
    Route {
        method: "PATCH",
        path: "/v1/members/{user_id}",
        valid_body: || json!({"permissions": ["read"], "status": "active"}),
        status: 200,
        invalid_values: &[("permissions", INVALID_PERMISSIONS), ("status", INVALID_STATUSES)],
    },
    Route {
        method: "POST",
        path: "/v1/credentials/revoke",
        valid_body: || json!({"credentials": ["mt_live_invalid"]}),
        status: 202,
        invalid_values: &[("credentials", INVALID_CREDENTIALS)],
    },
    Route {
        method: "POST",
        path: "/v1/api-keys/{key_id}/simulate",
        valid_body: || json!({"method": "GET", "path": "/v1/projects", "ip_address": "192.0.2.1"}),
        status: 200,
        invalid_values: &[
            ("method", INVALID_METHODS),
            ("path", INVALID_PATHS),
            ("ip_address", INVALID_ADDRESSES),
        ],
    },
    Route {
        method: "POST",
        path: "/v1/auth/password-reset",
        valid_body: || json!({"email": "{email}"}),
        status: 202,
        invalid_values: &[("email", INVALID_EMAILS)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/password-reset/confirm",
        valid_body: || json!({"token": "{reset_token}", "new_password": NEW_PASSWORD}),
        status: 204,
        // The length of the password is checked after the token.
        invalid_values: &[("token", INVALID_TEXTS), ("new_password", INVALID_TEXTS)],
    },
    // The last one, because it revokes the key of the others.
    // The last one, because it revokes the key of the others.
    Route {
        method: "POST",
        path: "/v1/api-keys/revoke",
        valid_body: || json!({"ids": ["{key_id}"]}),
        status: 200,
        invalid_values: &[("ids", INVALID_KEY_IDS), ("created_by", INVALID_MEMBER_IDS)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/login/passkey",
        valid_body: || json!({"credential": {"placeholder": "login"}}),
        status: 200,
        invalid_values: &[("credential", INVALID_OBJECTS)],
    },
    Route {
        method: "POST",
        path: "/v1/auth/login/second-factor",
        valid_body: || json!({"login_token": "{login_token}", "credential": {"placeholder": "second"}}),
        status: 200,
        invalid_values: &[
            ("login_token", INVALID_TEXTS),
            ("credential", INVALID_OBJECTS),
            ("recovery_code", &["1", "true", "[]", "{}", r#"["text"]"#]),
        ],
    },
    Route {
        method: "POST",
        path: "/v1/auth/passkeys",
        valid_body: || json!({"name": "A", "credential": {"placeholder": "new"}}),
        status: 201,
        invalid_values: &[("name", INVALID_NAMES), ("credential", INVALID_OBJECTS)],
    },
];

/// Returns a valid body for a route, or an empty string if the route has no body.
pub fn valid_body(method: &str, path: &str) -> String {
    let route = ROUTES.iter().find(|route| (route.method, route.path) == (method, path));
    route.map(|route| (route.valid_body)().to_string()).unwrap_or_default()
}

/// Sends a body with the content type of JSON.
async fn send(target: &Target, route: &Route, body: impl Into<Vec<u8>>) -> Response {
    send_with_types(target, route, &["application/json"], body).await
}

async fn send_with_types(
    target: &Target,
    route: &Route,
    content_types: &[&str],
    body: impl Into<Vec<u8>>,
) -> Response {
    let request = target.service.request(route.method, &target.fill(route.path));
    let request = request.with(&target.session).body(body);
    let typed = |request: Request, content_type: &&str| request.header("Content-Type", content_type);
    content_types.iter().fold(request, typed).send().await
}

/// Returns `body` with an additional first field.
fn with_first_field(body: &Value, name: &str, value: &str) -> String {
    body.to_string().replacen('{', &format!(r#"{{"{name}": {value}, "#), 1)
}

#[track_caller]
fn assert_bad_request(response: &Response, case: &str) {
    assert_eq!(response.status, 400, "{case}: {}", response.text);
    response.assert_error(400, "BAD_REQUEST");
    assert!(response.body["error"].get("field").is_none(), "{case}: {}", response.text);
}

#[tokio::test]
async fn every_route_with_a_body_is_covered() {
    let service = OwnService::start().await;
    let has_body = |method: &str, path: &str| {
        let without_body = ["/v1/auth/logout", "/v1/auth/recovery-codes", "/v1/members/{user_id}/invite"];
        let is_empty = path.ends_with("/options") || without_body.contains(&path);
        ["POST", "PATCH"].contains(&method) && !is_empty
    };
    let routes = service.gateway.routes().iter();
    let mut all: Vec<_> = routes
        .map(|route| (route.method.as_str(), route.path.as_str()))
        .filter(|(method, path)| has_body(method, path))
        .collect();
    all.sort_unstable();
    let mut covered = ROUTES.map(|route| (route.method, route.path));
    covered.sort_unstable();
    assert_eq!(all, covered);
}

#[tokio::test]
async fn valid_body_is_accepted() {
    let target = Target::start().await;
    for route in ROUTES {
        let response = send(&target, &route, target.fill(&(route.valid_body)().to_string())).await;
        assert_eq!(response.status, route.status, "{}: {}", route.path, response.text);
    }
}

#[tokio::test]
async fn body_that_is_not_a_json_object_returns_400() {
    let target = Target::start().await;
    let before = target.state().await;
    let deep = "[".repeat(10_000);
    let deep_objects = r#"{"":"#.repeat(4_000);
    let long = format!(r#"{{"a": {}}}"#, "9".repeat(10_000));
    let nested = format!(r#"{{"name": {}1{}}}"#, "[".repeat(8_000), "]".repeat(8_000));
    for route in ROUTES {
        let valid = (route.valid_body)().to_string();
        let cut = &valid[..valid.len() - 1];
        for body in [
            " ",
            "null",
            "1",
            "true",
            r#""text""#,
            "[]",
            "{",
            "}",
            "name=A",
            "<a/>",
            "\u{feff}{}",
            "{'a': 1}",
            cut,
            &format!("[{valid}]"),
            &format!("{valid} {valid}"),
            &format!("{valid}x"),
            &format!("{cut}, }}"),
            r#"{"a": NaN}"#,
            r#"{"a": 01}"#,
            r#"{"a": 1e400}"#,
            &long,
            r#"{"a": "\ud800"}"#,
            r#"{"a": "\udc00\ud800"}"#,
            r#"{"a": "\ud800\u0041"}"#,
            r#"{"\udfff": 1}"#,
            "{\"a\": \"\n\"}",
            "{\"a\": 1}\0",
            &deep,
            &deep_objects,
            &nested,
        ] {
            assert_bad_request(&send(&target, &route, body).await, body);
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn empty_body_returns_400_if_a_body_is_required() {
    let target = Target::start().await;
    for route in ROUTES {
        let response = send(&target, &route, "").await;
        if route.path.ends_with("/rotate") {
            response.expect(200);
        } else {
            assert_bad_request(&response, route.path);
        }
    }
}

#[tokio::test]
async fn body_that_is_not_utf_8_returns_400() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        let valid = (route.valid_body)().to_string();
        for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"] {
            assert_bad_request(&send(&target, &route, bytes).await, route.path);
            let text = [b"{\"", bytes, b"\": 1, ", &valid.as_bytes()[1..]].concat();
            assert_bad_request(&send(&target, &route, text).await, route.path);
        }
        let utf_16: Vec<_> = valid.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_bad_request(&send(&target, &route, utf_16).await, route.path);
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn body_over_16_kib_returns_413() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        // A body of exactly 16 KiB is read, and rejected for its unknown field.
        let unknown = with_first_field(&(route.valid_body)(), "surprise", "1");
        let body = |length: usize| unknown.clone() + &" ".repeat(length - unknown.len());
        send(&target, &route, body(16 * 1024)).await.assert_bad_field("surprise");
        for length in [16 * 1024 + 1, 100_000] {
            send(&target, &route, body(length)).await.assert_error(413, "PAYLOAD_TOO_LARGE");
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn body_over_10_mib_returns_413() {
    let target = Target::start().await;
    for route in ROUTES {
        let body = vec![b' '; 10 * 1024 * 1024 + 1];
        send(&target, &route, body).await.assert_error(413, "PAYLOAD_TOO_LARGE");
    }
}

#[tokio::test]
async fn unknown_field_returns_400_with_its_name() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        for name in ["surprise", "NAME", "Permissions", "id", "__proto__", "", "ä"] {
            let body = with_first_field(&(route.valid_body)(), name, "null");
            send(&target, &route, body).await.assert_bad_field(name);
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn unknown_field_with_special_characters_is_escaped_in_the_response() {
    let target = Target::start().await;
    for name in ["\"", "\\", "\"}}", "a\nb", "\u{0}", "\u{2028}", "</script>", "{{name}}", "${name}"] {
        let text = json!({name: null}).to_string();
        send(&target, &ROUTES[4], text).await.assert_bad_field(name);
    }
}

#[tokio::test]
async fn repeated_field_returns_400_with_its_name() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        let valid = (route.valid_body)();
        for (name, value) in valid.as_object().expect("an object") {
            let body = with_first_field(&valid, name, &value.to_string());
            send(&target, &route, body).await.assert_bad_field(name);
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn repeated_field_with_an_escaped_name_returns_400() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        let valid = (route.valid_body)();
        for (name, value) in valid.as_object().expect("an object") {
            let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
            let body = with_first_field(&valid, &escaped, &value.to_string());
            send(&target, &route, body).await.assert_bad_field(name);
        }
    }
    let valid = (ROUTES[2].valid_body)();
    for scope in [
        r#"{"projects": ["proj_a"], "projects": ["proj_b"]}"#,
        r#"{"projects": ["proj_a"], "project\u0073": ["proj_b"]}"#,
    ] {
        let body = with_first_field(&valid, "scope", scope);
        send(&target, &ROUTES[2], body).await.assert_error(400, "BAD_REQUEST");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn missing_field_returns_400_with_its_name() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES.iter().filter(|route| route.method == "POST" && !route.path.ends_with("/rotate")) {
        let valid = (route.valid_body)();
        for name in valid.as_object().expect("an object").keys() {
            let body = without(&valid, name);
            send(&target, route, body.to_string()).await.assert_bad_field(name);
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn invalid_field_value_returns_400_with_the_field_name() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        for (name, values) in route.invalid_values {
            for value in *values {
                println!("{} {} {name}: {value}", route.method, route.path);
                let mut body = (route.valid_body)();
                body[*name] = serde_json::from_str(value).expect("JSON");
                send(&target, &route, target.fill(&body.to_string())).await.assert_bad_field(name);
            }
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn too_long_or_too_deep_field_value_returns_400_with_the_field_name() {
    let target = Target::start().await;
    let before = target.state().await;
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for route in ROUTES {
        for (name, _) in route.invalid_values {
            let mut body = (route.valid_body)();
            body[*name] = serde_json::from_str(&deep).expect("JSON");
            send(&target, &route, body.to_string()).await.assert_bad_field(name);
        }
        if (route.valid_body)().get("name").is_some() {
            for long in ["x".repeat(101), "ä".repeat(101), "x".repeat(16_000)] {
                let mut body = (route.valid_body)();
                body["name"] = json!(long);
                send(&target, &route, body.to_string()).await.assert_bad_field("name");
            }
        }
    }
    let many: Vec<_> = (0..101).map(|n| format!("proj_{n}")).collect();
    for projects in [json!(many), json!([format!("proj_{}", "x".repeat(65))])] {
        let mut body = (ROUTES[2].valid_body)();
        body["scope"] = json!({"projects": projects});
        send(&target, &ROUTES[2], body.to_string()).await.assert_bad_field("scope");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn field_values_are_not_repeated_in_errors() {
    let target = Target::start().await;
    for route in ROUTES {
        for (name, _) in route.invalid_values {
            for value in [json!(["canary"]), json!("canary\u{7}"), json!({"projects": ["canary"]})] {
                // Every text is valid as a reported credential.
                let is_valid = *name == "credentials" && value.is_array();
                let mut body = (route.valid_body)();
                body[*name] = value;
                let response = send(&target, &route, body.to_string()).await;
                assert_eq!(response.status < 300, is_valid, "{}", response.text);
                assert!(!response.text.contains("canary"), "{}", response.text);
            }
        }
    }
}

#[tokio::test]
async fn other_content_types_return_415() {
    let target = Target::start().await;
    let before = target.state().await;
    for route in ROUTES {
        let valid = (route.valid_body)().to_string();
        for content_type in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/problem+json",
            "application",
            "json",
            "*/*",
        ] {
            let response = send_with_types(&target, &route, &[content_type], valid.clone()).await;
            response.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
        }
        send_with_types(&target, &route, &[], valid).await.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn variants_of_the_json_content_type_are_accepted() {
    for content_type in [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/json; charset=\"utf-8\"",
    ] {
        let target = Target::start().await;
        for route in ROUTES {
            let response = send_with_types(
                &target,
                &route,
                &[content_type],
                target.fill(&(route.valid_body)().to_string()),
            )
            .await;
            assert_eq!(response.status, route.status, "{content_type} {}: {}", route.path, response.text);
        }
    }
}

/// Returns a route's index and its valid body in which a piece of text was replaced by another one.
fn mangled() -> impl Strategy<Value = (usize, String)> {
    let piece = prop_oneof!["\\PC{0,4}", "[\\[\\]{}\",:0-9a-z\\\\]{0,6}"];
    (0..ROUTES.len(), any::<prop::sample::Index>(), 0..12_usize, piece).prop_map(
        |(route, at, length, piece)| {
            let valid: Vec<char> = (ROUTES[route].valid_body)().to_string().chars().collect();
            let start = at.index(valid.len());
            let end = (start + length).min(valid.len());
            let text = |range: &[char]| range.iter().collect::<String>();
            (route, text(&valid[..start]) + &piece + &text(&valid[end..]))
        },
    )
}

#[test]
fn mangled_body_never_returns_a_server_error() {
    let runtime = Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::start());
    seeded::cases(1, &mangled(), |_, (route, body)| {
        let route = &ROUTES[route];
        let status = runtime.block_on(send(&target, route, body)).status;
        // The mangled body may still be valid. It may also contain a wrong address or password, which is throttled later.
        assert!([route.status, 400, 401, 403, 409, 429].contains(&status), "{status}");
    });
}
