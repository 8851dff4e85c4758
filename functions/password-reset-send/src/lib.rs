//! Creates the token of a password reset and sends it by mail. The function has no route: `POST /v1/auth/password-reset` hands each
//! request over to it asynchronously. So the work and the time of that route do not depend on whether the address belongs to a
//! member.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::{
    error::Error,
    http::{json, openapi::Operation},
    model::{
        mail::{Mail, Message},
        password_reset::ResetRequest,
    },
    runtime::{app::App, function::Function, invocation::Invocation, new_password_reset::NewPasswordReset},
    telemetry::{error_chain::error_chain, log::TARGET, metrics::Outcome},
};
use tracing::warn;

/// Empty, because the function has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), event))
}

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<(), Error> {
    let invocation = Invocation::start(&app, &event.context.request_id, "password-reset-send".to_owned());
    let sent = invocation
        .run(async {
            let request = json::parse::<ResetRequest>(event.payload.get().as_bytes())?;
            send(&app, request).await
        })
        .await;
    match &sent {
        Ok(not_sent) => invocation.finish(Outcome::Succeeded, *not_sent),
        Err(error) => invocation.finish_with_error(error),
    }
    sent.map(drop)
}

/// Sends a token to the address, if it belongs to a member whose password may be reset and who has got no token in the last ten
/// minutes. Otherwise returns, for the log, why it sends none.
async fn send(
    app: &App,
    ResetRequest { email, context }: ResetRequest,
) -> Result<Option<&'static str>, Error> {
    let Some(owner) = app.store.member_with_resets_by_address(&email).await? else {
        return Ok(Some("unknown address"));
    };
    if !owner.member.may_log_in(&owner.account) {
        return Ok(Some("the member or the account is suspended or restricted"));
    }
    let now = app.clock.now();
    if owner.resets.are_recent(now) {
        return Ok(Some("a token was sent in the last ten minutes"));
    }
    let NewPasswordReset { token, resets, .. } = NewPasswordReset::new(app, &owner, now).await?;
    if !app.store.create_password_reset(&owner, &resets).await? {
        return Ok(Some("the tokens have changed"));
    }
    let mail = Mail::to(owner.member.account_id, &email, Message::PasswordResetLink { token, context });
    let handed_over = app.try_send_mail(&mail).await;
    if handed_over.is_err()
        && let Err(error) = app.store.discard_password_reset(&owner, &resets).await
    {
        // Lambda runs the function again, but within ten minutes it creates no other token.
        warn!(target: TARGET, reason = error_chain(&error), "a token that was not sent still counts as recent");
    }
    handed_over.map(|()| None)
}
