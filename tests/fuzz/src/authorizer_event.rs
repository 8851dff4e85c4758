//! The input is an event with which API Gateway invokes the authorizer.

use std::sync::LazyLock;

use gateway::{Gateway, Options};
use serde_json::{Value, json};

use crate::rest_event::{RUNTIME, event};

/// A running service with two credentials.
struct Service {
    gateway: Gateway,
    /// A live key with only `read`, and only for one project.
    reader: Credential,
    /// A session with all permissions.
    session: Credential,
}

struct Credential {
    /// The text that inputs contain instead of the token, because each run has other tokens.
    placeholder: &'static str,
    scheme: &'static str,
    token: String,
    /// The principal in the policy.
    principal_id: String,
}

const PROJECT: &str = "proj_0VpZbQ3kd81xTq7M";

static SERVICE: LazyLock<Service> = LazyLock::new(|| RUNTIME.block_on(Service::start()));

/// The authorizer allows a request only if its one credential is valid and permitted to make the request. The policy
/// applies to no other request. Every other event leads to an error, or to a Deny without a context.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut text = text.to_owned();
    for credential in SERVICE.credentials() {
        text = text.replace(credential.placeholder, &credential.token);
    }
    let result = RUNTIME.block_on(SERVICE.gateway.invoke_with_bytes("authorizer", text.clone().into_bytes()));
    let policy: Value = match result {
        Ok(policy) => serde_json::from_slice(&policy).expect("JSON"),
        Err(error) => {
            let (error_type, message) = (error.error_type.as_str(), error.error_message.as_str());
            return assert!(
                matches!(
                    (error_type, message),
                    ("Unauthorized", "Unauthorized") | ("Runtime.InvalidEvent", _)
                ),
                "the authorizer failed with {error_type}: {message}"
            );
        }
    };
    let event: Value = serde_json::from_str(&text).expect("an accepted event is JSON");
    let statements = policy["policyDocument"]["Statement"].as_array().expect("statements");
    let [statement] = statements.as_slice() else { panic!("one statement: {policy}") };
    assert_eq!(policy["policyDocument"]["Version"], "2012-10-17");
    assert_eq!(policy["usageIdentifierKey"], Value::Null);
    assert_eq!(statement["Action"], "execute-api:Invoke");
    assert_is_for_request(&event, statement["Resource"].as_str().expect("a resource"));
    let credential = SERVICE.credential_of(&event).expect("the event contains exactly one valid credential");
    assert_eq!(policy["principalId"], credential.principal_id);
    match statement["Effect"].as_str() {
        Some("Allow") => {
            assert!(credential.is_permitted(&event), "allowed without permission: {event}");
            assert!(policy["context"].as_object().is_some_and(|context| !context.is_empty()));
        }
        Some("Deny") => {
            assert!(!credential.is_permitted(&event), "denied despite its permission: {event}");
            assert_eq!(policy["context"], json!({}));
        }
        effect => panic!("unknown effect {effect:?}"),
    }
}

/// Checks that the policy's resource is the requested method's ARN. If the ARN is too long for a policy, the resource
/// is its beginning and a `*`.
fn assert_is_for_request(event: &Value, resource: &str) {
    let requested = event["methodArn"].as_str().expect("an ARN");
    match resource.strip_suffix('*').filter(|_| requested.len() > 512) {
        None => assert_eq!(resource, requested),
        Some(prefix) => {
            assert!(requested.starts_with(prefix));
            assert!((508..512).contains(&prefix.len()));
        }
    }
}

impl Service {
    async fn start() -> Self {
        let gateway = Gateway::start(Options::ephemeral()).await.expect("the gateway starts");
        let (email, password) = ("user@example.com", "a lizard on the 7th wall");
        let account = json!({"create_account": {"name": "Study", "email": email, "password": password}});
        let account = gateway.invoke("operator", account).await.expect("the account is created");
        let login = json!({"email": email, "password": password}).to_string();
        let login = event("post", "/v1/auth/login", &login, &json!({}));
        let login = send(&gateway, "login", login).await;
        let session_token = login["session_token"].as_str().expect("a token").to_owned();

        let mut caller = json!({"headers": null, "multiValueHeaders": {"Authorization": [format!("Session {session_token}")]}});
        for (field, value) in event("post", "/v1/api-keys", "", &Value::Null).as_object().expect("an event") {
            if caller.get(field).is_none() {
                caller[field] = value.clone();
            }
        }
        caller["methodArn"] = json!("arn");
        let policy = gateway.invoke("authorizer", caller).await.expect("the session is authorized");
        let body = json!({"name": "Reader", "permissions": ["read"], "scope": {"projects": [PROJECT]}});
        let create = event("post", "/v1/api-keys", &body.to_string(), &policy["context"]);
        let key = send(&gateway, "api-keys-create", create).await;
        let field = |object: &Value, name: &str| object[name].as_str().expect(name).to_owned();
        let reader = Credential {
            placeholder: "READER",
            scheme: "Bearer",
            token: field(&key, "key"),
            principal_id: field(&key, "id"),
        };
        let session = Credential {
            placeholder: "SESSION",
            scheme: "Session",
            token: session_token,
            principal_id: field(&account, "user_id"),
        };
        Self { gateway, reader, session }
    }

