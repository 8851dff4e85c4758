//! Reminds the admins of an account by mail that an API key expires soon. The function has no route: an event source mapping of the
//! template invokes it with the records of the table's stream that say that `DynamoDB` has removed a reminder, because it is due.
//!
//! Lambda delivers each record at least once. A reminder that was sent is not sent again, because the key's item says so. Only if that
//! cannot be stored, or the function is ended just before, a repeated record leads to a second mail. The other way round, a mail could be
//! lost.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    error::Error,
    http::openapi::Operation,
    model::mail::{Mail, Message},
    runtime::{app::App, function::Function, invocation::Invocation},
    store::StreamRecord,
    telemetry::{error_chain::error_chain, log::TARGET, metrics::Outcome},
};
use tracing::warn;

/// Empty, because the function has no route.
pub const OPERATIONS: &[Operation] = &[];

/// Records of the table's stream. Each is parsed on its own, so that a malformed one does not affect the others.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Box<RawValue>>,
}

/// The part of a record that says where in the stream it is.
#[derive(Deserialize)]
struct Position {
    dynamodb: SequenceNumber,
}

#[derive(Deserialize)]
struct SequenceNumber {
    #[serde(rename = "SequenceNumber")]
    sequence_number: String,
}

/// The records that Lambda must deliver again
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchResult {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    /// A sequence number. If it is empty, Lambda delivers the whole batch again.
    item_identifier: String,
}

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), event))
}

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<BatchResult, Error> {
    let invocation = Invocation::start(&app, &event.context.request_id, "key-expiry-reminders".to_owned());
    let processed = invocation
        .run(async {
            let batch: Batch = serde_json::from_str(event.payload.get())
                .map_err(|_| Error::bad_request("The event must contain records of a stream"))?;
            Ok::<_, Error>(process(&app, &batch).await)
        })
        .await;
    match &processed {
        Ok(result) if result.batch_item_failures.is_empty() => invocation.finish(Outcome::Succeeded, None),
        Ok(_) => invocation.finish(Outcome::Failed, Some("some records could not be processed")),
        Err(error) => invocation.finish_with_error(error),
    }
    processed
}

/// Processes all records. Lambda repeats the first one that fails and those after it, so a reminder after it is not late.
async fn process(app: &App, batch: &Batch) -> BatchResult {
    let mut batch_item_failures = Vec::new();
    for record in &batch.records {
        if let Err(error) = remind(app, record).await {
            let position: Option<Position> = serde_json::from_str(record.get()).ok();
            let item_identifier =
                position.map(|position| position.dynamodb.sequence_number).unwrap_or_default();
            warn!(target: TARGET, reason = error.reason(), item_identifier, "a record of the stream could not be processed");
            batch_item_failures.push(ItemFailure { item_identifier });
        }
    }
    BatchResult { batch_item_failures }
}

/// Sends a mail if `record` says that a reminder is due, and the key still expires at the time that the reminder is about.
async fn remind(app: &App, record: &RawValue) -> Result<(), Error> {
    // The causes could contain parts of the record.
    let malformed = || Error::internal("a record of the stream is malformed");
    let record: StreamRecord = serde_json::from_str(record.get()).map_err(|_| malformed())?;
    let Some(reminder) = record.due_reminder().map_err(|_| malformed())? else { return Ok(()) };
    if !app.sends_mail() {
        return Ok(());
    }
    let Some((key, account, last)) = app.store.key_to_remind_of(&reminder).await? else { return Ok(()) };
    if !reminder.must_be_sent(&key, &account, last, app.clock.now()) {
        return Ok(());
    }
    let message = Message::KeyExpires { key_id: key.id, expires_at: reminder.expires_at };
    app.try_send_mail(&Mail::to_admins(key.account_id, message)).await?;
    if let Err(error) = app.store.mark_reminder_as_sent(&reminder).await {
        // The mail is on its way. If the record failed, Lambda would deliver it again, and the mail would be sent twice.
        warn!(target: TARGET, reason = error_chain(&error), "a reminder that was sent could not be marked");
    }
    Ok(())
}
