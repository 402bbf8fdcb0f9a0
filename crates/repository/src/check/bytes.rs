//! Reading large objects to their last byte: all of them, or a sample that a seed chooses.

use super::fault::Severity;
use super::report::ReadBytes;
use super::{CheckProgress, Checker, LOOKS, OnCheck, Reading};
use crate::digest::Content;
use crate::seal::sealed_length;
use crate::{Error, Scope, layout};
use futures::StreamExt;
use object_store::path::Path;
use sha2::{Digest, Sha256};

/// A large object that can be read.
struct Large {
    key: Path,
    bytes: u64,
    /// Of a part: its place in the report.
    part: Option<(usize, usize)>,
}

impl Checker<'_> {
    /// Reads what is to be read, and compares parts with their manifests.
    pub(super) async fn bytes(&mut self, reading: Reading, on: OnCheck<'_>) -> Result<ReadBytes, Error> {
        let mut large = self.large();
        let of_objects = large.len() as u64;
        let seed = match reading {
            Reading::Structure => return Ok(ReadBytes { of_objects, ..ReadBytes::default() }),
            Reading::All => None,
            Reading::Sample { percent, seed } => {
                let seed = seed.unwrap_or_else(|| u64::from_be_bytes(ambient::random_bytes()));
                let keep = (large.len() * usize::from(percent.min(100))).div_ceil(100);
                large.sort_by_cached_key(|object| chance(seed, &object.key));
                large.truncate(keep.max(1));
                Some(seed)
            }
        };
        let mut progress = CheckProgress {
            bytes_now: true,
            of_objects: large.len() as u64,
            of_bytes: large.iter().map(|object| object.bytes).sum(),
            ..CheckProgress::default()
        };
        on(progress);
        let repository = self.repository;
        let reads = large.into_iter().map(|object| async move {
            let found = repository.content(&repository.shared.store, &object.key, object.bytes).await;
            (object, found)
        });
        let mut reads = futures::stream::iter(reads).buffer_unordered(LOOKS);
        while let Some((object, found)) = reads.next().await {
            progress.objects += 1;
            progress.bytes += object.bytes;
            on(progress);
            self.take_content(&object, found)?;
        }
        Ok(ReadBytes {
            objects: progress.objects,
            of_objects,
            bytes: progress.bytes,
            seed,
        })
    }

    /// All large objects that are not known to be harmed.
    fn large(&self) -> Vec<Large> {
        let (mut all, bad) = (Vec::new(), self.faults.objects());
        for (number, point) in self.points.iter().enumerate() {
            for (place, part) in point.parts.iter().enumerate() {
                let key = layout::part(&point.cluster, &point.id, &part.name);
                if part.harm.is_none() && !bad.contains(key.as_ref()) {
                    let (bytes, part) = (sealed_length(part.bytes), Some((number, place)));
                    all.push(Large { key, bytes, part });
                }
            }
        }
        for (scope, found) in self
            .inventory
            .scopes
            .iter()
            .filter(|(scope, _)| !self.closed.contains_key(scope))
        {
            let Scope::Cluster(cluster) = scope else { continue };
            // Of a point whose manifest is harmed: whether its parts open can still be told.
            let harmed = self.points.iter().filter(|it| it.cluster == *cluster && it.manifest.is_some());
            let listed = harmed.filter_map(|it| Some((&it.id, &found.points.get(&it.id)?.parts)));
            for (id, (name, &bytes)) in listed.flat_map(|(id, parts)| parts.iter().map(move |part| (id, part))) {
                let key = layout::part(cluster, id, name);
                if !bad.contains(key.as_ref()) {
                    all.push(Large { key, bytes, part: None });
                }
            }
            for (name, &bytes) in &found.history {
                let key = layout::history_object(cluster, name);
                if !bad.contains(key.as_ref()) {
                    all.push(Large { key, bytes, part: None });
                }
            }
        }
        all
    }

    fn take_content(&mut self, object: &Large, found: Result<Content, Error>) -> Result<(), Error> {
        let part = object
            .part
            .and_then(|(point, part)| self.points.get_mut(point)?.parts.get_mut(part));
        let found = match (found, &part) {
            (Ok(content), Some(part)) => match content.differs(part.bytes, &part.sha256) {
                Some(reason) => Err(Error::Damaged { object: object.key.to_string(), reason }),
                None => Ok(()),
            },
            (found, _) => found.map(drop),
        };
        match (found, part) {
            (Ok(()), part) => {
                self.faults.heard();
                part.into_iter().for_each(|part| part.proven = true);
                Ok(())
            }
            // An object of a history that was merged meanwhile.
            (Err(Error::NotFound { .. }), None) => Ok(()),
            (Err(error), part) => {
                part.into_iter().for_each(|part| part.harm = Some(error.to_string()));
                self.faults.error(&object.key, Severity::Damage, error)
            }
        }
    }
}

/// Where an object stands in the order that a seed makes.
fn chance(seed: u64, key: &Path) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(key.as_ref());
    hash.finalize().into()
}
