//! Removing from a copy what is no longer in the repository: in the reverse of the order of copying, and not when the
//! repository seems to have been set back, since then the copy is what is needed.

use super::Copied;
use super::listing::{Class, Listing, order};
use crate::inventory::Inventory;
use crate::layout::{self, Known};
use crate::seen::behind;
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
    let mut surplus = Inventory::default();
    let mut there = Vec::new();
    let mut add = |listed: Listed| {
        there.push(listed.key.clone());
        surplus.add(listed);
    };
    to.shared.store.for_each(&Path::default(), &mut add).await?;
    let mut ours = Inventory::default();
    listing.objects().cloned().for_each(|listed| ours.add(listed));
    let held = held_back(&ours, &surplus);
    copied.held_back.extend(held.values().cloned());
    let kept: BTreeSet<&Path> = listing.objects().map(|it| &it.key).collect();
    let mut gone: Vec<(Class, Path)> = there
        .into_iter()
        .filter(|key| !kept.contains(key))
        .filter(|key| layout::scope_of(key).is_some_and(|scope| !held.contains_key(&scope)))
        .map(|key| (order(layout::known(&key).as_ref()), key))
        .filter(|(class, _)| !matches!(class, Class::Marker | Class::None))
        .collect();
    gone.sort();
    // Numbers from the lowest up, so that a stream never has a hole; classes from what names others to what is named.
    gone.sort_by_key(|(class, _)| std::cmp::Reverse(*class));
    for (_, key) in gone {
        // Another copier may have brought what was stored since the list was made; parts whose manifest is not there yet count
        // for nothing, here as there.
        let missing = matches!(from.shared.store.size(&key).await, Err(Error::NotFound { .. }));
        if missing || orphan(&key, listing) {
            to.shared.store.delete(&key).await?;
            copied.removed += 1;
        }
    }
    Ok(())
}

/// Scopes of which the copy knows more than the repository, and what.
fn held_back(ours: &Inventory, theirs: &Inventory) -> BTreeMap<Scope, String> {
    let mut held = BTreeMap::new();
    for (scope, found) in &theirs.scopes {
        // Of manifests their names are enough.
        let names = |inventory: &Inventory| -> BTreeMap<PointId, String> {
            let found = inventory.scopes.get(scope).into_iter().flat_map(|it| &it.points);
            let stored = found.filter(|(_, it)| it.manifest.is_some());
            stored.map(|(id, _)| (id.clone(), String::new())).collect()
        };
        let (here, there) = (names(ours), names(theirs));
        let known = found.seen(scope, &there, &BTreeSet::new());
        let mine = ours.scopes.get(scope);
        let mine = mine.map(|it| it.seen(scope, &here, &BTreeSet::new())).unwrap_or_default();
        if let Some(first) = behind(scope, &known, &mine, &here, false).first() {
            held.insert(scope.clone(), format!("{scope}: the copy has {}, and FROM does not", first.what));
        }
    }
    held
}

fn orphan(key: &Path, listing: &Listing) -> bool {
    let Some(Known::Part(cluster, point, _)) = layout::known(key) else {
        return false;
    };
    let manifest = layout::manifest(&cluster, &point);
    listing.objects().all(|it| it.key != manifest)
}
