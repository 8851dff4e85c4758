//! Logs: one line of JSON an event, on standard error.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The target of our own events.
pub const TARGET: &str = "medtwin";

/// Starts logging our own events from `level` on.
///
/// Of libraries, warnings alone: more of them, and an SDK would log requests with everything in them.
/// A second call changes nothing.
pub fn init(level: LevelFilter) {
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target(TARGET, level);
    let lines = fmt::layer().json().flatten_event(true).with_writer(io::stderr).with_filter(targets);
    // The second call fails, because logging has started already.
    tracing_subscriber::registry().with(lines).try_init().ok();
}
