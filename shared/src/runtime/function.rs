//! A Lambda function: what each of the programs is, and how it runs.

use std::{fmt, process::ExitCode, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, Service, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{error, level_filters::LevelFilter};

use crate::{
    error::Error,
    primitives::{clock::Clock, random::Random},
    runtime::{app::App, aws::Aws, config::Config},
    telemetry::{error_chain::error_chain, log},
};

/// A function that takes events `E`, ready for the Lambda runtime.
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
    /// The function error that Lambda reports to whoever invoked the function: the contract's code and message.
    fn from(error: Error) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.message().to_owned() }
    }
}

/// Runs the Lambda program of the function that `service` makes: the whole of its `main`.
pub fn run<E: DeserializeOwned + Send + 'static, F: Function<E>>(
    service: impl FnOnce(Arc<App>) -> F,
) -> ExitCode {
    let config = Config::from_env();
    log::init(config.as_ref().map_or(LevelFilter::INFO, |config| config.log_level));
    match config.map_err(Into::into).and_then(|config| serve(config, service)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(target: log::TARGET, reason = error_chain(&*error), "the function ended");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve<E: DeserializeOwned + Send + 'static, F: Function<E>>(
    config: Config,
    service: impl FnOnce(Arc<App>) -> F,
) -> Result<(), lambda_runtime::Error> {
    let app = App::new(config, Aws::from_env().await, Clock::system(), Random::system()).await?;
    let mut service = service(Arc::new(app));
    // On the heap, because an SDK's futures are large, and the runtime hands them from layer to layer.
    let run = lambda_runtime::run(service_fn(move |event| Box::pin(service.call(event))));
    // As a task, since Tokio wakes those on its own thread without the kernel, and what it blocks on only through it.
    tokio::spawn(run).await?
}
