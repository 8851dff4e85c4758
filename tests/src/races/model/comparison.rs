//! Comparison of the service with the model: both apply the same operations, and their responses must be equal.

use std::sync::Arc;

use crate::{
    races::model::{
        Model,
        mapping::{Mapping, observe},
        operation::Operation,
    },
    service::OwnService,
};

pub struct Comparison {
    pub service: Arc<OwnService>,
    pub model: Model,
    pub mapping: Mapping,
    /// The numbers of sessions and keys whose credentials are not used any more, except for the first session.
    pub ignored: (usize, usize),
}

impl Comparison {
    /// Creates accounts, each with a first member who has a session.
    pub async fn start(service: Arc<OwnService>, accounts: usize) -> Self {
        let mapping = Mapping::create_accounts(&service, accounts).await;
        Self { service, model: Model::with_accounts(accounts), mapping, ignored: (0, 0) }
    }

    /// Excludes the existing sessions and keys from later checks, except for the first session.
    pub fn ignore_existing_credentials(&mut self) {
        self.ignored = (self.model.sessions.len(), self.model.keys.len());
    }

    /// Applies an operation to the service and the model in the next second. Asserts that the responses are equal.
    pub async fn apply(&mut self, operation: &Operation) {
        self.next_second();
        self.apply_now(operation).await;
    }

    /// Applies an operation to the service and the model in the present second. Asserts that the responses are equal.
    pub async fn apply_now(&mut self, operation: &Operation) {
        let response = self.mapping.send(&self.service, self.model.now, operation).await;
        let model_response = self.model.apply(operation);
        self.mapping.add_from_response(operation, &response);
        let expected = self.mapping.expected_response(&self.model, &model_response);
        assert_eq!(
            observe(&response, model_response.has_content()),
            expected,
            "{operation:?}: {}",
            response.text
        );
    }

    pub fn next_second(&mut self) {
        self.service.time.next_second();
        self.model.now += 1;
    }

    pub fn pass(&mut self, seconds: i64) {
        self.service.time.pass(seconds);
        self.model.now += seconds;
    }
}
