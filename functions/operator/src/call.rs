//! An invocation with a command, and its result.

use std::time::{Duration, Instant};

use lambda_runtime::Context;
use serde_json::Value;
use shared::{
    model::audit_event::AuditContext,
    primitives::id::{AccountId, UserId},
    runtime::app::App,
};

/// How long after its start a command begins further work. The rest of the nine seconds of an invocation is for the last call.
const WORK_TIME: Duration = Duration::from_secs(6);

/// An invocation with a command.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    context: &'a Context,
    started: Instant,
}

/// What a command has done.
pub(crate) struct Completed {
    /// Whom the command was about, for the log: an account, and perhaps a member of it.
    pub(crate) subject: Option<(AccountId, Option<UserId>)>,
    /// The response.
    pub(crate) result: Value,
}

impl<'a> Call<'a> {
    pub(crate) fn start(app: &'a App, context: &'a Context) -> Self {
        Self { app, context, started: Instant::now() }
    }

    /// Returns the audit context of a change that the command makes now.
    pub(crate) fn audit_context(&self) -> AuditContext {
        let identity = self.context.identity.as_ref().map(|identity| identity.identity_id.clone());
        AuditContext::now(&self.app.clock, &self.app.random, &self.context.request_id).by_operator(identity)
    }

    /// Returns true if the command may begin further work.
    pub(crate) fn has_time(&self) -> bool {
        self.started.elapsed() <= WORK_TIME
    }
}

impl Completed {
    pub(crate) fn for_account(account: AccountId, result: Value) -> Self {
        Self { subject: Some((account, None)), result }
    }

    pub(crate) fn for_member(account: AccountId, user: UserId, result: Value) -> Self {
        Self { subject: Some((account, Some(user))), result }
    }
}
