//! Invokes another function asynchronously.
//!
//! Lambda stores the event and responds before the function runs, and runs it again if it fails. So neither the response of the
//! caller nor its time depends on what the function does.

use std::time::Duration;

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use serde::Serialize;
use tokio::time::timeout;

use crate::telemetry::sdk_error::safe_summary;

/// How long handing over an event may take. The request may have succeeded by then, so it must still be able to respond.
const HAND_OVER_TIME: Duration = Duration::from_millis(1_500);

/// A function that other functions invoke asynchronously.
pub(crate) struct AsyncFunction {
    client: Client,
    /// The name or the ARN of the function.
    name: String,
}

/// The reason why an event could not be handed over, without any part of it.
#[derive(Debug, thiserror::Error)]
#[error("an event could not be handed over: {0}")]
pub(crate) struct HandOverError(String);

impl AsyncFunction {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Hands `event` over.
    ///
    /// # Errors
    /// If Lambda does not confirm in time that it has stored the event.
    pub(crate) async fn hand_over(&self, event: &impl Serialize) -> Result<(), HandOverError> {
        let payload = serde_json::to_vec(event).expect("ids, text and numbers can be written as JSON");
        let invoke = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload));
        // Boxed, because the SDK's futures are large.
        match timeout(HAND_OVER_TIME, Box::pin(invoke.send())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(HandOverError(safe_summary(&error))),
            Err(elapsed) => Err(HandOverError(elapsed.to_string())),
        }
    }
}
