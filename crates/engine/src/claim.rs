//! Who may work on a run. Start at [`may_claim`], which decides; [`wait_claimable`] watches for it.

use crate::writer::read;
use crate::{Error, Journal, State};
use jiff::Timestamp;
use std::time::Duration;

/// Between two readings, however short a runner's heartbeat is.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// One that works on runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Its name in journals. No two living processes may share one: whoever comes with the id of the last entry is taken for
    /// the same process, and need not wait.
    pub id: String,
    /// How often a sign of life is written while a step is performed.
    pub heartbeat: Duration,
    /// How long a run must have been silent before another runner may claim it. Must be the same for all runners of a run: a
    /// runner stops its step when four fifths of this have passed without a confirmed entry.
    pub silence: Duration,
    /// How many steps it performs at once, at most: one after the other for a person, who has two hands.
    pub at_once: usize,
}

impl Runner {
    /// A runner with the usual times: a sign of life every 5 s, claimable after 15 s of silence.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            heartbeat: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            at_once: usize::MAX,
        }
    }

    /// For how long after an entry the run is surely still this runner's. Counted from before the entry was sent, while others
    /// count from after they have read it; the rest is for a step to stop acting.
    pub(crate) fn lease(&self) -> Duration {
        self.silence / 5 * 4
    }
}

/// What one that wants a run knows besides its state.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Who asks.
    pub by: &'a Runner,
    /// For how long it has watched the journal without a new entry, on its own monotonic clock.
    pub quiet: Duration,
}

/// Whether a run may be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody works on it.
    Free,
    /// Somebody does, or died too short a time ago to tell.
    Busy {
        /// The other runner's id.
        runner: String,
        /// Its last entry, by its own clock.
        since: Timestamp,
    },
}

/// Decides whether a run may be claimed: when its last entry is by the same runner, when a step has failed for good (it is
/// nobody's then), or its runner has stopped by itself, or when nothing was written for long enough. A run that has ended or not begun has nobody to disturb.
pub fn may_claim(state: &State, watched: Watched<'_>) -> Claim {
    match (&state.runner, state.last) {
        (Some(runner), Some(since))
            if *runner != watched.by.id
                && !state.released
                && state.ended.is_none()
                && watched.quiet < watched.by.silence =>
        {
            Claim::Busy { runner: runner.clone(), since }
        }
        _ => Claim::Free,
    }
}

/// Watches a journal until the run may be claimed, and returns its state then. The claim is the entry with the number
/// [`State::next`] of just this state: any other could win over a runner that has just shown itself. [`crate::run`] does all
/// this by itself.
///
/// # Errors
/// [`Error::Busy`] at the first sign of life of another runner, [`Error::Journal`], [`Error::Damaged`].
pub async fn wait_claimable(journal: &dyn Journal, runner: &Runner) -> Result<State, Error> {
    let mut state = read(journal).await?;
    let mut quiet = Duration::ZERO;
    while let Claim::Busy { .. } = may_claim(&state, Watched { by: runner, quiet }) {
        let pause = runner.heartbeat.max(SHORTEST_PAUSE).min(runner.silence.saturating_sub(quiet));
        ambient::sleep(pause).await;
        let now = read(journal).await?;
        // A word is no sign of the runner's life.
        if now.signs == state.signs {
            // Only what was slept is counted: no clock is needed, and reading slowly errs on the safe side.
            quiet += pause;
            state = now;
            continue;
        }
        if let Claim::Busy { runner, since } = may_claim(&now, Watched { by: runner, quiet: Duration::ZERO }) {
            return Err(Error::Busy { runner, since });
        }
        state = now;
    }
    Ok(state)
}
