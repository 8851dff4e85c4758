//! The demo account, with which a developer can try the service.

use std::{fmt, path::PathBuf};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::primitives::random::Random;

use crate::{Gateway, function_error::FunctionError, tables};

const EMAIL: &str = "demo@example.com";

/// Instructions for trying the service, which `Display` writes.
#[derive(Debug)]
pub enum Demo {
    /// The demo account was just created.
    Created(DemoAccount),
    /// There was data already, so no demo account was created.
    Existing(ExistingData),
}

/// A new demo account, with its secrets.
pub struct DemoAccount {
    url: String,
    password: String,
    live_key: String,
    test_key: String,
    project: String,
}

/// The data of an earlier start.
pub struct ExistingData {
    pub(crate) url: String,
    pub(crate) location: DataLocation,
    /// The email address and the password that the instructions suggest for another account.
    pub(crate) email: String,
    pub(crate) password: String,
}

/// Where the tables and the pepper are.
#[derive(Debug, Clone)]
pub(crate) enum DataLocation {
    Memory,
    /// The data folder contains the tables and the pepper.
    Folder(PathBuf),
    /// The tables are in the DynamoDB at `url`. The pepper is in `folder`, or in memory.
    DynamoDb {
        url: String,
        tables: Vec<String>,
        folder: Option<PathBuf>,
    },
}

/// Why the demo account could not be created.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot read the table: {0}")]
    Table(String),
    #[error(transparent)]
    Operator(#[from] FunctionError),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("POST {path} returned {status}")]
    UnexpectedResponse { path: &'static str, status: StatusCode },
}

impl Demo {
    /// Creates the demo account if all tables are empty.
    pub(crate) async fn create(gateway: &Gateway, random: &Random) -> Result<Self, DemoError> {
        for table in &gateway.used_tables {
            if !tables::is_empty(gateway.dynamodb(), table).await.map_err(DemoError::Table)? {
                return Ok(Self::Existing(ExistingData {
                    url: gateway.url().to_owned(),
                    location: gateway.data_location.clone(),
                    email: format!("demo-{}@example.com", characters(random.bytes::<4>())),
                    password: password(random),
                }));
            }
        }
        let password = password(random);
        let account = json!({ "name": "Demo", "email": EMAIL, "password": password });
        gateway.invoke("operator", json!({ "create_account": account })).await?;

        let http = Client::new();
        let url = gateway.url();
        let login = json!({ "email": EMAIL, "password": password });
        let session =
            format!("Session {}", post(&http, url, "/v1/auth/login", None, &login, "session_token").await?);
        let create_key = async |kind: &str| {
            let permissions = ["read", "write", "delete", "admin"];
            let key = json!({ "name": format!("Demo {kind}"), "type": kind, "permissions": permissions });
            post(&http, url, "/v1/api-keys", Some(&session), &key, "key").await
        };
        let (live_key, test_key) = (create_key("live").await?, create_key("test").await?);
        let project = json!({ "name": "Demo" });
        let bearer = format!("Bearer {live_key}");
        let project = post(&http, url, "/v1/projects", Some(&bearer), &project, "id").await?;
        Ok(Self::Created(DemoAccount { url: url.to_owned(), password, live_key, test_key, project }))
    }
}

/// Sends `body` and returns the string in the field `field` of the response.
async fn post(
    http: &Client,
    url: &str,
    path: &'static str,
    authorization: Option<&str>,
    body: &Value,
    field: &str,
) -> Result<String, DemoError> {
    let mut request = http.post(format!("{url}{path}")).json(body);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.send().await?;
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    body[field].as_str().map(ToOwned::to_owned).ok_or(DemoError::UnexpectedResponse { path, status })
}

/// Returns a password that is easy to read and to type: five groups of four characters, 100 bits.
fn password(random: &Random) -> String {
    let groups = [(); 5].map(|()| characters(random.bytes::<4>()));
    groups.join("-")
}

/// Returns a random character for each byte, of 5 bits.
fn characters<const N: usize>(bytes: [u8; N]) -> String {
    // 32 characters without those that look similar, such as l and 1.
    const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes.map(|byte| char::from(CHARACTERS[usize::from(byte % 32)])).iter().collect()
}

impl fmt::Debug for DemoAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DemoAccount(…)")
    }
}

impl fmt::Debug for ExistingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExistingData").field(&self.location).finish()
    }
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(account) => account.fmt(f),
            Self::Existing(data) => data.fmt(f),
        }
    }
}

impl fmt::Display for ExistingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, location, email, password } = self;
        let tables = match location {
            DataLocation::Memory => "The memory of this gateway".to_owned(),
            DataLocation::Folder(folder) => format!("The data folder {}", folder.display()),
            DataLocation::DynamoDb { url, .. } => format!("The DynamoDB at {url}"),
        };
        writeln!(f, "\n{tables} already contains data, so no demo account was created.")?;
        match location {
            DataLocation::DynamoDb { folder: None, .. } => f.write_str(
                "\nThe passwords and keys of that data do not work, because --ephemeral created a new pepper. They work only\n\
                 with --data and the folder that they were created with.\n",
            )?,
            _ => writeln!(
                f,
                "\nTo log in, use {EMAIL} and the password that the first start printed.\n\
                 The password cannot be printed again, because only its hash is stored."
            )?,
        }
        if let DataLocation::DynamoDb { folder: Some(folder), .. } = location {
            writeln!(
                f,
                "It works only if that start used the same data folder, {}, which contains the pepper.",
                folder.display()
            )?;
        }
        write!(
            f,
            r#"
If you cannot log in, create another account: paste this command into another shell. You can replace the email address and
the password in it first:

  curl -s {url}/2015-03-31/functions/operator/invocations \
    -d '{{"create_account": {{"name": "Demo", "email": "{email}", "password": "{password}"}}}}'; echo

"#
        )?;
        match location {
            DataLocation::Memory => f.write_str("To delete all data, restart the gateway."),
            DataLocation::Folder(folder) => write!(
                f,
                "To delete all data, stop the gateway and delete the folder {}.\n\
                 The next start creates a new demo account.",
                folder.display()
            ),
            DataLocation::DynamoDb { tables, .. } => write!(
                f,
                "To delete all data, stop the gateway and delete the table {} in that DynamoDB.\n\
                 The next start creates a new demo account.",
                tables.join(", ")
            ),
        }
    }
}

