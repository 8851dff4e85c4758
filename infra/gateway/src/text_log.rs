//! Logs for people, as short lines of text instead of JSON.

use std::{
    fmt,
    io::{self, Write as _},
};

use serde::Deserialize;
use shared::{primitives::clock::Clock, telemetry::log};
use time::{format_description::FormatItem, macros::format_description};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::MakeWriter,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, SpanRef},
    util::SubscriberInitExt,
};

use crate::request_log;

/// `12:34:56Z`: the time in UTC.
const TIME: &[FormatItem] = format_description!("[hour]:[minute]:[second]Z");

/// Starts logging to standard error. A second call has no effect.
pub fn init(level: LevelFilter) {
    // The second call returns an error, because logging has started already.
    subscriber(level, Clock::system(), io::stderr).try_init().ok();
}

/// Returns a subscriber that writes one line per request, and one for each other event of at least `level`. Requests are
/// written at each level.
fn subscriber<W>(level: LevelFilter, clock: Clock, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(log::TARGET, level)
        .with_target(log::INVOCATIONS, LevelFilter::INFO)
        .with_target(request_log::TARGET, LevelFilter::DEBUG)
        .with_target(request_log::SPAN_TARGET, LevelFilter::INFO)
        // The embedded DynamoDB logs a warning for each write whose condition fails. Such writes are part of normal
        // operation.
        .with_target("dynoxide", LevelFilter::ERROR);
    tracing_subscriber::registry().with(TextLog { clock, writer }.with_filter(targets))
}

struct TextLog<W> {
    clock: Clock,
    writer: W,
}

/// Why a request failed, stored in the request's span.
struct Reason(String);

/// The part of an invocation's log line that explains an error.
#[derive(Deserialize)]
struct InvocationLine {
    reason: Option<String>,
}

impl<S, W> Layer<S> for TextLog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let (Some(span), Some(reason)) = (context.span(id), fields.text("reason")) {
            span.extensions_mut().replace(Reason(reason.to_owned()));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let is_request = |span: &SpanRef<'_, S>| span.metadata().target() == request_log::SPAN_TARGET;
        let span = context.event_scope(event).and_then(|mut spans| spans.find(is_request));
        match event.metadata().target() {
            log::INVOCATIONS => {
                let line = fields.text("message").unwrap_or_default();
                let reason = serde_json::from_str(line).ok().and_then(|line: InvocationLine| line.reason);
                if let (Some(span), Some(reason)) = (span, reason) {
                    span.extensions_mut().replace(Reason(reason));
                }
            }
            request_log::TARGET => {
                let reason = span.and_then(|span| span.extensions_mut().remove::<Reason>());
                self.write_line(&RequestLine { fields: &fields, reason: reason.as_ref() });
            }
            _ => self.write_line(&EventLine { level: *event.metadata().level(), fields: &fields }),
        }
    }
}

impl<W> TextLog<W> {
    /// Writes `line` after the current time, as exactly one line.
    fn write_line(&self, line: &impl fmt::Display)
    where
        W: for<'a> MakeWriter<'a>,
    {
        let time = self.clock.now_utc().format(TIME).unwrap_or_default();
        let mut line = format!("{time} {line}").replace(char::is_control, " ");
        line.push('\n');
        // If standard error is closed, nobody reads the log.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

/// The fields of an event: their values as text, and whether they were strings.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

enum Value {
    String(String),
    Other(String),
}

impl Fields {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, value)| match value {
            Value::String(text) | Value::Other(text) => text.as_str(),
        })
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), Value::String(value.to_owned())));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), Value::Other(format!("{value:?}"))));
    }
}

/// For example `GET /v1/projects 403 12 ms (missing permission: read) 5c4a06a9-7d2f-4d0e-9b7c-0f5a2a5c7b11`.
struct RequestLine<'a> {
    fields: &'a Fields,
    reason: Option<&'a Reason>,
}

impl fmt::Display for RequestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |name| self.fields.text(name);
        f.write_str(field("method").unwrap_or_default())?;
        match (field("resource"), field("path_length"), field("known_segment")) {
            (Some(resource), ..) => write!(f, " {resource}")?,
            (None, Some(length), Some(segment)) => write!(f, " [unknown path, {length} bytes, {segment}]")?,
            (None, length, _) => write!(f, " [unknown path, {} bytes]", length.unwrap_or_default())?,
        }
        write!(
            f,
            " {} {} ms",
            field("status").unwrap_or_default(),
            field("duration_ms").unwrap_or_default()
        )?;
        if let Some(Reason(reason)) = self.reason {
            write!(f, " ({reason})")?;
        }
        write!(f, " {}", field("request_id").unwrap_or_default())
    }
}

/// For example `WARN a function failed function="login"`.
struct EventLine<'a> {
    level: Level,
    fields: &'a Fields,
}

