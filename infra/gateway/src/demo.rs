//! The account to try the service with, made the way any other is.

use std::fmt;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::primitives::random::Random;

use crate::{Gateway, function_error::FunctionError, tables};

const EMAIL: &str = "demo@example.com";

/// What there is to try the service with.
#[derive(Debug)]
pub enum Demo {
    /// A demo account, just made.
    Made(Account),
    /// Whatever was there before. Its secrets can't be told again.
    Kept,
}

/// A demo account, with its secrets.
pub struct Account {
    url: String,
    password: String,
    live_key: String,
    test_key: String,
    project: String,
}

/// Why there is no demo account.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The table can't be read.
    #[error("the table can't be read: {0}")]
    Table(String),
    /// The operator's function failed.
    #[error(transparent)]
    Operator(#[from] FunctionError),
    /// A request got no answer.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// A request got another answer than it should.
    #[error("POST {path} answered {status}")]
    Answer {
        /// The request's path.
        path: &'static str,
        /// The answer's status.
        status: StatusCode,
    },
}

impl Demo {
    /// Makes the demo account, if there is nothing in any table.
    pub(crate) async fn make(gateway: &Gateway, random: &Random) -> Result<Self, DemoError> {
        for table in gateway.tables.values() {
            if !tables::is_empty(gateway.dynamodb(), table).await.map_err(DemoError::Table)? {
                return Ok(Self::Kept);
            }
        }
        let password = password(random);
        let account = json!({ "name": "Demo", "email": EMAIL, "password": password });
        gateway.invoke("operator", json!({ "create_account": account })).await?;

        let http = Client::new();
        let url = gateway.url();
        let login = json!({ "email": EMAIL, "password": password });
        let session =
            format!("Session {}", ask(&http, url, "/v1/auth/login", None, &login, "session_token").await?);
        let key = async |kind: &str| {
            let permissions = ["read", "write", "delete", "admin"];
            let key = json!({ "name": format!("Demo {kind}"), "type": kind, "permissions": permissions });
            ask(&http, url, "/v1/api-keys", Some(&session), &key, "key").await
        };
        let (live_key, test_key) = (key("live").await?, key("test").await?);
        let project = json!({ "name": "Demo" });
        let bearer = format!("Bearer {live_key}");
        let project = ask(&http, url, "/v1/projects", Some(&bearer), &project, "id").await?;
        Ok(Self::Made(Account { url: url.to_owned(), password, live_key, test_key, project }))
    }
}

/// Posts `body` and gives the string `member` of the answer.
async fn ask(
    http: &Client,
    url: &str,
    path: &'static str,
    authorization: Option<&str>,
    body: &Value,
    member: &str,
) -> Result<String, DemoError> {
    let mut request = http.post(format!("{url}{path}")).json(body);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.send().await?;
    let status = response.status();
    let answer: Value = response.json().await.unwrap_or_default();
    answer[member].as_str().map(ToOwned::to_owned).ok_or(DemoError::Answer { path, status })
}

/// A password that is easily read and typed: five groups of four, 100 bits.
fn password(random: &Random) -> String {
    // 32 characters, none of which looks like another.
    const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let groups = random.bytes::<20>().map(|byte| char::from(CHARACTERS[usize::from(byte % 32)]));
    groups.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(…)")
    }
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(account) => account.fmt(f),
            Self::Kept => f.write_str(
                "There is something in the table already, so no demo account is made.\n\
                 To start afresh, delete the data folder, or choose another one with --data;\n\
                 with --dynamodb, delete the table there too.",
            ),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, password, live_key, test_key, project } = self;
        write!(
            f,
            r#"
A demo account was made. This is shown once:

  e-mail    {EMAIL}
  password  {password}
  live key  {live_key}
  test key  {test_key}

Paste this into another shell to try it:

  API={url}
  LIVE_KEY={live_key}
  JSON='Content-Type: application/json'

  echo '== The projects, read with the live key'
  curl -s "$API/v1/projects" -H "Authorization: Bearer $LIVE_KEY"; echo

  echo '== A session'
  SESSION=$(curl -s "$API/v1/auth/login" -H "$JSON" \
    -d '{{"email": "{EMAIL}", "password": "{password}"}}' \
    | sed 's/.*"session_token": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/auth/me" -H "Authorization: Session $SESSION"; echo

  echo '== A new key, which may read one project alone'
  CREATED=$(curl -s "$API/v1/api-keys" -H "Authorization: Session $SESSION" -H "$JSON" \
    -d '{{"name": "Reader", "permissions": ["read"], "scope": {{"projects": ["{project}"]}}}}')
  KEY_ID=$(printf '%s' "$CREATED" | sed 's/.*"id": *"\(key_[^"]*\)".*/\1/')
  KEY=$(printf '%s' "$CREATED" | sed 's/.*"key": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"; echo

  echo '== It may not write'
  curl -s -w ' %{{http_code}}\n' -X PATCH "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY" \
    -H "$JSON" -d '{{"name": "Mine"}}'

  echo '== Its next secret; the one before works for a minute more'
  KEY=$(curl -s "$API/v1/api-keys/$KEY_ID/rotate" -H "Authorization: Session $SESSION" -H "$JSON" \
    -d '{{"grace_period": 60}}' | sed 's/.*"key": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"; echo

  echo '== Revoked, it is no use to anyone'
  curl -s -w '%{{http_code}}\n' -X DELETE "$API/v1/api-keys/$KEY_ID" -H "Authorization: Session $SESSION"
  curl -s -w ' %{{http_code}}\n' "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_plain() {
        let password = password(&Random::system());
        assert_eq!(password.len(), 24);
        assert!(password.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric()), "{password}");
    }

    #[test]
    fn secrets_are_shown_and_not_logged() {
        let account = Account {
            url: "http://127.0.0.1:3000".to_owned(),
            password: "a password".to_owned(),
            live_key: "a live key".to_owned(),
            test_key: "a test key".to_owned(),
            project: "proj_1".to_owned(),
        };
        let demo = Demo::Made(account);
        for secret in ["a password", "a live key", "a test key"] {
            assert!(demo.to_string().contains(secret));
            assert!(!format!("{demo:?}").contains(secret));
        }
    }
}
