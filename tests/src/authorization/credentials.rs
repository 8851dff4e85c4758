//! Credentials in requests: the accepted forms of the `Authorization` header, and everything else that gets 401.

use serde_json::json;
use shared::primitives::environment::Environment;

use crate::{
    response::{Response, text},
    service::{Account, Credential, OwnService, Service},
};

/// Starts a service with an account. Also returns the token of an unscoped key with all permissions.
async fn start() -> (Service, Account, String) {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let key = text(&record, "key").to_owned();
    (service, account, key)
}

/// Returns the status of a request with these headers.
async fn status(service: &Service, headers: &[&str]) -> u16 {
    let headers: Vec<_> = headers.iter().map(|header| header.as_bytes()).collect();
    let response = service.raw("GET /v1/projects", &headers, "").await;
    if response.status == 401 {
        response.assert_unauthorized();
    }
    response.status
}

#[tokio::test]
async fn scheme_is_case_insensitive() {
    let (service, account, key) = start().await;
    let token = account.session.0.strip_prefix("Session ").expect("the scheme");
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(status(&service, &[&format!("Authorization: {scheme} {key}")]).await, 200, "{scheme}");
    }
    for scheme in ["Session", "session", "SESSION", "sEsSiOn"] {
        assert_eq!(status(&service, &[&format!("Authorization: {scheme} {token}")]).await, 200, "{scheme}");
    }
}

#[tokio::test]
async fn header_name_is_case_insensitive() {
    let (service, _, key) = start().await;
    for name in ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"] {
        assert_eq!(status(&service, &[&format!("{name}: Bearer {key}")]).await, 200, "{name}");
    }
}

#[tokio::test]
async fn spaces_around_the_token_are_ignored() {
    let (service, _, key) = start().await;
    assert_eq!(status(&service, &[&format!("Authorization:   Bearer   {key}  ")]).await, 200);
    assert_eq!(status(&service, &[&format!("Authorization: Bearer\t{key}")]).await, 401);
}

#[tokio::test]
async fn malformed_credential_returns_401() {
    let (service, account, key) = start().await;
    let token = account.session.0.strip_prefix("Session ").expect("the scheme");
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Session",
        "garbage",
        "Bearer garbage",
        "Bearer mt_live_",
        "Session sess_",
        "Basic dXNlcjpwYXNzd29yZA==",
        &key,
        token,
        &format!("Session {key}"),
        &format!("Bearer {token}"),
        &format!("Token {key}"),
        &format!("Basic {key}"),
        &format!("Bearer Bearer {key}"),
        &format!("Bearer \"{key}\""),
        &format!("Bearer {key}="),
        &format!("Bearer {}", &key[..key.len() - 1]),
        &format!("Bearer {}", key.to_uppercase()),
        &format!("Bearer {}", key.replace("mt_live_", "mt_test_")),
        &format!("Bearer {}", key.replace("mt_live_", "mt_prod_")),
        &format!("Bearer {}", "x".repeat(8_000)),
        &format!("Bearer mt_live_{}", "0".repeat(8_000)),
    ] {
        assert_eq!(status(&service, &[&format!("Authorization: {value}")]).await, 401, "{value}");
    }
}

#[tokio::test]
async fn non_ascii_bytes_return_401() {
    let (service, _, key) = start().await;
    for value in [&b"Bearer \xff\xfe"[..], b"\xff", "Bearer mt_live_ü".as_bytes()] {
        let header = [b"Authorization: ", value].concat();
        service.raw("GET /v1/projects", &[&header], "").await.assert_unauthorized();
    }
    let with_suffix = [b"Authorization: Bearer ", key.as_bytes(), b"\xa0"].concat();
    service.raw("GET /v1/projects", &[&with_suffix], "").await.assert_unauthorized();
}

