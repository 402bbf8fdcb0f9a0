//! Leases and epochs: who may act, told by a store that can create an object only if it is absent. Start at
//! [`Repository::keep`](crate::Repository::keep), which waits for one and keeps it, or at [`Lease::acquire`].
//!
//! A second implementation can be made from this page, [`Record`] and [`LeaseStore`].
//!
//! # The objects
//! A lease is a sequence of numbered objects. Each is one [`Record`], created only if absent, never changed. Renewals and
//! takeovers compete for one and the same next number, the newest one plus 1. A *tenure* is a takeover and the renewals after it;
//! its *epoch* is the number of the takeover, and every later record of the tenure bears it. The record with the highest number is
//! the *newest*: it alone says whose the lease is, and it alone is needed, since each record carries on what earlier ones said.
//!
//! A lease may guard *streams*: numbered entries from 0, created only if absent, each sealed under the epoch of its writer. One
//! stream is guarded by one lease.
//!
//! # What holds
//! 1. At any moment at most one tenure is believed in by its holder.
//! 2. Epochs only grow.
//! 3. An entry that is written after a newer epoch has accepted never counts.
//! 4. What was acknowledged counts for ever.
//! 5. While processes and store work, a lease that is not held is held again after at most [`patience`] and some requests.
//!
//! All of this whatever is paused, killed, lost, repeated or delayed, and wherever: a request may be carried out long after its
//! sender gave up, or twice. What is assumed:
//! - the store does what [`LeaseStore`] says;
//! - every host has a clock that counts suspension ([`ambient::uptime`]) and is wrong by less than a tenth of what it measures.
//!   Clocks need not agree, and nothing in a record is a time of day;
//! - a holder looks at its [`Belief`] right before each thing that only a holder may do, and such a thing takes effect within a
//!   quarter of the time to live. What must never happen twice, however slow, bears the epoch, and whoever takes it refuses
//!   older ones: that is what guarded streams are.
//!
//! # Rules
//! **The newest record counts, and no other.** A create proves nothing: below the newest record numbers have been removed, where
//! it succeeds; its answer may be lost; "exists" may be one's own earlier try. So after *every* create, whatever the answer (created,
//! exists, 409, 503, none), look for the newest record. If it is the very record that was asked for, it counts. If it has the
//! same number or a higher one and is another, one's own does not count and never will. If it has a lower number, one's own may
//! still appear: ask again for *the same bytes*, and until it is settled believe nothing of it. The tenure's `writer`, a random id,
//! tells records of different tenures apart.
//!
//! **Looking** for the newest record is three steps: list, read the highest number, list again. Only if it still is the highest was
//! it there all the time; otherwise it may have been removed, and an old request may have created another one in its place: begin
//! again. Who knows the record of the highest number need not read it; that is so, too, for one that the store has just said to
//! have been created by this very request, when a list after that shows nothing higher.
//!
//! **Observers** count the time since they last saw the newest number change, from *after* the answer that showed it. They take
//! over when [`patience`] has passed, which is the record's own time to live and a quarter of it as a margin, or at once when the
//! newest record says `released`, or when there is none. An observer to whom the newest number goes down, or a record changes, does
//! nothing more: the store was set back.
//!
//! **Holders** count from *before* they first asked for a record, and believe in their tenure for two thirds of its time to live
//! ([`believed`]) from there, once the record is known to count. A renewal whose outcome is unknown adds nothing; the one before it
//! stands. A holder that finds a newer epoch stops at once, for good. A holder that only lapsed may renew: if the record counts,
//! nobody was faster. Who releases stops believing before it asks.
//!
//! **Taking over** is five steps in this order: (1) create the takeover, with the next number, `epoch` equal to it, and `floor`,
//! `accepted` and `accepts` as in the record before; see that it counts; (2) list the guarded streams; (3) find what to accept of
//! each; (4) create the next number, with `accepted` equal to `epoch` and the new `accepts`; see that it counts; (5) believe, and
//! write. Nothing is believed, and no entry is written, before.
//!
//! **What is accepted** of a stream: let `(E, last)` be the newest of its acceptances in `accepts`, or `(accepted, none)` when the
//! stream is not in there, or nothing when nobody has ever accepted. Of the entries behind `last` (from the stream's floor, if that
//! is higher), without a gap, the last one that is not of an epoch older than `E` is accepted: `{epoch, last: {number, hash}}` is
//! added to the stream's list. If there is none, the new acceptance has the `last` of the one before. The list keeps what is
//! still needed and no more: an acceptance goes when the one after it has the same `last`; when none of the entries between the
//! two is of an epoch older than its own (it is enough to look at the first [`IN_FLIGHT`]); or when all of these are below the
//! stream's floor. So it grows only by races that really cut an entry off. Streams that are no more are left out.
//!
//! **Writers** number their entries from the accepted one plus 1. They create, read back, and pass over a place that an older
//! epoch has taken (it does not count). Then they look at the lease: if its epoch is still theirs, the entry counts for ever and is
//! acknowledged. Otherwise they are fenced. A writer acknowledges in order, and has no more than [`IN_FLIGHT`] entries under way.
//! Why it is right: a new holder lists after its takeover is there. An entry that was there before a look at the lease that showed
//! no takeover was there before that list.
//!
//! **Readers** list and read the entries first and the newest record of the lease after that, and ask [`counting`]. An entry of
//! epoch `e` with number `n` never counts if there is an acceptance of its stream with an epoch above `e` and a `last` below `n`;
//! or one with an epoch of `e` or below and a `last` of `n` or above; or one whose `last` is `n` with another hash. Otherwise it is open
//! if `e` is above the record's epoch, or if `accepted` is not `epoch` and `n` is above the last accepted. Otherwise it counts.
//!
//! **Removing.** Every record of a tenure but its takeover sets `floor` to its own number minus 4, if that is higher than the floor
//! before. When it counts, its holder may remove what is below. A number below the floor never counts again; nor does any other
//! that is not above the newest.

