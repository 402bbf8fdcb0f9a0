//! The newest state of a history, kept as a database on the local disk, so that it becomes a data directory without a download.
//!
//! Start at [`Follower`]: it looks at a shelf ([`Follower::advance`]) and appends what is new to its file (`file`); from time to
//! time it makes the file anew from itself. [`Follower::promote`] puts membership and compaction marks into the file and moves it
//! to where an etcd starts on it. What the file is the state of stands in itself (`state`), and changes with it.
//!
//! Why appending works: records stand in bucket `key` in the order of their revisions, so that new ones only touch the right edge
//! of the tree. What they supersede stays in the file until it is made anew, as it does in an etcd between two compactions: a
//! promoted etcd says that it is all compacted, hashes as if it was, and removes it when it is compacted next.
//!
//! Killed at any moment, it is what it was, or one change further; what it says of itself is checked by hash whenever it is
//! opened. It never says that it is current when it could not look.
//!
//! Not here: when to look, and whom to tell.

mod build;
mod error;
mod file;
mod home;
mod lag;
mod promote;
mod state;
mod steps;

pub use error::FollowError;
pub use lag::{Lag, Seen};
pub use promote::{Least, Promoted, Promotion};
pub use state::Position;
pub use steps::Done;

use crate::history::{History, Shelf};
use file::Followed;
use home::{Found, Home};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Follows a history into a directory, which it has for itself.
pub struct Follower {
    home: Home,
    file: Option<Followed<File>>,
    /// As it was looked at last.
    history: Option<History>,
    lag: Lag,
    /// Why there is no file, although there was one.
    lost: Option<String>,
}

impl Follower {
    /// Opens a directory, which is made if it is not there, and takes its lock. The file that it holds is checked from end to end;
    /// one that is not what it says it is does not count, and why is in [`Follower::lost`].
    ///
    /// # Errors
    /// Another process has it; it is used for something else; the disk refuses.
    pub fn open(path: &Path) -> Result<Self, FollowError> {
        let home = Home::open(path)?;
        let (file, lost) = match home.find()? {
            Found::File(file) => match file.check() {
                Ok(_) => (Some(*file), None),
                Err(e) if e.is_damage() => (None, Some(e.to_string())),
                Err(e) => return Err(e.into()),
            },
            Found::Nothing => (None, None),
            Found::Unusable(why) => (None, Some(why)),
        };
        let lag = Lag::of(file.as_ref().map(|file| file.position().clone()));
        Ok(Self { home, file, history: None, lag, lost })
    }

    /// Why what was in the directory does not count.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Where the file stands.
    pub fn position(&self) -> Option<&Position> {
        self.file.as_ref().map(Followed::position)
    }

    /// How far it is, and how far the history was when it was looked at.
    pub fn lag(&self) -> &Lag {
        &self.lag
    }

    /// The size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, Followed::bytes)
    }

    /// What the etcd was that the history is of: its version, as far as that is known, and the cluster's id, 0 if it is not.
    pub fn origin(&self) -> Option<(&str, u64)> {
        self.file.as_ref().map(Followed::origin)
    }

    /// Where the last state that was here went to, if none is here any more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn promoted_into(&self) -> Result<Option<String>, FollowError> {
        Ok(self.home.promoted()?.map(|note| note.into.display().to_string()))
    }

    /// Looks at the shelf, and does what is to be done so that the file is as new as the history. Blocks.
    ///
    /// # Errors
    /// The shelf cannot be listed, or what is on it cannot be read; the history ends before what is here already. The file is then
    /// as it was, or some way further; [`Follower::lag`] says that the last look failed.
    pub fn advance(&mut self, shelf: &Arc<dyn Shelf>) -> Result<Done, FollowError> {
        let done = match self.step(shelf) {
            // It was merged between looking and reading.
            Err(FollowError::File(e)) if e.is_gone() => self.step(shelf),
            done => done,
        };
        self.lag.own = self.file.as_ref().map(|file| file.position().clone());
        self.lag.failed = done.is_err();
        done
    }
}

#[cfg(test)]
mod tests;
