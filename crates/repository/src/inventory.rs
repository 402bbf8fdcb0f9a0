//! What there is in a repository, by name: one listing, sorted out. Nothing is read.

use crate::layout::{self, Known};
use crate::seen::{Seen, SeenHistory, SeenPoint};
use crate::store::Listed;
use crate::{Error, Repository, Scope};
use estate::{Name, PointId};
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};

/// Runs of which the last entry is remembered.
const RUNS: usize = 100;

/// Numbers of a stream, with the length in bytes of each object.
pub(crate) type Stream = BTreeMap<u64, u64>;

/// All objects of a repository, or of some of its scopes: some 200 bytes of memory for each, but for the restic repositories'
/// files, which are only counted.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) marker: bool,
    pub(crate) writers: Stream,
    pub(crate) scopes: BTreeMap<Scope, InScope>,
    /// Keys that mean nothing.
    pub(crate) strange: Vec<String>,
    /// What probes of the store have left, or are writing.
    pub(crate) probes: Vec<String>,
    /// How many objects there are.
    pub(crate) objects: u64,
    /// How many bytes they have.
    pub(crate) bytes: u64,
}

/// All objects of a scope.
#[derive(Debug, Default)]
pub(crate) struct InScope {
    pub(crate) keyrings: Stream,
    pub(crate) evidence: BTreeMap<Name, Stream>,
    pub(crate) leases: BTreeMap<Name, Stream>,
    pub(crate) points: BTreeMap<PointId, InPoint>,
    /// Of points that were ever held.
    pub(crate) holds: BTreeMap<PointId, Stream>,
    /// By name, with their length in bytes.
    pub(crate) history: BTreeMap<String, u64>,
    pub(crate) runs: BTreeMap<u64, Stream>,
    pub(crate) kits: Stream,
}

/// All objects of a point, with their length in bytes.
#[derive(Debug, Default)]
pub(crate) struct InPoint {
    pub(crate) manifest: Option<u64>,
    pub(crate) parts: BTreeMap<Name, u64>,
}

impl Repository {
    /// Lists everything, or what is of some scopes.
    pub(crate) async fn inventory(&self, only: Option<&BTreeSet<Scope>>) -> Result<Inventory, Error> {
        let mut inventory = Inventory::default();
        let Some(scopes) = only else {
            let all = Path::default();
            self.shared.store.for_each(&all, |listed| inventory.add(listed)).await?;
            return Ok(inventory);
        };
        let mut prefixes: Vec<Path> = scopes.iter().map(Scope::path).collect();
        if !scopes.contains(&Scope::Shared) {
            prefixes.push(layout::writer_lists());
        }
        for prefix in prefixes {
            self.shared.store.for_each(&prefix, |listed| inventory.add(listed)).await?;
        }
        Ok(inventory)
    }
}

impl Inventory {
    /// Puts an object where it belongs.
    pub(crate) fn add(&mut self, listed: Listed) {
        let Listed { key, bytes, .. } = listed;
        self.objects += 1;
        self.bytes += bytes;
        let Some(known) = layout::known(&key) else {
            self.strange.push(key.to_string());
            return;
        };
        match known {
            Known::Marker => self.marker = true,
            Known::Probe => self.probes.push(key.to_string()),
            Known::Writers(number) => drop(self.writers.insert(number, bytes)),
            Known::Keyring(scope, number) => drop(self.of(scope).keyrings.insert(number, bytes)),
            Known::Kit(number) => drop(self.of(Scope::Shared).kits.insert(number, bytes)),
            Known::Entry { run, entry } => {
                self.of(Scope::Shared).runs.entry(run).or_default().insert(entry, bytes);
            }
            Known::Evidence(scope, name, number) => {
                self.of(scope).evidence.entry(name).or_default().insert(number, bytes);
            }
            Known::Lease(scope, name, number) => {
                self.of(scope).leases.entry(name).or_default().insert(number, bytes);
            }
            Known::Manifest(cluster, point) => {
                self.of(Scope::Cluster(cluster)).points.entry(point).or_default().manifest = Some(bytes);
            }
            Known::Part(cluster, point, part) => {
                let scope = self.of(Scope::Cluster(cluster));
                scope.points.entry(point).or_default().parts.insert(part, bytes);
            }
            Known::Hold(cluster, point, number) => {
                let scope = self.of(Scope::Cluster(cluster));
                scope.holds.entry(point).or_default().insert(number, bytes);
            }
            Known::History(cluster, name) => {
                self.of(Scope::Cluster(cluster)).history.insert(name, bytes);
            }
            Known::Files(cluster, _) => drop(self.of(Scope::Cluster(cluster))),
        }
    }

    fn of(&mut self, scope: Scope) -> &mut InScope {
        self.scopes.entry(scope).or_default()
    }
}

impl InScope {
    /// The newest of everything, but for the objects in `but`. `hashes` has the SHA-256 of sealed manifests; a point without one
    /// does not count.
    pub(crate) fn seen(&self, scope: &Scope, hashes: &BTreeMap<PointId, String>, but: &BTreeSet<String>) -> Seen {
        let good = |key: Result<Path, Error>| key.is_ok_and(|key| !but.contains(key.as_ref()));
        let last = |stream: &Stream, key: &dyn Fn(u64) -> Result<Path, Error>| {
            stream.keys().rev().copied().find(|&number| good(key(number)))
        };
        let named = |streams: &BTreeMap<Name, Stream>, at: fn(&Scope, &Name) -> Path| {
            let newest = streams.iter().filter_map(|(name, stream)| {
                let key = |number| layout::numbered(&at(scope, name), "object", number);
                last(stream, &key).map(|number| (name.clone(), number))
            });
            newest.collect()
        };
        let mut seen = Seen {
            keyring: last(&self.keyrings, &|number| layout::keyring(scope, number)).unwrap_or(0),
            kit: last(&self.kits, &|number| layout::numbered(&layout::kits(), "kit", number)).unwrap_or(0),
            evidence: named(&self.evidence, layout::evidence),
            leases: named(&self.leases, layout::lease),
            ..Seen::default()
        };
        let runs = self.runs.iter().rev();
        let runs = runs.filter_map(|(&run, stream)| Some((run, last(stream, &|entry| layout::entry(run, entry))?)));
        seen.runs = runs.take(RUNS).collect();
        let Scope::Cluster(cluster) = scope else { return seen };
        let points = self.points.iter().rev().filter(|(_, it)| it.manifest.is_some());
        let mut points = points.filter(|(id, _)| !but.contains(layout::manifest(cluster, id).as_ref()));
        let found = points.find_map(|(id, _)| Some((id, hashes.get(id)?)));
        seen.point = found.map(|(id, sha256)| SeenPoint { id: id.clone(), sha256: sha256.clone() });
        let names = self.history.keys();
        let names = names.filter(|name| !but.contains(layout::history_object(cluster, name).as_ref()));
        let newest = names.filter_map(|name| Some((layout::position(name)?, name))).max();
        seen.history = newest.map(|((_, revision), name)| SeenHistory { name: name.clone(), revision });
        seen
    }
}
