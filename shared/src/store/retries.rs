//! How often, and when, what the SDK does not try again by itself is tried.

use std::time::Duration;

/// How many there are.
pub(super) const ATTEMPTS: u32 = 4;
/// How long the first pause between two of them is; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Waits until it is time for `attempt`. The first is attempt 0, before which there is no pause.
pub(super) async fn pause_before(attempt: u32) {
    if let Some(pauses) = attempt.checked_sub(1) {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(pauses)).await;
    }
}
