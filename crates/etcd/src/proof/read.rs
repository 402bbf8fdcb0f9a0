//! A history read from end to end: that nothing of it has changed since it was written, and that it can be taken apart. Start at
//! [`read_all`].
//!
//! A hash of one moment reads what that moment needs. This reads everything from which any moment is rebuilt: every frame of every
//! base and segment, of all timelines, with the buckets and dictionaries; and that each follows the one before it.

use crate::FileError;
use crate::database::Others;
use crate::history::{BaseName, History, Link, Name, Pack, Role, Stretch};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Objects are read by so many threads, each a frame at a time.
const THREADS: usize = 2;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadAll {
    /// Bases and segments.
    pub objects: u64,
    /// Their frames.
    pub frames: u64,
    /// The records in them; more than there are revisions where bases overlap segments.
    pub records: u64,
    /// The bytes of the frames as they are stored.
    pub bytes: u64,
}

/// Reads every object that the history uses, on two threads, in bounded memory. Segments that it does not use (those in flight,
/// parts of merged ones) are left out: they can be damaged without loss.
///
/// # Errors
/// What is damaged first, by name and place; or the shelf refuses.
pub fn read_all(history: &History) -> Result<ReadAll, FileError> {
    let names: Vec<Name> = history.timelines().iter().flat_map(|it| it.used()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut read, mut links) = (ReadAll::default(), HashMap::new());
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = one(history, name, &mut read);
            let pack = done.inspect_err(|_| next.store(names.len(), Ordering::Relaxed))?;
            links.insert(*name, pack);
        }
        Ok::<_, FileError>((read, links))
    };
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|it| it.join()).collect::<Vec<_>>()
    });
    let (mut all, mut links) = (ReadAll::default(), HashMap::new());
    for part in parts {
        let broke_off = |_| FileError::damaged("the history", "its objects", "reading it broke off");
        let (read, found) = part.map_err(broke_off)??;
        all.objects += read.objects;
        all.frames += read.frames;
        all.records += read.records;
        all.bytes += read.bytes;
        links.extend(found);
    }
    for stretch in history.timelines().iter().flat_map(|it| &it.stretches) {
        follows(stretch, &links)?;
    }
    Ok(all)
}

/// Where an object stands in the chain.
#[derive(Clone, Copy)]
struct Place {
    /// What a segment follows.
    prev: Option<Link>,
    /// What follows it names this.
    chain: Link,
}

/// Reads an object.
fn one(history: &History, name: &Name, read: &mut ReadAll) -> Result<Place, FileError> {
    let (base, segment);
    let pack: &Pack = match name {
        Name::Base(name) => {
            base = history.base(name)?;
            &base
        }
        Name::Segment(name) => {
            segment = history.segment(name)?;
            &segment
        }
    };
    for (number, frame) in pack.frames().iter().enumerate() {
        match frame.role {
            Role::Live | Role::Older | Role::Changes => {
                for record in pack.records(number)? {
                    let record = record?;
                    let unreadable =
                        |why| FileError::damaged(name, format!("frame {number}, {}", record.revision), why);
                    record.decode().map_err(unreadable)?;
                    read.records += 1;
                }
            }
            Role::Gone => pack.gone(number)?.try_for_each(|key| key.map(|_| ()))?,
            // Those are read as a whole.
            Role::Buckets | Role::Dictionary => {}
        }
        read.frames += 1;
        read.bytes += frame.stored as u64;
    }
    pack.dictionaries()?;
    let others = Others { buckets: pack.buckets()? };
    let leases = others.leases();
    leases.map_err(|why| FileError::damaged(name, "its buckets", why))?;
    read.objects += 1;
    let prev = pack.header().segment().map(|it| it.prev);
    Ok(Place { prev, chain: pack.chain() })
}

/// Names hold a quarter of a link only: here it is compared in full.
fn follows(stretch: &Stretch, places: &HashMap<Name, Place>) -> Result<(), FileError> {
    let chain_of = |name: Name| places.get(&name).map(|it| it.chain);
    let stands = |base: &BaseName, chain: Option<Link>| match chain_of(Name::Base(*base)) {
        at if at == chain => Ok(()),
        _ => Err(FileError::damaged(
            Name::Base(*base),
            "its index",
            "it does not stand where its name says",
        )),
    };
    let Some(first) = stretch.bases.first() else {
        return Ok(());
    };
    let mut chain = vec![chain_of(Name::Base(*first))];
    for segment in stretch.chain.iter().map(|it| Name::Segment(*it)) {
        let place = places.get(&segment);
        if place.and_then(|it| it.prev) != chain.last().copied().flatten() {
            let why = "it does not follow what its name says that it follows";
            return Err(FileError::damaged(segment, "its index", why));
        }
        chain.push(place.map(|it| it.chain));
    }
    for base in &stretch.bases {
        stands(base, chain.get(stretch.place(base)).copied().flatten())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
