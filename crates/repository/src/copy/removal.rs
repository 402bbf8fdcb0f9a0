//! Removing from a copy what the repository has let go of or replaced: in the reverse of the order of copying. What is merely
//! missing there stays and is told, since then the copy is what is needed. Start at [`remove`]; `judge.rs` says of each object
//! which of the two it is.

use super::Copied;
use super::judge::{Judge, Verdict};
use super::listing::{Class, Listing, order};
use crate::inventory::Inventory;
use crate::layout;
use crate::seen::{Lacking, behind};
use crate::store::Listed;
use crate::{Error, Repository, Scope};
use estate::PointId;
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn remove(
    from: &Repository,
    to: &Repository,
    listing: &Listing,
    copied: &mut Copied,
) -> Result<(), Error> {
    let copied_now: BTreeSet<&Path> = listing.objects().map(|it| &it.key).collect();
    let there = listed(to).await?;
    if there.iter().all(|it| copied_now.contains(&it.key) || !is_copied(&it.key)) {
        return Ok(());
    }
    // Listed after the copy: what was written meanwhile is not missing.
    let mut judge = Judge::new(from, to, listed(from).await?, there);
    let held = held_back(&mut judge).await?;
    copied.held_back.extend(held.values().cloned());
    let mut surplus = judge.surplus();
    surplus.retain(|key| is_copied(key) && layout::scope_of(key).is_some_and(|scope| !held.contains_key(&scope)));
    let (mut gone, mut kept): (Vec<(Class, Path)>, BTreeMap<_, Vec<Path>>) = (Vec::new(), BTreeMap::new());
    for key in surplus {
        let Some(known) = layout::known(&key) else { continue };
        match judge.verdict(&known).await? {
            Verdict::Goes => gone.push((order(Some(&known)), key)),
            Verdict::Stays(why) => kept.entry((layout::scope_of(&key), why)).or_default().push(key),
            Verdict::Waits => {}
        }
    }
    copied.held_back.extend(kept.iter().filter_map(told));
    gone.sort();
    // Numbers from the lowest up, so that a stream never has a hole; classes from what names others to what is named.
    gone.sort_by_key(|(class, _)| std::cmp::Reverse(*class));
    for (_, key) in gone {
        // Another copier may have brought what was stored since the list was made.
        if matches!(from.shared.store.size(&key).await, Err(Error::NotFound { .. })) {
            to.shared.store.delete(&key).await?;
            copied.removed += 1;
        }
    }
    Ok(())
}

async fn listed(repository: &Repository) -> Result<Vec<Listed>, Error> {
    let mut all = Vec::new();
    repository.shared.store.for_each(&Path::default(), |it| all.push(it)).await?;
    Ok(all)
}

fn is_copied(key: &Path) -> bool {
    !matches!(order(layout::known(key).as_ref()), Class::Marker | Class::None)
}

/// What stays for one and the same reason, in one line.
fn told((about, kept): (&(Option<Scope>, String), &Vec<Path>)) -> Option<String> {
    let (Some(scope), why) = about else { return None };
    let more = match kept.len() {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Some(format!("{scope}: {}{more}: {why}", kept.first()?))
}

/// Scopes of which the copy knows more than the repository, and what. What was planted in the copy is no knowledge.
async fn held_back(judge: &mut Judge<'_>) -> Result<BTreeMap<Scope, String>, Error> {
    let (mut held, mut bad) = (BTreeMap::new(), BTreeSet::new());
    let scopes: Vec<Scope> = judge.theirs.scopes.keys().cloned().collect();
    for scope in scopes {
        while let Some(first) = lacking(judge, &scope, &bad) {
            let sound = match layout::known(&first.object) {
                Some(known) => judge.is_sound(&first.object, &known).await?,
                None => true,
            };
            if sound {
                held.insert(scope.clone(), format!("{scope}: the copy has {}, and FROM does not", first.what));
                break;
            }
            bad.insert(first.object.to_string());
        }
    }
    Ok(held)
}

/// The first thing that the copy knows of a scope and FROM does not, but for what is `bad`.
fn lacking(judge: &Judge<'_>, scope: &Scope, bad: &BTreeSet<String>) -> Option<Lacking> {
    // Of manifests their names are enough.
    let names = |inventory: &Inventory| -> BTreeMap<PointId, String> {
        let found = inventory.scopes.get(scope).into_iter().flat_map(|it| &it.points);
        let stored = found.filter(|(_, it)| it.manifest.is_some());
        stored.map(|(id, _)| (id.clone(), String::new())).collect()
    };
    let (here, there) = (names(&judge.ours), names(&judge.theirs));
    let seen = |inventory: &Inventory, manifests, bad| {
        let found = inventory.scopes.get(scope);
        found.map(|it| it.seen(scope, manifests, bad)).unwrap_or_default()
    };
    let known = seen(&judge.theirs, &there, bad);
    let mine = seen(&judge.ours, &here, &BTreeSet::new());
    behind(scope, &known, &mine, &here, false).into_iter().next()
}
