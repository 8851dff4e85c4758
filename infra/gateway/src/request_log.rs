//! The log event of each HTTP request, and the span around the work that the request causes.

use std::time::Instant;

use tracing::{Span, field::Empty, info_span};

/// The target of the events. It starts with the service's own target, so JSON logs contain the events.
pub(crate) const TARGET: &str = "medtwin::requests";
/// The target of the spans. JSON logs do not contain the spans.
pub(crate) const SPAN_TARGET: &str = "gateway::request";

/// Returns a span for one request. All invocations that the request causes are inside the span, so a text log can write the
/// reason that an invocation logs into the line of its request.
pub(crate) fn span() -> Span {
    info_span!(target: SPAN_TARGET, "request", reason = Empty)
}

/// Records why the gateway itself rejects the request of the current span.
pub(crate) fn record_reason(reason: &str) {
    Span::current().record("reason", reason);
}

pub(crate) fn milliseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
