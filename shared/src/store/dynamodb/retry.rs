//! How often, and when, what the SDK does not try again by itself is tried.

use std::time::Duration;

/// How many there are.
pub(in crate::store) const ATTEMPTS: u32 = 4;
/// How long the first pause between two of them is; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Waits until it is time for `attempt`. The first is attempt 0, before which there is no pause.
pub(in crate::store) async fn pause_before(attempt: u32) {
    if let Some(pauses) = attempt.checked_sub(1) {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(pauses)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_twice_as_long_as_the_one_before() {
        let mut pauses = Vec::new();
        for attempt in 0..ATTEMPTS {
            let began = Instant::now();
            pause_before(attempt).await;
            pauses.push(began.elapsed());
        }
        assert_eq!(pauses, [0, 20, 40, 80].map(Duration::from_millis));
    }
}
