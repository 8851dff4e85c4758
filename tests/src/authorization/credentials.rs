//! The `Authorization` header, and what else might be taken for a credential.

use serde_json::json;
use shared::primitives::environment::Environment;

use crate::{
    response::text,
    service::{Account, Credential, OwnService, Service},
};

/// A service with an account, and a key that may do everything.
async fn start() -> (Service, Account, String) {
    let service = Service::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let key = text(&record, "key").to_owned();
    (service, account, key)
}

/// The status of a request with these headers.
async fn status(service: &Service, headers: &[&str]) -> u16 {
    let headers: Vec<_> = headers.iter().map(|header| header.as_bytes()).collect();
    let answer = service.raw("GET /v1/projects", &headers, "").await;
    if answer.status == 401 {
        answer.assert_unauthorized();
    }
    answer.status
}

#[tokio::test]
async fn the_scheme_is_case_insensitive() {
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
async fn the_name_of_the_header_is_case_insensitive() {
    let (service, _, key) = start().await;
    for name in ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"] {
        assert_eq!(status(&service, &[&format!("{name}: Bearer {key}")]).await, 200, "{name}");
    }
}

#[tokio::test]
async fn space_around_the_token_does_not_matter() {
    let (service, _, key) = start().await;
    assert_eq!(status(&service, &[&format!("Authorization:   Bearer   {key}  ")]).await, 200);
    assert_eq!(status(&service, &[&format!("Authorization: Bearer\t{key}")]).await, 401);
}

#[tokio::test]
async fn what_is_no_credential_is_401() {
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
async fn bytes_outside_of_ascii_are_401() {
    let (service, _, key) = start().await;
    for value in [&b"Bearer \xff\xfe"[..], b"\xff", "Bearer mt_live_ü".as_bytes()] {
        let header = [b"Authorization: ", value].concat();
        service.raw("GET /v1/projects", &[&header], "").await.assert_unauthorized();
    }
    let behind = [b"Authorization: Bearer ", key.as_bytes(), b"\xa0"].concat();
    service.raw("GET /v1/projects", &[&behind], "").await.assert_unauthorized();
}

#[tokio::test]
async fn what_only_looks_like_one_is_401() {
    let (service, account, key) = start().await;
    let token = account.session.0.strip_prefix("Session ").expect("the scheme");
    for value in [
        // Letters of other alphabets, or of which one's upper case is a letter of the scheme.
        format!("\u{412}earer {key}"),
        format!("B\u{435}arer {key}"),
        format!("\u{ff22}earer {key}"),
        format!("\u{17f}ession {token}"),
        format!("Se\u{17f}\u{17f}ion {token}"),
        format!("Sess\u{131}on {token}"),
        // Spaces that are none.
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
async fn two_are_401_in_whatever_guise() {
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
async fn none_is_read_from_elsewhere() {
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
    // A client makes `Basic` of what stands before the host.
    let url = service.url.replace("http://", &format!("http://{key}@"));
    let answer = reqwest::get(format!("{url}/v1/projects")).await.expect("an answer");
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn what_else_comes_does_not_weaken_one() {
    let (service, _, key) = start().await;
    let valid = format!("Authorization: Bearer {key}");
    for header in ["X-Api-Key: garbage", "Cookie: session=garbage", "Proxy-Authorization: Basic eA=="] {
        assert_eq!(status(&service, &[&valid, header]).await, 200, "{header}");
    }
}

#[tokio::test]
async fn another_header_outside_of_ascii_is_harmless() {
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
async fn a_secret_that_nobody_gave_out_is_401() {
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
async fn a_key_expires_to_the_second() {
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
async fn a_superseded_secret_ends_to_the_second() {
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
async fn one_that_is_forbidden_is_told_so() {
    let (service, account, _) = start().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    let answer = service.get("/v1/projects", &key).await;
    answer.assert_forbidden();
    let challenge = "Bearer realm=\"medtwin\", error=\"insufficient_scope\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
}