#[tokio::test]
async fn lookalike_characters_return_401() {
    let (service, account, key) = start().await;
    let token = account.session.0.strip_prefix("Session ").expect("the scheme");
    for value in [
        // Letters of other alphabets, and letters whose upper case is a letter of the scheme.
        format!("\u{412}earer {key}"),
        format!("B\u{435}arer {key}"),
        format!("\u{ff22}earer {key}"),
        format!("\u{17f}ession {token}"),
        format!("Se\u{17f}\u{17f}ion {token}"),
        format!("Sess\u{131}on {token}"),
        // Characters that look like a space or have no width.
        format!("Bearer\u{a0}{key}"),
        format!("Bearer\u{2003}{key}"),
        format!("Bearer\u{3000}{key}"),
        format!("Bearer \u{feff}{key}"),
        format!("Bearer {key}\u{200b}"),
        format!("Bearer {}", key.replacen("mt_live_", "mt_l\u{131}ve_", 1)),
        format!("Bearer {}", key.replacen("mt_live_", "mt\u{ff3f}live_", 1)),
        format!("Bearer {}", key.replacen('m', "\u{ff4d}", 1)),
        format!("Bearer {}\u{212a}", &key[..key.len() - 1]),
    ] {
        assert_eq!(status(&service, &[&format!("Authorization: {value}")]).await, 401, "{value}");
    }
}

#[tokio::test]
async fn two_credentials_in_any_form_return_401() {
    let (service, account, key) = start().await;
    let (valid, session) = (format!("Bearer {key}"), &account.session.0);
    let repeated = [
        [format!("Authorization: {valid}"), format!("Authorization: {valid}")],
        [format!("Authorization: {valid}"), format!("Authorization: {session}")],
        [format!("Authorization: {valid}"), "Authorization: Bearer garbage".to_owned()],
        [format!("Authorization: {valid}"), "Authorization:".to_owned()],
        ["Authorization:".to_owned(), format!("Authorization: {valid}")],
        [format!("Authorization: {valid}"), format!("AUTHORIZATION: {valid}")],
        [format!("authorization: {session}"), format!("Authorization: {valid}")],
    ];
    for [one, other] in repeated {
        assert_eq!(status(&service, &[&one, &other]).await, 401, "{one}\n{other}");
    }
    for list in [
        format!("{valid}, {valid}"),
        format!("{valid},{session}"),
        format!("{valid}, {key}"),
        format!("{valid},"),
        format!(",{valid}"),
        format!("{valid} {key}"),
    ] {
        assert_eq!(status(&service, &[&format!("Authorization: {list}")]).await, 401, "{list}");
    }
}

