//! `POST /v1/api-keys/{key_id}/rotate`.

use serde_json::{Value, json};

use crate::{
    response::{Response, text, without},
    service::{Account, Credential, OwnService, Service, key_path},
};

async fn started() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    (service, account)
}

/// Asks for a rotation, whatever comes of it.
async fn rotate(service: &Service, key: &Value, by: &Credential, body: Value) -> Response {
    service.post(&format!("{}/rotate", key_path(key)), by, body).await
}

/// Which of its key's secrets the service takes `secret` for.
async fn age(service: &Service, secret: &Credential) -> Value {
    service.me(secret).await.expect(200)["secret"].clone()
}

#[tokio::test]
async fn returns_the_new_secret_and_the_expiry_of_the_old_one() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let members = json!({
        "name": "Study A",
        "type": "test",
        "permissions": ["read", "admin"],
        "scope": {"projects": ["proj_a"]},
        "expires_at": service.time.in_seconds(1_000_000),
    });
    let (_, made) = service.key(&account.session, members).await;
    service.time.pass(60);
    let rotated = rotate(&service, &made, &account.session, json!({"grace_period": 3600})).await.expect(200);

    let (old, new) = (text(&made, "key"), text(&rotated, "key"));
    assert_ne!(old, new);
    let mut expected = made.clone();
    expected["key"] = json!(new);
    expected["hint"] = json!(format!("mt_test_…{}", &new[new.len() - 4..]));
    expected["previous_expires_at"] = json!(service.time.in_seconds(3600));
    assert_eq!(rotated, expected);

    let shown = service.get(&key_path(&made), &account.session).await.expect(200);
    assert_eq!(shown, without(&without(&rotated, "key"), "previous_expires_at"));
}

#[tokio::test]
async fn both_secrets_authenticate_the_same_key() {
    let (service, account) = started().await;
    let (old, made) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    let before = service.me(&old).await.expect(200);
    assert_eq!(before["secret"], "current");
    let (new, _) = service.rotate(&made, &account.session, 60).await;
    for (secret, age) in [(new, "current"), (old, "previous")] {
        let mut expected = before.clone();
        expected["secret"] = json!(age);
        assert_eq!(service.me(&secret).await.expect(200), expected);
    }
}

#[tokio::test]
async fn old_secret_is_valid_until_the_second_the_grace_period_ends() {
    for grace in [1, 3600, 604_800] {
        let service = OwnService::start().await;
        let account = service.account().await;
        let (old, made) = service.key(&account.session, json!({})).await;
        let (new, rotated) = service.rotate(&made, &account.session, grace).await;
        assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(grace.into()));
        service.time.pass(i64::from(grace) - 1);
        assert_eq!(age(&service, &old).await, "previous");
        service.time.pass(1);
        service.me(&old).await.assert_unauthorized();
        assert_eq!(age(&service, &new).await, "current");
    }
}

#[tokio::test]
async fn default_grace_period_is_a_day() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for body in [None, Some("{}")] {
        let (old, made) = service.key(&account.session, json!({})).await;
        let request = service.request("POST", &format!("{}/rotate", key_path(&made))).with(&account.session);
        let request = match body {
            None => request,
            Some(body) => request.header("Content-Type", "application/json").body(body),
        };
        let rotated = request.send().await.expect(200);
        assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(86_400));
        service.time.pass(86_399);
        assert_eq!(age(&service, &old).await, "previous");
        service.time.pass(1);
        service.me(&old).await.assert_unauthorized();
        // The session would have ended.
        service.time.pass(-86_400);
    }
}

#[tokio::test]
async fn grace_period_of_0_ends_the_old_secret_immediately() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, made) = service.key(&account.session, json!({})).await;
    let (new, rotated) = service.rotate(&made, &account.session, 0).await;
    assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(0));
    service.me(&old).await.assert_unauthorized();
    assert_eq!(age(&service, &new).await, "current");
}

#[tokio::test]
async fn old_secret_expires_with_the_key_at_the_latest() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(600);
    let (old, made) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (new, rotated) = service.rotate(&made, &account.session, 3600).await;
    assert_eq!(
        (&rotated["expires_at"], &rotated["previous_expires_at"]),
        (&json!(expires_at), &json!(expires_at))
    );
    service.time.pass(599);
    assert_eq!((age(&service, &old).await, age(&service, &new).await), (json!("previous"), json!("current")));
    service.time.pass(1);
    for secret in [old, new] {
        service.me(&secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn second_rotation_ends_the_first_secret_immediately() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (first, made) = service.key(&account.session, json!({})).await;
    let (second, _) = service.rotate(&made, &account.session, 3600).await;
    let (third, _) = service.rotate(&made, &account.session, 60).await;
    service.me(&first).await.assert_unauthorized();
    assert_eq!(age(&service, &second).await, "previous");
    assert_eq!(age(&service, &third).await, "current");
    // The overlap is that of the last rotation.
    service.time.pass(60);
    service.me(&second).await.assert_unauthorized();
}

#[tokio::test]
async fn grace_period_written_as_60_point_0_returns_200() {
    let (service, account) = started().await;
    let (_, made) = service.key(&account.session, json!({})).await;
    rotate(&service, &made, &account.session, json!({"grace_period": 60.0})).await.expect(200);
}

#[tokio::test]
async fn grace_period_other_than_a_whole_number_up_to_a_week_returns_400() {
    let (service, account) = started().await;
    let (key, made) = service.key(&account.session, json!({})).await;
    for grace in [json!(-1), json!(604_801), json!(1.5), json!("1"), json!(null), json!([1]), json!(u64::MAX)]
    {
        let response = rotate(&service, &made, &account.session, json!({"grace_period": grace})).await;
        response.assert_bad_field("grace_period");
    }
    rotate(&service, &made, &account.session, json!({"grace": 1})).await.assert_bad_field("grace");
    assert_eq!(age(&service, &key).await, "current");
}

#[tokio::test]
async fn expired_or_revoked_key_returns_409() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (_, expired) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (secret, revoked) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked), &account.session).await.expect(204);
    service.time.pass(60);
    for key in [&expired, &revoked] {
        rotate(&service, key, &account.session, json!({})).await.assert_error(409, "CONFLICT");
    }
    service.me(&secret).await.assert_unauthorized();
}

