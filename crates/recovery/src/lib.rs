//! How a plan runs: one file a step kind, one road for a person, an automatic failover and a drill.
//!
//! Start at [`run`], which carries a plan out from wherever its journal stands. [`World`] is the estate with its doors open:
//! hosts, repository, voters, name servers. [`runs`] keeps the journals in the repository; [`gather`] finds what the plan of a failover is
//! made from, [`restoring`] that of a restore; [`elsewhere`] asks other hosts; [`asked`], [`adopted`] and [`put_back`] find and open what a
//! person asks for, and put files back; [`verified`] rebuilds and tests what could be restored; [`kit`] is what an empty host needs besides
//! the copies; [`control_plane`] stops and starts one; [`report`] says what a run took
//! and what was lost.
//!
//! Not here: deciding anything. Which point, which site and which steps stand in the plan.

pub mod adopted;
pub mod asked;
pub mod control_plane;
pub mod elsewhere;
pub mod fitness;
pub mod gather;
mod guide;
pub mod kit;
pub mod put_back;
pub mod report;
pub mod restoring;
mod run;
pub mod runs;
mod spool;
mod steps;
mod trouble;
pub mod verified;
mod voters;
mod words;
mod world;

pub use guide::{Choice, Guide};
pub use run::{Failed, Mode, Work, dry, run, undo};
pub use steps::approve::{APPROVE, REJECT};
pub use steps::etcd_promote::Promoted;
pub use steps::manual::DONE;
pub use trouble::Trouble;
pub use voters::{Answer, ask as ask_sites, ask_one as ask_site};
pub use world::{World, store_settings};

#[cfg(test)]
mod tests;
