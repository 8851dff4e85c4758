//! Query parameters.

use serde_json::json;

use crate::{
    input::bodies,
    operation_table::{self, lists},
    operations::openapi::described,
    response::text,
    service::{Account, Credential, Service, new_address},
    target::Target,
};

/// Starts a service with an account that has at least two entities on each list.
async fn start() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    fill(&service, &account).await;
    (service, account)
}

async fn fill(service: &Service, account: &Account) {
    for _ in 0..2 {
        service.key(&account.session, json!({})).await;
        service.project(&account.session).await;
        service.invite(&account.session, &new_address(), &["read"]).await;
    }
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    service.add_passkey(&account.session).await;
    service.login_with_passkey(&mut authenticator).await;
}

/// Returns the `next_cursor` of a list's first page.
async fn cursor(service: &Service, credential: &Credential, list: &str) -> String {
    let separator = if list.contains('?') { '&' } else { '?' };
    let page = service.get(&format!("{list}{separator}limit=1"), credential).await.expect(200);
    text(&page, "next_cursor").to_owned()
}

#[tokio::test]
async fn limit_outside_1_to_100_returns_400() {
    let (service, account) = start().await;
    for list in lists(&account.user_id) {
        for limit in [
            "0",
            "101",
            "-1",
            "1.5",
            "1e1",
            "0x1",
            "all",
            "",
            "%20",
            "1%20",
            "%31%00",
            "99999999999999999999",
            "%ff",
        ] {
            let path = format!("{list}?limit={limit}");
            service.get(&path, &account.session).await.assert_bad_field("limit");
        }
        for limit in [1, 2, 100] {
            let page = service.get(&format!("{list}?limit={limit}"), &account.session).await.expect(200);
            let length = page["data"].as_array().expect("a list").len();
            assert!((limit.min(2)..=limit).contains(&length), "{list} {limit}: {page}");
        }
    }
}

#[tokio::test]
async fn malformed_cursor_returns_400() {
    let (service, account) = start().await;
    for list in lists(&account.user_id) {
        let valid = cursor(&service, &account.session, &list).await;
        service.get(&format!("{list}?cursor={valid}"), &account.session).await.expect(200);
        for malformed in [
            "",
            "x",
            "null",
            "%00",
            "%ff%fe",
            "..%2f..",
            "key_0000000000000000",
            &format!("{valid}="),
            &format!("{valid}AA"),
            &format!("AA{valid}"),
            &valid[..valid.len() / 2],
            &valid.to_uppercase(),
            &"A".repeat(8_000),
        ] {
            let path = format!("{list}?cursor={malformed}");
            println!("{path}");
            service.get(&path, &account.session).await.assert_bad_field("cursor");
        }
    }
}

#[tokio::test]
async fn cursor_of_another_list_returns_400() {
    let (service, account) = start().await;
    for source in lists(&account.user_id) {
        let cursor = cursor(&service, &account.session, &source).await;
        for list in lists(&account.user_id).into_iter().filter(|list| *list != source) {
            let path = format!("{list}?cursor={cursor}");
            service.get(&path, &account.session).await.assert_bad_field("cursor");
        }
    }
}

#[tokio::test]
async fn cursor_of_another_account_returns_400() {
    let (service, account) = start().await;
    let other = service.account().await;
    fill(&service, &other).await;
    for (list, of_other) in lists(&account.user_id).into_iter().zip(lists(&other.user_id)) {
        let cursor = cursor(&service, &other.session, &of_other).await;
        let path = format!("{list}?cursor={cursor}");
        service.get(&path, &account.session).await.assert_bad_field("cursor");
    }
}