#[tokio::test]
async fn by_key_itself_requires_no_permission() {
    let (service, account) = started().await;
    for permission in ["read", "delete"] {
        let members = json!({"permissions": [permission], "type": "test", "scope": {"projects": ["proj_a"]}});
        let (first, made) = service.key(&account.session, members).await;
        let (second, _) = service.rotate(&made, &first, 60).await;
        assert_eq!(age(&service, &second).await, "current");
        // The previous secret is the key itself, too.
        let (third, _) = service.rotate(&made, &first, 60).await;
        service.me(&first).await.assert_unauthorized();
        assert_eq!(age(&service, &second).await, "previous");
        assert_eq!(age(&service, &third).await, "current");
    }
}

#[tokio::test]
async fn of_another_key_without_admin_returns_403() {
    let (service, account) = started().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (other, made) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    rotate(&service, &made, &key, json!({})).await.assert_forbidden();
    let path = format!("{}/rotate", key_path(&made));
    service.request("POST", &path).json(&json!({})).send().await.assert_unauthorized();
    assert_eq!(age(&service, &other).await, "current");
}

#[tokio::test]
async fn of_key_with_more_permissions_than_the_caller_returns_403() {
    let (service, account) = started().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let (member, _) = service.member(&account.session, &["read", "admin"]).await;
    for caller in [key, member] {
        for (permissions, allowed) in [
            (json!(["read"]), true),
            (json!(["read", "admin"]), true),
            (json!(["write"]), false),
            (json!(["read", "delete"]), false),
            (json!(["read", "write", "delete", "admin"]), false),
        ] {
            let (old, made) = service.key(&account.session, json!({"permissions": permissions})).await;
            let response = rotate(&service, &made, &caller, json!({})).await;
            if allowed {
                response.expect(200);
            } else {
                response.assert_forbidden();
                assert_eq!(age(&service, &old).await, "current", "{permissions}");
            }
        }
    }
}

#[tokio::test]
async fn of_key_outside_the_callers_type_or_scope_returns_404_and_changes_nothing() {
    let (service, account) = started().await;
    let scope = |projects: &[&str]| json!({"scope": {"projects": projects}});
    let (live, _) = service.key(&account.session, json!({})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (scoped, _) = service.key(&account.session, scope(&["proj_a"])).await;
    for (caller, members) in [
        (&live, json!({"type": "test"})),
        (&test, json!({})),
        (&scoped, json!({})),
        (&scoped, scope(&["proj_b"])),
        (&scoped, scope(&["proj_a", "proj_b"])),
    ] {
        let (key, made) = service.key(&account.session, members.clone()).await;
        rotate(&service, &made, caller, json!({})).await.assert_not_found();
        assert_eq!(age(&service, &key).await, "current", "{members}");
    }
    let (_, within) = service.key(&account.session, scope(&["proj_a"])).await;
    rotate(&service, &within, &scoped, json!({})).await.expect(200);
}

#[tokio::test]
async fn unknown_id_returns_404() {
    let (service, account) = started().await;
    for id in ["key_0000000000000000", "key_", "x", &account.user_id] {
        rotate(&service, &json!({"id": id}), &account.session, json!({})).await.assert_not_found();
    }
}

#[tokio::test]
async fn concurrent_rotations_leave_only_the_latest_secrets_valid() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (old, made) = service.key(&account.session, json!({})).await;
    let asked = || rotate(&service, &made, &account.session, json!({}));
    // None writes before all have read.
    let mut held = [(); 3].map(|()| dynamodb.hold("TransactWriteItems"));
    let all_have_read = async move {
        for held in &mut held {
            held.arrived().await;
        }
    };
    let (one, two, three, ()) = tokio::join!(asked(), asked(), asked(), all_have_read);

    let (won, lost): (Vec<_>, Vec<_>) =
        [one, two, three].into_iter().partition(|response| response.status == 200);
    assert_eq!(won.len(), 1);
    for response in lost {
        response.assert_error(409, "CONFLICT");
    }
    assert_eq!(age(&service, &Credential::bearer(text(&won[0].body, "key"))).await, "current");
    assert_eq!(age(&service, &old).await, "previous");
}
