//! All routes, each with all kinds of credential: which it lets pass.

use serde_json::json;
use shared::{clock::Clock, environment::Environment, id::KeyId, random::Random};

use crate::{
    answer::{Answer, text},
    service::{Account, Credential, OwnService, Service},
};

/// What each route that asks for a credential does with each valid one: `+` lets it pass, `-` is a 403.
///
/// A column is a kind of credential: keys and sessions with one permission (`r`, `w`, `d`, `a`) or with all
/// (`*`), keys with all that are scoped to the project in the path (`o`) or to another one (`f`), and the
/// key with `read` alone that stands in the path itself (`i`).
///
/// The last row ends the sessions that it comes with.
const TABLE: &str = "
                                          live    test    scoped  session itself
                                          rwda*   rwda*   of      rwda*   i
    GET    /v1/auth/me                    +++++   +++++   ++      +++++   +
    POST   /v1/auth/password              -----   -----   --      +++++   -
    GET    /v1/auth/sessions              -----   -----   --      +++++   -
    DELETE /v1/auth/sessions/{session_id} -----   -----   --      +++++   -
    GET    /v1/api-keys                   ---++   ---++   ++      +++++   -
    POST   /v1/api-keys                   ---++   ---++   ++      +++++   -
    GET    /v1/api-keys/{key_id}          ---++   ---++   ++      +++++   +
    POST   /v1/api-keys/{key_id}/rotate   ---++   ---++   ++      +++++   +
    DELETE /v1/api-keys/{key_id}          ---++   ---++   ++      +++++   +
    GET    /v1/projects                   +---+   +---+   ++      +---+   +
    POST   /v1/projects                   -+--+   -+--+   --      -+--+   -
    GET    /v1/projects/{project_id}      +---+   +---+   +-      +---+   +
    PATCH  /v1/projects/{project_id}      -+--+   -+--+   +-      -+--+   -
    DELETE /v1/projects/{project_id}      --+-+   --+-+   +-      --+-+   -
    GET    /v1/members                    ---++   -----   --      ---++   -
    POST   /v1/members                    ---++   -----   --      ---++   -
    GET    /v1/members/{user_id}          ---++   -----   --      ---++   -
    PATCH  /v1/members/{user_id}          ---++   -----   --      ---++   -
    DELETE /v1/members/{user_id}          ---++   -----   --      ---++   -
    GET    /v1/audit-events               ---++   -----   --      ---++   -
    POST   /v1/auth/logout                -----   -----   --      +++++   -
";

/// The routes that ask for none.
pub const PUBLIC: [(&str, &str); 3] =
    [("GET", "/v1/health"), ("GET", "/v1/openapi.json"), ("POST", "/v1/auth/login")];

/// Those that answer with a list.
pub const LISTS: [&str; 5] =
    ["/v1/api-keys", "/v1/projects", "/v1/members", "/v1/auth/sessions", "/v1/audit-events"];

/// Those whose answers are pages and no JSON: the tests of them are in `dashboard` and `docs`.
const PAGES: [(&str, &str); 4] =
    [("GET", "/"), ("GET", "/dashboard"), ("GET", "/dashboard/assets/{hash}/{file}"), ("GET", "/docs")];

/// The permissions of the columns `rwda*`.
const PERMISSIONS: [&[&str]; 5] =
    [&["read"], &["write"], &["delete"], &["admin"], &["read", "write", "delete", "admin"]];

/// All routes of the API: method and path.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows().map(|(method, path, _)| (method, path)).chain(PUBLIC)
}

/// The rows of the table: method, path, and the columns without the gaps between them.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    TABLE.lines().skip(3).filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        (method, path, words.collect())
    })
}

