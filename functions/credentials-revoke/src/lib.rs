//! `POST /v1/credentials/revoke`: ends credentials that somebody reports as leaked.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::reported_credential::{is_token_of_key, is_token_of_session, pepper_versions},
    credentials::{
        pepper::{Peppers, UnknownPepper},
        secret_text::SecretText,
        token::Token,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{self, Body, Operation, Success, Tag, schema_of},
    },
    primitives::timestamp::Timestamp,
    runtime::{app::App, function::Function},
    store::{CredentialId, StoredCredential},
    telemetry::log::TARGET,
};
use tracing::warn;

/// The maximum number of credentials in a request. One `BatchGetItem` reads as many items.
const MAX_CREDENTIALS: usize = 100;

/// The number of transactions that a request makes at the same time.
const CONCURRENT_WRITES: usize = 10;

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/credentials/revoke",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::LeakedCredentials,
    name: "revokeLeakedCredentials",
    summary: "Report leaked credentials",
    description: "Ends each API key and each session in the list whose token is valid. An API key is revoked permanently, with both of its secrets, if the token is its current secret or a previous one in its grace period, even if the key has expired. The audit trail of the account records each of them with `\"reason\": \"reported\"` and the IP address of this request.\n\nAnyone may send this request: it needs no credential, and an `Authorization` header is ignored. The response is the same whether a token is valid, invalid or not a token at all. With 503, some of the credentials may still be valid: send the same request again, which has no effect on those that have ended.",
    credentials: openapi::Credentials::None,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<Report>,
        example: || json!({"credentials": [examples::SECRET]}),
        optional: false,
    }),
    success: Success {
        status: 202,
        description: "None of the credentials is valid any longer. The body is an empty object, whatever was valid before.",
        body: Some((schema_of::<Accepted>, || json!({}))),
    },
    errors: &[(503, "Some of the credentials may still be valid. Send the same request again.")],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Report {
    /// 1 to 100 leaked credentials, each as the whole token: `mt_live_…`, `mt_test_…` or `sess_…`, without `Bearer` or `Session`.
    /// White space around a token is ignored.
    credentials: ReportedTexts,
}

/// 1 to 100 texts.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline, extend("minItems" = 1, "maxItems" = MAX_CREDENTIALS))]
#[serde(try_from = "Vec<SecretText>")]
struct ReportedTexts(Vec<SecretText>);

impl TryFrom<Vec<SecretText>> for ReportedTexts {
    type Error = String;

    fn try_from(texts: Vec<SecretText>) -> Result<Self, String> {
        if (1..=MAX_CREDENTIALS).contains(&texts.len()) {
            Ok(Self(texts))
        } else {
            Err(format!("must contain 1 to {MAX_CREDENTIALS} credentials"))
        }
    }
}

/// An empty object.
#[derive(Serialize, JsonSchema)]
struct Accepted {}

/// The reported tokens of each credential: more than one if both secrets of a key are reported.
type Tokens<'a> = HashMap<CredentialId, Vec<&'a str>>;

/// A text whose check digits are wrong causes no read. So a request without a token that this service has created needs no
/// call to the table.
async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Report { credentials: ReportedTexts(texts) } = request.body()?;
    let mac_key = app.token_mac_key()?;
    let mut tokens = Tokens::new();
    for token in texts.iter().filter_map(|text| Token::from_text(text.expose().trim(), mac_key).ok()) {
        tokens.entry(CredentialId::from(&token)).or_default().push(token.expose());
    }
    if !tokens.is_empty() {
        end_all(&app, &request, &tokens).await?;
    }
    Ok(http::json(StatusCode::ACCEPTED, &Accepted {}))
}

/// Ends all credentials of which one of the `tokens` is valid.
///
/// If one cannot be read, verified or ended, the others are ended nevertheless, and the result is an error.
async fn end_all(app: &App, request: &Request, tokens: &Tokens<'_>) -> Result<(), Error> {
    let ids: Vec<_> = tokens.keys().copied().collect();
    let (credentials, failed) = app.store.load_reported_credentials(&ids).await;
    let now = app.clock.now();
    let versions: Vec<_> = credentials.iter().flat_map(|credential| versions(credential, now)).collect();
    let peppers = app.peppers_with(versions).await?;
    let ends = credentials.into_iter().map(|credential| end(app, request, credential, tokens, &peppers, now));
    let results: Vec<_> = stream::iter(ends).buffer_unordered(CONCURRENT_WRITES).collect().await;
    failed.into_iter().map(|error| Err(error.into())).chain(results).collect()
}

/// Returns the pepper versions that are needed to verify the tokens of `credential`.
fn versions(credential: &StoredCredential, now: Timestamp) -> Vec<&str> {
    match credential {
        StoredCredential::ApiKey(key) => pepper_versions(key, now).collect(),
        StoredCredential::Session(session) => vec![session.digest.pepper_version()],
    }
}

/// Ends `credential` if one of the `tokens` is valid.
async fn end(
    app: &App,
    request: &Request,
    credential: StoredCredential,
    tokens: &Tokens<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<(), Error> {
    let tokens = tokens.get(&CredentialId::from(&credential));
    let tokens = tokens.ok_or_else(|| Error::internal("an item has the ids of another credential"))?;
    let is_token = |token: &str| match &credential {
        StoredCredential::ApiKey(key) => is_token_of_key(token, key, peppers, now),
        StoredCredential::Session(session) => is_token_of_session(token, session, peppers),
    };
    let mut verified = Ok(false);
    for token in tokens {
        match is_token(token) {
            Ok(true) => return end_reported(app, request, &credential).await,
            Ok(false) => {}
            // Another token may be valid.
            Err(unknown_pepper) => verified = Err(unknown_pepper),
        }
    }
    match verified {
        // Nobody can use the credential either, so the reporter need not repeat the report.
        Err(UnknownPepper) if app.are_peppers_available_or_lost(versions(&credential, now))? => {
            log_unverifiable(&credential);
            Ok(())
        }
        verified => verified.map(drop).map_err(Error::unavailable),
    }
}

/// Logs that nobody can verify the tokens of `credential`.
fn log_unverifiable(credential: &StoredCredential) {
    let id = match credential {
        StoredCredential::ApiKey(key) => key.id.to_string(),
        StoredCredential::Session(session) => session.id.to_string(),
    };
    warn!(target: TARGET, credential_id = id, "the pepper of a reported credential is lost");
}

/// Ends `credential`, and records that in the audit trail of its account.
async fn end_reported(app: &App, request: &Request, credential: &StoredCredential) -> Result<(), Error> {
    let audit_context = request.audit_context(app);
    match credential {
        StoredCredential::ApiKey(key) => app.store.revoke_reported_key(key, &audit_context).await?,
        StoredCredential::Session(session) => app.store.end_reported_session(session, &audit_context).await?,
    }
    Ok(())
}
