//! The file becomes a member's data directory. Start at [`Follower::promote`].
//!
//! The order: where it goes to is noted; the file gets a second name in a folder beside the target, or is copied where that cannot
//! be; membership and marks are put into it, as a change like any other; the log is laid beside it; the folder is renamed to the
//! target; the first name goes. Killed before the rename, the change is undone when the directory is opened next: the state before
//! it is still in the file, since nobody else writes to it.

use super::file::{Checked, Followed};
use super::home::{DATABASE, Home};
use super::{FollowError, Follower, Lag, Position, build};
use crate::FileError;
use crate::rebuild::beside::{Beside, Hook};
use crate::rebuild::{Line, Marks, Members, RebuildError, Rebuilt, Revisions, buckets, member};
use crate::selection::Source;
use crate::wal::{self, Fresh, Peer};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a file is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The cluster.
    pub members: Members,
    /// Which of its members.
    pub name: String,
    /// The data directory, which is not there yet, or empty.
    pub into: PathBuf,
    /// The etcd that will run it.
    pub line: Line,
    /// How far revisions jump; `None` lets them go on where they were, which is not for Kubernetes.
    pub bump: Option<u64>,
    /// What must be in it: less is not promoted.
    pub least: Option<Least>,
}

/// A moment of a history that has to be in what is promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Least {
    /// The timeline: a revision of another one is another state.
    pub timeline: u32,
    /// The revision.
    pub revision: u64,
    /// The id of the etcd whose revision it is, 0 if it is not known: another cluster's revisions are other states, too.
    pub cluster_id: u64,
}

