//! The service and the model, side by side: what is asked of one is asked of the other.

use std::sync::Arc;

use crate::{
    races::model::{
        Model,
        names::{Names, seen},
        operation::Operation,
    },
    service::OwnService,
};

pub struct Pair {
    pub service: Arc<OwnService>,
    pub model: Model,
    pub names: Names,
    /// How many sessions and keys there are of which nothing is asked any more, but for the first session.
    pub past: (usize, usize),
}

impl Pair {
    /// So many new accounts, each with a first member who is logged in.
    pub async fn begin(service: Arc<OwnService>, accounts: usize) -> Self {
        let names = Names::begin(&service, accounts).await;
        Self { service, model: Model::begun(accounts), names, past: (0, 0) }
    }

    /// Asks nothing any more of the sessions and keys that there are.
    pub fn leave_behind(&mut self) {
        self.past = (self.model.sessions.len(), self.model.keys.len());
    }

    /// Asks both for something, a second after what was before. The answers are alike.
    pub async fn ask(&mut self, operation: &Operation) {
        self.pass_to_next_second();
        self.ask_at_once(operation).await;
    }

    /// The same, without a second's wait.
    pub async fn ask_at_once(&mut self, operation: &Operation) {
        let answer = self.names.send(&self.service, self.model.now, operation).await;
        let outcome = self.model.apply(operation);
        self.names.learn(operation, &answer);
        let expected = self.names.expected(&self.model, &outcome);
        assert_eq!(seen(&answer, outcome.shows_something()), expected, "{operation:?}: {}", answer.text);
    }

    pub fn pass_to_next_second(&mut self) {
        self.service.time.begin_second();
        self.model.now += 1;
    }

    pub fn pass(&mut self, seconds: i64) {
        self.service.time.pass(seconds);
        self.model.now += seconds;
    }
}
