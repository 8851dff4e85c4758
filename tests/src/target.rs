//! A service with one entity of each kind, for requests that must be rejected without changing anything.

use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Credential, PASSWORD, Service, new_address},
};

pub struct Target {
    pub service: Service,
    /// The session of a member with all permissions.
    pub session: Credential,
    /// The placeholders of paths and bodies, with their values.
    parameters: [(&'static str, String); 6],
}

impl Target {
    pub async fn start() -> Self {
        let service = Service::start().await;
        let account = service.account().await;
        let session = account.session;
        service.login(&account.email).await;
        let sessions = service.get("/v1/auth/sessions", &session).await.expect(200);
        let (_, key) = service.key(&session, json!({})).await;
        let forgetful = new_address();
        let body = json!({"email": forgetful, "password": PASSWORD, "permissions": ["read"]});
        service.post("/v1/members", &session, body).await.expect(201);
        let command = json!({"reset_password": {"email": forgetful}});
        let reset = service.operate(command).await.expect("a token");
        let parameters = [
            ("{reset_token}", text(&reset, "token").to_owned()),
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
