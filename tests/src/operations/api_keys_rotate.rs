//! `POST /v1/api-keys/{key_id}/rotate`.

use serde_json::{Value, json};

use crate::{
    response::{Response, text, without},
    service::{Account, Credential, OwnService, Service, key_path},
};

async fn start() -> (Service, Account) {
    let service = Service::start().await;
    let account = service.account().await;
    (service, account)
}

/// Sends a request to rotate a key.
async fn rotate(service: &Service, key: &Value, by: &Credential, body: Value) -> Response {
    service.post(&format!("{}/rotate", key_path(key)), by, body).await
}

/// Returns `current` or `previous`: the field `secret` of `GET /v1/auth/me`.
async fn secret_status(service: &Service, secret: &Credential) -> Value {
    service.me(secret).await.expect(200)["secret"].clone()
}

#[tokio::test]
async fn returns_the_new_secret_and_the_expiry_of_the_old_one() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let fields = json!({
        "name": "Study A",
        "type": "test",
        "permissions": ["read", "admin"],
        "scope": {"projects": ["proj_a"]},
        "expires_at": service.time.in_seconds(1_000_000),
    });
    let (_, created) = service.key(&account.session, fields).await;
    service.time.pass(60);
    let rotated =
        rotate(&service, &created, &account.session, json!({"grace_period": 3600})).await.expect(200);

    let (old, new) = (text(&created, "key"), text(&rotated, "key"));
    assert_ne!(old, new);
    let mut expected = created.clone();
    expected["key"] = json!(new);
    expected["hint"] = json!(format!("mt_test_…{}", &new[new.len() - 4..]));
    expected["previous_expires_at"] = json!(service.time.in_seconds(3600));
    expected["previous_secret"] = json!({"expires_at": service.time.in_seconds(3600), "last_used_at": null});
    assert_eq!(rotated, expected);

    let shown = service.get(&key_path(&created), &account.session).await.expect(200);
    assert_eq!(shown, without(&without(&rotated, "key"), "previous_expires_at"));
}

#[tokio::test]
async fn both_secrets_authenticate_the_same_key() {
    let (service, account) = start().await;
    let (old, created) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    let before = service.me(&old).await.expect(200);
    assert_eq!(before["secret"], "current");
    let (new, _) = service.rotate(&created, &account.session, 60).await;
    for (secret, age) in [(new, "current"), (old, "previous")] {
        let mut expected = before.clone();
        expected["secret"] = json!(age);
        assert_eq!(service.me(&secret).await.expect(200), expected);
    }
}

#[tokio::test]
async fn old_secret_is_valid_until_the_exact_end_of_the_grace_period() {
    for grace in [1, 3600, 604_800] {
        let service = OwnService::start().await;
        let account = service.account().await;
        let (old, created) = service.key(&account.session, json!({})).await;
        let (new, rotated) = service.rotate(&created, &account.session, grace).await;
        assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(grace.into()));
        service.time.pass(i64::from(grace) - 1);
        assert_eq!(secret_status(&service, &old).await, "previous");
        service.time.pass(1);
        service.me(&old).await.assert_unauthorized();
        assert_eq!(secret_status(&service, &new).await, "current");
    }
}

#[tokio::test]
async fn default_grace_period_is_a_day() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for body in [None, Some("{}")] {
        let (old, created) = service.key(&account.session, json!({})).await;
        let request =
            service.request("POST", &format!("{}/rotate", key_path(&created))).with(&account.session);
        let request = match body {
            None => request,
            Some(body) => request.header("Content-Type", "application/json").body(body),
        };
        let rotated = request.send().await.expect(200);
        assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(86_400));
        service.time.pass(86_399);
        assert_eq!(secret_status(&service, &old).await, "previous");
        service.time.pass(1);
        service.me(&old).await.assert_unauthorized();
        // Otherwise the session would have expired in the next iteration.
        service.time.pass(-86_400);
    }
}

#[tokio::test]
async fn grace_period_of_0_ends_the_old_secret_immediately() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    let (new, rotated) = service.rotate(&created, &account.session, 0).await;
    assert_eq!(rotated["previous_expires_at"], service.time.in_seconds(0));
    service.me(&old).await.assert_unauthorized();
    assert_eq!(secret_status(&service, &new).await, "current");
}

#[tokio::test]
async fn old_secret_expires_with_the_key_at_the_latest() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(600);
    let (old, created) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (new, rotated) = service.rotate(&created, &account.session, 3600).await;
    assert_eq!(
        (&rotated["expires_at"], &rotated["previous_expires_at"]),
        (&json!(expires_at), &json!(expires_at))
    );
    service.time.pass(599);
    assert_eq!(
        (secret_status(&service, &old).await, secret_status(&service, &new).await),
        (json!("previous"), json!("current"))
    );
    service.time.pass(1);
    for secret in [old, new] {
        service.me(&secret).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn second_rotation_ends_the_first_secret_immediately() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (first, created) = service.key(&account.session, json!({})).await;
    let (second, _) = service.rotate(&created, &account.session, 3600).await;
    let (third, _) = service.rotate(&created, &account.session, 60).await;
    service.me(&first).await.assert_unauthorized();
    assert_eq!(secret_status(&service, &second).await, "previous");
    assert_eq!(secret_status(&service, &third).await, "current");
    // The grace period is that of the last rotation.
    service.time.pass(60);
    service.me(&second).await.assert_unauthorized();
}

