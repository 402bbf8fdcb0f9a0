//! How a run survives a crash: its journal, who works on it, and how it is resumed.
//!
//! A run is a list of steps, each with an id. The journal records the intent before a step and its outcome after, so a run
//! that was killed at any moment goes on from its journal, on any machine that can reach it. This crate is generic: it knows
//! no Kubernetes and no estate, and has no store of its own; the caller brings a [`Journal`] and an [`Actor`]. Start at
//! [`begin`] and [`run`]; [`State`] is the pure fold that says where a run stands, [`may_claim`] who may go on with it.
//!
//! Two rules make it safe. **Steps are idempotent**: a step whose outcome was not recorded is performed again. **One runner
//! at a time**: an entry is created under the next number, which only one can win; a runner that loses it stops, and one that
//! cannot confirm an entry stops its step before anybody else is allowed to claim the run.
//!
//! Plans, outcomes and problems are written down for ever and shown to people: no secret belongs into them.
//!
//! Not here: what a step does, where journals are kept, undoing, steps side by side, what a plan means.

mod alive;
mod claim;
mod entry;
mod error;
mod fold;
mod journal;
mod run;
mod state;
mod step;
mod writer;

pub use claim::{Claim, Runner, Watched, may_claim, wait_claimable};
pub use entry::{Ended, Entry, Event, Problem};
pub use error::Error;
pub use journal::{Journal, JournalError};
pub use run::{Finished, begin, cancel, run};
pub use state::{Damaged, Failure, InFlight, Outcomes, State};
pub use step::{Actor, Hooks, Inside, Point, StepError, StepPlan};

#[cfg(test)]
mod tests;
