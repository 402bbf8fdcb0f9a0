//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Waits twice as long each time, up to 10 s, less a random part: those who failed together must not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// Lets the time pass.
    pub(super) async fn wait(&mut self) {
        let [random] = ambient::random_bytes::<1>();
        let longest = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        ambient::sleep(longest.mul_f64(1.0 - f64::from(random) / 512.0)).await;
    }

    /// It went well: the next time is the first.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}
