//! Hands mails over to the function `mail`, which sends them.
//!
//! The function is invoked asynchronously: Lambda stores the event and responds before the function runs, and runs it again if
//! it fails. So neither the response nor its time depends on the mail.

use std::time::Duration;

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use tokio::time::timeout;
use tracing::error;

use crate::{
    model::mail::Mail,
    telemetry::{
        failures::{self, Failure},
        log::TARGET,
        sdk_error::safe_summary,
    },
};

/// How long handing over a mail may take. The request has succeeded by then, so it must still be able to respond.
const HAND_OVER_TIME: Duration = Duration::from_millis(1_500);

/// The function `mail`, as other functions see it.
pub(crate) struct MailQueue {
    client: Client,
    /// The name or the ARN of the function.
    function: String,
}

impl MailQueue {
    pub(crate) fn new(client: Client, function: String) -> Self {
        Self { client, function }
    }

    /// Hands `mail` over. If that fails, the mail is lost: the failure is logged and counted, and does not change the response.
    pub(crate) async fn hand_over(&self, mail: &Mail) {
        let payload = serde_json::to_vec(mail).expect("ids, text and numbers can be written as JSON");
        let invoke = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload));
        // Boxed, because the SDK's futures are large.
        let reason = match timeout(HAND_OVER_TIME, Box::pin(invoke.send())).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => safe_summary(&error),
            Err(elapsed) => elapsed.to_string(),
        };
        failures::count(Failure::Mail);
        error!(target: TARGET, reason, mail = mail.message.name(), "a mail could not be handed over");
    }
}
