//! Object lock for a history in a repository: as the estate wants it, where the bucket can.

use super::opened::Place;
use crate::failure::Failure;
use crate::progress::Progress;
use ::etcd::merge::Policy;
use protect::etcd::{HistoryLock, OnUnlocked};
use recovery::Trouble;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How what is stored is locked; `None` where nobody wants that, or, and then it is said, where the bucket cannot.
pub(super) async fn wanted(
    place: &Place,
    policy: &Policy,
    progress: &Progress,
) -> Result<Option<HistoryLock>, Failure> {
    let Place::Repository { repository, lock: Some(wanted), .. } = place else {
        return Ok(None);
    };
    let state = repository.lock_state(Some(*wanted)).await.map_err(Trouble::from)?;
    if state.is_lacking() {
        progress.talk(&format!("object lock of {}: {state}", repository.store()));
    }
    Ok(state.mode().map(|mode| HistoryLock {
        mode,
        window: Duration::from_millis(policy.window_ms),
        base_every: Duration::from_millis(policy.base_every_ms),
    }))
}

/// Says that something could not be locked when that begins, and when it is over.
pub(super) fn teller(progress: Progress) -> OnUnlocked {
    let failing = Mutex::new(false);
    Arc::new(move |error| {
        let mut failing = failing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match error {
            Some(error) if !*failing => format!("stored and not locked: {error}"),
            None if *failing => "what is stored is locked again".to_owned(),
            _ => return,
        };
        *failing = error.is_some();
        progress.talk(&format!("{:.0} {text}", ambient::now()));
    })
}
