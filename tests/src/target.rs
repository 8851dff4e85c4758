//! A service with one entity of each kind, for requests that must be rejected without changing anything.

use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    response::text,
    service::{Credential, Service, new_address},
};

/// The JSON that stands for the response of an authenticator: to the options for a new passkey, for a login, and for a second factor.
/// It is an object, as that response is.
const PLACEHOLDERS: [&str; 3] =
    [r#"{"placeholder":"new"}"#, r#"{"placeholder":"login"}"#, r#"{"placeholder":"second"}"#];

pub struct Target {
    pub service: Service,
    /// The session of a member with all permissions.
    pub session: Credential,
    /// The placeholders of paths and bodies, with their values.
    parameters: [(&'static str, String); 13],
}

impl Target {
    pub async fn start() -> Self {
        // Boxed, because it is too large for the stack.
        Box::pin(Self::new()).await
    }

    async fn new() -> Self {
        let service = Service::start().await;
        let account = service.account().await;
        let session = account.session;
        service.login(&account.email).await;
        let sessions = service.get("/v1/auth/sessions", &session).await.expect(200);
        let (_, key) = service.key(&session, json!({})).await;
        let invited = service.invite(&session, &new_address(), &["read"]).await;
        let forgetful = new_address();
        service.member_with_email(&session, &forgetful, &["read"]).await;
        let command = json!({"reset_password": {"email": forgetful}});
        let reset = service.operate(command).await.expect("a token");
        let (member_session, _) = service.member(&session, &["read"]).await;
        let member = service.me(&member_session).await.expect(200);
        let (mut authenticator, _) = service.add_passkey(&member_session).await;
        let pending = service.second_factor(text(&member, "email")).await;
        let passkey_login = service.passkey_login(&mut authenticator).await;
        let new_passkey = service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await;
        let parameters = [
            ("{invitation}", text(&invited["invitation"], "token").to_owned()),
            // Only an invited member can be invited again.
            ("{user_id}/invite", format!("{}/invite", text(&invited, "id"))),
            ("{reset_token}", text(&reset, "token").to_owned()),
            (PLACEHOLDERS[0], new_passkey["credential"].to_string()),
            (PLACEHOLDERS[1], passkey_login["credential"].to_string()),
            (PLACEHOLDERS[2], authenticator.authenticate(&pending["options"]).to_string()),
            ("{login_token}", text(&pending, "login_token").to_owned()),
            ("{passkey_id}", "pk_0000000000000000".to_owned()),
            ("{email}", account.email),
            ("{session_id}", text(&sessions["data"][0], "id").to_owned()),
            ("{key_id}", text(&key, "id").to_owned()),
            ("{project_id}", service.project(&session).await),
            ("{user_id}", service.member(&session, &["read", "write"]).await.1),
        ];
        Self { service, session, parameters }
    }

    /// Replaces the placeholders in a path or body with the ids of existing entities.
    pub fn fill(&self, text: &str) -> String {
        self.parameters.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The lists of everything that a request could change, except when credentials were last used. In a test that takes longer
    /// than a minute, a use is recorded again.
    pub async fn state(&self) -> [Value; 5] {
        let mut state = [const { Value::Null }; 5];
        // A change of the password is visible only in the audit trail.
        let lists = [
            "/v1/api-keys?status=all",
            "/v1/projects",
            "/v1/members",
            "/v1/auth/sessions",
            "/v1/audit-events?limit=1",
        ];
        for (state, list) in state.iter_mut().zip(lists) {
            *state = self.service.get(list, &self.session).await.expect(200);
            for entity in state["data"].as_array_mut().expect("a page") {
                entity.as_object_mut().expect("an entity").remove("last_used_at");
            }
        }
        state
    }
}
