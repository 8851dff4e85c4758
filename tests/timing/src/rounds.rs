//! Measurements of requests in rounds: each round has one request of each case, in random order. Conditions that change slowly, such as
//! the speed of the machine, then affect all cases alike.

use std::{
    thread,
    time::{Duration, Instant},
};

use rand::{rngs::StdRng, seq::SliceRandom};

use crate::{Error, comparison::Comparison};

/// The number of rounds that are not measured, at the beginning.
const WARM_UP_ROUNDS: usize = 5;

/// What the cases of a comparison have in common.
pub struct Subject {
    pub name: &'static str,
    /// The name of a case that takes longer on purpose. It sends the request of the first case.
    pub control: &'static str,
    pub delay: Duration,
}

/// A kind of request.
pub struct Case<R> {
    pub name: &'static str,
    pub request: R,
}

impl<R> Case<R> {
    pub fn new(name: &'static str, request: R) -> Self {
        Self { name, request }
    }
}

/// Measures `rounds` requests of each case, and compares those of the first case with those of each other one.
///
/// Before each request, `prepare` gets it and the number of the round. Only `send` is measured.
pub async fn compare<R>(
    rng: &mut StdRng,
    rounds: usize,
    Subject { name, control, delay }: Subject,
    cases: &[Case<R>],
    prepare: impl AsyncFn(&R, usize) -> Result<(), Error>,
    send: impl AsyncFn(&R) -> Result<(), Error>,
) -> Result<Vec<Comparison>, Error> {
    // The last one is the control.
    let mut times = vec![Vec::with_capacity(rounds); cases.len() + 1];
    let mut order: Vec<usize> = (0..times.len()).collect();
    for round in 0..WARM_UP_ROUNDS + rounds {
        order.shuffle(rng);
        for &index in &order {
            let case = cases.get(index);
            let request = &case.unwrap_or(&cases[0]).request;
            prepare(request, round).await?;
            let start = Instant::now();
            send(request).await?;
            if case.is_none() {
                thread::sleep(delay);
            }
            let time = start.elapsed();
            if round >= WARM_UP_ROUNDS {
                times[index].push(time.as_secs_f64() * 1e9);
            }
        }
    }
    let names = cases.iter().map(|case| case.name).chain([control]);
    let comparisons = names.zip(&times).skip(1).map(|(other, other_times)| {
        let comparison = Comparison::new(name, [cases[0].name, other], [&times[0], other_times]);
        if other == control { comparison.control() } else { comparison }
    });
    Ok(comparisons.collect())
}
