//! Objects that are judged one by one: journals, kits, evidence, leases, histories; and what is missing among them.

use super::Checker;
use super::fault::{Flaw, Severity};
use crate::evidence::Head;
use crate::held::Hold;
use crate::inventory::{Inventory, Stream};
use crate::layout::Known;
use crate::seal::{HEADER, Lie};
use crate::{Error, Repository, Scope, keys, layout};
use object_store::path::Path;
use std::collections::BTreeMap;

/// Missing numbers of one gap that are named one by one.
const NAMED: u64 = 100;

/// An object, and where it belongs.
pub(super) struct Object {
    pub(super) key: Path,
    pub(super) bytes: u64,
    known: Known,
}

/// What an object says that the checker goes by.
pub(super) enum Said {
    Nothing,
    Seen(Head),
    Hold(Hold),
}

/// All objects that are judged one by one, but for those of closed scopes.
pub(super) fn all(inventory: &Inventory, closed: &BTreeMap<Scope, String>) -> Result<Vec<Object>, Error> {
    let mut all = Vec::new();
    for (scope, found) in inventory.scopes.iter().filter(|(scope, _)| !closed.contains_key(scope)) {
        let mut add = |key: Result<Path, Error>, bytes: u64, known| {
            all.push(Object { key: key?, bytes, known });
            Ok::<(), Error>(())
        };
        for (&run, entries) in &found.runs {
            for (&entry, &bytes) in entries {
                add(layout::entry(run, entry), bytes, Known::Entry { run, entry })?;
            }
        }
        for (&number, &bytes) in &found.kits {
            add(layout::numbered(&layout::kits(), "kit", number), bytes, Known::Kit(number))?;
        }
        for (name, numbers) in &found.evidence {
            for (&number, &bytes) in numbers {
                let key = layout::numbered(&layout::evidence(scope, name), "evidence", number);
                add(key, bytes, Known::Evidence(scope.clone(), name.clone(), number))?;
            }
        }
        for (name, numbers) in &found.leases {
            for (&number, &bytes) in numbers {
                let key = layout::numbered(&layout::lease(scope, name), "record", number);
                add(key, bytes, Known::Lease(scope.clone(), name.clone(), number))?;
            }
        }
        if let Scope::Cluster(cluster) = scope {
            for (point, numbers) in &found.holds {
                for (&number, &bytes) in numbers {
                    let known = Known::Hold(cluster.clone(), point.clone(), number);
                    add(layout::hold(cluster, point, number), bytes, known)?;
                }
            }
            for (name, &bytes) in &found.history {
                let key = layout::history_object(cluster, name);
                let known = Known::History(cluster.clone(), name.clone());
                add(Ok(key), bytes, known)?;
            }
        }
    }
    Ok(all)
}

impl Repository {
    /// Opens a small object, or the header of a large one: what of it the checker goes by.
    pub(super) async fn look(&self, object: &Object) -> Result<Said, Error> {
        let key = &object.key;
        if let Known::History(..) = object.known {
            return self.look_at_header(key, object.bytes).await.map(|()| Said::Nothing);
        }
        let sealed = self.shared.store.get(key).await?;
        match &object.known {
            Known::Kit(_) => self.kit_in(key, &sealed).await.map(|_kit| Said::Nothing),
            Known::Evidence(_, writer, _) => self.head_in(key, writer, &sealed).await.map(Said::Seen),
            Known::Hold(_, point, _) => self.hold_in(key, point, &sealed).await.map(Said::Hold),
            _ => self.open_sealed(key, &sealed).await.map(|_content| Said::Nothing),
        }
    }

    /// Reads the header of a sealed object, and sees whether its length is one that sealed objects have.
    pub(super) async fn look_at_header(&self, key: &Path, bytes: u64) -> Result<(), Error> {
        let place = self.place(key).await?;
        let head = match bytes {
            0 => bytes::Bytes::new(),
            _ => self.shared.store.range(key, 0..bytes.min(HEADER as u64)).await?,
        };
        let keys = self.keys_for(key, &head).await?;
        let looked = keys.chunks(&place, &head).and_then(|_| Lie::of(bytes));
        looked.map(drop).map_err(|why| keys::unopened(&place, &why))
    }
}

