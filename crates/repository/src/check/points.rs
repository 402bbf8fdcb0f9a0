//! Points: their manifests, and whether their parts are there in the right size.

use super::Checker;
use super::fault::{Flaw, Severity};
use super::report::{PartReport, PointReport};
use crate::digest::sha256;
use crate::inventory::{InPoint, Inventory};
use crate::seal::sealed_length;
use crate::{Error, Repository, Scope, layout};
use estate::{Name, Point, PointId};
use object_store::path::Path;
use std::collections::BTreeMap;

/// A point as it was listed.
pub(super) struct Listed<'a> {
    cluster: &'a Name,
    id: &'a PointId,
    objects: &'a InPoint,
}

/// A point as it was found.
pub(super) struct Found<'a> {
    of: Listed<'a>,
    /// `None` when it was removed meanwhile.
    report: Option<PointReport>,
    /// Of the manifest as it is stored.
    sha256: Option<String>,
    errors: Vec<(Path, Error)>,
}

/// All points, and all that have parts only.
pub(super) fn all(inventory: &Inventory) -> Vec<Listed<'_>> {
    let mut all = Vec::new();
    for (scope, found) in &inventory.scopes {
        if let Scope::Cluster(cluster) = scope {
            let points = found.points.iter();
            all.extend(points.map(|(id, objects)| Listed { cluster, id, objects }));
        }
    }
    all
}

impl Repository {
    /// Looks at a point: its manifest whole, its parts at their headers and lengths.
    pub(super) async fn look_at<'a>(&self, of: Listed<'a>, closed: &BTreeMap<Scope, String>) -> Found<'a> {
        let mut found = Found { of, report: None, sha256: None, errors: Vec::new() };
        let (cluster, id) = (found.of.cluster, found.of.id);
        if found.of.objects.manifest.is_none() {
            return found;
        }
        let key = layout::manifest(cluster, id);
        let mut report = PointReport {
            cluster: cluster.clone(),
            id: id.clone(),
            manifest: None,
            parts: Vec::new(),
            moment: None,
        };
        let read = self.shared.store.get(&key).await;
        found.sha256 = read.as_ref().ok().map(|sealed| sha256(sealed));
        if let Some(reason) = closed.get(&Scope::Cluster(cluster.clone())) {
            report.manifest = Some(reason.clone());
            found.report = Some(report);
            return found;
        }
        let point = match read {
            Ok(sealed) => self.manifest_of(cluster, id, &sealed).await,
            Err(error) => Err(error),
        };
        match point {
            Ok(point) => {
                for part in self.parts_of(&point, found.of.objects).await {
                    match part {
                        Ok((part, None)) => report.parts.push(part),
                        Ok((mut part, Some((key, error)))) => {
                            part.harm = Some(error.to_string());
                            report.parts.push(part);
                            found.errors.push((key, error));
                        }
                        Err(error) => found.errors.push((key.clone(), error)),
                    }
                }
                // Removed while it was looked at: no part of it is missed.
                let gone = !found.errors.is_empty()
                    && matches!(self.shared.store.size(&key).await, Err(Error::NotFound { .. }));
                if gone {
                    found.errors.clear();
                    return found;
                }
            }
            Err(Error::NotFound { .. }) => return found,
            Err(error) => {
                report.manifest = Some(error.to_string());
                found.errors.push((key, error));
                // What they should be is not known; whether they are sealed objects is.
                for (name, &bytes) in &found.of.objects.parts {
                    let key = layout::part(cluster, id, name);
                    let looked = self.look_at_header(&key, bytes).await;
                    found.errors.extend(looked.err().map(|error| (key, error)));
                }
            }
        }
        found.report = Some(report);
        found
    }

    /// The parts that a manifest names, and what is wrong with each.
    async fn parts_of(
        &self,
        point: &Point,
        objects: &InPoint,
    ) -> Vec<Result<(PartReport, Option<(Path, Error)>), Error>> {
        let mut parts = Vec::new();
        for part in &point.parts {
            let name = match layout::part_name(&part.name) {
                Ok(name) => name,
                Err(error) => {
                    parts.push(Err(error));
                    continue;
                }
            };
            let key = layout::part(&point.cluster, &point.id, &name);
            let wrong = self.look_at_part(&key, objects.parts.get(&name).copied(), part.bytes).await;
            let report = PartReport {
                name,
                bytes: part.bytes,
                sha256: part.sha256.clone(),
                proven: false,
                harm: None,
            };
            parts.push(Ok((report, wrong.err().map(|error| (key, error)))));
        }
        parts
    }

    async fn look_at_part(&self, key: &Path, listed: Option<u64>, content: u64) -> Result<(), Error> {
        let damaged = |reason: String| Error::Damaged { object: key.to_string(), reason };
        let size = match listed {
            Some(size) => size,
            // A point that was stored while the list was made may be in it by its manifest only.
            None => self.shared.store.size(key).await?,
        };
        let wanted = sealed_length(content);
        if size != wanted {
            return Err(damaged(format!("it has {size} bytes in the store, and its manifest makes that {wanted}")));
        }
        self.look_at_header(key, size).await
    }
}

impl Checker<'_> {
    /// Takes in what was found of a point.
    pub(super) fn take_point(&mut self, found: Found<'_>) -> Result<(), Error> {
        let Found { of: Listed { cluster, id, objects }, report, sha256, errors } = found;
        let mut leftover = |name: &Name, reason: &str| {
            let key = layout::part(cluster, id, name);
            self.faults.add(key.as_ref(), Severity::Note, Flaw::Leftover, reason);
        };
        if objects.manifest.is_none() {
            // It is being stored, or it was not stored to its end, or its manifest was taken away.
            objects
                .parts
                .keys()
                .for_each(|name| leftover(name, "its point has no manifest, so it counts for nothing"));
        }
        if let Some(report) = report.as_ref().filter(|report| report.manifest.is_none()) {
            let named = |name: &Name| report.parts.iter().any(|part| part.name == *name);
            let unnamed = objects.parts.keys().filter(|name| !named(name));
            unnamed.for_each(|name| leftover(name, "its point's manifest does not name it"));
        }
        if let Some(sha256) = sha256.filter(|_| report.is_some()) {
            self.manifests.entry(cluster.clone()).or_default().insert(id.clone(), sha256);
        }
        self.points.extend(report);
        errors
            .into_iter()
            .try_for_each(|(key, error)| self.faults.error(&key, Severity::Damage, error))
    }
}
