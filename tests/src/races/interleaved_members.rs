//! Concurrent changes of one member by admins and the operator, in every order of their calls.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    dynamodb::DynamoDb,
    races::{
        every_order::{Sending, in_every_order, in_every_order_of_calls},
        interleaved_sign_in::accept,
    },
    response::{Response, text},
    service::{Account, OwnService, Request, new_address},
};

/// Returns true if the account has an item of the member at `path`.
async fn has_item(service: &OwnService, account: &Account, path: &str) -> bool {
    let id = path.strip_prefix("/v1/members/").expect("the path of a member");
    service.item(&account.partition(), &format!("MEMBER#{id}")).await.is_some()
}

/// Returns true if an invitation is valid. The password is rejected, so the invitation is not used up.
async fn is_valid(service: &OwnService, invited: &Value) -> bool {
    let response = service.try_to_accept(text(&invited["invitation"], "token"), "short").await;
    assert!([400, 401].contains(&response.status), "{}", response.text);
    response.status == 400
}

/// Invites a member again and sends another request, in every order of their calls. `check` gets the responses, the first
/// invitation and the path of the member.
async fn invite_again_during(
    service: &OwnService,
    dynamodb: &DynamoDb,
    account: &Account,
    other: impl Fn(&str) -> Request,
    check: impl AsyncFn([Response; 2], (Value, String)),
) {
    let set_up = async || {
        let invited = service.invite(&account.session, &new_address(), &["read"]).await;
        let path = format!("/v1/members/{}", text(&invited, "id"));
        ([invite_again(service, account, &path), other(&path)], (invited, path))
    };
    in_every_order(service, dynamodb, set_up, check).await;
}

fn invite_again(service: &OwnService, account: &Account, path: &str) -> Request {
    service.request("POST", &format!("{path}/invite")).with(&account.session).json(&json!({}))
}

#[tokio::test]
async fn member_invited_again_during_the_removal_is_removed_or_stays() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let remove = |path: &str| service.request("DELETE", path).with(&account.session);
    let check = async |[again, removed]: [Response; 2], (invited, path): (Value, String)| {
        let outcome = format!("{again:?} {removed:?}");
        if removed.status == 204 {
            assert!([200, 404, 409].contains(&again.status), "{outcome}");
            assert!(!has_item(&service, &account, &path).await, "{outcome}");
            let invitation = if again.status == 200 { &again.body } else { &invited };
            assert!(!is_valid(&service, invitation).await, "{outcome}");
        } else {
            assert_eq!((again.status, removed.status), (200, 409), "{outcome}");
            accept(&service, text(&again.body["invitation"], "token")).send().await.expect(200);
        }
    };
    invite_again_during(&service, &dynamodb, &account, remove, check).await;
}

#[tokio::test]
async fn invitation_of_a_member_who_is_invited_again_during_the_suspension_ends() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let suspend = |path: &str| {
        service.request("PATCH", path).with(&account.session).json(&json!({"status": "suspended"}))
    };
    let check = async |[again, suspended]: [Response; 2], (invited, _): (Value, String)| {
        let outcome = format!("{again:?} {suspended:?}");
        assert!(!is_valid(&service, &invited).await, "{outcome}");
        if again.status == 200 {
            assert_eq!(is_valid(&service, &again.body).await, suspended.status == 409, "{outcome}");
        } else {
            assert_eq!((again.status, suspended.status), (409, 200), "{outcome}");
        }
    };
    invite_again_during(&service, &dynamodb, &account, suspend, check).await;
}

#[tokio::test]
async fn one_invitation_is_valid_after_two_that_replace_the_first() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let again = |path: &str| invite_again(&service, &account, path);
    let check = async |responses: [Response; 2], (invited, _): (Value, String)| {
        assert!(!is_valid(&service, &invited).await, "{responses:?}");
        let mut valid = 0;
        for response in &responses {
            assert!([200, 409].contains(&response.status), "{responses:?}");
            valid += usize::from(response.status == 200 && is_valid(&service, &response.body).await);
        }
        assert_eq!(valid, 1, "{responses:?}");
    };
    invite_again_during(&service, &dynamodb, &account, again, check).await;
}

