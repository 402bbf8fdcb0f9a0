//! The one door to time, randomness and ids.
//!
//! Everything else takes these as arguments or calls here; `clippy.toml` bans the other ways. Start at [`now`] for wall
//! time, [`monotonic`] for durations, [`random_bytes`] for randomness.
//!
//! With the feature `lab` the wall clock can be shifted for all Lifeboat processes of one host, by a file (see [`SKEW_FILE`]):
//! hosts of a lab share one kernel clock, so this is the only clock that can go wrong there.

#![expect(clippy::disallowed_methods, reason = "this crate is the door that the ban points to")]

mod skew;

pub use skew::{SKEW_FILE, parse_skew, skew};

use jiff::Timestamp;
use std::time::Duration;

/// The wall clock: what people and certificates call now. May jump; never measure a duration with it.
pub fn now() -> Timestamp {
    let real = Timestamp::now();
    real.checked_add(skew()).unwrap_or(real)
}

/// A clock that never goes back and is never skewed, for durations and deadlines.
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// Time since the machine's start, suspension included: what leases are counted with, so that a host that slept does not
/// believe that no time has passed.
pub fn uptime() -> Duration {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME) {
        Ok(time) => Duration::from(time),
        // Every Linux since 2.6.39 has it; without it nothing that depends on a lease can go on safely.
        Err(reason) => panic!("the kernel has no clock that counts suspension: {reason}"),
    }
}

/// Lets `duration` pass without holding the thread.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Fills a fresh array from the operating system's source.
///
/// # Panics
/// When the operating system has no random source: nothing that needs one can go on safely.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(reason) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no random bytes: {reason}");
    }
    bytes
}

/// A random identifier: `length` letters and digits that are hard to confuse when read aloud, as Rancher's ids use them
/// (no vowels, no `0`, `1`, `l`).
pub fn random_id(length: usize) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjkmnpqrstvwxz23456789";
    let mut id = String::with_capacity(length);
    while id.len() < length {
        let [byte] = random_bytes::<1>();
        // 243 = 9 * 27: bytes above it would favour some letters.
        if byte < 243 {
            id.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        }
    }
    id
}

#[cfg(test)]
mod tests;
