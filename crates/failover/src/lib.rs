//! How a failover is decided. Pure: no IO, no clock; times are arguments.
//!
//! Start at [`decide`]: evidence in, a [`Verdict`] with its reasons out. [`Voter`] is what one site's voter knows and
//! promises, [`Keeper`] whether a site may serve now. When a takeover may start to serve is [`estate::Standing::majority`],
//! which recovery uses without this crate.
//!
//! All durations called `now` are of a monotonic clock that counts from the host's start and runs through suspension; two
//! hosts' are never compared. It is taken for granted that such clocks run equally fast, to within a few per cent of a lease:
//! a keeper stops at 60 % of one.
//!
//! Not here: asking, storing, waiting, starting or stopping anything; the daemon does, as it is told here.

mod bounds;
mod decide;
mod keeper;
mod voter;

pub use bounds::{ASKED_PERCENT, Bound, PROBE_ANSWER, bounds};
pub use decide::{Arrived, Call, Evidence, Policy, Verdict, decide};
pub use keeper::{Duty, Keeper, Round, UNREAD};
pub use voter::{Answer, Post, Saved, Voter};

#[cfg(test)]
mod tests;
