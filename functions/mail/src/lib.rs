//! Writes mails and sends them with Amazon SES. The function has no route: other functions hand mails over to it, by
//! invoking it asynchronously. If it fails, Lambda runs it again, twice at most.

mod content;
mod sender;

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use shared::{
    error::Error,
    http::{json, openapi::Operation},
    model::mail::{MAX_ADMINS, Mail, Recipients},
    primitives::email::EmailAddress,
    runtime::{app::App, function::Function, invocation::Invocation},
    telemetry::{
        failures::{self, Failure},
        log::TARGET,
        metrics::Outcome,
    },
};
use tracing::warn;

use crate::{content::Content, sender::Sender};

/// Empty, because the function has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    let sender = Sender::new(&app.ses_config);
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), sender.clone(), event))
}

async fn handle(app: Arc<App>, sender: Sender, event: LambdaEvent<Box<RawValue>>) -> Result<(), Error> {
    let mail = json::parse::<Mail>(event.payload.get().as_bytes());
    let operation =
        mail.as_ref().map_or_else(|_| "mail".to_owned(), |mail| format!("mail {}", mail.message.name()));
    let invocation = Invocation::start(&app, &event.context.request_id, operation);
    let account_id = mail.as_ref().ok().map(|mail| mail.account_id);
    let sent = invocation.run(async {
        let sent = match mail {
            Ok(mail) => send(&app, &sender, &mail).await,
            Err(malformed) => Err(malformed),
        };
        if sent.is_err() {
            failures::count(Failure::Mail);
        }
        sent
    });
    let sent = sent.await;
    let invocation = match account_id {
        Some(account_id) => invocation.for_account(account_id),
        None => invocation,
    };
    match &sent {
        Ok(()) => invocation.finish(Outcome::Succeeded, None),
        Err(error) => invocation.finish_with_error(error),
    }
    sent
}

/// Sends `mail` to each of its recipients. If this fails for some of them only, it succeeds: a repetition would send the mail
/// again to the others.
async fn send(app: &App, sender: &Sender, mail: &Mail) -> Result<(), Error> {
    let from = app.mail_from().ok_or_else(|| Error::internal("MAIL_FROM is not set"))?;
    let url = app.public_url().ok_or_else(|| Error::internal("PUBLIC_URL is not set"))?;
    let content = Content::of(&mail.message, url);
    let mut failed = None;
    let mut sent = 0;
    for recipient in recipients(app, mail).await? {
        match sender.send(from, &recipient, &content).await {
            Ok(()) => sent += 1,
            Err(error) => {
                warn!(target: TARGET, reason = error.reason(), "a mail could not be sent to one recipient");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if sent == 0 => Err(error),
        Some(_) => {
            failures::count(Failure::Mail);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Returns the addresses that `mail` goes to.
async fn recipients(app: &App, mail: &Mail) -> Result<Vec<EmailAddress>, Error> {
    match &mail.to {
        Recipients::Address(address) => Ok(vec![address.clone()]),
        Recipients::Admins => Ok(app.store.first_admins(mail.account_id, MAX_ADMINS).await?),
    }
}