    fn credentials(&self) -> [&Credential; 2] {
        [&self.reader, &self.session]
    }

    /// Returns the credential of the event's only `Authorization` header, if it is valid.
    fn credential_of(&self, event: &Value) -> Option<&Credential> {
        let headers = event["multiValueHeaders"].as_object()?.iter();
        let mut values = headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("Authorization"))
            .flat_map(|(_, values)| values.as_array().into_iter().flatten());
        let (value, None) = (values.next()?.as_str()?, values.next()) else { return None };
        let (scheme, token) = value.split_once(' ')?;
        self.credentials().into_iter().find(|credential| {
            credential.scheme.eq_ignore_ascii_case(scheme) && credential.token == token.trim_matches(' ')
        })
    }
}

impl Credential {
    /// Returns true if the API contract permits the credential to make the event's request.
    fn is_permitted(&self, event: &Value) -> bool {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (method, route) = (text("/httpMethod"), text("/resource"));
        let is_below_project = route
            .strip_prefix("/v1/projects/{project_id}")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_project_route = route == "/v1/projects" || is_below_project;
        let is_read = matches!(method, "GET" | "HEAD");
        if self.placeholder == "SESSION" {
            let is_known_method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
            return (is_project_route && is_known_method) || SESSION_ROUTES.contains(&(method, route));
        }
        let is_itself = text("/pathParameters/key_id") == self.principal_id;
        let is_key_route = matches!(
            (method, route),
            ("GET" | "DELETE", "/v1/api-keys/{key_id}") | ("POST", "/v1/api-keys/{key_id}/rotate")
        );
        let environments = event.pointer("/multiValueQueryStringParameters/environment");
        let is_for_test_data =
            environments.and_then(Value::as_array).is_some_and(|all| all.contains(&json!("test")));
        let is_within_scope = route == "/v1/projects" || text("/pathParameters/project_id") == PROJECT;
        (method, route) == ("GET", "/v1/auth/me")
            || (is_key_route && is_itself)
            || (is_project_route && is_read && is_within_scope && !is_for_test_data)
    }
}

/// The routes that a session with all permissions may use, except those of projects.
const SESSION_ROUTES: [(&str, &str); 27] = [
    ("GET", "/v1/auth/me"),
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/auth/password"),
    ("POST", "/v1/auth/reauthenticate"),
    ("POST", "/v1/auth/reauthenticate/options"),
    ("POST", "/v1/auth/passkeys/options"),
    ("GET", "/v1/auth/passkeys"),
    ("POST", "/v1/auth/passkeys"),
    ("DELETE", "/v1/auth/passkeys/{passkey_id}"),
    ("POST", "/v1/auth/recovery-codes"),
    ("GET", "/v1/auth/sessions"),
    ("DELETE", "/v1/auth/sessions"),
    ("DELETE", "/v1/auth/sessions/{session_id}"),
    ("GET", "/v1/api-keys"),
    ("POST", "/v1/api-keys"),
    ("GET", "/v1/api-keys/{key_id}"),
    ("DELETE", "/v1/api-keys/{key_id}"),
    ("POST", "/v1/api-keys/{key_id}/rotate"),
    ("GET", "/v1/audit-events"),
    ("GET", "/v1/members"),
    ("POST", "/v1/members"),
    ("GET", "/v1/members/{user_id}"),
    ("POST", "/v1/members/{user_id}/invite"),
    ("PATCH", "/v1/members/{user_id}"),
    ("DELETE", "/v1/members/{user_id}"),
    ("GET", "/v1/members/{user_id}/sessions"),
    ("DELETE", "/v1/members/{user_id}/sessions"),
];

/// Invokes a function with a request that must succeed, and returns the body of the response.
async fn send(gateway: &Gateway, function: &str, event: Value) -> Value {
    let response = gateway.invoke(function, event).await.expect("a response");
    assert!(response["statusCode"].as_u64().is_some_and(|status| status < 300), "{response}");
    serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON")
}