impl Least {
    /// Whether `own`, of the etcd `of` (0 if it is not known), has it, too.
    ///
    /// # Errors
    /// It does not.
    pub fn is_in(&self, own: &Position, of: u64) -> Result<(), FollowError> {
        if self.cluster_id != 0 && of != 0 && self.cluster_id != of {
            let why = format!("it is of etcd cluster {of:x}, and that of {:x} is wanted", self.cluster_id);
            return Err(FollowError::Stranger { why });
        }
        match own.timeline == self.timeline && own.revision >= self.revision {
            true => Ok(()),
            false => Err(FollowError::Behind {
                own: own.revision,
                own_timeline: own.timeline,
                wanted: self.revision,
                timeline: self.timeline,
            }),
        }
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promoted {
    /// As of a rebuild.
    pub rebuilt: Rebuilt,
    /// How far it was, and how far behind.
    pub lag: Lag,
    /// Whether the file itself was moved, so that nothing is left to follow with. Else it was copied.
    pub moved: bool,
}

impl Follower {
    /// Makes a data directory of what is here, without asking anybody: see [`Follower::advance`] for what is missing. The file is
    /// checked from end to end first.
    ///
    /// # Errors
    /// There is nothing here; it is not what it says; the target is not empty, the members cannot be, or the disk refuses. Then what
    /// was here is still here.
    pub fn promote(self, promotion: &Promotion) -> Result<Promoted, FollowError> {
        self.promote_with(promotion, &|_| Ok(()))
    }

    /// As [`Follower::promote`], calling `hook` before each step that changes the disk: a test makes it fail there.
    pub(super) fn promote_with(mut self, promotion: &Promotion, hook: Hook<'_>) -> Result<Promoted, FollowError> {
        let Some(mut file) = self.file.take() else {
            let into = self.promoted_into()?.map(|into| format!("it was promoted into {into}"));
            let why = self.lost.take().or(into);
            return Err(FollowError::Nothing { path: self.home.path().display().to_string(), why });
        };
        if let Some(least) = &promotion.least {
            least.is_in(file.position(), file.origin().1)?;
        }
        let wanted = Wanted::of(promotion, file.position().revision)?;
        let place = Beside::of_directory(&promotion.into, hook)?;
        for path in ["data", "data/member", "data/member/snap", "data/member/wal"] {
            place.directory(path)?;
        }
        let (checked, small) = std::thread::scope(|scope| {
            // Meanwhile, since each sync takes its time, however small the file.
            let small = scope.spawn(|| member::files(&place, &wanted.fresh));
            let checked = file.check();
            (checked, small.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        small?;
        let (buckets, mut rebuilt) = wanted.buckets(&file, &checked?, promotion)?;
        let path = place.folder().join("data").join(DATABASE);
        let moved = self.second_name((&promotion.into, file.position()), &path, hook)?;
        point(hook, "database")?;
        if moved {
            file.promote(&buckets)?;
            rebuilt.bytes = file.bytes();
        } else {
            let mut copy = copied(&self.home, &path)?;
            copy.promote(&buckets)?;
            rebuilt.bytes = copy.bytes();
        }
        for path in ["data/member/wal", "data/member/snap", "data/member", "data"] {
            place.sync_directory(path)?;
        }
        place.publish()?;
        if moved {
            point(hook, "leave")?;
            self.home.left()?;
        }
        Ok(Promoted { rebuilt, lag: self.lag, moved })
    }

    /// As which state what was here became the data directory `into`, if it did and one is there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn promoted_as(&self, into: &Path) -> Result<Option<Position>, FollowError> {
        let into = std::path::absolute(into).map_err(FileError::io(into.display(), "found"))?;
        let note = self.home.promoted()?.filter(|note| self.file.is_none() && note.into == into);
        Ok(note.and_then(|note| note.position).filter(|_| into.join(DATABASE).exists()))
    }

    /// The etcd that what is here comes from, as far as that is known.
    pub fn line(&self) -> Option<Line> {
        self.origin().and_then(|(version, _)| version.parse().ok())
    }

    /// Gives the file a second name; `false` where it cannot have one there.
    fn second_name(
        &self,
        (into, position): (&Path, &Position),
        path: &Path,
        hook: Hook<'_>,
    ) -> Result<bool, FileError> {
        point(hook, "note")?;
        self.home.promoting(into, position)?;
        point(hook, "second name")?;
        if std::fs::hard_link(self.home.file(), path).is_ok() {
            return Ok(true);
        }
        self.home.staying()?;
        Ok(false)
    }
}

/// What is known before the file is looked at.
struct Wanted {
    peers: Vec<Peer>,
    fresh: Fresh,
    revisions: Revisions,
    marks: Marks,
}

impl Wanted {
    fn of(promotion: &Promotion, revision: u64) -> Result<Self, RebuildError> {
        let wrong = |reason| RebuildError::Members { reason };
        let peers = promotion.members.peers().map_err(wrong)?;
        let this = peers.iter().find(|peer| peer.name == promotion.name);
        let this = this.ok_or_else(|| wrong(format!("none is called {:?}", promotion.name)))?.id;
        let marks = promotion.bump.map_or(Marks::Current, Marks::Bump);
        let revisions = Revisions::new(revision, marks, 0)?;
        Ok(Self { fresh: wal::fresh(&peers, this), peers, revisions, marks })
    }

    /// The buckets beside the records, as a rebuild of the same moment has them.
    fn buckets(
        &self,
        file: &Followed<File>,
        checked: &Checked,
        promotion: &Promotion,
    ) -> Result<(buckets::Buckets, Rebuilt), FollowError> {
        let source = file.source()?;
        let (others, known) = (source.others()?, source.leases()?);
        let membership = Some((&self.fresh, self.peers.as_slice()));
        let (mut all, warnings) = buckets::others(&others, promotion.line, &self.revisions, membership);
        let leases = buckets::leases(&others, &known, &checked.leases, self.marks == Marks::AsIs);
        let rebuilt = Rebuilt {
            revision: self.revisions.at,
            current_revision: self.revisions.current,
            compacted_revision: self.revisions.compacted,
            keys: checked.keys,
            bytes: file.bytes(),
            leases: leases.entries.len() as u64,
            leases_missing: leases.missing,
            warnings,
            members: self.peers.iter().map(|peer| (peer.name.clone(), peer.id)).collect(),
            cluster_id: self.fresh.cluster_id,
        };
        all.insert("lease".to_owned(), leases.entries);
        Ok((all, rebuilt))
    }
}

/// A copy of the file, which is then a file by itself.
fn copied(home: &Home, path: &Path) -> Result<Followed<File>, FollowError> {
    std::fs::copy(home.file(), path).map_err(FileError::io(path.display(), "written"))?;
    let opened = build::open(path)?;
    Ok(opened.ok_or_else(|| FileError::damaged(path.display(), "its buckets", "it is not what was copied"))?)
}

fn point(hook: Hook<'_>, step: &str) -> Result<(), FileError> {
    hook(step).map_err(FileError::io("the promotion", "carried on"))
}
