//! Removing what no snapshot needs: marked first, and removed by a later prune when nothing can be building on it any more.

use super::Files;
use super::failed::{because, or_damaged};
use super::session::Session;
use crate::Error;
use rustic_core::jiff::Span;
use rustic_core::{LimitOption, PruneOptions, PruneStats};
use std::time::Duration;

/// For how long packs stay marked before they are removed: longer than any copy takes. A copy that is begun before they are
/// marked may build on them; the next prune then sees that they are needed.
pub(super) const KEEP_MARKED: Duration = Duration::from_hours(7 * 24);

/// What a prune did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Packs that were marked long enough ago and are removed.
    pub removed_packs: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Bytes of packs that nothing needs any more: marked now, removed in a week.
    pub marked_bytes: u64,
    /// Bytes of packs that are marked already and stay so.
    pub waiting_bytes: u64,
    /// Packs that are needed in part and written anew.
    pub repacked_packs: u64,
    /// Their bytes, before.
    pub repacked_bytes: u64,
    /// Packs that an interrupted copy left, or that one being taken has written so far: marked now, in bytes.
    pub unnamed_bytes: u64,
}

impl Files {
    /// Removes what no snapshot needs. May run beside copies and restores; should run on one host at a time.
    ///
    /// # Errors
    /// [`Error::Refused`] when restic holds a lock, [`Error::Damaged`] when something that is needed is missing: nothing is
    /// removed then; and those of [`Files::open`].
    pub async fn prune(&self, dry_run: bool) -> Result<Pruned, Error> {
        self.prune_after(dry_run, KEEP_MARKED).await
    }

    pub(crate) async fn prune_after(&self, dry_run: bool, keep_marked: Duration) -> Result<Pruned, Error> {
        self.opened(move |session| prune(&session, dry_run, keep_marked)).await
    }
}

fn prune(session: &Session, dry_run: bool, keep_marked: Duration) -> Result<Pruned, Error> {
    if let Some(lock) = session.backend.locks()?.first() {
        let reason = format!("restic holds {lock}: it is at work, or was interrupted");
        return Err(Error::Refused {
            store: session.backend.store(),
            object: "a prune".to_owned(),
            reason,
        });
    }
    let damaged = || session.backend.at.to_string();
    let mut options = PruneOptions::default();
    options.instant_delete = false;
    options.keep_delete = Span::new().seconds(i64::try_from(keep_marked.as_secs()).unwrap_or(i64::MAX));
    options.max_repack = LimitOption::Unlimited;
    let plan = or_damaged(session.repository.prune_plan(&options), damaged)?;
    let pruned = told(&plan.stats);
    if !dry_run {
        let done = session.repository.prune(&options, plan);
        done.map_err(|error| {
            let said = because(&error, |reason| Error::Damaged { object: damaged(), reason });
            session.backend.spoilt().unwrap_or(said)
        })?;
    }
    Ok(pruned)
}

fn told(stats: &PruneStats) -> Pruned {
    let size = stats.size_sum();
    Pruned {
        removed_packs: stats.packs_to_delete.remove,
        removed_bytes: stats.size_to_delete.remove,
        marked_bytes: size.remove,
        waiting_bytes: stats.size_to_delete.keep,
        repacked_packs: stats.packs.repack,
        repacked_bytes: size.repack,
        unnamed_bytes: stats.size_unref,
    }
}
