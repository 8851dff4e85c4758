//! Examples that several operations of the OpenAPI document share.

use serde_json::{Value, json};

/// Returns an API key without its secret.
#[must_use]
pub fn api_key() -> Value {
    json!({
        "id": "key_0VpZbQ9sWm40aYeK",
        "name": "Production Server",
        "type": "live",
        "permissions": ["read", "write"],
        "scope": {"projects": ["proj_abc123"]},
        "allowed_ips": ["192.0.2.0/24"],
        "hint": "mt_live_…x7Qd",
        "status": "active",
        "created_at": "2026-01-30T12:00:00Z",
        "created_by": "user_0VpZbQ9sWm40aYeK",
        "expires_at": "2027-01-30T12:00:00Z",
        "last_used_at": null,
        "last_used_ip": null,
        "previous_secret": null,
    })
}

/// The secret of an API key.
pub const SECRET: &str = "mt_live_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f";

/// The token of an invitation.
pub const INVITATION_TOKEN: &str =
    "invite_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f";
/// The token of a password reset.
pub const RESET_TOKEN: &str = "reset_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f";

#[must_use]
pub fn member() -> Value {
    json!({
        "id": "user_0VpZbQ9sWm40aYeK",
        "email": "user@example.com",
        "permissions": ["read"],
        "status": "active",
        "created_at": "2026-01-30T12:00:00Z",
    })
}

/// Returns the session that a request was sent with.
#[must_use]
pub fn session() -> Value {
    json!({
        "id": "sid_0VpZbQ9sWm40aYeK",
        "created_at": "2026-01-30T00:00:00Z",
        "last_used_at": "2026-01-30T00:10:00Z",
        "expires_at": "2026-01-30T12:00:00Z",
        "user_agent": "Mozilla/5.0",
        "ip_address": "192.0.2.1",
        "current": true,
    })
}

/// Returns the token of a new session.
#[must_use]
pub fn logged_in() -> Value {
    json!({
        "session_token": "sess_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK0VpZbQ9sWm40aYeL4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f",
        "expires_at": "2026-01-30T12:00:00Z",
    })
}

/// Returns the options for the use of a passkey.
#[must_use]
pub fn request_options() -> Value {
    json!({
        "publicKey": {
            "challenge": "q2V0LXRoaXMtaXMtYW4tZXhhbXBsZS1jaGFsbGVuZ2U",
            "timeout": 300_000,
            "rpId": "auth.example.com",
            "allowCredentials": [],
            "userVerification": "required",
        },
    })
}

/// Returns what an authenticator returned for the use of a passkey.
#[must_use]
pub fn assertion() -> Value {
    json!({
        "id": "AQIDBAUGBwgJCgsMDQ4PEA",
        "rawId": "AQIDBAUGBwgJCgsMDQ4PEA",
        "type": "public-key",
        "response": {"clientDataJSON": "…", "authenticatorData": "…", "signature": "…", "userHandle": "…"},
        "clientExtensionResults": {},
    })
}

/// Returns a passkey.
#[must_use]
pub fn passkey() -> Value {
    json!({
        "id": "pk_0VpZbQ9sWm40aYeK",
        "name": "Laptop",
        "created_at": "2026-01-30T12:00:00Z",
        "last_used_at": null,
    })
}

/// Returns the recovery codes of a member.
#[must_use]
pub fn recovery_codes() -> Value {
    json!([
        "7KQ2-M0XD-9TVA-4HBN-C3PW-8ZRE",
        "C3PW-8ZRE-5GJ1-YF6S-2D9N-QX4T",
        "2D9N-QX4T-VB0K-H7MA-W8EJ-1S5G",
        "W8EJ-1S5G-RC6Z-3PYF-0HTK-4NVD",
        "0HTK-4NVD-M2QA-9XB7-6ZGS-EP3Y",
        "6ZGS-EP3Y-J8FW-1R5C-B7MX-9AQ0",
        "B7MX-9AQ0-TKD2-N4VH-Y5RC-F1WJ",
        "Y5RC-F1WJ-8S3E-PG6Z-4VHN-D0K7",
        "4VHN-D0K7-XA9B-2QMT-P6JZ-G3YS",
        "P6JZ-G3YS-5EC1-W8RF-7KQ2-M0XD",
    ])
}

#[must_use]
pub fn project() -> Value {
    json!({"id": "proj_abc123", "name": "Study A", "created_at": "2026-01-30T12:00:00Z"})
}

/// Returns the request body that creates or renames a project.
#[must_use]
pub fn project_body() -> Value {
    json!({"name": "Study A"})
}

/// A password that the service accepts.
pub const PASSWORD: &str = "a lizard on the 7th wall";

/// Returns a list with one page that contains only `item`.
#[must_use]
pub fn page(item: &Value) -> Value {
    json!({"data": [item], "next_cursor": null})
}

/// Returns `example` with the fields of `changes` added or replaced.
///
/// # Panics
/// If `example` or `changes` is not an object.
#[must_use]
pub fn with(mut example: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("`changes` is not an object") };
    example.as_object_mut().expect("the example is an object").extend(changes);
    example
}