#[tokio::test]
async fn grace_period_written_as_60_point_0_returns_200() {
    let (service, account) = start().await;
    let (_, created) = service.key(&account.session, json!({})).await;
    rotate(&service, &created, &account.session, json!({"grace_period": 60.0})).await.expect(200);
}

#[tokio::test]
async fn grace_period_other_than_a_whole_number_up_to_a_week_returns_400() {
    let (service, account) = start().await;
    let (key, created) = service.key(&account.session, json!({})).await;
    for grace in [json!(-1), json!(604_801), json!(1.5), json!("1"), json!(null), json!([1]), json!(u64::MAX)]
    {
        let response = rotate(&service, &created, &account.session, json!({"grace_period": grace})).await;
        response.assert_bad_field("grace_period");
    }
    rotate(&service, &created, &account.session, json!({"grace": 1})).await.assert_bad_field("grace");
    assert_eq!(secret_status(&service, &key).await, "current");
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
    let (service, account) = start().await;
    for permission in ["read", "delete"] {
        let fields = json!({"permissions": [permission], "type": "test", "scope": {"projects": ["proj_a"]}});
        let (first, created) = service.key(&account.session, fields).await;
        let (second, _) = service.rotate(&created, &first, 60).await;
        assert_eq!(secret_status(&service, &second).await, "current");
        // The previous secret may rotate the key, too.
        let (third, _) = service.rotate(&created, &first, 60).await;
        service.me(&first).await.assert_unauthorized();
        assert_eq!(secret_status(&service, &second).await, "previous");
        assert_eq!(secret_status(&service, &third).await, "current");
    }
}

#[tokio::test]
async fn of_another_key_without_admin_returns_403() {
    let (service, account) = start().await;
    let (key, _) = service.key(&account.session, json!({"permissions": ["read", "write", "delete"]})).await;
    let (other, created) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    rotate(&service, &created, &key, json!({})).await.assert_forbidden();
    let path = format!("{}/rotate", key_path(&created));
    service.request("POST", &path).json(&json!({})).send().await.assert_unauthorized();
    assert_eq!(secret_status(&service, &other).await, "current");
}

#[tokio::test]
async fn of_key_with_more_permissions_than_the_caller_returns_403() {
    let (service, account) = start().await;
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
            let (old, created) = service.key(&account.session, json!({"permissions": permissions})).await;
            let response = rotate(&service, &created, &caller, json!({})).await;
            if allowed {
                response.expect(200);
            } else {
                response.assert_forbidden();
                assert_eq!(secret_status(&service, &old).await, "current", "{permissions}");
            }
        }
    }
}

#[tokio::test]
async fn of_key_outside_the_callers_type_or_scope_returns_404_and_changes_nothing() {
    let (service, account) = start().await;
    let scope = |projects: &[&str]| json!({"scope": {"projects": projects}});
    let (live, _) = service.key(&account.session, json!({})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    let (scoped, _) = service.key(&account.session, scope(&["proj_a"])).await;
    for (caller, fields) in [
        (&live, json!({"type": "test"})),
        (&test, json!({})),
        (&scoped, json!({})),
        (&scoped, scope(&["proj_b"])),
        (&scoped, scope(&["proj_a", "proj_b"])),
    ] {
        let (key, created) = service.key(&account.session, fields.clone()).await;
        rotate(&service, &created, caller, json!({})).await.assert_not_found();
        assert_eq!(secret_status(&service, &key).await, "current", "{fields}");
    }
    let (_, within) = service.key(&account.session, scope(&["proj_a"])).await;
    rotate(&service, &within, &scoped, json!({})).await.expect(200);
}

#[tokio::test]
async fn unknown_id_returns_404() {
    let (service, account) = start().await;
    for id in ["key_0000000000000000", "key_", "x", &account.user_id] {
        rotate(&service, &json!({"id": id}), &account.session, json!({})).await.assert_not_found();
    }
}

#[tokio::test]
async fn concurrent_rotations_leave_only_the_latest_secrets_valid() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    let request = || rotate(&service, &created, &account.session, json!({}));
    // All requests read the key before the first one writes it.
    let mut held = [(); 3].map(|()| dynamodb.hold("TransactWriteItems"));
    let all_have_read = async move {
        for held in &mut held {
            held.arrived().await;
        }
    };
    let (one, two, three, ()) = tokio::join!(request(), request(), request(), all_have_read);

    let (succeeded, rejected): (Vec<_>, Vec<_>) =
        [one, two, three].into_iter().partition(|response| response.status == 200);
    assert_eq!(succeeded.len(), 1);
    for response in rejected {
        response.assert_error(409, "CONFLICT");
    }
    assert_eq!(
        secret_status(&service, &Credential::bearer(text(&succeeded[0].body, "key"))).await,
        "current"
    );
    assert_eq!(secret_status(&service, &old).await, "previous");
}
