//! Two accounts know nothing of each other: another's thing looks like one that does not exist.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, text},
    service::{Account, Credential, Service},
};

/// An account with one of everything.
struct Full {
    account: Account,
    key: Credential,
    /// A `{placeholder}` of a path, and the id that stands for it.
    ids: Vec<(&'static str, String)>,
}

async fn full(service: &Service) -> Full {
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let ids = vec![
        ("key_id", text(&record, "id").to_owned()),
        ("project_id", service.project(&account.session).await),
        ("user_id", account.user_id.clone()),
        ("session_id", text(&sessions["data"][0], "id").to_owned()),
    ];
    Full { account, key, ids }
}

/// Every route that names a thing, and a body that it takes.
const NAMING: [(&str, &str, &str); 10] = [
    ("GET", "/v1/api-keys/{key_id}", ""),
    ("DELETE", "/v1/api-keys/{key_id}", ""),
    ("POST", "/v1/api-keys/{key_id}/rotate", "{}"),
    ("GET", "/v1/projects/{project_id}", ""),
    ("PATCH", "/v1/projects/{project_id}", r#"{"name": "Mine"}"#),
    ("DELETE", "/v1/projects/{project_id}", ""),
    ("GET", "/v1/members/{user_id}", ""),
    ("PATCH", "/v1/members/{user_id}", r#"{"permissions": ["read"]}"#),
    ("DELETE", "/v1/members/{user_id}", ""),
    ("DELETE", "/v1/auth/sessions/{session_id}", ""),
];

/// Every list.
const LISTS: [&str; 4] = ["/v1/api-keys?status=all", "/v1/projects", "/v1/members", "/v1/auth/sessions"];

/// All of an answer that may not differ.
fn looks(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let differs = ["x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date", "ratelimit"];
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| !differs.contains(&name.as_str()))
        .collect();
    (answer.status, answer.text.clone(), headers)
}

#[tokio::test]
async fn anothers_thing_looks_like_none_byte_for_byte() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
    for (method, route, body) in NAMING {
        let (name, id) =
            others.ids.iter().find(|(name, _)| route.contains(&format!("{{{name}}}"))).expect("an id");
        let prefix = id.split('_').next().unwrap();
        let nobodys = format!("{prefix}_{}", "0".repeat(id.len() - prefix.len() - 1));
        for credential in [&mine.account.session, &mine.key] {
            let send = async |id: &str| {
                let path = route.replace(&format!("{{{name}}}"), id);
                let request = service.request(method, &path).with(credential);
                let request = request.header("Content-Type", "application/json").body(body);
                request.send().await
            };
            let (anothers, none) = (send(id).await, send(&nobodys).await);
            assert_eq!(looks(&anothers), looks(&none), "{method} {route}");
            if route.contains("sessions") && credential == &mine.key {
                anothers.assert_forbidden();
            } else {
                anothers.assert_not_found();
            }
        }
    }
    // And nothing came of it.
    assert_eq!(service.me(&others.key).await.expect(200)["secret"], "current");
    for (list, (_, id)) in LISTS.iter().zip(&others.ids[..]) {
        let ids = service.ids(list, &others.account.session, 100).await;
        assert_eq!(ids, std::slice::from_ref(id), "{list}");
    }
}

#[tokio::test]
async fn lists_show_ones_own_alone() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
    for (list, (_, id)) in LISTS.iter().zip(&mine.ids) {
        assert_eq!(service.ids(list, &mine.account.session, 1).await, std::slice::from_ref(id), "{list}");
        let page = service.get(list, &mine.account.session).await.text;
        let foreign = others.ids.iter().map(|(_, id)| id).chain([&others.account.id, &others.account.email]);
        for id in foreign {
            assert!(!page.contains(id), "{list}: {page}");
        }
    }
}

#[tokio::test]
async fn anothers_cursor_is_400() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
    service.key(&others.account.session, json!({})).await;
    service.project(&others.account.session).await;
    service.member(&others.account.session, &["read"]).await;
    service.login(&others.account.email).await;
    for list in LISTS {
        let list = format!("{list}{}limit=1", if list.contains('?') { '&' } else { '?' });
        let page = service.get(&list, &others.account.session).await.expect(200);
        let next = format!("{list}&cursor={}", text(&page, "next_cursor"));
        service.get(&next, &others.account.session).await.expect(200);
        service.get(&next, &mine.account.session).await.assert_bad_field("cursor");
    }
}

#[tokio::test]
async fn a_colleagues_session_looks_like_none() {
    let service = Service::start().await;
    let mine = full(&service).await;
    let (colleague, _) = service.member(&mine.account.session, &["read", "admin"]).await;
    let (_, session) = &mine.ids[3];
    service.delete(&format!("/v1/auth/sessions/{session}"), &colleague).await.assert_not_found();
    assert!(!service.ids("/v1/auth/sessions", &colleague, 100).await.contains(session));
    service.me(&mine.account.session).await.expect(200);
}

#[tokio::test]
async fn a_scope_that_names_anothers_project_opens_nothing() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
    let (_, project) = &others.ids[1];
    let (key, _) = service.key(&mine.account.session, json!({"scope": {"projects": [project]}})).await;
    let path = format!("/v1/projects/{project}");
    service.get(&path, &key).await.assert_not_found();
    service.patch(&path, &key, json!({"name": "Mine"})).await.assert_not_found();
    service.delete(&path, &key).await.assert_not_found();
    assert_eq!(service.get("/v1/projects", &key).await.expect(200)["data"], json!([]));
    service.get(&path, &others.key).await.expect(200);
}

#[tokio::test]
async fn one_suspended_account_leaves_the_other_alone() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
    let suspended: Value =
        service.operate(json!({"suspend_account": {"account_id": mine.account.id}})).await.unwrap();
    assert_eq!(suspended["status"], "suspended");
    for credential in [&mine.key, &mine.account.session] {
        service.me(credential).await.assert_forbidden();
    }
    for credential in [&others.key, &others.account.session] {
        service.me(credential).await.expect(200);
    }
}
