//! `POST /v1/auth/accept-invitation`: makes an invited member active and creates their first session.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{decision::Denied, invitation::verify_invitation},
    credentials::{
        one_time_token::{OneTimeToken, Purpose},
        password::{NewPassword, Password},
        password_rules::PasswordContext,
        secret_text::SecretText,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        new_session::{LOGGED_IN, NewSession},
        openapi::{self, Body, Operation, Tag, schema_of},
    },
    model::{account::Account, member::Member},
    primitives::{factor::Factors, timestamp::Timestamp},
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function, new_admin::report_new_admin, password_workers},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/accept-invitation",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "acceptInvitation",
    summary: "Accept an invitation",
    description: "Makes an invited member active, with the password in the request, and returns a session's token, as a login does. From then on, the address belongs to the member. An invitation lasts 7 days and works once. A rejected password does not use it up.",
    credentials: openapi::Credentials::None,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<Acceptance>,
        example: || json!({"token": examples::INVITATION_TOKEN, "password": examples::PASSWORD}),
        optional: false,
    }),
    success: LOGGED_IN,
    errors: &[
        (
            401,
            "The token is malformed or unknown, or the invitation has expired, was accepted, or has ended.",
        ),
        (
            409,
            "The address belongs to a member of another account, or concurrent requests changed the member or the account, or tried to log in with the address.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    /// The token of the invitation.
    token: SecretText,
    /// The password that the member chooses.
    // Its length is checked after the token, so that an invalid token gets 401.
    #[schemars(with = "NewPassword")]
    password: Password,
}

/// How often an acceptance is tried if the member, the account or the attempt history of the address is changed after it was read.
const ATTEMPTS: usize = 3;

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    let Acceptance { token, password } = request.body()?;
    let token = OneTimeToken::parse(Purpose::Invitation, token.expose(), app.token_mac_key()?)?;
    let (mut member, mut account) = load(&app, &token, app.clock.now()).await?;
    let password =
        NewPassword::try_from(password).map_err(|invalid| Error::bad_field("password", invalid))?;
    // After the token was verified, so that strangers can't make the service hash passwords.
    let context = PasswordContext::new(member.email.clone(), account.name.clone());
    let peppers = app.peppers().await?;
    let hash = password_workers::hash(password, None, context, "password", Arc::clone(&peppers), &app.random)
        .await?;
    for _ in 0..ATTEMPTS {
        let audit_context = request.audit_context(&app);
        let epoch = account.session_epoch;
        let factors = Factors::PASSWORD;
        let now = audit_context.at;
        let new = NewSession::new(&app, &request, &member, epoch, factors, &peppers, now)?;
        let attempt = Attempt::new(member.email.as_str(), request.source_ip(), now, &peppers, &app.random);
        let accepted =
            app.store.accept_invitation(&member, &account, &hash, &new.session, &attempt, &audit_context);
        let accepted = accepted.await;
        match accepted {
            Ok(()) => {
                report_new_admin(&app, None, &member.accepted(), &audit_context).await;
                return Ok(http::json(StatusCode::OK, &new.view()));
            }
            Err(StoreError::Conflict) => (member, account) = load(&app, &token, app.clock.now()).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Loads the member and the account that a token names, if the invitation can be accepted at `now`.
async fn load(app: &App, token: &OneTimeToken<'_>, now: Timestamp) -> Result<(Member, Account), Error> {
    let loaded = app.store.member_and_account(token.account_id, token.user_id).await?;
    let invitation = loaded.as_ref().and_then(|(member, _)| member.invitation.as_ref());
    let peppers = app.peppers_with(invitation.map(|invitation| invitation.digest.pepper_version())).await?;
    verify_invitation(token, loaded, &peppers, now).map_err(|denied| match denied {
        Denied::UnknownPepper(cause) => Error::unavailable(cause),
        denied => Error::unauthorized(denied),
    })
}
