//! The operator's command `end_all_credentials`.

use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Account, Credential, Item, OwnService, PASSWORD, Service, key_path, new_address},
};

async fn end_all(service: &Service, account: &Account) {
    let command = json!({"end_all_credentials": {"account_id": account.id}});
    assert_eq!(service.operate(command).await, Ok(json!({"account_id": account.id})));
}

/// Returns all items, sorted.
async fn sorted_items(service: &OwnService) -> Vec<Item> {
    let mut items = service.items().await;
    items.sort_by_key(|item| ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone()));
    items
}

/// Credentials and tokens of one account.
struct Issued {
    /// Sessions and keys, and the previous secret of a key.
    credentials: Vec<Credential>,
    /// Requests that use an invitation, a login token and a reset token.
    requests: [(&'static str, Value); 3],
}

impl Issued {
    async fn new(service: &Service, account: &Account) -> Self {
        let admin = &account.session;
        let (previous, record) = service.key(admin, json!({})).await;
        let (key, _) = service.rotate(&record, admin, 3_600).await;
        let (test_key, _) = service.key(&key, json!({"type": "test"})).await;
        let email = new_address();
        let (member, _) = service.member_with_email(admin, &email, &["read"]).await;
        let (_, passkey) = service.add_passkey(&member).await;
        let pending = service.second_factor(&email).await;
        let invited = service.invite(admin, &new_address(), &["read"]).await;
        let reset =
            service.operate(json!({"reset_password": {"email": account.email}})).await.expect("a token");
        let requests = [
            (
                "login/second-factor",
                json!({"login_token": pending["login_token"], "recovery_code": passkey["recovery_codes"][0]}),
            ),
            ("accept-invitation", json!({"token": invited["invitation"]["token"], "password": PASSWORD})),
            (
                "password-reset/confirm",
                json!({"token": reset["token"], "new_password": "two lizards on the wall"}),
            ),
        ];
        Self { credentials: vec![admin.clone(), member, previous, key, test_key], requests }
    }

    /// Uses everything, and returns the statuses of the responses.
    async fn statuses(&self, service: &Service) -> Vec<u16> {
        let mut statuses = Vec::new();
        for credential in &self.credentials {
            statuses.push(service.me(credential).await.status);
        }
        for (path, body) in &self.requests {
            let request = service.request("POST", &format!("/v1/auth/{path}")).json(body);
            statuses.push(request.send().await.status);
        }
        statuses
    }
}

#[tokio::test]
async fn sessions_keys_invitations_login_and_reset_tokens_of_one_account_end() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let (ended, others) = (Issued::new(&service, &account).await, Issued::new(&service, &other).await);
    end_all(&service, &account).await;
    assert_eq!(ended.statuses(&service).await, [401; 8]);
    assert_eq!(others.statuses(&service).await, [200, 200, 200, 200, 200, 200, 200, 204]);
    let session = service.login(&account.email).await;
    let (key, _) = service.key(&session, json!({})).await;
    service.me(&key).await.expect(200);
    // Each run ends what was created since the last one.
    end_all(&service, &account).await;
    for credential in [&session, &key] {
        service.me(credential).await.assert_unauthorized();
    }
    service.login(&account.email).await;
}

#[tokio::test]
async fn ended_key_is_revoked_and_can_be_neither_rotated_nor_changed() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    end_all(&service, &account).await;
    let session = service.login(&account.email).await;
    let path = key_path(&record);
    assert_eq!(service.get(&path, &session).await.expect(200)["status"], "revoked");
    for (query, ids) in [("?status=revoked", &[text(&record, "id")][..]), ("?status=active", &[]), ("", &[])]
    {
        assert_eq!(service.ids(&format!("/v1/api-keys{query}"), &session, 50).await, ids, "{query}");
    }
    let rotated = service.post(&format!("{path}/rotate"), &session, json!({})).await;
    rotated.assert_error(409, "CONFLICT");
    service.patch(&path, &session, json!({"name": "New"})).await.assert_error(409, "CONFLICT");

    // Changes of the account and its policy keep the epoch, and the restriction that makes the previous version reject the key.
    for change in
        [json!({"policy": {"idle_key_days": 7}}), json!({"policy": {"idle_key_days": null}, "name": "New"})]
    {
        service.patch("/v1/account", &session, change).await.expect(200);
        service.me(&key).await.assert_unauthorized();
        let stored = service.item(&account.partition(), "ACCOUNT").await.expect("the account");
        let restrictions = stored["restrictions"].as_ss().expect("names");
        assert!(restrictions.contains(&"key_epoch".to_owned()), "{restrictions:?}");
    }
    service.delete(&path, &session).await.expect(204);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn keys_created_afterwards_count_from_zero_and_up_to_the_limit() {
    let service = Service::start().await;
    let account = service.account().await;
    let limit = json!({"set_limits": {"account_id": account.id, "keys": {"live": 2}}});
    service.operate(limit.clone()).await.expect("the limit is set");
    let create = async |session: &Credential| {
        let body = json!({"name": "A key", "permissions": ["read"]});
        service.post("/v1/api-keys", session, body).await
    };
    let ended = [create(&account.session).await.expect(201), create(&account.session).await.expect(201)];
    create(&account.session).await.assert_error(409, "CONFLICT");
    end_all(&service, &account).await;
    let session = service.login(&account.email).await;
    create(&session).await.expect(201);
    // The keys are counted again.
    service.operate(limit).await.expect("the limit is set");
    let last = create(&session).await.expect(201);
    create(&session).await.assert_error(409, "CONFLICT");
    // An ended key makes no room, because it does not count.
    service.delete(&key_path(&ended[0]), &session).await.expect(204);
    create(&session).await.assert_error(409, "CONFLICT");
    service.delete(&key_path(&last), &session).await.expect(204);
    create(&session).await.expect(201);
    create(&session).await.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn unknown_account_is_not_found_and_no_item_is_created() {
    let service = OwnService::start().await;
    service.account().await;
    let before = sorted_items(&service).await;
    let command = json!({"end_all_credentials": {"account_id": "acct_0000000000000000"}});
    assert_eq!(service.operate(command).await.expect_err("no account").error_type, "NOT_FOUND");
    assert_eq!(sorted_items(&service).await, before);
}