impl fmt::Display for EventLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.fields.text("message").unwrap_or_default())?;
        for (name, value) in self.fields.0.iter().filter(|(name, _)| *name != "message") {
            match value {
                Value::String(text) => write!(f, " {name}={text:?}")?,
                Value::Other(text) => write!(f, " {name}={text}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::{Arc, Once},
    };

    use time::macros::datetime;
    use tracing::{debug, error, info, warn};

    use super::*;

    /// Runs `log` at 12:34:56 and returns the text that it logs at `level`.
    fn logged(level: LevelFilter, log: impl FnOnce()) -> String {
        // Without a global subscriber, `tracing` may disable an event for all threads when a thread without a subscriber
        // reaches it first.
        static GLOBAL: Once = Once::new();
        GLOBAL.call_once(|| tracing_subscriber::registry().init());
        let mut file = tempfile::tempfile().unwrap();
        let writer = Arc::new(file.try_clone().unwrap());
        let clock = Clock::new(|| datetime!(2026-01-30 12:34:56.789 UTC));
        tracing::subscriber::with_default(subscriber(level, clock, writer), log);
        file.rewind().unwrap();
        let mut lines = String::new();
        file.read_to_string(&mut lines).unwrap();
        lines
    }

    fn log_request(resource: Option<&str>, status: u16) {
        info!(
            target: request_log::TARGET,
            method = "GET",
            resource,
            path_length = resource.is_none().then_some(23),
            known_segment = resource.is_none().then_some("v1"),
            status,
            request_id = "the-id",
            duration_ms = 12,
            "request"
        );
    }

    #[test]
    fn request_without_a_reason_is_one_line() {
        let lines = logged(LevelFilter::INFO, || {
            let _span = request_log::span().entered();
            log_request(Some("/v1/projects/{project_id}"), 200);
        });
        assert_eq!(lines, "12:34:56Z GET /v1/projects/{project_id} 200 12 ms the-id\n");
    }

    #[test]
    fn request_line_contains_the_reason_of_an_invocation_in_its_span() {
        let lines = logged(LevelFilter::INFO, || {
            let other = request_log::span();
            let _span = request_log::span().entered();
            info!(target: log::INVOCATIONS, "{}", r#"{"request_id": "the-id", "reason": "missing permission: read"}"#);
            info!(target: log::INVOCATIONS, "{}", r#"{"request_id": "the-id", "status": 403}"#);
            other.in_scope(|| {
                info!(target: log::INVOCATIONS, "{}", r#"{"request_id": "x", "reason": "revoked"}"#);
            });
            log_request(Some("/v1/projects"), 403);
        });
        assert_eq!(lines, "12:34:56Z GET /v1/projects 403 12 ms (missing permission: read) the-id\n");
    }

    #[test]
    fn request_line_contains_the_reason_of_the_gateway() {
        let lines = logged(LevelFilter::INFO, || {
            let _span = request_log::span().entered();
            request_log::record_reason("no credential");
            log_request(Some("/v1/projects"), 401);
        });
        assert_eq!(lines, "12:34:56Z GET /v1/projects 401 12 ms (no credential) the-id\n");
    }

    #[test]
    fn request_with_an_unknown_path_contains_its_length_and_its_known_segment() {
        let lines = logged(LevelFilter::INFO, || log_request(None, 404));
        assert_eq!(lines, "12:34:56Z GET [unknown path, 23 bytes, v1] 404 12 ms the-id\n");
    }

    #[test]
    fn control_characters_are_replaced() {
        let lines = logged(LevelFilter::INFO, || {
            let _span = request_log::span().entered();
            request_log::record_reason("a\r\nb\u{1b}[31m");
            log_request(Some("/v1/projects"), 500);
        });
        assert_eq!(lines, "12:34:56Z GET /v1/projects 500 12 ms (a  b [31m) the-id\n");
    }

    #[test]
    fn level_applies_to_all_events_but_requests() {
        let log = || {
            debug!(target: log::TARGET, "a debug message");
            info!(target: log::TARGET, number = 1, "an info message");
            warn!(target: log::TARGET, function = "login", "a warning");
            error!(target: log::TARGET, "an error");
            log_request(Some("/v1/health"), 200);
        };
        let expected = [
            "12:34:56Z DEBUG a debug message\n",
            "12:34:56Z INFO an info message number=1\n",
            "12:34:56Z WARN a warning function=\"login\"\n",
            "12:34:56Z ERROR an error\n",
            "12:34:56Z GET /v1/health 200 12 ms the-id\n",
        ];
        let levels = [LevelFilter::DEBUG, LevelFilter::INFO, LevelFilter::WARN, LevelFilter::ERROR];
        for (hidden, level) in levels.into_iter().enumerate() {
            assert_eq!(logged(level, log), expected[hidden..].concat(), "{level}");
        }
    }

    #[test]
    fn libraries_log_warnings_only() {
        let lines = logged(LevelFilter::DEBUG, || {
            info!(target: "a_library", "an info message");
            warn!(target: "a_library", "a warning");
            warn!(target: "dynoxide::server", "error response");
        });
        assert_eq!(lines, "12:34:56Z WARN a warning\n");
    }
}
