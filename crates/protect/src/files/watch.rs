//! Noticing that files of a host change. Start at [`Watch`]; [`fingerprint`] is the comparison that it rests on.

use super::gather::{Asked, Gathered, gather};
use super::listing::{Kind, Stat};
use super::pattern::above;
use super::take::alike;
use super::wanted::Wanted;
use crate::Error;
use cluster::Host;
use futures::StreamExt;
use futures::future::{Either, select};
use inotify::{EventStream, Inotify, WatchMask};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::pin;
use std::time::Duration;

/// How long is waited after something happened: more mostly follows at once, and a host is not asked all the time.
const SETTLE: Duration = Duration::from_secs(1);

/// Room for some dozens of events at once.
const EVENTS_BYTES: usize = 4096;

/// What a host's files looked like, without reading them: names, sizes, times, numbers, owners, modes, labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, Stat>);

impl Fingerprint {
    /// The paths that look different in `other`, or are only in one of them.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let same = |path: &String| match (self.0.get(path), other.0.get(path)) {
            (Some(one), Some(another)) => alike(one, another),
            _ => false,
        };
        paths.into_iter().filter(|path| !same(path)).cloned().collect()
    }

    fn of(gathered: &Gathered) -> Self {
        // What is above the files is not of the set: its own changes are no change of it.
        let of_set = gathered
            .found
            .iter()
            .filter(|(_, (stat, asked))| *asked == Asked::Yes || matches!(stat.kind, Kind::Link(_)));
        Self(of_set.map(|(path, (stat, _))| (path.clone(), stat.clone())).collect())
    }
}

/// Looks at what is `wanted` of `host`: one command there, and nothing is read.
///
/// # Errors
/// [`Error::Host`], or [`Error::Unusable`].
pub async fn fingerprint(host: &Host, wanted: &Wanted) -> Result<Fingerprint, Error> {
    Ok(Fingerprint::of(&gather(host, wanted).await?))
}

/// Notices changes of a host's files: on this machine at once, by inotify, and on every host by comparing.
///
/// Guarantees: what is different from the last time is found by the next comparison, whatever inotify has lost, and also what
/// changed between two calls.
#[derive(Debug)]
pub struct Watch {
    host: Host,
    wanted: Wanted,
    every: Duration,
    seen: Fingerprint,
}

impl Watch {
    /// Begins with what is there now. `every` is how long it takes at most, on any host, until a change is noticed.
    ///
    /// # Errors
    /// As [`fingerprint`].
    pub async fn new(host: &Host, wanted: &Wanted, every: Duration) -> Result<Self, Error> {
        let seen = fingerprint(host, wanted).await?;
        Ok(Self { host: host.clone(), wanted: wanted.clone(), every, seen })
    }

    /// Waits until something has changed since the last time, and says which paths. May be dropped and called again.
    ///
    /// # Errors
    /// As [`fingerprint`]; call it again to go on.
    pub async fn changed(&mut self) -> Result<Vec<String>, Error> {
        loop {
            // Watched first and looked at then, so that nothing is between.
            let mut gathered = gather(&self.host, &self.wanted).await?;
            let mut eye = None;
            if self.host.is_local() {
                // Where the system's share of it is used up, comparing is left.
                eye = events(&directories(&gathered, &self.wanted)).ok();
                gathered = gather(&self.host, &self.wanted).await?;
            }
            let now = Fingerprint::of(&gathered);
            let differing = self.seen.differing(&now);
            if !differing.is_empty() {
                self.seen = now;
                return Ok(differing);
            }
            let pause = pin!(ambient::sleep(self.every));
            match eye {
                None => pause.await,
                // What happened the comparison finds, also when it was more than could be remembered.
                Some(mut eye) => {
                    if let Either::Left((_, pause)) = select(eye.next(), pause).await {
                        select(pin!(ambient::sleep(SETTLE)), pause).await;
                    }
                }
            }
        }
    }
}

/// The directories in which a change would be one of the set: those of the set, those that its files are in, and where something
/// that is not there would appear.
fn directories(gathered: &Gathered, wanted: &Wanted) -> BTreeSet<String> {
    let is_directory = |path: &str| gathered.found.get(path).is_some_and(|(stat, _)| stat.kind == Kind::Directory);
    let nearest = |path: &str| above(path).find(|path| is_directory(path)).map(str::to_owned);
    let mut directories = BTreeSet::new();
    for (path, (_, asked)) in &gathered.found {
        if *asked == Asked::Yes {
            directories.extend(nearest(path));
            directories.extend(is_directory(path).then(|| path.clone()));
        }
    }
    for (pattern, _) in &wanted.items {
        let fixed = pattern.fixed();
        let at = if is_directory(fixed) {
            Some(fixed.to_owned())
        } else {
            nearest(fixed)
        };
        directories.extend(at);
    }
    directories
}

/// What inotify says of some directories.
type Events = EventStream<[u8; EVENTS_BYTES]>;

fn events(directories: &BTreeSet<String>) -> io::Result<Events> {
    let inotify = Inotify::init()?;
    let changes = WatchMask::ATTRIB
        | WatchMask::CLOSE_WRITE
        | WatchMask::CREATE
        | WatchMask::DELETE
        | WatchMask::MOVE
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
        | WatchMask::ONLYDIR;
    for directory in directories {
        match inotify.watches().add(directory, changes) {
            Err(reason) if reason.kind() == io::ErrorKind::StorageFull => return Err(reason),
            // What is gone meanwhile, or may not be watched, is noticed by comparing.
            Ok(_) | Err(_) => {}
        }
    }
    inotify.into_event_stream([0; EVENTS_BYTES])
}
