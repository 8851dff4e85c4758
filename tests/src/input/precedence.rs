//! The precedence of errors. A request with several faults gets the error that comes first in the order of the API
//! contract: 401; 403 for a missing permission; 400, 413 and 415; 404; 403 because the request exceeds the caller; 409.

use serde_json::json;

use crate::{
    input::bodies,
    operation_table,
    operations::openapi::described,
    response::{Response, text},
    service::{Credential, OwnService, Service, key_path, new_address},
    target::Target,
};

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Nobody,
    /// A valid credential that the route does not authorize.
    Unauthorized,
    Authorized,
}

/// A malformed part of a request, apart from its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Malformed {
    Nothing,
    Query,
    Body,
    MediaType,
    BodyTooLarge,
    IdempotencyKey,
    QueryAndBody,
}

/// The id in the path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathId {
    Existing,
    Unknown,
    Malformed,
}

const MALFORMED: [Malformed; 7] = [
    Malformed::Nothing,
    Malformed::Query,
    Malformed::Body,
    Malformed::MediaType,
    Malformed::BodyTooLarge,
    Malformed::IdempotencyKey,
    Malformed::QueryAndBody,
];

impl Malformed {
    /// Returns true if a request of an operation can be malformed in this way.
    fn applies(self, method: &str, route: &str) -> bool {
        let operation = described(method, route);
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        match self {
            Self::Nothing | Self::Query => true,
            Self::Body | Self::MediaType | Self::BodyTooLarge | Self::QueryAndBody => {
                operation.get("requestBody").is_some()
            }
            Self::IdempotencyKey => parameters.any(|parameter| parameter["name"] == "Idempotency-Key"),
        }
    }

    /// The status if nothing else is wrong.
    fn status(self) -> Option<u16> {
        match self {
            Self::Nothing => None,
            Self::Query | Self::Body | Self::IdempotencyKey | Self::QueryAndBody => Some(400),
            Self::MediaType => Some(415),
            Self::BodyTooLarge => Some(413),
        }
    }
}

impl PathId {
    fn fill(self, target: &Target, route: &str) -> String {
        match self {
            Self::Existing => target.fill(route),
            Self::Unknown => route
                .replace("{session_id}", "sid_0000000000000000")
                .replace("{passkey_id}", "pk_0000000000000001")
                .replace("{key_id}", "key_0000000000000000")
                .replace("{project_id}", "proj_unknown")
                .replace("{user_id}", "user_0000000000000000"),
            Self::Malformed => match (route.find('{'), route.find('}')) {
                (Some(start), Some(end)) => format!("{}x{}", &route[..start], &route[end + 1..]),
                _ => route.to_owned(),
            },
        }
    }
}

/// Credentials without some of the permissions, with their columns in the operation table.
async fn limited_credentials(service: &Service, session: &Credential) -> Vec<(usize, Credential)> {
    let mut credentials = Vec::new();
    for (column, permission) in ["read", "write", "delete", "admin"].into_iter().enumerate() {
        credentials.push((column, service.key(session, json!({"permissions": [permission]})).await.0));
        credentials.push((12 + column, service.member(session, &[permission]).await.0));
    }
    credentials.push((4, service.key(session, json!({})).await.0));
    credentials
}

