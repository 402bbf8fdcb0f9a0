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

/// The snapshot of `cluster` that is called `id`, as its row among the points is.
///
/// # Errors
/// The estate names no place for them, a place cannot be looked at, there is none of this name.
pub async fn find(world: &World, cluster: &Name, id: &str) -> Result<Adopted, Trouble> {
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
    let Some(row) = rows.iter().find(|row| row.id == id) else {
        if let Some(trouble) = silent {
            return Err(trouble);
        }
        let file = |row: &&protect::snapshots::Row| row.path.rsplit('/').next() == id.rsplit('/').next();
        let alike: Vec<&str> = rows.iter().filter(file).map(|row| row.id.as_str()).collect();
        if !alike.is_empty() {
            let message = format!("there are several snapshots of {cluster} in files called {id}");
            return Err(Trouble::new("LB0422", Kind::Invalid, message).hint(format!("one of: {}", alike.join(", "))));
        }
        let newest: Vec<&str> = rows.iter().take(NAMED).map(|row| row.id.as_str()).collect();
        let message = format!("there is no snapshot of {cluster} called {id}");
        let hint = match newest.is_empty() {
            true => "there is none at all: look at snapshots in the estate".to_owned(),
            false => format!("the newest: {}", newest.join(", ")),
        };
        return Err(Trouble::new("LB0422", Kind::Invalid, message).hint(hint));
    };
    let all = listings.into_iter().flat_map(|it| {
        let place = it.place;
        it.found.snapshots.into_iter().map(move |snapshot| (place.clone(), snapshot))
    });
    let mut found = all.filter(|(place, snapshot)| place.to_string() == row.place && snapshot.path == row.path);
    let missing = || Trouble::new("LB0099", Kind::Bug, format!("snapshot {id} has a row and no place"));
    let (place, snapshot) = found.next().ok_or_else(missing)?;
    Ok(Adopted { id: id.to_owned(), place, snapshot })
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