/// A request of a route. Its ids name nothing, and its body lacks whatever the route needs, so that it
/// changes nothing where it passes.
async fn send(service: &Service, method: &str, path: &str, credential: Option<&Credential>) -> Answer {
    let path = path
        .replace("{session_id}", "sid_0000000000000000")
        .replace("{key_id}", "key_0000000000000000")
        .replace("{project_id}", "proj_own")
        .replace("{user_id}", "user_0000000000000000");
    let request = service.request(method, &path).json(&json!({}));
    match credential {
        Some(credential) => request.with(credential).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn each_stands_in_the_table() {
    let service = OwnService::start().await;
    let in_template = |public: bool| {
        let routes = service.gateway.routes().iter().filter(|route| route.public == public);
        let mut routes: Vec<_> = routes.map(|route| (route.method.as_str(), route.path.as_str())).collect();
        routes.sort_unstable();
        routes
    };
    let mut in_table: Vec<_> = rows().map(|(method, path, _)| (method, path)).collect();
    in_table.sort_unstable();
    assert_eq!(in_template(false), in_table);
    assert_eq!(in_template(true), [&PAGES[..], &PUBLIC].concat());
}

#[tokio::test]
async fn a_valid_credential_passes_where_the_table_says_so() {
    let service = Service::start().await;
    let session = service.account().await.session;
    let key = async |limits| service.key(&session, limits).await;
    let mut credentials = Vec::new();
    for environment in ["live", "test"] {
        for permissions in PERMISSIONS {
            credentials.push(key(json!({"type": environment, "permissions": permissions})).await.0);
        }
    }
    for project in ["proj_own", "proj_foreign"] {
        credentials.push(key(json!({"scope": {"projects": [project]}})).await.0);
    }
    for permissions in PERMISSIONS {
        credentials.push(service.member(&session, permissions).await.0);
    }

    let passes = async |method: &str, path: &str, credential: &Credential| {
        let answer = send(&service, method, path, Some(credential)).await;
        assert_ne!(answer.status, 401, "{method} {path}: {}", answer.text);
        if answer.status == 403 {
            answer.assert_forbidden();
        }
        if answer.status == 403 { '-' } else { '+' }
    };
    for (method, path, row) in rows() {
        let mut seen = String::new();
        for credential in &credentials {
            seen.push(passes(method, path, credential).await);
        }
        let (itself, record) = key(json!({"permissions": ["read"]})).await;
        seen.push(passes(method, &path.replace("{key_id}", text(&record, "id")), &itself).await);
        assert_eq!(seen, row, "{method} {path}");
    }
}

/// Credentials that are not valid, each with the reason.
async fn invalid(service: &OwnService, account: &Account) -> Vec<(&'static str, Option<Credential>)> {
    let key = async |limits| service.key(&account.session, limits).await;
    let (valid, record) = key(json!({})).await;
    let unknown = KeyId::new(&Clock::system(), &Random::system()).to_string();
    let last = if valid.0.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &valid.0[..valid.0.len() - 1]);

    let (revoked, revoked_record) = key(json!({})).await;
    service.delete(&crate::service::key_path(&revoked_record), &account.session).await.expect(204);
    let (expired, _) = key(json!({"expires_at": service.time.in_seconds(60)})).await;
    let (superseded, superseded_record) = key(json!({})).await;
    service.rotate(&superseded_record, &account.session, 60).await;
    service.time.pass(60);

    let logged_out = service.login(&account.email).await;
    service.post("/v1/auth/logout", &logged_out, json!({})).await.expect(204);
    let (of_suspended, suspended) = service.member(&account.session, &["read", "admin"]).await;
    let path = format!("/v1/members/{suspended}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    let (of_removed, removed) = service.member(&account.session, &["read", "admin"]).await;
    service.delete(&format!("/v1/members/{removed}"), &account.session).await.expect(204);
    let two = format!("{}, {}", valid.0, account.session.0);

    vec![
        ("none", None),
        ("garbage", Some(Credential("garbage".to_owned()))),
        ("a key with a wrong checksum", Some(Credential(mistyped))),
        ("an unknown key", Some(Credential::forged(Environment::Live, &account.id, &unknown))),
        (
            "a key with a wrong secret",
            Some(Credential::forged(Environment::Live, &account.id, text(&record, "id"))),
        ),
        ("an expired key", Some(expired)),
        ("a revoked key", Some(revoked)),
        ("a superseded secret after its overlap", Some(superseded)),
        ("a session that was logged out", Some(logged_out)),
        ("a session of a suspended member", Some(of_suspended)),
        ("a session of a removed member", Some(of_removed)),
        ("two credentials at once", Some(Credential(two))),
    ]
}

#[tokio::test]
async fn an_invalid_credential_is_401_on_each() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (kind, credential) in invalid(&service, &account).await {
        for (method, path, _) in rows() {
            println!("{method} {path} with {kind}");
            send(&service, method, path, credential.as_ref()).await.assert_unauthorized();
        }
    }
}

#[tokio::test]
async fn a_session_that_was_unused_for_an_hour_is_401_on_each() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    service.time.pass(3_600);
    for (method, path, _) in rows() {
        println!("{method} {path}");
        send(&service, method, path, Some(&session)).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn a_credential_of_a_suspended_account_is_403_on_each() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.suspend(&account).await;
    for credential in [key, account.session] {
        for (method, path, _) in rows() {
            println!("{method} {path}");
            send(&service, method, path, Some(&credential)).await.assert_forbidden();
        }
    }
}

#[tokio::test]
async fn a_public_one_asks_for_no_credential_and_looks_at_none() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut credentials = invalid(&service, &account).await;
    credentials.push(("a session", Some(account.session.clone())));
    service.suspend(&account).await;
    for (kind, credential) in credentials {
        for ((method, path), status) in PUBLIC.into_iter().zip([200, 200, 400]) {
            let answer = send(&service, method, path, credential.as_ref()).await;
            assert_eq!(answer.status, status, "{method} {path} with {kind}: {}", answer.text);
        }
    }
}
