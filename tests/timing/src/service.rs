//! A running service with a clock that the measurements set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use gateway::{Gateway, Options};
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::Error;

const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
pub const PASSWORD: &str = "a lizard on the 7th wall";

pub struct Service {
    pub gateway: Gateway,
    minutes: Arc<AtomicI64>,
}

impl Service {
    /// Starts a service whose gateway has options that `change` has changed.
    pub async fn start(change: impl FnOnce(&mut Options)) -> Result<Self, Error> {
        let minutes = Arc::new(AtomicI64::new(0));
        let clock = {
            let minutes = Arc::clone(&minutes);
            Clock::new(move || START + Duration::minutes(minutes.load(Ordering::SeqCst)))
        };
        let mut options = Options { clock, ..Options::ephemeral() };
        change(&mut options);
        Ok(Self { gateway: Gateway::start(options).await?, minutes })
    }

    pub fn advance_clock(&self, by: Duration) {
        self.minutes.fetch_add(by.whole_minutes(), Ordering::SeqCst);
    }

    pub async fn operate(&self, command: Value) -> Result<Value, Error> {
        Ok(self.gateway.invoke("operator", command).await?)
    }

    /// Creates an account whose first member has this address and [`PASSWORD`]. Returns the account's id.
    pub async fn create_account(&self, email: &str) -> Result<String, Error> {
        let command = json!({"create_account": {"name": "Timing", "email": email, "password": PASSWORD}});
        let created = self.operate(command).await?;
        Ok(created["account_id"].as_str().ok_or("the account has no id")?.to_owned())
    }

    pub async fn suspend_account(&self, account: &str) -> Result<(), Error> {
        self.operate(json!({"suspend_account": {"account_id": account}})).await?;
        Ok(())
    }

    /// Logs in with [`PASSWORD`]. Returns the value of the header `Authorization`.
    pub async fn log_in(&self, email: &str) -> Result<String, Error> {
        let body = json!({"email": email, "password": PASSWORD});
        let response = self.invoke("login", "/v1/auth/login", &body).await?;
        let session: Value = serde_json::from_str(response["body"].as_str().unwrap_or_default())?;
        Ok(format!("Session {}", session["session_token"].as_str().ok_or("the login failed")?))
    }

    /// Invokes a function with a `POST` request to `route`, which needs no credential. Returns the response as the function returns it.
    pub async fn invoke(&self, function: &str, route: &str, body: &Value) -> Result<Value, Error> {
        let mut event: Value = serde_json::from_str(include_str!("../../../infra/events/login.json"))?;
        for field in ["resource", "path"] {
            event[field] = route.into();
        }
        for field in ["resourcePath", "path"] {
            event["requestContext"][field] = route.into();
        }
        event["body"] = body.to_string().into();
        Ok(self.gateway.invoke(function, event).await?)
    }

    /// Invites a member with the permission `read`, and returns the id and the token of the invitation.
    pub async fn invite(&self, session: &str, email: &str) -> Result<(String, String), Error> {
        let body = json!({"email": email, "permissions": ["read"]});
        let invited = self.send("POST", "/v1/members", session, Some(&body)).await?;
        Ok((text(&invited["id"])?, text(&invited["invitation"]["token"])?))
    }

    /// Accepts an invitation with [`PASSWORD`].
    pub async fn accept(&self, token: &str) -> Result<Value, Error> {
        let body = json!({"token": token, "password": PASSWORD});
        self.invoke("accept-invitation", "/v1/auth/accept-invitation", &body).await
    }

    /// Sends a request to the gateway and returns the body of the response.
    pub async fn send(
        &self,
        method: &'static str,
        path: &str,
        session: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let url = format!("{}{path}", self.gateway.url());
        let request = reqwest::Client::new().request(method.parse()?, url).header("Authorization", session);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let text = request.send().await?.error_for_status()?.text().await?;
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }
}

fn text(value: &Value) -> Result<String, Error> {
    Ok(value.as_str().ok_or("the response has another form")?.to_owned())
}
