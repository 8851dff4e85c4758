//! `/v1/auth/password-reset`: resets a forgotten password with a token that is sent by mail.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::denial::Unauthenticated,
    credentials::{
        one_time_token::{OneTimeToken, Purpose},
        password::{NewPassword, Password, VerifiedPassword},
        password_rules::PasswordContext,
        secret_text::SecretText,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    model::{
        mail::{Mail, Message},
        password_reset::ResetRequest,
    },
    primitives::{email::EmailAddress, timestamp::Timestamp},
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function, password_workers},
    store::{MemberWithResets, StoreError},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "POST /v1/auth/password-reset",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "requestPasswordReset",
        summary: "Request a password reset",
        description: "Sends a mail with a link to the address, if it belongs to an active member. The link contains a token, which lasts 30 minutes and works once. While a token is less than ten minutes old, no other one is sent. A later token does not end an earlier one. The response, its time and the work of this request are the same whether or not the address belongs to a member. If the service sends no mails, the response is the same, too.",
        credentials: Credentials::None,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<NewReset>,
            example: || json!({"email": "user@example.com"}),
            optional: false,
        }),
        success: Success {
            status: 202,
            description: "The request was accepted. The body is an empty object, whether or not a mail is sent.",
            body: Some((schema_of::<PasswordResetAccepted>, || json!({}))),
        },
        errors: &[(
            429,
            "This IP address has requested too many resets, or the service received too many requests.",
        )],
    },
    Operation {
        route: "POST /v1/auth/password-reset/confirm",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "resetPassword",
        summary: "Reset a password",
        description: "Replaces the password of the member to whom the token was sent, and ends all of their sessions and reset tokens. A password that was disabled after failed logins is enabled. A rejected new password does not use up the token. The token is invalid if it or another one of the member was used, it has expired, or the member's sessions were all ended since it was sent, for example by a change of the password or a suspension.",
        credentials: Credentials::None,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<Confirmation>,
            example: || json!({"token": examples::RESET_TOKEN, "new_password": "two lizards on the 8th wall"}),
            optional: false,
        }),
        success: Success::NO_CONTENT,
        errors: &[
            (401, "The token is not valid."),
            (409, "Concurrent requests changed the member or the account."),
        ],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    match (request.method(), request.route()) {
        ("POST", "/v1/auth/password-reset") => request_reset(&app, &request).await,
        ("POST", "/v1/auth/password-reset/confirm") => reset(&app, &request).await,
        _ => Err(Error::not_found()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewReset {
    /// The address of the member who forgot the password. Case is ignored.
    email: EmailAddress,
}

/// An empty object.
#[derive(Serialize, JsonSchema)]
struct PasswordResetAccepted {}

/// Makes one write, of the source's number of requests, and hands the address over to another function, whatever it belongs to. So
/// neither the response nor its time reveals anything about the address.
async fn request_reset(app: &App, request: &Request) -> Result<Response, Error> {
    let NewReset { email } = request.body()?;
    let audit_context = request.audit_context(app);
    let peppers = app.peppers().await?;
    let attempt = Attempt::new(email.as_str(), request.source_ip(), audit_context.at, &peppers, &app.random);
    app.store.count_reset_request(&attempt).await?;
    app.send_password_reset(&ResetRequest { email, context: (&audit_context).into() }).await?;
    Ok(http::json(StatusCode::ACCEPTED, &PasswordResetAccepted {}))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// The token from the link: `reset_…`.
    token: SecretText,
    /// The password to use from now on.
    // Its length is checked after the token, so that an invalid token gets 401.
    #[schemars(with = "NewPassword")]
    new_password: Password,
}

/// How often a reset is tried if the tokens, the member or the account are changed after they were read.
const ATTEMPTS: usize = 3;

async fn reset(app: &App, request: &Request) -> Result<Response, Error> {
    let Confirmation { token, new_password } = request.body()?;
    let token = OneTimeToken::parse(Purpose::PasswordReset, token.expose(), app.token_mac_key()?)?;
    let mut owner = token_owner(app, &token, app.clock.now()).await?;

    let new = NewPassword::try_from(new_password.clone())
        .map_err(|invalid| Error::bad_field("new_password", invalid))?;
    let current = current_password(app, &owner, new_password).await?;
    let context = PasswordContext::new(owner.member.email.clone(), owner.account.name.clone());
    let peppers = app.peppers().await?;
    let hash = password_workers::hash(new, current, context, "new_password", peppers, &app.random).await?;
    for _ in 0..ATTEMPTS {
        let audit_context = request.audit_context(app);
        match app.store.reset_password(&owner, &hash, &audit_context).await {
            Ok(()) => {
                let message = Message::PasswordReset((&audit_context).into());
                app.send_mail(&Mail::to(owner.member.account_id, &owner.member.email, message)).await;
                return Ok(http::no_content());
            }
            Err(StoreError::Conflict) => owner = token_owner(app, &token, app.clock.now()).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Loads the member whose password this token resets.
///
/// # Errors
/// 401 if the token is not valid.
async fn token_owner(app: &App, token: &OneTimeToken<'_>, now: Timestamp) -> Result<MemberWithResets, Error> {
    let owner = app.store.member_with_resets(token.account_id, token.user_id).await?;
    let owner = owner.filter(|owner| !owner.resets.is_empty());
    let owner = owner.ok_or_else(|| Error::unauthorized(Unauthenticated::Unknown))?;
    let MemberWithResets { member, account, resets, .. } = &owner;
    let peppers = app.peppers_with(resets.pepper_versions()).await?;
    let denial = match resets.find(token.expose(), &peppers).map_err(Error::unavailable)? {
        None => Unauthenticated::WrongSecret,
        Some(reset) if reset.has_expired(now) => Unauthenticated::Expired,
        Some(reset) if !reset.is_of_epochs(member, account) || !member.may_log_in(account) => {
            Unauthenticated::SessionEnded
        }
        Some(_) => return Ok(owner),
    };
    Err(Error::unauthorized(denial))
}

/// Returns the new password if it is the current one. A disabled password is not compared, because it must not be verified. Neither
/// is one whose pepper is not available: a member must be able to replace it.
async fn current_password(
    app: &App,
    owner: &MemberWithResets,
    new_password: Password,
) -> Result<Option<VerifiedPassword>, Error> {
    let Some(hash) = &owner.password else { return Ok(None) };
    let peppers = app.peppers_with([hash.pepper_version()]).await?;
    if !peppers.contains(hash.pepper_version()) {
        return Ok(None);
    }
    let permit = password_workers::acquire_permit()?;
    password_workers::verify(permit, Some(hash.clone()), new_password, peppers).await
}
