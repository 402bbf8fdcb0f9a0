//! A look at one scope with all that is known of it: what somebody knows and is not there is *behind*.

use super::Head;
use crate::digest::sha256;
use crate::error::counting;
use crate::seen::{Memory, Seen, behind};
use crate::{Error, Repository, Scope, layout};
use estate::PointId;
use std::collections::{BTreeMap, BTreeSet};

/// What a look at a scope has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// What is to be told, and remembered: the newest of what is there, or was known before.
    pub head: Head,
    /// What somebody knows, and is not there, by key: who knows what.
    pub behind: BTreeMap<String, String>,
}

impl Survey {
    /// The same, with only those lacking that another look, just after it, does not find either: who tells while a list is made
    /// may know more than the list.
    #[must_use]
    pub fn confirmed_by(mut self, second: Self) -> Self {
        self.behind.retain(|object, _| second.behind.contains_key(object));
        Self { head: second.head, behind: self.behind }
    }
}

impl Repository {
    /// Looks at a scope, and compares what is there with `memory`, what the caller knew last, and with the newest statement of
    /// each writer. Reads what is small.
    ///
    /// # Errors
    /// As opening, and as every request.
    pub async fn survey(&self, scope: &Scope, memory: Option<&Memory>) -> Result<Survey, Error> {
        let leases = !self.is_copy().await?;
        let inventory = self.inventory(Some(&BTreeSet::from([scope.clone()]))).await?;
        let told = self.told_in(scope, &inventory).await?.told;
        let nothing = Seen::default();
        let remembered = memory.map(|it| (it, it.scopes.get(scope).unwrap_or(&nothing)));
        let known: Vec<(String, u64, &Seen)> = told
            .iter()
            .map(|it| (format!("evidence of {} from {}", it.writer, it.head.at), it.head.writers, &it.head.seen))
            .chain(remembered.map(|(memory, seen)| (format!("the memory of {}", memory.at), memory.writers, seen)))
            .collect();

        let found = inventory.scopes.get(scope);
        let points = found.into_iter().flat_map(|it| &it.points);
        let here: BTreeSet<&PointId> = points.filter(|(_, it)| it.manifest.is_some()).map(|(id, _)| id).collect();
        let named = known.iter().filter_map(|(_, _, seen)| Some(&seen.point.as_ref()?.id));
        let wanted: BTreeSet<&PointId> = named.filter(|id| here.contains(id)).chain(here.last().copied()).collect();
        let manifests = self.manifest_hashes(scope, wanted).await?;
        let mut seen = match found {
            Some(found) => self.seen_in(scope, found).await?,
            None => Seen::default(),
        };
        let mut writers = counting(self.trusted().await)?.map_or(0, |list| list.number);

        let mut lacking = BTreeMap::new();
        for (who, list, known) in &known {
            if let (true, Ok(key)) = (*list > writers, layout::writer_list(*list)) {
                let what = format!("{who} knows list {list} of writers");
                lacking.entry(key.to_string()).or_insert(what);
            }
            for it in behind(scope, known, &seen, &manifests, leases) {
                let what = format!("{who} knows {}", it.what);
                lacking.entry(it.object.to_string()).or_insert(what);
            }
        }
        if let Some((memory, known)) = remembered {
            seen.learn(known);
            writers = writers.max(memory.writers);
        }
        Ok(Survey {
            head: Head::new(ambient::now(), writers, seen),
            behind: lacking,
        })
    }

    /// The SHA-256 of manifests as they are stored, but for those that are gone meanwhile.
    pub(super) async fn manifest_hashes(
        &self,
        scope: &Scope,
        points: BTreeSet<&PointId>,
    ) -> Result<BTreeMap<PointId, String>, Error> {
        let mut hashes = BTreeMap::new();
        let Scope::Cluster(cluster) = scope else {
            return Ok(hashes);
        };
        for id in points {
            match self.shared.store.get(&layout::manifest(cluster, id)).await {
                Ok(sealed) => drop(hashes.insert(id.clone(), sha256(&sealed))),
                Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(hashes)
    }
}
