//! Runs functions in this process, without the Lambda runtime.

use std::pin::Pin;

use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;
use shared::runtime::function::Function;
use tower::ServiceExt;

use crate::function_error::FunctionError;

/// A function as Lambda sees it: it takes a payload of bytes and returns bytes.
pub type Handler = Box<dyn Fn(Vec<u8>, Context) -> HandlerFuture + Send + Sync>;

type HandlerFuture = Pin<Box<dyn Future<Output = Result<Vec<u8>, FunctionError>> + Send>>;

/// Wraps `service` as the Lambda runtime does: parses the event, calls the service and serialises its result.
pub(crate) fn handler<E: DeserializeOwned + Send + 'static>(service: impl Function<E>) -> Handler {
    Box::new(move |payload, context| {
        let service = service.clone();
        Box::pin(async move {
            let event = serde_json::from_slice(&payload)
                .map_err(|error| FunctionError::new("Runtime.InvalidEvent", error.to_string()))?;
            let result = service.oneshot(LambdaEvent::new(event, context)).await;
            let response = result.map_err(|error| FunctionError::from(error.into()))?;
            serde_json::to_vec(&response)
                .map_err(|error| FunctionError::new("Runtime.InvalidResponse", error.to_string()))
        })
    })
}