#[tokio::test]
async fn new_invitation_of_a_member_who_gains_a_permission_at_the_same_moment_ends() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let owner = &account.session;
    let (by, _) = service.member(owner, &["read", "admin"]).await;
    // The first use of a session makes one more call.
    service.me(&by).await.expect(200);
    let set_up = async || {
        let invited = service.invite(owner, &new_address(), &["read"]).await;
        let path = format!("/v1/members/{}", text(&invited, "id"));
        // From now on, there is no invitation.
        for status in ["suspended", "active"] {
            service.patch(&path, owner, json!({"status": status})).await.expect(200);
        }
        let again = service.request("POST", &format!("{path}/invite")).with(&by).json(&json!({}));
        let gain =
            service.request("PATCH", &path).with(owner).json(&json!({"permissions": ["read", "write"]}));
        ([again, gain], ())
    };
    let check = async |[again, gained]: [Response; 2], ()| {
        let outcome = format!("{again:?} {gained:?}");
        assert!([200, 403, 409].contains(&again.status), "{outcome}");
        assert!([200, 409].contains(&gained.status), "{outcome}");
        if again.status == 200 {
            assert_eq!(is_valid(&service, &again.body).await, gained.status == 409, "{outcome}");
        }
    };
    in_every_order(&service, &dynamodb, set_up, check).await;
}

/// Gives a member all permissions on behalf of the operator. Returns an empty text or the type of the error.
async fn grant_admin(service: Arc<OwnService>, account: String, user: String) -> String {
    let command = json!({"grant_admin": {"account_id": account, "user_id": user}});
    service.operate(command).await.map_or_else(|error| error.error_type, |_| String::new())
}

#[tokio::test]
async fn grant_admin_during_another_change_leaves_a_consistent_number_of_admins() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let service = Arc::new(service);
    for (permissions, change) in [
        (&["read", "admin"][..], Some(json!({"permissions": ["read"]}))),
        (&["read", "admin"], Some(json!({"status": "suspended"}))),
        (&["read"], Some(json!({"status": "suspended"}))),
        (&["read", "admin"], None),
        (&["read"], None),
    ] {
        let set_up = async || {
            let account = service.account().await;
            let (_, id) = service.member(&account.session, permissions).await;
            let path = format!("/v1/members/{id}");
            let method = if change.is_some() { "PATCH" } else { "DELETE" };
            let request = service.request(method, &path).with(&account.session);
            let request = if let Some(change) = &change { request.json(change) } else { request };
            let changed = async move { request.send().await.status.to_string() };
            let granted = grant_admin(Arc::clone(&service), account.id.clone(), id);
            let requests: [Sending<String>; 2] = [Box::pin(granted), Box::pin(changed)];
            (requests, (account, path))
        };
        let check = async |[granted, changed]: [String; 2], (account, path): (Account, String)| {
            let outcome = format!("{permissions:?}, {change:?}: {granted:?} {changed}");
            assert!(["", "CONFLICT", "NOT_FOUND"].contains(&&*granted), "{outcome}");
            assert!(["200", "204", "409"].contains(&&*changed), "{outcome}");
            assert!(granted.is_empty() || changed != "409", "{outcome}");
            assert_eq!(has_item(&service, &account, &path).await, changed != "204", "{outcome}");
            let members = service.get("/v1/members", &account.session).await.expect(200);
            let is_active_admin = |member: &&Value| {
                let permissions = member["permissions"].as_array().expect("a list");
                member["status"] == "active" && permissions.contains(&json!("admin"))
            };
            let admins = members["data"].as_array().expect("a list").iter().filter(is_active_admin).count();
            let stored = service.item(&account.partition(), "ACCOUNT").await.expect("the account");
            assert_eq!(stored["active_admins"].as_n(), Ok(&admins.to_string()), "{outcome}");
        };
        in_every_order_of_calls(&service, &dynamodb, set_up, check).await;
    }
}