#[tokio::test]
async fn cursor_of_other_filters_returns_400() {
    let (service, account) = start().await;
    let creator = format!("created_by={}", account.user_id);
    let actor = format!("actor={}", account.user_id);
    let keys = [
        "",
        "status=all",
        "status=active",
        "compliant=true",
        "type=live",
        &creator,
        "status=active&type=live",
    ];
    let events =
        ["", "type=api_key.created", &actor, "since=2026-01-01T00:00:00Z", "until=9999-01-01T00:00:00Z"];
    for (list, filters) in [("/v1/api-keys", &keys[..]), ("/v1/audit-events", &events)] {
        let mut cursors = Vec::new();
        for filter in filters {
            cursors.push(cursor(&service, &account.session, &format!("{list}?{filter}")).await);
        }
        for (of, cursor) in filters.iter().zip(&cursors) {
            for filter in filters {
                let response =
                    service.get(&format!("{list}?{filter}&cursor={cursor}"), &account.session).await;
                if filter == of {
                    response.expect(200);
                } else {
                    response.assert_bad_field("cursor");
                }
            }
        }
    }
}

#[tokio::test]
async fn cursor_of_another_environment_returns_400() {
    let (service, account) = start().await;
    let cursor = cursor(&service, &account.session, "/v1/projects").await;
    let path = format!("/v1/projects?environment=test&cursor={cursor}");
    service.get(&path, &account.session).await.assert_bad_field("cursor");
}

#[tokio::test]
async fn cursor_of_another_member_returns_400() {
    let (service, account) = start().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let cursor = cursor(&service, &account.session, "/v1/auth/sessions").await;
    let path = format!("/v1/auth/sessions?cursor={cursor}");
    service.get(&path, &member).await.assert_bad_field("cursor");
}

#[tokio::test]
async fn repeated_parameter_returns_400() {
    let (service, account) = start().await;
    for list in lists(&account.user_id) {
        let cursor = cursor(&service, &account.session, &list).await;
        for (name, query) in [
            ("limit", "limit=1&limit=1".to_owned()),
            ("limit", "limit=1&cursor=x&limit=2".to_owned()),
            ("limit", "limit=1&%6cimit=1".to_owned()),
            ("cursor", format!("cursor={cursor}&cursor={cursor}")),
        ] {
            let path = format!("{list}?{query}");
            service.get(&path, &account.session).await.assert_bad_field(name);
        }
    }
    for (name, path) in [
        ("status", "/v1/api-keys?status=all&status=all"),
        ("type", "/v1/api-keys?type=live&type=test"),
        ("created_by", "/v1/api-keys?created_by=user_0000000000000000&created_by=user_0000000000000000"),
        ("compliant", "/v1/api-keys?compliant=false&compliant=false"),
        ("key_id", "/v1/audit-events?key_id=key_0000000000000000&key_id=key_0000000000000000"),
        ("environment", "/v1/projects?environment=live&environment=live"),
        ("environment", "/v1/projects?environment=live&environment=test"),
    ] {
        service.get(path, &account.session).await.assert_bad_field(name);
    }
}