#[tokio::test]
async fn credential_outside_the_authorization_header_returns_401() {
    let (service, account, key) = start().await;
    let session = &account.session.0;
    for header in [
        format!("X-Api-Key: {key}"),
        format!("Api-Key: {key}"),
        format!("X-Authorization: Bearer {key}"),
        format!("Proxy-Authorization: Bearer {key}"),
        format!("Authorization_: Bearer {key}"),
        format!("Cookie: session={session}; Authorization=Bearer {key}"),
    ] {
        assert_eq!(status(&service, &[&header]).await, 401, "{header}");
    }
    for name in ["api_key", "key", "access_token", "token", "authorization", "Authorization"] {
        for value in [key.clone(), format!("Bearer%20{key}"), session.replace(' ', "%20")] {
            let path = format!("/v1/projects?{name}={value}");
            service.request("GET", &path).send().await.assert_unauthorized();
        }
    }
    let path = format!("/v1/projects/{key}");
    service.request("GET", &path).send().await.assert_unauthorized();
    let body = json!({"name": "A", "authorization": format!("Bearer {key}"), "api_key": key});
    service.request("POST", "/v1/projects").json(&body).send().await.assert_unauthorized();
    // A client sends the user name in a URL as a `Basic` credential.
    let url = service.url.replace("http://", &format!("http://{key}@"));
    let response = reqwest::get(format!("{url}/v1/projects")).await.expect("a response");
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn valid_credential_with_other_credential_headers_is_accepted() {
    let (service, _, key) = start().await;
    let valid = format!("Authorization: Bearer {key}");
    for header in ["X-Api-Key: garbage", "Cookie: session=garbage", "Proxy-Authorization: Basic eA=="] {
        assert_eq!(status(&service, &[&valid, header]).await, 200, "{header}");
    }
}

#[tokio::test]
async fn non_ascii_bytes_in_other_headers_are_ignored() {
    let (service, _, key) = start().await;
    let valid = format!("Authorization: Bearer {key}");
    for header in [&b"X-Name: J\xf6rg"[..], "X-Name: Jörg".as_bytes(), b"Cookie: \xff", b"Referer: \xff"] {
        service.raw("GET /v1/projects", &[valid.as_bytes(), header], "").await.expect(200);
        service.raw("GET /v1/auth/me", &[header, valid.as_bytes()], "").await.expect(200);
        service.raw("GET /v1/health", &[header], "").await.expect(200);
        service.raw("GET /v1/projects", &[header], "").await.assert_unauthorized();
    }
}

#[tokio::test]
async fn forged_token_with_real_ids_costs_no_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let session = text(&sessions["data"][0], "id");
    dynamodb.calls();
    let forged = [
        Credential::forged(Environment::Live, &account.id, text(&record, "id")),
        Credential::forged_session(&account.id, &account.user_id, session),
        // Issued tokens with one altered digit of their secret.
        altered(&key, 50),
        altered(&account.session, 70),
    ];
    for _ in 0..10 {
        let [a, b, c, d] = &forged;
        let responses = tokio::join!(service.me(a), service.me(b), service.me(c), service.me(d));
        for response in <[Response; 4]>::from(responses) {
            response.assert_unauthorized();
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);

    // A token with the right check digits and a wrong secret costs one read.
    let mac_key = service.token_mac_key().await;
    let wrong = Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, text(&record, "id"));
    service.me(&wrong).await.assert_unauthorized();
    assert_eq!(dynamodb.calls(), ["BatchGetItem"]);
}

/// Replaces the character at `index`.
fn altered(credential: &Credential, index: usize) -> Credential {
    let (start, rest) = credential.0.split_at(index);
    let (old, rest) = rest.split_at(1);
    Credential(format!("{start}{}{rest}", if old == "0" { "1" } else { "0" }))
}

#[tokio::test]
async fn forged_secret_returns_401() {
    let (service, account, _) = start().await;
    let other = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let id = text(&record, "id");
    for forged in [
        Credential::forged(Environment::Live, &account.id, id),
        Credential::forged(Environment::Test, &account.id, id),
        Credential::forged(Environment::Live, &other.id, id),
        Credential::forged(Environment::Live, "acct_0000000000000000", id),
    ] {
        service.me(&forged).await.assert_unauthorized();
    }
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn key_returns_401_from_its_exact_expiry() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let limits = json!({"expires_at": "2026-01-30T00:01:00Z"});
    let (key, _) = service.key(&account.session, limits).await;
    service.time.pass(59);
    service.me(&key).await.expect(200);
    service.get("/v1/projects", &key).await.expect(200);
    service.time.pass(1);
    service.me(&key).await.assert_unauthorized();
    service.get("/v1/projects", &key).await.assert_unauthorized();
}

#[tokio::test]
async fn previous_secret_returns_401_from_the_exact_end_of_its_grace_period() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let (new, rotated) = service.rotate(&record, &account.session, 60).await;
    assert_eq!(rotated["previous_expires_at"], "2026-01-30T00:01:00Z");
    service.time.pass(59);
    service.me(&old).await.expect(200);
    service.time.pass(1);
    service.me(&old).await.assert_unauthorized();
    service.me(&new).await.expect(200);
}

#[tokio::test]
async fn missing_permission_returns_403_with_insufficient_scope() {
    let (service, account, _) = start().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    let response = service.get("/v1/projects", &key).await;
    response.assert_forbidden();
    let challenge = "Bearer realm=\"medtwin\", error=\"insufficient_scope\"";
    assert_eq!(response.header("www-authenticate"), Some(challenge));
}
