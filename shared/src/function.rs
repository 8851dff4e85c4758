//! A Lambda function: what each of the programs is, and how it runs.

use std::{fmt, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, Service};
use serde::{Serialize, de::DeserializeOwned};

use crate::{app::App, aws::Aws, clock::Clock, config::Config, random::Random, telemetry};

/// A function that takes events `E`, ready for the Lambda runtime.
pub trait Function<E>:
    Service<LambdaEvent<E>, Response: Serialize, Error: Into<Diagnostic> + fmt::Debug, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S, E> Function<E> for S where
    S: Service<LambdaEvent<E>, Response: Serialize, Error: Into<Diagnostic> + fmt::Debug, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Runs the Lambda program of the function that `service` makes: the whole of its `main`.
///
/// # Errors
/// When it can't start, or the Lambda runtime fails.
pub async fn run<E: DeserializeOwned, F: Function<E>>(
    service: impl FnOnce(Arc<App>) -> F,
) -> Result<(), lambda_runtime::Error> {
    let config = Config::from_env()?;
    telemetry::init(config.log_level);
    let app = App::new(config, Aws::from_env().await, Clock::system(), Random::system()).await?;
    lambda_runtime::run(service(Arc::new(app))).await
}
