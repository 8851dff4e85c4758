//! The `main` function of each Lambda function.

use std::{fmt, process::ExitCode, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, Service, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{error, level_filters::LevelFilter};

use crate::{
    error::Error,
    primitives::{clock::Clock, random::Random},
    runtime::{app::App, aws::Aws, config::Config, trust_store::trust_store},
    telemetry::{error_chain::error_chain, log},
};

/// A Lambda function that handles events of type `E`, as the Lambda runtime requires it.
pub trait Function<E>:
    Service<LambdaEvent<E>, Response: Serialize + Send, Error: Into<Diagnostic> + fmt::Debug, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S, E> Function<E> for S where
    S: Service<
            LambdaEvent<E>,
            Response: Serialize + Send,
            Error: Into<Diagnostic> + fmt::Debug,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

impl From<Error> for Diagnostic {
    /// Converts an error to the function error that Lambda returns to the invoker: the error's code and message.
    fn from(error: Error) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.message().to_owned() }
    }
}

/// Runs a Lambda function. `service` creates its handler. This is all that the function's `main` does.
pub fn run<E: DeserializeOwned + Send + 'static, F: Function<E>>(
    service: impl FnOnce(Arc<App>) -> F,
) -> ExitCode {
    let config = Config::from_env();
    log::init(config.as_ref().map_or(LevelFilter::INFO, |config| config.log_level));
    match config.map_err(Into::into).and_then(|config| serve(config, service)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(target: log::TARGET, reason = error_chain(&*error), "the function stopped");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve<E: DeserializeOwned + Send + 'static, F: Function<E>>(
    config: Config,
    service: impl FnOnce(Arc<App>) -> F,
) -> Result<(), lambda_runtime::Error> {
    let aws = Aws::for_lambda(trust_store(config.ca_bundle.as_deref())?).await;
    let app = App::new(config, aws, Clock::system(), Random::system()).await?;
    let mut service = service(Arc::new(app));
    // Boxed, because the SDK's futures are large, and the runtime moves them through several layers.
    let run = lambda_runtime::run(service_fn(move |event| Box::pin(service.call(event))));
    // Spawned, because Tokio wakes a spawned task on its own thread without a system call. To wake the future that it
    // blocks on, it makes one.
    tokio::spawn(run).await?
}
