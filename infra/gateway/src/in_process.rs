//! Functions that run in this process, without the Lambda runtime between.

use std::pin::Pin;

use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;
use shared::runtime::function::Function;
use tower::ServiceExt;

use crate::function_error::FunctionError;

/// A function of bytes to bytes, as Lambda sees every function.
pub type Handler = Box<dyn Fn(Vec<u8>, Context) -> Answer + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, FunctionError>> + Send>>;

/// Does for `service` what the Lambda runtime does: reads the event, calls, writes the answer.
pub(crate) fn handler<E: DeserializeOwned + Send + 'static>(service: impl Function<E>) -> Handler {
    Box::new(move |payload, context| {
        let service = service.clone();
        Box::pin(async move {
            let event = serde_json::from_slice(&payload)
                .map_err(|error| FunctionError::new("Runtime.InvalidEvent", error.to_string()))?;
            let answer = service.oneshot(LambdaEvent::new(event, context)).await;
            let answer = answer.map_err(|error| FunctionError::from(error.into()))?;
            serde_json::to_vec(&answer)
                .map_err(|error| FunctionError::new("Runtime.InvalidAnswer", error.to_string()))
        })
    })
}