mod append;
mod counting;
mod error;
mod handle;
mod kept;
mod put;
mod record;
mod store;
mod stored;
mod tenure;
mod watch;

pub use append::Writer;
pub use counting::{IN_FLIGHT, Verdict, counting};
pub use error::LeaseError;
pub use handle::{Lease, Terms};
pub use kept::{Kept, Standing};
pub use record::{Acceptance, HIGHEST, LONGEST, LONGEST_TTL, Position, Record, State};
pub use store::{Entry, LeaseStore, Numbers, Outcome, hash};
pub use stored::{JOURNAL, Records};
pub use tenure::{Belief, Tenure};
pub use watch::Watch;

use std::time::Duration;

/// How long a holder believes in its tenure, from before it asked for the record.
pub fn believed(ttl: Duration) -> Duration {
    ttl * 2 / 3
}

/// How long an observer must not have seen a change before it takes over.
pub fn patience(ttl: Duration) -> Duration {
    ttl + ttl / 4
}

/// A step of the protocol that a test can leave out, to show that the simulation notices. Nothing else can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Omission {
    /// Look at the newest record after a create that succeeded.
    Relist,
    /// Compare what is there with what was asked for.
    ReadBack,
    /// See that a record is the newest one still, after it was read.
    ListAfterReading,
    /// Count from before asking.
    AskedBefore,
    /// Wait until a lease has not changed for long enough.
    Patience,
    /// Stop believing before a release is asked for.
    DisbelieveBeforeRelease,
    /// List the streams after the takeover is won.
    ListAfterWinning,
    /// Keep the acceptances of earlier epochs that cut something off.
    CarryAcceptances,
    /// Look for a newer epoch before an entry is acknowledged.
    EpochBeforeAcknowledging,
}

#[cfg(test)]
mod tests;
