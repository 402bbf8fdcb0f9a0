//! What there is in a repository after a loss of power, opened and hashed, and what a check says of it.

use super::ledger::{Things, numbered};
use crate::digest::sha256;
use crate::tests::cluster;
use crate::{CheckOptions, Error, Flaw, Read, Reading, Repository, Scope, Severity, layout};
use estate::Name;

/// Everything that a writer stores, each with the hash of what a reader gets. Files are looked at when there can be some.
pub(super) async fn things(repository: &Repository) -> Result<Things, Error> {
    let (mut things, cluster) = (Things::new(), cluster());
    for id in repository.points(&cluster).await?.points {
        let manifest = repository.point(&cluster, &id).await?;
        things.insert(format!("point {id}"), sha256(&serde_json::to_vec(&manifest).unwrap()));
    }
    for object in repository.list_history(&cluster).await?.objects {
        let key = layout::history_object(&cluster, &object.name);
        let content = repository.content(&repository.shared.store, &key, object.bytes).await?;
        things.insert(format!("history {}", object.name), content.sha256);
    }
    for run in repository.runs().await? {
        for (number, entry) in repository.entries(run).await? {
            things.insert(format!("entry {run}/{number}"), sha256(&entry));
        }
    }
    let store = &repository.shared.store;
    for key in store.list(&layout::kits()).await? {
        let (kit, _) = repository.kit_in(&key, &store.get(&key).await?).await?;
        let number = layout::number(&key).unwrap();
        things.insert(numbered("kit", number), sha256(&serde_json::to_vec(&kit).unwrap()));
    }
    for scope in [Scope::Shared, Scope::Cluster(cluster.clone())] {
        let main: Name = "main".parse().unwrap();
        for key in store.list(&layout::evidence(&scope, &main)).await? {
            let head = repository.head_in(&key, &main, &store.get(&key).await?).await?;
            let number = layout::number(&key).unwrap();
            things.insert(
                numbered(&format!("evidence of {scope}"), number),
                sha256(&serde_json::to_vec(&head).unwrap()),
            );
        }
        let keyring = repository.keyring_info(&scope).await?;
        let recipients = sha256(&serde_json::to_vec(&keyring.recipients).unwrap());
        things.insert(numbered(&format!("keyring of {scope}"), keyring.number), recipients);
    }
    let list = repository.trusted().await?;
    things.insert(numbered("writers", list.number), sha256(&serde_json::to_vec(&list.writers).unwrap()));
    if store.size(&layout::files(&cluster).join("config")).await.is_ok() {
        for snapshot in repository.files(&cluster).await?.list().await?.snapshots {
            things.insert(format!("snapshot {}", snapshot.id), String::new());
        }
    }
    Ok(things)
}

/// What a check says of what the format has a place for.
#[derive(Debug, Default)]
pub(super) struct Harmless {
    /// Files that writers have not ended.
    pub(super) left: u64,
    /// What evidence names and is not there. What was acknowledged is missed by the ledger itself: this was seen in the moment
    /// before its name was on the disk, and told, before the power went.
    pub(super) behind: u64,
}

/// What a check of every byte says that is worse.
pub(super) async fn faults(repository: &Repository) -> Result<(Vec<String>, Harmless), Error> {
    let options = CheckOptions { reading: Reading::All, ..CheckOptions::default() };
    let report = repository.check(&options, &|_| {}).await?;
    let unproven = report.points.iter().filter(|point| !point.proven());
    let mut wrong: Vec<String> = unproven.map(|point| format!("point {} is not whole", point.id)).collect();
    let (mut harmless, cluster) = (Harmless::default(), cluster());
    for fault in &report.faults {
        match (fault.severity, fault.flaw) {
            // As the format has it: parts without a manifest, names that are no objects', and what a later number has replaced.
            (Severity::Note, Flaw::Leftover) => harmless.left += u64::from(fault.object.contains('#')),
            (_, Flaw::Behind) => harmless.behind += 1,
            // One recipient alone, as long as nobody has added another.
            (Severity::Warning, Flaw::Risk) => {}
            _ => wrong.push(format!("{fault:?}")),
        }
    }
    if repository
        .shared
        .store
        .size(&layout::files(&cluster).join("config"))
        .await
        .is_ok()
    {
        let checked = repository.files(&cluster).await?.check(Read::All).await?;
        wrong.extend(checked.harmed.iter().map(|it| format!("{it:?}")));
        wrong.extend(checked.findings.iter().map(|it| format!("{it:?}")));
    }
    Ok((wrong, harmless))
}