#[tokio::test]
async fn unknown_value_returns_400() {
    let (service, account) = start().await;
    for value in ["", "unused", "ALL", "all%20", "active,expired", "1"] {
        let path = format!("/v1/api-keys?status={value}");
        service.get(&path, &account.session).await.assert_bad_field("status");
    }
    for value in ["", "LIVE", "all", "live,test", "1"] {
        let path = format!("/v1/api-keys?type={value}");
        service.get(&path, &account.session).await.assert_bad_field("type");
    }
    for value in ["", "user_", "acct_0000000000000000", "KEY_0000000000000000", "null", "%ff"] {
        let path = format!("/v1/api-keys?created_by={value}");
        service.get(&path, &account.session).await.assert_bad_field("created_by");
    }
    for value in ["", "TRUE", "no", "0", "true,false"] {
        let path = format!("/v1/api-keys?compliant={value}");
        service.get(&path, &account.session).await.assert_bad_field("compliant");
    }
    for value in ["", "key_", "user_0000000000000000", "KEY_0000000000000000", "*", "%ff"] {
        let path = format!("/v1/audit-events?key_id={value}");
        service.get(&path, &account.session).await.assert_bad_field("key_id");
    }
    for value in ["", "unknown", "login", "LOGIN.SUCCEEDED", "login.succeeded,login.refused", "*", "%ff"] {
        let path = format!("/v1/audit-events?type={value}");
        service.get(&path, &account.session).await.assert_bad_field("type");
    }
    for value in ["", "null", "Operator", "sid_0000000000000000", "user_", "%ff"] {
        let path = format!("/v1/audit-events?actor={value}");
        service.get(&path, &account.session).await.assert_bad_field("actor");
    }
    for name in ["since", "until"] {
        for value in ["", "now", "2026-01-30", "2026-01-30T12:00:00", "1969-12-31T23:59:59Z", "0", "%ff"] {
            let path = format!("/v1/audit-events?{name}={value}");
            service.get(&path, &account.session).await.assert_bad_field(name);
        }
    }
    for value in ["", "TEST", "prod", "live,test", "%ff"] {
        let project = "/v1/projects/proj_a";
        for (method, path) in
            [("GET", "/v1/projects"), ("POST", "/v1/projects"), ("GET", project), ("DELETE", project)]
        {
            let request = service.request(method, &format!("{path}?environment={value}"));
            let response = request.with(&account.session).json(&json!({"name": "A"})).send().await;
            response.assert_bad_field("environment");
        }
    }
}

/// Returns the query parameters of an operation.
fn declared(method: &str, route: &str) -> Vec<&'static str> {
    let parameters = &described(method, route)["parameters"];
    let parameters = parameters.as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| text(parameter, "name"))
        .collect()
}

#[tokio::test]
async fn unknown_or_repeated_parameter_returns_400_on_every_operation() {
    let target = Target::start().await;
    let before = target.state().await;
    let all = ["limit", "cursor", "environment", "status", "type", "created_by", "compliant", "key_id"];
    for (method, route) in operation_table::routes() {
        let declared = declared(method, route);
        let of_others = all.into_iter().filter(|name| !declared.contains(name));
        let of_others = of_others.map(|name| (format!("{name}=live"), name));
        let repeated = declared.iter().map(|name| (format!("{name}=live&{name}=live"), *name));
        let unknown = [
            ("x=1", "x"),
            ("x", "x"),
            ("x=1&x=2", "x"),
            ("=", ""),
            ("%", "%"),
            ("%ff=%ff", "\u{fffd}"),
            ("Limit=0", "Limit"),
            ("limit[]=0", "limit[]"),
            ("callback=read&jsonp=read", "callback"),
            ("access_token=a", "access_token"),
            ("Idempotency-Key=a", "Idempotency-Key"),
        ];
        let unknown = unknown.map(|(query, name)| (query.to_owned(), name));
        for (query, name) in of_others.chain(repeated).chain(unknown) {
            println!("{method} {route}?{query}");
            let request = target.service.request(method, &format!("{}?{query}", target.fill(route)));
            let body = target.fill(&bodies::valid_body(method, route));
            let request = request.with(&target.session).header("Content-Type", "application/json").body(body);
            request.send().await.assert_bad_field(name);
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn query_without_parameters_is_accepted() {
    let (service, account) = start().await;
    for list in lists(&account.user_id) {
        let plain = service.get(&list, &account.session).await.expect(200);
        for query in ["?", "?&&"] {
            let response = service.get(&format!("{list}{query}"), &account.session).await;
            assert_eq!(response.expect(200), plain, "{list}{query}");
        }
    }
}

#[tokio::test]
async fn pages_ignore_parameters() {
    let service = Service::start().await;
    let pages =
        [("/", "302"), ("/.well-known/change-password", "302"), ("/docs", "200"), ("/dashboard", "200")];
    for (path, status) in pages {
        for query in ["?x=1", "?x=1&x=2", "?utm_source=mail&limit=0"] {
            let response = service.exchange(&format!("GET {path}{query}"), &[], "").await;
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}{query}: {response}");
        }
    }
}
