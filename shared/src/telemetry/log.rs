//! Logs: one line of JSON an event, on standard error, which Lambda sends to `CloudWatch` Logs as it does standard
//! output.

use std::io;

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter, format},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The target of our own events.
pub const TARGET: &str = "medtwin";
/// The target of the lines that invocations leave. Each is the whole of its event's message.
pub const INVOCATIONS: &str = "medtwin::invocations";

/// Starts logging our own events from `level` on. A second call changes nothing.
pub fn init(level: LevelFilter) {
    // The second call fails, because logging has started already.
    subscriber(level, io::stderr).try_init().ok();
}

/// What logs our own events from `level` on to `writer`, and the lines of invocations at any: they hold the
/// metrics.
///
/// Of libraries, warnings alone: more of them, and an SDK would log requests with everything in them.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let events = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(TARGET, level)
        .with_target(INVOCATIONS, LevelFilter::OFF)
        // It calls each error of a function a panic: a 401 of the authorizer, too. A real one says so by itself.
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
