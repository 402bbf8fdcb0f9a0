//! What lies in a directory or a bucket. Start at [`look`].

use super::recognise::{Entry, FoundSnapshot, Recognised, recognise};
use super::{Error, Learned};
use cluster::{Host, quoted};
use estate::Distribution;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use repository::foreign::Foreign;
use std::fmt;
use std::time::Duration;

/// How long a host may take to list a directory.
const LIMIT: Duration = Duration::from_secs(60);
/// Of so many snapshots in a bucket, the newest ones, it is asked what the store notes: one request each.
const ASKED: usize = 200;
/// Requests at once.
const AT_ONCE: usize = 8;

/// Where snapshots lie.
#[derive(Clone, Debug)]
pub enum Place {
    /// A directory on a host, this machine or another one.
    Directory {
        /// The host.
        host: Host,
        /// The directory's path there.
        path: String,
    },
    /// A bucket, or a folder in one.
    Bucket(Foreign),
}

/// What lies in a place.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The place.
    pub place: Place,
    /// What was found there.
    pub found: Recognised,
    /// What people should know of it as a whole.
    pub notes: Vec<String>,
}

/// As people write it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { host, path } => write!(f, "{path} on {}", host.name()),
            Self::Bucket(bucket) => f.write_str(bucket.place()),
        }
    }
}

/// Lists `place` for a cluster of `distribution`, whose `nodes` are known by these names. A directory is looked into two levels
/// deep, a bucket to the end.
///
/// Assumption: a host has GNU's `find`, as every distribution that these clusters run on.
///
/// # Errors
/// [`Error::Absent`], [`Error::Refused`], [`Error::Host`]; [`Error::Store`].
pub async fn look(place: &Place, distribution: Distribution, nodes: &[String]) -> Result<Listing, Error> {
    let entries = match place {
        Place::Directory { host, path } => directory(place, host, path).await?,
        Place::Bucket(bucket) => {
            let all = bucket.list("").await?;
            let entry = |it: repository::foreign::Object| Entry { path: it.key, bytes: it.bytes, written: it.written };
            all.into_iter().map(entry).collect()
        }
    };
    let mut found = recognise(&entries, distribution, nodes);
    if let Place::Bucket(bucket) = place {
        learn(bucket, &mut found.snapshots).await?;
    }
    let notes = found.notes(nodes);
    Ok(Listing { place: place.clone(), found, notes })
}

async fn directory(place: &Place, host: &Host, path: &str) -> Result<Vec<Entry>, Error> {
    let script = format!(
        r#"cd {path} 2>/dev/null || {{
  if [ -e {path} ]; then printf refused; else printf absent; fi
  exit 0
}}
[ -r . ] || {{ printf refused; exit 0; }}
printf 'listed\0'
find . -maxdepth 2 -type f -printf '%s %T@ %P\0'
if [ -d ../.metadata ]; then find ../.metadata -maxdepth 1 -type f -printf '%s %T@ ../.metadata/%P\0'; fi"#,
        path = quoted(path)
    );
    let listed = host.run(&format!("listing {path}"), &script, LIMIT).await?;
    match listed.strip_prefix("listed\0") {
        Some(listed) => {
            let odd = |reason| Error::Odd { place: place.to_string(), reason };
            entries(listed).map_err(odd)
        }
        None if listed == "absent" => Err(Error::Absent { place: place.to_string() }),
        None => Err(Error::Refused { place: place.to_string() }),
    }
}

/// Files as `find` prints them: bytes, seconds since 1970 with a fraction, and the path, ended by a NUL.
pub(super) fn entries(listed: &str) -> Result<Vec<Entry>, String> {
    let entry = |line: &str| {
        let (bytes, rest) = line.split_once(' ')?;
        let (written, path) = rest.split_once(' ')?;
        let seconds = written.split('.').next()?.parse().ok()?;
        Some(Entry {
            path: path.to_owned(),
            bytes: bytes.parse().ok()?,
            written: Timestamp::from_second(seconds).ok()?,
        })
    };
    let lines = listed.split('\0').filter(|line| !line.is_empty());
    lines
        .map(|line| entry(line).ok_or_else(|| format!("{line:?} is no file with its size and time")))
        .collect()
}

/// Asks the store what is noted of snapshots. What is gone by now is left as it is.
async fn learn(bucket: &Foreign, snapshots: &mut [FoundSnapshot]) -> Result<(), Error> {
    // Apart from the closure, whose lifetimes would keep this from being sent between threads.
    let paths: Vec<String> = snapshots.iter().take(ASKED).map(|it| it.path.clone()).collect();
    let asked = paths.into_iter().map(|path| async move {
        match bucket.head(&path).await {
            Ok(noted) => Ok(Learned::of(&noted.notes)),
            Err(repository::Error::NotFound { .. }) => Ok(Learned::default()),
            Err(other) => Err(other),
        }
    });
    let learned: Vec<Learned> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    for (snapshot, learned) in snapshots.iter_mut().zip(learned) {
        snapshot.learn(learned);
    }
    Ok(())
}
