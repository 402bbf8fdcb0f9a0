//! What is followed on this host becomes a member's data: no download and no restore. Start at [`promote`].

use estate::{Kind, Name};
use etcd::follow::{FollowError, Follower, Least, Position, Promotion};
use etcd::history::Shelf;
use etcd::rebuild::{Line, Member, Members};
use jiff::Timestamp;
use recovery::{Promoted, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long the history may be asked what is still missing. Who wants to promote waits longer, so that nothing is promoted once
/// nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wanted of what is followed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promote {
    /// The cluster that is followed.
    pub cluster: Name,
    /// The data directory that is made; it is not there yet, or empty.
    pub into: PathBuf,
    /// The members of the new cluster, and the URLs at which others reach each.
    pub members: BTreeMap<String, Vec<String>>,
    /// Which of them the data is for.
    pub name: String,
    /// The token of the new cluster; without one it says what it is made from.
    #[serde(default)]
    pub token: Option<String>,
    /// The etcd that will run it, as `3.6`; without this the one that it comes from.
    #[serde(default)]
    pub line: Option<String>,
    /// How far revisions jump.
    #[serde(default)]
    pub bump: Option<u64>,
    /// What has to be in it.
    #[serde(default)]
    pub least: Option<Least>,
    /// Whether nothing is changed, and only told what would become the data.
    #[serde(default)]
    pub dry: bool,
}

fn told(position: &Position, (behind, bytes): (Option<u64>, u64), made: bool) -> Promoted {
    let seen = i64::try_from(position.seen_ms).ok();
    Promoted {
        timeline: position.timeline,
        revision: position.revision,
        seen: seen.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        behind,
        bytes,
        made,
    }
}

/// Does what is wanted with what is followed in `directory`, if nobody has it. May be repeated: what has become the data before, and is
/// there, is told again. Blocks.
///
/// # Errors
/// Nothing is followed there, less than has to be in it, or the target is taken; then what was there is still there.
pub fn promote(directory: &Path, wanted: &Promote) -> Result<Promoted, Trouble> {
    if !directory.is_dir() {
        return Err(nothing(wanted));
    }
    of(Follower::open(directory)?, wanted)
}

pub(crate) fn nothing(wanted: &Promote) -> Trouble {
    let message = format!("this host does not follow {}", wanted.cluster);
    Trouble::new("LB0412", Kind::Invalid, message).hint("lifeboat status: who follows")
}

/// As [`promote`], once what is missing has been asked for: a history that cannot be reached, or has lost its end, is no reason to stop. One
/// of another cluster is. `asked` is when somebody began to wait for it.
pub(crate) fn newest(
    mut follower: Follower,
    shelf: &Arc<dyn Shelf>,
    wanted: &Promote,
    asked: Instant,
) -> Result<Promoted, Trouble> {
    let in_time = || match ambient::monotonic().saturating_duration_since(asked) > PATIENCE {
        false => Ok(()),
        true => {
            let message = format!("what is followed of {} could not be had in time", wanted.cluster);
            Err(Trouble::new("LB0301", Kind::Unreachable, message).hint("lifeboat status, and lifeboat check"))
        }
    };
    in_time()?;
    if let Err(stranger @ FollowError::Stranger { .. }) = follower.advance(shelf) {
        return Err(stranger.into());
    }
    // Whoever waited has gone on to something else by then.
    in_time()?;
    of(follower, wanted)
}

/// With what is open.
pub(crate) fn of(follower: Follower, wanted: &Promote) -> Result<Promoted, Trouble> {
    if let Some(before) = follower.promoted_as(&wanted.into)? {
        if let Some(least) = wanted.least {
            least.is_in(&before, 0)?;
        }
        let bytes = std::fs::metadata(database(&wanted.into)).map_or(0, |it| it.len());
        return Ok(told(&before, (None, bytes), true));
    }
    let Some(own) = follower.position().cloned() else {
        return Err(nothing(wanted));
    };
    let (id, far) = (follower.origin().map_or(0, |(_, id)| id), (follower.lag().behind(), follower.bytes()));
    if let Some(least) = wanted.least {
        least.is_in(&own, id)?;
    }
    if wanted.dry {
        let entries = std::fs::read_dir(&wanted.into).map_or(0, Iterator::count);
        return match entries == 0 && !wanted.into.is_file() {
            true => Ok(told(&own, far, false)),
            false => Err(Trouble::occupied(&wanted.into)),
        };
    }
    let asked =
        wanted.line.as_deref().map(str::parse::<Line>).transpose().map_err(|reason| {
            Trouble::new("LB0003", Kind::Invalid, format!("{:?} is no etcd: {reason}", wanted.line))
        })?;
    let line = asked.or_else(|| follower.line()).ok_or_else(|| {
        let message = format!("what is followed of {} does not say which etcd it comes from", wanted.cluster);
        Trouble::new("LB0003", Kind::Invalid, message).hint("--line 3.5, 3.6 or 3.7: the etcd that will run it")
    })?;
    let token = wanted.token.clone();
    let members = wanted.members.iter();
    let initial = members.map(|(name, urls)| Member { name: name.clone(), peer_urls: urls.clone() });
    let promotion = Promotion {
        members: Members {
            initial: initial.collect(),
            token: token.unwrap_or_else(|| format!("lifeboat-{id:x}-{}", own.revision)),
        },
        name: wanted.name.clone(),
        into: wanted.into.clone(),
        line,
        bump: wanted.bump,
        least: wanted.least,
    };
    follower.promote(&promotion)?;
    Ok(told(&own, far, true))
}

/// What became the data of whom: an answer may be lost, and what is followed is made anew meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    into: PathBuf,
    promoted: Promoted,
    /// The device and the number of its file.
    file: (u64, u64),
}

impl Before {
    pub(crate) fn of(into: &Path, promoted: &Promoted) -> Option<Self> {
        let file = file(into)?;
        promoted
            .made
            .then(|| Self { into: into.to_owned(), promoted: promoted.clone(), file })
    }

    /// The same answer again, if what it is of is still there.
    pub(crate) fn again(&self, wanted: &Promote) -> Option<Promoted> {
        let is_it = self.into == wanted.into && file(&wanted.into) == Some(self.file);
        let fits = wanted
            .least
            .is_none_or(|least| least.timeline == self.promoted.timeline && least.revision <= self.promoted.revision);
        (is_it && fits).then(|| self.promoted.clone())
    }
}

fn database(into: &Path) -> PathBuf {
    into.join("member/snap/db")
}

fn file(into: &Path) -> Option<(u64, u64)> {
    let is = std::fs::metadata(database(into)).ok()?;
    Some((is.dev(), is.ino()))
}

#[cfg(test)]
mod tests;
