//! What is to be copied, in which order.

use crate::layout::{self, FilesKind, Known};
use crate::store::Listed;
use crate::{Error, Repository, Scope};
use estate::{Name, PointId};
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};

/// Classes of objects, in the order in which they are copied. What names others comes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Marker,
    Keyrings,
    Writers,
    FilesKeys,
    FilesConfig,
    Matter,
    FilesIndex,
    Points,
    Holds,
    Runs,
    Kits,
    Evidence,
    /// Not copied.
    None,
}

/// The class of an object.
pub(crate) fn order(known: Option<&Known>) -> Class {
    match known {
        Some(Known::Marker) => Class::Marker,
        Some(Known::Keyring(..)) => Class::Keyrings,
        Some(Known::Writers(_)) => Class::Writers,
        Some(Known::Files(_, FilesKind::Keys)) => Class::FilesKeys,
        Some(Known::Files(_, FilesKind::Config)) => Class::FilesConfig,
        Some(Known::Part(..) | Known::History(..) | Known::Files(_, FilesKind::Data)) => Class::Matter,
        Some(Known::Files(_, FilesKind::Index)) => Class::FilesIndex,
        Some(Known::Manifest(..) | Known::Files(_, FilesKind::Snapshots)) => Class::Points,
        Some(Known::Hold(..)) => Class::Holds,
        Some(Known::Entry { .. }) => Class::Runs,
        Some(Known::Kit(_)) => Class::Kits,
        Some(Known::Evidence(..)) => Class::Evidence,
        Some(Known::Lease(..) | Known::Probe | Known::Files(_, FilesKind::Locks)) | None => Class::None,
    }
}

/// What is to be copied, as it was listed: classes of streams of objects.
pub(super) struct Listing {
    pub(super) classes: BTreeMap<Class, Vec<Vec<Listed>>>,
}

impl Listing {
    /// Lists a repository from what is written last to what is written first: what an object needs is then listed after it, and
    /// is there. Keyrings come last of all, since everything needs them.
    pub(super) async fn of(repository: &Repository) -> Result<Self, Error> {
        repository.id().await?;
        let store = &repository.shared.store;
        let folders = store.folders(&layout::clusters()).await?;
        let clusters: Vec<Name> = folders.iter().filter_map(layout::cluster_of).collect();
        let scopes: Vec<Scope> = clusters.iter().cloned().map(Scope::Cluster).chain([Scope::Shared]).collect();
        let mut places: Vec<Path> = scopes.iter().map(layout::evidences).collect();
        places.extend([layout::kits(), layout::runs()]);
        for cluster in &clusters {
            places.extend([layout::holds(cluster), layout::manifests(cluster)]);
            for kind in [FilesKind::Snapshots, FilesKind::Index, FilesKind::Data, FilesKind::Keys] {
                places.push(layout::files_below(cluster, kind));
            }
            places.extend([layout::history(cluster), layout::parts(cluster)]);
        }
        places.push(layout::writer_lists());
        places.extend(scopes.iter().map(layout::keyrings));
        let mut all = Vec::new();
        for place in places {
            all.extend(store.list_with_sizes(&place).await?);
        }
        // One object, and no folder.
        for cluster in &clusters {
            match store.look(&layout::files_below(cluster, FilesKind::Config)).await {
                Ok(config) => all.push(config),
                Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Self::sorted(all))
    }

    /// All keys that a repository has, with the length of each object.
    pub(super) async fn keys(repository: &Repository) -> Result<BTreeMap<Path, u64>, Error> {
        let mut keys = BTreeMap::new();
        let mut add = |Listed { key, bytes, .. }| {
            keys.insert(key, bytes);
        };
        repository.shared.store.for_each(&Path::default(), &mut add).await?;
        Ok(keys)
    }

    /// Sorts what was listed into classes and streams. Pure.
    pub(super) fn sorted(mut all: Vec<Listed>) -> Self {
        all.sort_by(|a, b| a.key.cmp(&b.key));
        let known: Vec<_> = all.into_iter().map(|it| (layout::known(&it.key), it)).collect();
        let points: BTreeSet<(Name, PointId)> =
            known.iter().filter_map(|(known, _)| manifest(known.as_ref())).collect();
        let mut streams: BTreeMap<(Class, Path), Vec<Listed>> = BTreeMap::new();
        for (known, object) in known {
            // A part of a point that is not there yet may be stored again, and be another one.
            let early = match &known {
                Some(Known::Part(cluster, point, _)) => !points.contains(&(cluster.clone(), point.clone())),
                _ => false,
            };
            let class = order(known.as_ref());
            if class == Class::None || early {
                continue;
            }
            let stream = match class {
                // Numbers without holes, and what is read along a chain, go one after the other.
                Class::Keyrings | Class::Writers | Class::Holds | Class::Runs | Class::Kits | Class::Evidence => {
                    folder(&object.key)
                }
                _ => object.key.clone(),
            };
            streams.entry((class, stream)).or_default().push(object);
        }
        let mut classes: BTreeMap<Class, Vec<Vec<Listed>>> = BTreeMap::new();
        for ((class, _), stream) in streams {
            classes.entry(class).or_default().push(stream);
        }
        Self { classes }
    }

    /// All objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Listed> {
        self.classes.values().flatten().flatten()
    }
}

fn manifest(known: Option<&Known>) -> Option<(Name, PointId)> {
    match known {
        Some(Known::Manifest(cluster, point)) => Some((cluster.clone(), point.clone())),
        _ => None,
    }
}

/// Where an object stands.
fn folder(key: &Path) -> Path {
    let mut parts: Vec<_> = key.parts().collect();
    parts.pop();
    Path::from_iter(parts)
}
