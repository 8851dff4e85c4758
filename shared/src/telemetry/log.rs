//! Logs: one line of JSON for each event, written to standard error, which Lambda sends to `CloudWatch` Logs.

use std::io;

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter, format},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The target of the service's own events.
pub const TARGET: &str = "medtwin";
/// The target of the lines that invocations log. The message of such an event is the whole line.
pub const INVOCATIONS: &str = "medtwin::invocations";

/// Starts logging, with [`subscriber`] and standard error. A second call has no effect.
pub fn init(level: LevelFilter) {
    // A second call fails, because logging has already started.
    subscriber(level, io::stderr).try_init().ok();
}

/// Returns a subscriber that logs the service's own events at `level` or above. The lines of invocations are logged at every
/// level, because they contain the metrics.
///
/// Only warnings and errors of libraries are logged. At lower levels, the SDK would log complete requests.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let events = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(TARGET, level)
        .with_target(INVOCATIONS, LevelFilter::OFF)
        // The service logs why a passkey was rejected. This library could log parts of the request.
        .with_target("webauthn_rs", LevelFilter::OFF)
        // This target reports every error of a function as a panic, even a 401 of the authorizer. The panic hook reports
        // real panics.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF);
    let events = fmt::layer().json().flatten_event(true).with_writer(writer.clone()).with_filter(events);
    let invocations = fmt::layer()
        .fmt_fields(format::debug_fn(|line, _, message| write!(line, "{message:?}")))
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_writer(writer)
        .with_filter(Targets::new().with_target(INVOCATIONS, LevelFilter::INFO));
    tracing_subscriber::registry().with(events).with(invocations)
}
