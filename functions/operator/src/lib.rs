//! Commands for the operator of the service. The function has no route: each invocation sends one command, and anyone who
//! is allowed to invoke the function can send any command.

mod account;
mod call;
mod command;
mod erasure;
mod export;
mod limits;
mod member;
mod new_account;
mod policy;
mod restored_credentials;

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, value::RawValue};
use shared::{
    error::Error,
    http::{json, openapi::Operation},
    runtime::{app::App, function::Function, invocation::Invocation},
    telemetry::metrics::Outcome,
};

use crate::{call::Call, command::Command};

/// Empty, because the operator function has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), event))
}

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Error> {
    let command = json::parse::<Command>(event.payload.get().as_bytes());
    let operation = command.as_ref().map_or("operator", Command::operation);
    let invocation = Invocation::start(&app, &event.context.request_id, operation.to_owned());
    let call = Call::start(&app, &event.context);
    let completed = match command {
        Ok(command) => invocation.run(command.execute(&call)).await,
        Err(malformed) => Err(malformed),
    };
    match completed {
        Ok(completed) => {
            let invocation = match completed.subject {
                Some((account, Some(user))) => invocation.for_principal(account, user.to_string()),
                Some((account, None)) => invocation.for_account(account),
                None => invocation,
            };
            invocation.finish(Outcome::Succeeded, None);
            Ok(completed.result)
        }
        Err(error) => {
            invocation.finish_with_error(&error);
            Err(error)
        }
    }
}
