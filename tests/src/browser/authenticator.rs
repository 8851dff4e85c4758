//! Virtual authenticators, which have passkeys. <https://www.w3.org/TR/webauthn-3/#sctn-automation>

use axum::http::Method;
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Url;
use serde_json::{Value, json};

use crate::browser::Browser;

/// A virtual authenticator accepts at once when a field offers passkeys, without a user who chooses one. So a login screen would
/// be gone before a test can use it.
pub const OFFER_NO_PASSKEY: &str = "PublicKeyCredential.isConditionalMediationAvailable = async () => false";

/// An authenticator that is attached to the browser. Its user consents to everything.
pub struct Authenticator {
    id: String,
}

impl Authenticator {
    /// Attaches an authenticator without passkeys. It is built into the device if `transport` is `internal`.
    pub async fn add(browser: &Browser, transport: &str) -> Self {
        let options = json!({"protocol": "ctap2", "transport": transport, "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true});
        let id = command(browser, Method::POST, String::new(), Some(options)).await;
        Self { id: id.as_str().expect("an id").to_owned() }
    }

    /// Sets whether it verifies the user, such as by a fingerprint.
    pub async fn set_verified(&self, browser: &Browser, is_verified: bool) {
        let body = json!({"isUserVerified": is_verified});
        command(browser, Method::POST, format!("/{}/uv", self.id), Some(body)).await;
    }

    /// Its passkeys with their private keys and counters.
    pub async fn credentials(&self, browser: &Browser) -> Vec<Value> {
        let credentials = command(browser, Method::GET, format!("/{}/credentials", self.id), None).await;
        credentials.as_array().expect("a list").clone()
    }

    pub async fn add_credentials(&self, browser: &Browser, credentials: Vec<Value>) {
        for credential in credentials {
            command(browser, Method::POST, format!("/{}/credential", self.id), Some(credential)).await;
        }
    }

    /// Detaches it.
    pub async fn remove(&self, browser: &Browser) {
        command(browser, Method::DELETE, format!("/{}", self.id), None).await;
    }
}

#[derive(Debug)]
struct Command {
    method: Method,
    /// Below the path of all authenticators.
    path: String,
    body: Option<Value>,
}

async fn command(browser: &Browser, method: Method, path: String, body: Option<Value>) -> Value {
    browser.driver.issue_cmd(Command { method, path, body }).await.expect("the command succeeds")
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/webauthn/authenticator{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (self.method.clone(), self.body.as_ref().map(Value::to_string))
    }
}
