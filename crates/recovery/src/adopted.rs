//! Snapshots of etcd that others made, where the estate says that they lie. Start at [`find`].

use crate::{Trouble, World, elsewhere};
use estate::{Kind, Name};
use etcd::selection::Source as _;
use protect::snapshots::{FoundSnapshot, Listing, Opened, Place, rows};
use std::path::Path;

/// How many are named where one is asked for that is not there.
const NAMED: usize = 5;

/// A snapshot, and where it lies.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What it is called among the points.
    pub id: String,
    /// Where.
    pub place: Place,
    /// It.
    pub snapshot: FoundSnapshot,
}

/// All snapshots of `cluster`, newest first; and why a place of them could not be looked at.
async fn all(world: &World, cluster: &Name) -> Result<(Vec<Adopted>, Option<Trouble>), Trouble> {
    let of = world.cluster(cluster)?;
    if of.snapshots.is_empty() {
        let message = format!("the estate says of no place where snapshots of {cluster} lie");
        return Err(Trouble::new("LB0422", Kind::Invalid, message).hint(format!("add snapshots to cluster {cluster}")));
    }
    let distribution = of.distribution();
    let nodes: Vec<String> = of.hosts.iter().map(|host| host.to_string()).collect();
    let (mut listings, mut silent): (Vec<Listing>, Option<Trouble>) = (Vec::new(), None);
    for place in &of.snapshots {
        match elsewhere::snapshots(world, place, distribution, &nodes).await {
            Ok(listing) => listings.push(listing),
            // What is asked for may lie in another one.
            Err(trouble) => silent = Some(trouble),
        }
    }
    let rows = rows(&listings, distribution, &|_, _| None);
    let mut found: Vec<(Place, FoundSnapshot)> = Vec::new();
    for it in listings {
        found.extend(it.found.snapshots.into_iter().map(|snapshot| (it.place.clone(), snapshot)));
    }
    let adopted = |row: &protect::snapshots::Row| {
        let is_it =
            |(place, snapshot): &&(Place, FoundSnapshot)| place.to_string() == row.place && snapshot.path == row.path;
        let (place, snapshot) = found.iter().find(is_it)?.clone();
        Some(Adopted { id: row.id.clone(), place, snapshot })
    };
    Ok((rows.iter().filter_map(adopted).collect(), silent))
}

/// The snapshot of `cluster` that is called `id`, as its row among the points is.
///
/// # Errors
/// The estate names no place for them, a place cannot be looked at, there is none of this name.
pub async fn find(world: &World, cluster: &Name, id: &str) -> Result<Adopted, Trouble> {
    let (found, silent) = all(world, cluster).await?;
    if let Some(it) = found.iter().find(|it| it.id == id) {
        return Ok(it.clone());
    }
    if let Some(trouble) = silent {
        return Err(trouble);
    }
    let named = |them: &mut dyn Iterator<Item = &Adopted>| {
        them.take(NAMED).map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let file = |path: &str| path.rsplit('/').next().map(str::to_owned);
    let alike = named(&mut found.iter().filter(|it| file(&it.snapshot.path) == file(id)));
    if !alike.is_empty() {
        let message = format!("there are several snapshots of {cluster} in files called {id}");
        return Err(Trouble::new("LB0422", Kind::Invalid, message).hint(format!("one of: {alike}")));
    }
    let message = format!("there is no snapshot of {cluster} called {id}");
    let hint = match found.is_empty() {
        true => "there is none at all: look at snapshots in the estate".to_owned(),
        false => format!("the newest: {}", named(&mut found.iter())),
    };
    Err(Trouble::new("LB0422", Kind::Invalid, message).hint(hint))
}

/// The same, opened. Is it damaged, the newest sound one is offered.
///
/// # Errors
/// As [`find`] and [`Adopted::open`].
pub async fn opened(world: &World, cluster: &Name, id: &str, scratch: &Path) -> Result<(Adopted, Opened), Trouble> {
    let it = find(world, cluster, id).await?;
    let damaged = match it.open(scratch).await {
        Ok(opened) => return Ok((it, opened)),
        Err(trouble) if trouble.kind == Kind::Damaged => trouble,
        Err(trouble) => return Err(trouble),
    };
    let (others, _) = all(world, cluster).await?;
    for other in others.iter().filter(|other| other.id != it.id).take(NAMED) {
        if other.open(scratch).await.is_ok() {
            return Err(damaged.hint(format!("the newest sound one: {}", other.id)));
        }
    }
    Err(damaged.hint(format!("lifeboat points {cluster}: lists what else there is")))
}

impl Adopted {
    /// What a plan says of it, once it was opened.
    ///
    /// # Errors
    /// It has changed meanwhile.
    pub fn as_planned(&self, opened: &Opened) -> Result<plan::Snapshot, Trouble> {
        Ok(plan::Snapshot {
            name: self.id.clone(),
            place: format!("{}/{}", self.place, self.snapshot.path),
            bytes: self.snapshot.bytes,
            revision: opened.source()?.last_revision(),
        })
    }

    /// Fetches it and reads it to its last record. `scratch` is an existing directory with room for it.
    ///
    /// # Errors
    /// It cannot be had, or cannot be restored from.
    pub async fn open(&self, scratch: &Path) -> Result<Opened, Trouble> {
        Ok(protect::snapshots::open(&self.place, &self.snapshot, scratch, &|_, _| {}).await?)
    }
}