impl fmt::Display for DemoAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, password, live_key, test_key, project } = self;
        write!(
            f,
            r#"
A demo account was created. To try the API, paste this into another shell:

  API={url}
  LIVE_KEY={live_key}
  JSON='Content-Type: application/json'

  echo '== List the projects with the live key'
  curl -s "$API/v1/projects" -H "Authorization: Bearer $LIVE_KEY"; echo

  echo '== Log in'
  SESSION=$(curl -s "$API/v1/auth/login" -H "$JSON" \
    -d '{{"email": "{EMAIL}", "password": "{password}"}}' \
    | sed 's/.*"session_token": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/auth/me" -H "Authorization: Session $SESSION"; echo

  echo '== Create a key that can only read one project'
  CREATED=$(curl -s "$API/v1/api-keys" -H "Authorization: Session $SESSION" -H "$JSON" \
    -d '{{"name": "Reader", "permissions": ["read"], "scope": {{"projects": ["{project}"]}}}}')
  KEY_ID=$(printf '%s' "$CREATED" | sed 's/.*"id": *"\(key_[^"]*\)".*/\1/')
  KEY=$(printf '%s' "$CREATED" | sed 's/.*"key": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"; echo

  echo '== The key cannot write'
  curl -s -w ' %{{http_code}}\n' -X PATCH "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY" \
    -H "$JSON" -d '{{"name": "Mine"}}'

  echo '== Rotate the key. The old secret works for another 60 seconds'
  KEY=$(curl -s "$API/v1/api-keys/$KEY_ID/rotate" -H "Authorization: Session $SESSION" -H "$JSON" \
    -d '{{"grace_period": 60}}' | sed 's/.*"key": *"\([^"]*\)".*/\1/')
  curl -s "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"; echo

  echo '== Revoke the key. It no longer works'
  curl -s -w '%{{http_code}}\n' -X DELETE "$API/v1/api-keys/$KEY_ID" -H "Authorization: Session $SESSION"
  curl -s -w ' %{{http_code}}\n' "$API/v1/projects/{project}" -H "Authorization: Bearer $KEY"

The password and the keys of the demo account are not printed again. Save them if you need them later:

  email     {EMAIL}
  password  {password}
  live key  {live_key}
  test key  {test_key}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_has_five_groups_of_letters_and_digits() {
        let password = password(&Random::system());
        assert_eq!(password.len(), 24);
        assert_eq!(password.split('-').count(), 5);
        assert!(password.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric()), "{password}");
    }

    #[test]
    fn display_contains_secrets_and_debug_does_not() {
        let account = DemoAccount {
            url: "http://127.0.0.1:3000".to_owned(),
            password: "a password".to_owned(),
            live_key: "a live key".to_owned(),
            test_key: "a test key".to_owned(),
            project: "proj_1".to_owned(),
        };
        let demo = Demo::Created(account);
        for secret in ["a password", "a live key", "a test key"] {
            assert!(demo.to_string().contains(secret));
            assert!(!format!("{demo:?}").contains(secret));
        }
        let demo = existing(DataLocation::Memory);
        assert!(demo.to_string().contains("a password"));
        assert!(!format!("{demo:?}").contains("a password"));
    }

    fn existing(location: DataLocation) -> Demo {
        Demo::Existing(ExistingData {
            url: "http://127.0.0.1:3000".to_owned(),
            location,
            email: "demo-abcd@example.com".to_owned(),
            password: "a password".to_owned(),
        })
    }

    #[test]
    fn existing_data_is_explained_for_each_location() {
        let url = "http://127.0.0.1:8000".to_owned();
        let folder = PathBuf::from("/data");
        let tables = vec!["a-table".to_owned()];
        for (location, expected) in [
            (
                DataLocation::Folder(folder.clone()),
                &["The data folder /data already contains data", "delete the folder /data."][..],
            ),
            (
                DataLocation::DynamoDb { url: url.clone(), tables: tables.clone(), folder: Some(folder) },
                &[
                    "The DynamoDB at http://127.0.0.1:8000 already contains data",
                    "the same data folder, /data,",
                ],
            ),
            (
                DataLocation::DynamoDb { url, tables, folder: None },
                &["--ephemeral created a new pepper", "delete the table a-table in that DynamoDB."],
            ),
        ] {
            let text = existing(location).to_string();
            for expected in expected {
                assert!(text.contains(expected), "{text}");
            }
            assert_eq!(text.contains("use demo@example.com"), !text.contains("--ephemeral"), "{text}");
        }
    }
}
