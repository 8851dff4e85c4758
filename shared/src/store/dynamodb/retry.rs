//! Retries of operations that the SDK does not retry.

use std::time::Duration;

/// The number of attempts, including the first.
pub(crate) const ATTEMPTS: u32 = 4;
/// The pause before the second attempt. Each further pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Waits before `attempt`. There is no pause before attempt 0, the first one.
pub(crate) async fn pause_before(attempt: u32) {
    if let Some(pauses) = attempt.checked_sub(1) {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(pauses)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pause_doubles_with_each_attempt() {
        let mut pauses = Vec::new();
        for attempt in 0..ATTEMPTS {
            let start = Instant::now();
            pause_before(attempt).await;
            pauses.push(start.elapsed());
        }
        assert_eq!(pauses, [0, 20, 40, 80].map(Duration::from_millis));
    }
}
