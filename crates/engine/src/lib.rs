//! How a run survives a crash: its journal, who works on it, and how it is resumed.
//!
//! A run is a graph of steps, each with an id and the steps that it comes after. The journal records the intent before a step and its
//! outcome after, so a run that was killed at any moment goes on from its journal, on any machine that can reach it; it can also be undone,
//! the newest step first. This crate is generic: it knows no Kubernetes and no estate, and has no store of its own; the caller brings a
//! [`Journal`] and an [`Actor`]. Start at [`begin`] and [`run`]; [`undo`] goes back, [`answer`] and [`say`] are for people. [`State`] is the
//! pure fold that says where a run stands, [`may_claim`] who may go on with it.
//!
//! Two rules make it safe. **Steps are idempotent, or a person is asked**: a step whose outcome was not recorded is performed again only if
//! its plan says that it may be. **One runner at a time**: an entry is created under the next number, which only one can win; a runner that
//! loses it stops, and one that cannot confirm an entry stops its steps before anybody else is allowed to claim the run. Only words, which
//! change nothing by themselves, may come in between.
//!
//! Plans, outcomes and problems are written down for ever and shown to people: no secret belongs into them.
//!
//! Not here: what a step does, where journals are kept, what a plan means, whether a step is wanted at all.

mod claim;
mod entry;
mod error;
mod fold;
mod graph;
#[cfg(feature = "harness")]
pub mod harness;
mod journal;
mod run;
mod state;
mod step;
mod worker;
mod writer;

pub use claim::{Claim, Runner, Watched, may_claim, wait_claimable};
pub use entry::{Ended, Entry, Event, Problem, Word};
pub use error::Error;
pub use journal::{Journal, JournalError};
pub use run::{Answer, Finished, answer, begin, cancel, run, say, undo};
pub use state::{Damaged, Failure, InFlight, Outcomes, Said, State, Turned};
pub use step::{Actor, Hooks, Inside, OnFailure, Performed, Point, StepError, StepPlan};

#[cfg(test)]
mod tests;
