//! Whether the repository has let go of an object that only its copy has, or lost it. Start at [`Judge::verdict`].
//!
//! Let go of is what was replaced by something that the copy has, too, and what was removed as a whole, as a point is. Who has no
//! identity goes by names alone; with one, what stands for others must be sound.

use super::cover::covers;
use crate::held::Held;
use crate::inventory::{InPoint, Inventory, Stream};
use crate::layout::{self, FilesKind, Known};
use crate::store::Listed;
use crate::{Error, Read, Repository, Scope, Snapshots, evidence, kit};
use estate::{Name, PointId};
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// What becomes of an object that only the copy has.
pub(super) enum Verdict {
    /// It was let go of.
    Goes,
    /// It was lost, or may have been: why.
    Stays(String),
    /// It counts for nothing, and something of it is still being done.
    Waits,
}

/// What there is, and what was found out about it.
pub(super) struct Judge<'a> {
    from: &'a Repository,
    to: &'a Repository,
    here: BTreeSet<Path>,
    there: BTreeSet<Path>,
    pub(super) ours: Inventory,
    pub(super) theirs: Inventory,
    /// What both have: only that can stand for others.
    both: Inventory,
    sound: BTreeMap<Path, bool>,
    newest: BTreeMap<Path, Option<u64>>,
    files: BTreeMap<Name, Option<String>>,
    held: BTreeMap<Path, Option<String>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(from: &'a Repository, to: &'a Repository, ours: Vec<Listed>, theirs: Vec<Listed>) -> Self {
        let here: BTreeSet<Path> = ours.iter().map(|it| it.key.clone()).collect();
        let there = theirs.iter().map(|it| it.key.clone()).collect();
        let in_both = theirs.iter().filter(|it| here.contains(&it.key)).cloned().collect();
        Self {
            from,
            to,
            there,
            ours: inventory(ours),
            both: inventory(in_both),
            theirs: inventory(theirs),
            here,
            sound: BTreeMap::new(),
            newest: BTreeMap::new(),
            files: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// What only the copy has.
    pub(super) fn surplus(&self) -> Vec<Path> {
        self.there.difference(&self.here).cloned().collect()
    }

    /// What becomes of an object that only the copy has.
    pub(super) async fn verdict(&mut self, known: &Known) -> Result<Verdict, Error> {
        let is_let_go = match known {
            Known::Keyring(scope, number) => self.is_replaced(&layout::keyrings(scope), *number, known).await?,
            Known::Writers(number) => self.is_replaced(&layout::writer_lists(), *number, known).await?,
            Known::Kit(number) => self.later_kits(*number).await? > kit::KEPT,
            Known::Evidence(scope, writer, number) => {
                let streams = self.both.scopes.get(scope).map(|it| &it.evidence);
                let stream = streams.and_then(|it| it.get(writer));
                stream.is_some_and(|it| above(it, *number).count() as u64 >= evidence::KEPT)
            }
            Known::Manifest(cluster, point) | Known::Part(cluster, point, _) => {
                return self.of_point(cluster, point).await;
            }
            Known::History(cluster, name) => self.is_covered(cluster, name).await?,
            Known::Files(_, FilesKind::Config | FilesKind::Keys) => false,
            Known::Files(cluster, _) => {
                return Ok(match self.files_lost(cluster).await? {
                    Some(why) => Verdict::Stays(why),
                    None => Verdict::Goes,
                });
            }
            Known::Entry { .. } | Known::Hold(..) => false,
            Known::Marker | Known::Lease(..) | Known::Probe => return Ok(Verdict::Waits),
        };
        Ok(match is_let_go {
            true => Verdict::Goes,
            false => Verdict::Stays("it is missing in FROM, and nothing there replaces it".to_owned()),
        })
    }

    /// A point is removed as a whole, its manifest first, and never while it is held.
    async fn of_point(&mut self, cluster: &Name, point: &PointId) -> Result<Verdict, Error> {
        let has_manifest = |inventory| in_point(inventory, cluster, point).is_some_and(|it| it.manifest.is_some());
        if in_point(&self.ours, cluster, point).is_none() {
            return Ok(match self.held(cluster, point).await? {
                Some(why) => Verdict::Stays(why),
                None => Verdict::Goes,
            });
        }
        if has_manifest(&self.ours) {
            return Ok(Verdict::Stays("FROM has the manifest of its point, and not this".to_owned()));
        }
        Ok(match has_manifest(&self.theirs) {
            true => Verdict::Stays("FROM has parts of its point, and no manifest".to_owned()),
            false => Verdict::Waits,
        })
    }

    /// Why a point that FROM does not have was not let go of: the copy's own records say that it is held, or cannot be opened here.
    /// What was planted there holds nothing back.
    async fn held(&mut self, cluster: &Name, point: &PointId) -> Result<Option<String>, Error> {
        let scope = self.theirs.scopes.get(&Scope::Cluster(cluster.clone()));
        if scope.is_none_or(|it| !it.holds.contains_key(point)) {
            return Ok(None);
        }
        let at = layout::holds_of(cluster, point);
        if !self.held.contains_key(&at) {
            let why = match self.to.held_now(cluster, point).await {
                Ok(Some(Held::By(hold))) => Some(format!("its point is held {hold}")),
                Ok(Some(Held::Unsound(_)) | None) => None,
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                Err(error) => Some(format!("whether its point is still held is not known: {error}")),
            };
            self.held.insert(at.clone(), why);
        }
        Ok(self.held.get(&at).cloned().flatten())
    }

    /// Whether there is a later one of a stream of which only the newest counts, signed by the root, the same in both.
    async fn is_replaced(&mut self, stream: &Path, number: u64, known: &Known) -> Result<bool, Error> {
        if !self.newest.contains_key(stream) {
            let newest = self.newest(known).await?;
            self.newest.insert(stream.clone(), newest);
        }
        Ok(self.newest.get(stream).copied().flatten().is_some_and(|newest| number < newest))
    }

    async fn newest(&self, known: &Known) -> Result<Option<u64>, Error> {
        let found = match known {
            Known::Keyring(scope, _) => self.from.keyring(scope).await.map(|(key, keyring)| (key, keyring.number)),
            _ => match self.from.trusted().await {
                Ok(list) => layout::writer_list(list.number).map(|key| (key, list.number)),
                Err(error) => Err(error),
            },
        };
        let (key, number) = match found {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) if error.is_unsound() => return Ok(None),
            Err(other) => return Err(other),
        };
        if !self.there.contains(&key) {
            return Ok(None);
        }
        let (ours, theirs) = (self.from.shared.store.get(&key).await?, self.to.shared.store.get(&key).await?);
        Ok((ours == theirs).then_some(number))
    }

    /// How many kits after this one both have.
    async fn later_kits(&mut self, number: u64) -> Result<usize, Error> {
        let kits = self.both.scopes.get(&Scope::Shared).map(|it| &it.kits);
        let later: Vec<u64> = kits.into_iter().flat_map(|it| above(it, number)).collect();
        let mut sound = 0;
        for later in later {
            let key = layout::numbered(&layout::kits(), "kit", later)?;
            sound += usize::from(self.is_sound(&key, &Known::Kit(later)).await?);
        }
        Ok(sound)
    }

    /// Whether an object of a history that is sound stands for this one.
    async fn is_covered(&mut self, cluster: &Name, name: &str) -> Result<bool, Error> {
        let scope = Scope::Cluster(cluster.clone());
        let names = |inventory: &'_ Inventory| -> Vec<String> {
            let found = inventory.scopes.get(&scope).into_iter();
            found.flat_map(|it| it.history.keys().cloned()).collect()
        };
        let (ours, both) = (names(&self.ours), names(&self.both));
        let (ours, both): (Vec<&str>, Vec<&str>) =
            (ours.iter().map(String::as_str).collect(), both.iter().map(String::as_str).collect());
        for other in covers(name, &ours, &both) {
            let key = layout::history_object(cluster, other);
            if self.is_sound(&key, &Known::History(cluster.clone(), other.to_owned())).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the copy's own object is what its name says; by its name alone where it cannot be opened here.
    pub(super) async fn is_sound(&mut self, key: &Path, known: &Known) -> Result<bool, Error> {
        if let Some(known) = self.sound.get(key) {
            return Ok(*known);
        }
        let sound = match self.to.opens(key, known).await {
            Ok(()) | Err(Error::NoIdentity { .. } | Error::WrongKey { .. }) => true,
            Err(Error::NotFound { .. }) => false,
            Err(error) if error.is_unsound() => false,
            Err(other) => return Err(other),
        };
        self.sound.insert(key.clone(), sound);
        Ok(sound)
    }

    /// Why what is missing in FROM's restic repository was not let go of; `None` if it is whole without it. Only who opens it can
    /// tell: what a pack holds its name does not say.
    async fn files_lost(&mut self, cluster: &Name) -> Result<Option<String>, Error> {
        if !self.files.contains_key(cluster) {
            let why = match self.files_whole(cluster).await {
                Ok(why) => why,
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                Err(error) => Some(format!("whether FROM's files are whole without it is not known: {error}")),
            };
            self.files.insert(cluster.clone(), why);
        }
        Ok(self.files.get(cluster).cloned().flatten())
    }

    async fn files_whole(&self, cluster: &Name) -> Result<Option<String>, Error> {
        let at = layout::files(cluster);
        let is_copied = |key: &&Path| match layout::known(key) {
            Some(Known::Files(_, kind)) => kind != FilesKind::Locks && key.prefix_matches(&at),
            _ => false,
        };
        if let Some(new) = self.here.difference(&self.there).find(is_copied) {
            return Ok(Some(format!("{new} is not copied yet")));
        }
        let (from, to) = (self.from.files(cluster).await?, self.to.files(cluster).await?);
        let checked = from.check(Read::Nothing).await?;
        if let Some(harm) = checked.findings.first() {
            return Ok(Some(format!("FROM's files are harmed: {}: {}", harm.object, harm.reason)));
        }
        if let Some(harmed) = checked.harmed.first() {
            return Ok(Some(format!("FROM's snapshot {} is harmed: {}", harmed.snapshot, harmed.reason)));
        }
        let (ours, theirs) = (from.list().await?, to.list().await?);
        let newest = |of: &Snapshots| of.snapshots.first().map(|it| it.time);
        Ok((newest(&theirs) > newest(&ours)).then(|| "the copy has a newer snapshot than FROM".to_owned()))
    }
}

fn inventory(listed: Vec<Listed>) -> Inventory {
    let mut inventory = Inventory::default();
    listed.into_iter().for_each(|it| inventory.add(it));
    inventory
}

fn in_point<'i>(inventory: &'i Inventory, cluster: &Name, point: &PointId) -> Option<&'i InPoint> {
    inventory.scopes.get(&Scope::Cluster(cluster.clone()))?.points.get(point)
}

/// The numbers of a stream above this one.
fn above(stream: &Stream, number: u64) -> impl Iterator<Item = u64> {
    stream
        .range((Bound::Excluded(number), Bound::Unbounded))
        .map(|(number, _)| *number)
}
