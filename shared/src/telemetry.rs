//! Logs: one line of JSON an event, on standard error.

use std::{io, time::Instant};

use tracing::{Subscriber, error, info, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{id::AccountId, token::Claims};

/// The target of our own events.
pub const TARGET: &str = "medtwin";

// A macro, because the level of an event has to be known when it is compiled.
macro_rules! log_invocation {
    ($log:ident, $invocation:ident, $outcome:ident, $reason:ident, $message:literal) => {
        $log!(
            target: TARGET,
            request_id = $invocation.request_id,
            operation = $invocation.operation,
            account_id = $invocation.account_id.map(|id| id.to_string()),
            principal_id = $invocation.principal_id,
            claimed = $invocation.claimed,
            outcome = $outcome,
            reason = $reason,
            microseconds = u64::try_from($invocation.started.elapsed().as_micros()).ok(),
            $message
        )
    };
}

/// An invocation that is being answered, and what is known of it. It leaves one line in the log.
pub struct Invocation {
    request_id: String,
    operation: String,
    account_id: Option<AccountId>,
    principal_id: Option<String>,
    claimed: Option<String>,
    started: Instant,
}

impl Invocation {
    /// The invocation `request_id` of `operation`, which begins now.
    #[must_use]
    pub fn begin(request_id: &str, operation: String) -> Self {
        let request_id = request_id.to_owned();
        Self {
            request_id,
            operation,
            account_id: None,
            principal_id: None,
            claimed: None,
            started: Instant::now(),
        }
    }

    /// The same, on behalf of the key or member `principal_id`.
    #[must_use]
    pub fn of(self, account_id: AccountId, principal_id: String) -> Self {
        Self { account_id: Some(account_id), principal_id: Some(principal_id), ..self }
    }

    /// The same, on behalf of whomever a token claims to be of. Anybody can claim that.
    #[must_use]
    pub fn claiming(self, claims: Option<&Claims>) -> Self {
        Self {
            claimed: claims.map(|claims| format!("{} {}", claims.account_id, claims.principal_id)),
            ..self
        }
    }

    /// The id that it was given.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// It went as it should, with this outcome; where that is a refusal, for this reason.
    pub fn end(&self, outcome: &str, reason: Option<&str>) {
        log_invocation!(info, self, outcome, reason, "done");
    }

    /// It failed through a fault of ours or of what we ask.
    pub fn fail(&self, outcome: &str, reason: &str) {
        log_invocation!(error, self, outcome, reason, "failed");
    }
}

/// Starts logging our own events from `level` on. A second call changes nothing.
pub fn init(level: LevelFilter) {
    // The second call fails, because logging has started already.
    subscriber(level, io::stderr).try_init().ok();
}

/// What logs our own events from `level` on to `writer`.
///
/// Of libraries, warnings alone: more of them, and an SDK would log requests with everything in them.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target(TARGET, level);
    let lines = fmt::layer().json().flatten_event(true).with_writer(writer).with_filter(targets);
    tracing_subscriber::registry().with(lines)
}
