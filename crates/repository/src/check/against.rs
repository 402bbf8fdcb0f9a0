//! What cannot be seen from inside: compared with what others know.

use super::fault::{Flaw, Severity};
use super::{CheckOptions, Checker};
use crate::digest::sha256;
use crate::seen::{Memory, Seen, behind};
use crate::{Error, Repository, Scope, layout};
use estate::{Name, PointId};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    /// Names whatever the writers' evidence, the memory and the second repository know more than is here; not leases, in a copy.
    pub(super) async fn against(&mut self, options: &CheckOptions<'_>) -> Result<(), Error> {
        let leases = !self.repository.is_copy().await.unwrap_or(false);
        let heads = std::mem::take(&mut self.heads);
        for ((scope, writer), (_, head)) in &heads {
            let who = format!("evidence of {writer} from {}", head.at);
            self.writers_behind(&who, head.writers);
            self.behind(&who, scope, &head.seen, leases);
        }
        self.heads = heads;
        if let Some(memory) = options.memory {
            self.remembered(memory, options, leases).await;
        }
        match options.second {
            Some(second) => self.second(second, options).await,
            None => Ok(()),
        }
    }

    async fn remembered(&mut self, memory: &Memory, options: &CheckOptions<'_>, leases: bool) {
        let who = format!("the memory of {}", memory.at);
        let same = match self.repository.marker().await {
            Ok(marker) => (&marker.repository, marker.root) == (&memory.repository, memory.root),
            // It has been named already.
            Err(_) => true,
        };
        if !same {
            let reason = format!("{who} is of repository {} with root {}", memory.repository, memory.root);
            self.faults.add(layout::MARKER, Severity::Damage, Flaw::Behind, reason);
            return;
        }
        self.writers_behind(&who, memory.writers);
        for (scope, known) in &memory.scopes {
            if options.scopes.as_ref().is_none_or(|only| only.contains(scope)) {
                self.behind(&who, scope, known, leases);
            }
        }
    }

    async fn second(&mut self, second: &Repository, options: &CheckOptions<'_>) -> Result<(), Error> {
        let who = second.store().to_owned();
        let (theirs, ours) = (second.id().await?.to_owned(), self.repository.id().await?);
        if theirs != ours {
            let reason = format!("{who} is repository {theirs}, which is another one");
            self.faults.add(layout::MARKER, Severity::Damage, Flaw::Behind, reason);
            return Ok(());
        }
        let inventory = second.inventory(options.scopes.as_ref()).await?;
        self.writers_behind(&who, inventory.writers.keys().next_back().copied().unwrap_or(0));
        for (scope, found) in &inventory.scopes {
            let hashes = newest_manifest(second, scope, &found.points.keys().cloned().collect()).await?;
            let known = found.seen(scope, &hashes, &BTreeSet::new());
            self.behind(&who, scope, &known, false);
            self.absent(&who, scope, found);
        }
        Ok(())
    }

    /// What the second repository has and this one does not, though nothing here says so.
    fn absent(&mut self, who: &str, scope: &Scope, theirs: &crate::inventory::InScope) {
        let Scope::Cluster(cluster) = scope else { return };
        let ours = self.inventory.scopes.get(scope);
        let here = |id: &PointId| ours.and_then(|it| it.points.get(id)).is_some_and(|it| it.manifest.is_some());
        let mut absent = Vec::new();
        for (id, _) in theirs.points.iter().filter(|(id, it)| it.manifest.is_some() && !here(id)) {
            absent.push((layout::manifest(cluster, id), Severity::Note, "it was removed here, or taken away"));
        }
        let here = |name: &String| ours.is_some_and(|it| it.history.contains_key(name));
        for name in theirs.history.keys().filter(|name| !here(name)) {
            let why = "it was merged or removed here, or taken away";
            absent.push((layout::history_object(cluster, name), Severity::Note, why));
        }
        let here =
            |id: &PointId, number: &u64| ours.and_then(|it| it.holds.get(id)).is_some_and(|it| it.contains_key(number));
        for (id, numbers) in &theirs.holds {
            for number in numbers.keys().filter(|number| !here(id, number)) {
                if let Ok(key) = layout::hold(cluster, id, *number) {
                    absent.push((key, Severity::Warning, "nobody removes one, so it was taken away"));
                }
            }
        }
        for (key, severity, why) in absent {
            let named = self.faults.all.iter().any(|fault| fault.object == key.as_ref());
            if !named {
                self.faults
                    .add(key.as_ref(), severity, Flaw::Missing, format!("{who} has it: {why}"));
            }
        }
    }

    fn writers_behind(&mut self, who: &str, known: u64) {
        let here = self.inventory.writers.keys().next_back().copied().unwrap_or(0);
        if let (true, Ok(key)) = (known > here, layout::writer_list(known)) {
            let reason = format!("{who} knows list {known} of writers, which is not here");
            self.faults.add(key.as_ref(), Severity::Damage, Flaw::Behind, reason);
        }
    }

    fn behind(&mut self, who: &str, scope: &Scope, known: &Seen, leases: bool) {
        let none = BTreeMap::new();
        let manifests = match scope {
            Scope::Cluster(cluster) => self.manifests.get(cluster).unwrap_or(&none),
            Scope::Shared => &none,
        };
        let here = self.inventory.scopes.get(scope);
        let here = here.map(|it| it.seen(scope, manifests, &BTreeSet::new())).unwrap_or_default();
        for lacking in behind(scope, known, &here, manifests, leases) {
            let reason = format!("{who} knows {}, which is not here", lacking.what);
            self.faults.add(lacking.object.as_ref(), Severity::Damage, Flaw::Behind, reason);
        }
    }

    /// What is known now: only what is sound is learned.
    pub(super) async fn memory(&self, before: Option<&Memory>, at: Timestamp) -> Option<Memory> {
        let marker = self.repository.marker().await.ok()?;
        let (bad, none) = (self.faults.objects(), BTreeMap::new());
        let mut memory = Memory {
            repository: marker.repository.clone(),
            root: marker.root,
            at,
            writers: 0,
            scopes: BTreeMap::new(),
        };
        let lists = self.inventory.writers.keys().copied();
        let sound = lists.filter(|it| layout::writer_list(*it).is_ok_and(|key| !bad.contains(key.as_ref())));
        memory.writers = sound.max().unwrap_or(0);
        let open = self
            .inventory
            .scopes
            .iter()
            .filter(|(scope, _)| !self.closed.contains_key(scope));
        for (scope, found) in open {
            let manifests = self.hashes(scope).unwrap_or(&none);
            memory.scopes.insert(scope.clone(), found.seen(scope, manifests, &bad));
        }
        match before {
            Some(before) if (&before.repository, before.root) == (&memory.repository, memory.root) => {
                memory.learn(before);
            }
            // Of another repository: what is to be kept is for a person to say.
            Some(_) => return None,
            None => {}
        }
        Some(memory)
    }

    fn hashes(&self, scope: &Scope) -> Option<&BTreeMap<PointId, String>> {
        let cluster: &Name = match scope {
            Scope::Cluster(cluster) => cluster,
            Scope::Shared => return None,
        };
        self.manifests.get(cluster)
    }
}

/// The hash of the newest manifest of a scope.
async fn newest_manifest(
    repository: &Repository,
    scope: &Scope,
    points: &BTreeSet<PointId>,
) -> Result<BTreeMap<PointId, String>, Error> {
    let mut hashes = BTreeMap::new();
    let Scope::Cluster(cluster) = scope else {
        return Ok(hashes);
    };
    for id in points.iter().rev() {
        // One that has parts only, or that was removed meanwhile, is passed over.
        match repository.shared.store.get(&layout::manifest(cluster, id)).await {
            Ok(sealed) => {
                hashes.insert(id.clone(), sha256(&sealed));
                break;
            }
            Err(Error::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(hashes)
}
