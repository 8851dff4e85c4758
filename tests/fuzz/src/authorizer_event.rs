//! The event that API Gateway invokes the authorizer with.

use std::sync::LazyLock;

use gateway::{Gateway, Options};
use serde_json::{Value, json};

use crate::rest_event::{RUNTIME, event};

/// A service with two credentials.
struct Service {
    gateway: Gateway,
    /// Of a live key with `read` alone, for one project alone.
    reader: Credential,
    /// Of a session that may do everything.
    session: Credential,
}

struct Credential {
    /// What stands for it in inputs, which would otherwise be of use for one run alone.
    placeholder: &'static str,
    scheme: &'static str,
    token: String,
    /// Whom the policy names.
    principal_id: String,
}

const PROJECT: &str = "proj_0VpZbQ3kd81xTq7M";

static SERVICE: LazyLock<Service> = LazyLock::new(|| RUNTIME.block_on(Service::start()));

/// A request is let in only with a credential that there is, the one that came, and only where that may go. The policy
/// is then for that request alone. Whatever else comes ends in an error or a Deny, without a context.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut text = text.to_owned();
    for credential in SERVICE.credentials() {
        text = text.replace(credential.placeholder, &credential.token);
    }
    let answer = RUNTIME.block_on(SERVICE.gateway.invoke_with_bytes("authorizer", text.clone().into_bytes()));
    let policy: Value = match answer {
        Ok(policy) => serde_json::from_slice(&policy).expect("JSON"),
        Err(error) => {
            let (kind, message) = (error.error_type.as_str(), error.error_message.as_str());
            return assert!(
                matches!((kind, message), ("Unauthorized", "Unauthorized") | ("Runtime.InvalidEvent", _)),
                "ends with {kind}: {message}"
            );
        }
    };
    let event: Value = serde_json::from_str(&text).expect("it was read");
    let statements = policy["policyDocument"]["Statement"].as_array().expect("statements");
    let [statement] = statements.as_slice() else { panic!("one statement: {policy}") };
    assert_eq!(policy["policyDocument"]["Version"], "2012-10-17");
    assert_eq!(policy["usageIdentifierKey"], Value::Null);
    assert_eq!(statement["Action"], "execute-api:Invoke");
    is_for(&event, statement["Resource"].as_str().expect("a resource"));
    let credential = SERVICE.credential_of(&event).expect("there is one, and it came alone");
    assert_eq!(policy["principalId"], credential.principal_id);
    match statement["Effect"].as_str() {
        Some("Allow") => {
            assert!(credential.may_go(&event), "goes too far: {event}");
            assert!(policy["context"].as_object().is_some_and(|context| !context.is_empty()));
        }
        Some("Deny") => {
            assert!(!credential.may_go(&event), "goes not far enough: {event}");
            assert_eq!(policy["context"], json!({}));
        }
        effect => panic!("{effect:?} is no effect"),
    }
}

/// The policy is for the method that was asked for and no other, or where that is too long, for what begins as it does.
fn is_for(event: &Value, resource: &str) {
    let asked = event["methodArn"].as_str().expect("an ARN");
    match resource.strip_suffix('*').filter(|_| asked.len() > 512) {
        None => assert_eq!(resource, asked),
        Some(start) => {
            assert!(asked.starts_with(start));
            assert!((508..512).contains(&start.len()));
        }
    }
}

impl Service {
    async fn start() -> Self {
        let gateway = Gateway::start(Options::ephemeral()).await.expect("the gateway starts");
        let (email, password) = ("user@example.com", "a lizard on the 7th wall");
        let account = json!({"create_account": {"name": "Study", "email": email, "password": password}});
        let account = gateway.invoke("operator", account).await.expect("the account is made");
        let login = json!({"email": email, "password": password}).to_string();
        let login = event("post", "/v1/auth/login", &login, &json!({}));
        let session_token = text(&gateway, "login", login, "session_token").await;

        let mut caller = json!({"headers": null, "multiValueHeaders": {"Authorization": [format!("Session {session_token}")]}});
        for (member, value) in event("post", "/v1/api-keys", "", &Value::Null).as_object().expect("an event")
        {
            if caller.get(member).is_none() {
                caller[member] = value.clone();
            }
        }
        caller["methodArn"] = json!("arn");
        let policy = gateway.invoke("authorizer", caller).await.expect("it is let in");
        let body = json!({"name": "Reader", "permissions": ["read"], "scope": {"projects": [PROJECT]}});
        let create = event("post", "/v1/api-keys", &body.to_string(), &policy["context"]);
        let key = answer(&gateway, "api-keys-create", create).await;
        let member = |object: &Value, name: &str| object[name].as_str().expect(name).to_owned();
        let reader = Credential {
            placeholder: "READER",
            scheme: "Bearer",
            token: member(&key, "key"),
            principal_id: member(&key, "id"),
        };
        let session = Credential {
            placeholder: "SESSION",
            scheme: "Session",
            token: session_token,
            principal_id: member(&account, "user_id"),
        };
        Self { gateway, reader, session }
    }

    fn credentials(&self) -> [&Credential; 2] {
        [&self.reader, &self.session]
    }

    /// The credential of the one `Authorization` that came.
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
    /// Whether it may do what the event asks for, as the contract says.
    fn may_go(&self, event: &Value) -> bool {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (method, route) = (text("/httpMethod"), text("/resource"));
        let beneath_project = route
            .strip_prefix("/v1/projects/{project_id}")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let of_project = route == "/v1/projects" || beneath_project;
        let reads = matches!(method, "GET" | "HEAD");
        if self.placeholder == "SESSION" {
            let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
            return (of_project && known) || FOR_SESSIONS.contains(&(method, route));
        }
        let itself = text("/pathParameters/key_id") == self.principal_id;
        let of_key = matches!(
            (method, route),
            ("GET" | "DELETE", "/v1/api-keys/{key_id}") | ("POST", "/v1/api-keys/{key_id}/rotate")
        );
        let environments = event.pointer("/multiValueQueryStringParameters/environment");
        let of_test = environments.and_then(Value::as_array).is_some_and(|all| all.contains(&json!("test")));
        let within_scope = route == "/v1/projects" || text("/pathParameters/project_id") == PROJECT;
        (method, route) == ("GET", "/v1/auth/me")
            || (of_key && itself)
            || (of_project && reads && within_scope && !of_test)
    }
}

/// Where a session may go that may do everything, besides projects.
const FOR_SESSIONS: [(&str, &str); 16] = [
    ("GET", "/v1/auth/me"),
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/auth/password"),
    ("GET", "/v1/auth/sessions"),
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
    ("PATCH", "/v1/members/{user_id}"),
    ("DELETE", "/v1/members/{user_id}"),
];

/// What a function answers to a request, which it must not refuse.
async fn answer(gateway: &Gateway, function: &str, event: Value) -> Value {
    let answer = gateway.invoke(function, event).await.expect("an answer");
    assert!(answer["statusCode"].as_u64().is_some_and(|status| status < 300), "{answer}");
    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON")
}

async fn text(gateway: &Gateway, function: &str, event: Value, member: &str) -> String {
    answer(gateway, function, event).await[member].as_str().expect(member).to_owned()
}