impl Checker<'_> {
    /// Takes in what was found of an object.
    pub(super) fn take(&mut self, object: Object, found: Result<Said, Error>) -> Result<(), Error> {
        let severity = match &object.known {
            // Older kits are of use, and not needed; evidence is worth something as long as one statement is left.
            Known::Kit(number) if !self.newest_kit(*number) => Severity::Warning,
            Known::Evidence(..) | Known::Hold(..) => Severity::Warning,
            _ => Severity::Damage,
        };
        match found {
            Ok(said) => {
                self.faults.heard();
                match (said, object.known) {
                    (Said::Seen(head), Known::Evidence(scope, name, number)) => {
                        let newest = self.heads.entry((scope, name)).or_insert_with(|| (number, head.clone()));
                        if newest.0 < number {
                            *newest = (number, head);
                        }
                    }
                    (Said::Hold(hold), Known::Hold(cluster, point, number)) => {
                        self.holds.entry((cluster, point)).or_default().sound.insert(number, hold);
                    }
                    _ => {}
                }
                Ok(())
            }
            // Removed since it was listed: whoever removes, may. What is missing is told by what names it.
            Err(Error::NotFound { .. }) => Ok(()),
            // Every damaged object is damage; only who signed what is not needed is of less weight.
            Err(error @ Error::Untrusted { .. }) => self.faults.error(&object.key, severity, error),
            Err(error) => self.faults.error(&object.key, Severity::Damage, error),
        }
    }

    fn newest_kit(&self, number: u64) -> bool {
        let shared = self.inventory.scopes.get(&Scope::Shared);
        shared.and_then(|it| it.kits.keys().next_back()) == Some(&number)
    }

    /// Points that are held, and not there.
    pub(super) async fn lost_though_held(&mut self) -> Result<(), Error> {
        for ((cluster, point), records) in std::mem::take(&mut self.holds) {
            let Some(held) = records.held() else { continue };
            let key = layout::manifest(&cluster, &point);
            // A point that was stored while the list was made may not be in it.
            match self.repository.shared.store.size(&key).await {
                Ok(_) => {}
                Err(Error::NotFound { .. }) => {
                    let reason = format!("it is not there, though its point is held {held}");
                    self.faults.add(key.as_ref(), Severity::Damage, Flaw::Missing, reason);
                }
                Err(error) => self.faults.error(&key, Severity::Damage, error)?,
            }
        }
        Ok(())
    }

    /// Numbers that are missing below others.
    pub(super) async fn holes(&mut self) -> Result<(), Error> {
        let inventory = self.inventory;
        for (scope, found) in &inventory.scopes {
            for (&run, entries) in &found.runs {
                // A journal begins with 0, and nobody removes a part of one.
                self.gaps(entries, Some(0), Severity::Damage, &layout::run(run)?).await?;
            }
            if let Scope::Cluster(cluster) = scope {
                for (point, numbers) in &found.holds {
                    self.gaps(numbers, Some(1), Severity::Warning, &layout::holds_of(cluster, point))
                        .await?;
                }
            }
            self.gaps(&found.kits, None, Severity::Warning, &layout::kits()).await?;
            for (name, numbers) in &found.evidence {
                self.gaps(numbers, None, Severity::Warning, &layout::evidence(scope, name))
                    .await?;
            }
        }
        Ok(())
    }

    async fn gaps(
        &mut self,
        numbers: &Stream,
        first: Option<u64>,
        severity: Severity,
        stream: &Path,
    ) -> Result<(), Error> {
        let mut next = first;
        for &number in numbers.keys() {
            let from = next.unwrap_or(number);
            next = Some(number + 1);
            for missing in (from..number).take(usize::try_from(NAMED).unwrap_or(usize::MAX)) {
                let key = layout::numbered(stream, "object", missing)?;
                // One that was written while the list was made may have been passed over.
                match self.repository.shared.store.size(&key).await {
                    Ok(_) => {}
                    Err(Error::NotFound { .. }) => {
                        let reason = match (number - from).checked_sub(NAMED) {
                            Some(more) if more > 0 => {
                                format!(
                                    "it is missing, and so are all up to {}, though later ones are there",
                                    number - 1
                                )
                            }
                            _ => "it is missing, though later ones are there".to_owned(),
                        };
                        self.faults.add(key.as_ref(), severity, Flaw::Missing, reason);
                    }
                    Err(error) => self.faults.error(&key, severity, error)?,
                }
            }
        }
        Ok(())
    }
}
