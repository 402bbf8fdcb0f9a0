//! How long a store is waited for, how often it is asked anew, and how much is asked of it at once: for every kind of store
//! the same, and all of it here.

use object_store::{BackoffConfig, RetryConfig};
use std::time::Duration;

/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// How long one request may take, its body included: so nothing large travels in one.
pub(crate) const REQUEST: Duration = Duration::from_secs(15);

/// For how long after its beginning a request that failed is made anew. A create that timed out is not: it may have been
/// carried out.
const RETRY: Duration = Duration::from_secs(10);

/// How often it is made anew at most.
const RETRIES: usize = 4;

/// The pause before the first repetition. Each later one is random, between this and twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a call may take in all: waiting for its turn, every repetition, and reading back what was written. Only a large
/// object's pieces and the pages of a list are calls each. After it the outcome is unknown.
pub(crate) const CALL: Duration = Duration::from_secs(45);

/// How often an object is created anew of which the store says that it exists, and then that it does not: somebody else is
/// writing it, or it lags behind.
pub(crate) const CREATIONS: u32 = 4;

/// How often something of another's store is read that does not answer.
pub(crate) const READS: u32 = 4;

/// Requests of one store at once. The others wait, in order: many who ask at once make a store slower, not faster.
pub(crate) const REQUESTS: usize = 32;

/// How a client makes requests anew.
pub(crate) fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: FIRST_PAUSE,
        max_backoff: LONGEST_PAUSE,
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY }
}

/// The pause before creation number `number`, from 1: it doubles, and a random half of it keeps rivals from meeting again.
pub(crate) fn pause(number: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << number.min(8)).min(LONGEST_PAUSE);
    let [random] = ambient::random_bytes::<1>();
    whole / 2 + whole / 2 * u32::from(random) / 256
}