async fn send(
    target: &Target,
    (method, route): (&str, &str),
    credential: Option<&Credential>,
    malformed: Malformed,
    id: PathId,
) -> Response {
    let is_query = matches!(malformed, Malformed::Query | Malformed::QueryAndBody);
    let path = format!("{}{}", id.fill(target, route), if is_query { "?x=1" } else { "" });
    let body = match malformed {
        Malformed::Body | Malformed::QueryAndBody => "{".to_owned(),
        Malformed::BodyTooLarge => format!(r#"{{"a": "{}"}}"#, "a".repeat(17_000)),
        _ => target.fill(&bodies::valid_body(method, route)),
    };
    let media_type = if malformed == Malformed::MediaType { "text/plain" } else { "application/json" };
    let mut request = target.service.request(method, &path).header("Content-Type", media_type).body(body);
    if malformed == Malformed::IdempotencyKey {
        request = request.header("Idempotency-Key", "not valid");
    }
    if let Some(credential) = credential {
        request = request.with(credential);
    }
    request.send().await
}

#[tokio::test]
async fn request_with_several_faults_gets_the_first_error() {
    let target = Target::start().await;
    let limited = limited_credentials(&target.service, &target.session).await;
    let before = target.state().await;
    let mut requests = 0;
    for row in operation_table::rows().filter(|row| row.path.starts_with('/')) {
        let route = (row.method, row.path);
        let unauthorized = row.access.as_ref().and_then(|access| {
            limited.iter().find(|(column, _)| access.as_bytes()[*column] == b'-').map(|(_, by)| by)
        });
        let mut callers = vec![(Caller::Authorized, Some(&target.session))];
        if row.access.is_some() {
            callers.push((Caller::Nobody, None));
        }
        if let Some(by) = unauthorized {
            callers.push((Caller::Unauthorized, Some(by)));
        }
        let ids: &[_] = if row.path.contains('{') {
            &[PathId::Existing, PathId::Unknown, PathId::Malformed]
        } else {
            &[PathId::Existing]
        };
        for (caller, credential) in callers {
            for malformed in MALFORMED.into_iter().filter(|malformed| malformed.applies(row.method, row.path))
            {
                for id in ids {
                    let expected = match (caller, malformed.status(), id) {
                        (Caller::Nobody, ..) => 401,
                        (Caller::Unauthorized, ..) => 403,
                        (Caller::Authorized, Some(status), _) => status,
                        (Caller::Authorized, None, PathId::Unknown | PathId::Malformed) => 404,
                        (Caller::Authorized, None, PathId::Existing) => continue,
                    };
                    let response = send(&target, route, credential, malformed, *id).await;
                    let case = format!("{route:?} {caller:?} {malformed:?} {id:?}: {}", response.text);
                    assert_eq!(response.status, expected, "{case}");
                    requests += 1;
                }
            }
        }
    }
    assert!(requests > 300, "{requests}");
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn malformed_request_that_also_exceeds_the_caller_returns_400() {
    let service = Service::start().await;
    let account = service.account().await;
    let (admin, _) = service.member(&account.session, &["read", "admin"]).await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let new_key = json!({"name": "A", "permissions": ["write"]});
    let rotate = format!("{}/rotate", key_path(&key));
    for (path, body) in [("/v1/api-keys", &new_key), (&rotate, &json!({}))] {
        service.post(path, &admin, body.clone()).await.assert_forbidden();
        let with_query = service.post(&format!("{path}?x=1"), &admin, body.clone()).await;
        with_query.assert_bad_field("x");
        let request = service.request("POST", path).with(&admin).json(body);
        request.header("Idempotency-Key", "not valid").send().await.assert_bad_field("Idempotency-Key");
    }
    let (_, reader) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let path = key_path(&reader);
    service.patch(&path, &admin, new_key.clone()).await.assert_forbidden();
    service.patch(&format!("{path}?x=1"), &admin, new_key).await.assert_bad_field("x");
    let expired = json!({"name": "A", "permissions": ["write"], "expires_at": "2020-01-30T12:00:00Z"});
    service.patch(&path, &admin, expired.clone()).await.assert_bad_field("expires_at");
    service.post("/v1/api-keys", &admin, expired).await.assert_bad_field("expires_at");

    let member = |email: &str| json!({"email": email, "permissions": ["write"]});
    service.post("/v1/members", &admin, member(&new_address())).await.assert_forbidden();
    service.post("/v1/members", &admin, member("no address")).await.assert_bad_field("email");
}

#[tokio::test]
async fn unknown_entity_of_a_request_that_also_exceeds_the_caller_returns_404() {
    let service = Service::start().await;
    let account = service.account().await;
    let (admin, _) = service.member(&account.session, &["read", "admin"]).await;
    let patch = json!({"permissions": ["write"]});
    service
        .patch(&format!("/v1/members/{}", account.user_id), &admin, patch.clone())
        .await
        .assert_forbidden();
    service.patch("/v1/members/user_0000000000000000", &admin, patch.clone()).await.assert_not_found();
    service.patch("/v1/api-keys/key_0000000000000000", &admin, patch).await.assert_not_found();
    service.post("/v1/api-keys/key_0000000000000000/rotate", &admin, json!({})).await.assert_not_found();
}

#[tokio::test]
async fn forbidden_change_of_an_ended_key_returns_403() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (admin, _) = service.member(&account.session, &["read", "admin"]).await;
    let (_, key) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&key), &account.session).await.expect(204);
    let rotate = format!("/v1/api-keys/{}/rotate", text(&key, "id"));
    service.post(&rotate, &account.session, json!({})).await.assert_error(409, "CONFLICT");
    service.post(&rotate, &admin, json!({})).await.assert_forbidden();
    let (extension, path) = (json!({"expires_at": null, "allowed_ips": null}), key_path(&key));
    service.patch(&path, &account.session, extension).await.assert_error(409, "CONFLICT");
    let (_, reader) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    service.delete(&key_path(&reader), &account.session).await.expect(204);
    let wider = json!({"permissions": ["read", "write"]});
    service.patch(&key_path(&reader), &admin, wider).await.assert_forbidden();
}
