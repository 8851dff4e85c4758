//! Sends requests in every order of their calls to the table.

use std::{fmt::Debug, pin::Pin};

use crate::{
    dynamodb::DynamoDb,
    response::Response,
    service::{OwnService, Request},
};

/// Enumerates all sequences of choices. Each sequence differs from the one before in the last choice that has an alternative.
#[derive(Default)]
pub struct Choices {
    /// The choices of the present sequence: the chosen alternative and the number of alternatives.
    sequence: Vec<(usize, usize)>,
    /// The index of the next choice.
    next: usize,
}

impl Choices {
    pub fn choose(&mut self, alternatives: usize) -> usize {
        if self.next == self.sequence.len() {
            self.sequence.push((0, alternatives));
        }
        let (chosen, before) = self.sequence[self.next];
        assert_eq!(alternatives, before, "the same choices lead to the same alternatives");
        self.next += 1;
        chosen
    }

    /// Starts the next sequence. Returns false if there is none.
    pub fn advance(&mut self) -> bool {
        self.sequence.truncate(self.next);
        self.next = 0;
        while let Some((chosen, alternatives)) = self.sequence.pop() {
            if chosen + 1 < alternatives {
                self.sequence.push((chosen + 1, alternatives));
                return true;
            }
        }
        false
    }
}

/// A request or a command.
pub type Sending<R> = Pin<Box<dyn Future<Output = R> + Send>>;

/// Sends two requests in every order of their calls. For each order, `set_up` returns the requests, and `check` gets the responses.
pub async fn in_every_order<T>(
    service: &OwnService,
    dynamodb: &DynamoDb,
    set_up: impl AsyncFn() -> ([Request; 2], T),
    check: impl AsyncFn([Response; 2], T),
) {
    let set_up = async || {
        let (requests, state) = set_up().await;
        (requests.map(|request| Box::pin(request.send()) as Sending<Response>), state)
    };
    in_every_order_of_calls(service, dynamodb, set_up, check).await;
}

/// Sends two requests or commands in every order of their calls, as [`in_every_order`] does.
pub async fn in_every_order_of_calls<R: Send + Debug + 'static, T>(
    service: &OwnService,
    dynamodb: &DynamoDb,
    set_up: impl AsyncFn() -> ([Sending<R>; 2], T),
    check: impl AsyncFn([R; 2], T),
) {
    let mut choices = Choices::default();
    loop {
        // The same time in each run, so that the same calls are made.
        service.time.back_to_second_start();
        let (requests, state) = set_up().await;
        let choose = |alternatives| choices.choose(alternatives);
        let responses = dynamodb.interleave(requests.into(), choose).await;
        check(responses.try_into().expect("two responses"), state).await;
        if !choices.advance() {
            return;
        }
    }
}

/// Sends each of two requests as a whole before each call of the other, and after its last one. That is less than every order, which
/// takes too long for requests with many calls.
pub async fn at_every_call<T>(
    service: &OwnService,
    dynamodb: &DynamoDb,
    set_up: impl AsyncFn() -> ([Request; 2], T),
    check: impl AsyncFn([Response; 2], T),
) {
    for interrupted in 0..2_usize {
        let mut calls_before = 0_usize;
        let mut is_complete = false;
        while !is_complete {
            service.time.back_to_second_start();
            let (requests, state) = set_up().await;
            let mut left = calls_before;
            let choose = |waiting: usize| {
                let proceeds = if left > 0 { interrupted } else { 1 - interrupted };
                if waiting == 2 {
                    left = left.saturating_sub(1);
                }
                proceeds.min(waiting - 1)
            };
            let requests = requests.map(Request::send).into();
            let responses = dynamodb.interleave(requests, choose).await;
            check(responses.try_into().expect("two responses"), state).await;
            is_complete = left > 0;
            calls_before += 1;
        }
    }
}
