//! Opens packs of a history, and remembers what is asked for again: bases, headers of segments, dictionaries.

use super::{
    dictionary::Dictionary,
    header::{BaseHeader, Role, SegmentHeader},
    name::{BaseName, Link, Name, SegmentName},
    pack::Pack,
    shelf::Shelf,
};
use crate::FileError;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A shelf, and what has been read from it.
pub(super) struct Store {
    shelf: Arc<dyn Shelf>,
    /// All bases, the youngest first: where dictionaries are looked for.
    all_bases: Vec<BaseName>,
    bases: Mutex<HashMap<BaseName, Arc<Pack>>>,
    segments: Mutex<HashMap<SegmentName, Arc<Known>>>,
    dictionaries: Mutex<HashMap<[u8; 32], Arc<Dictionary>>>,
    /// What was found damaged, and how.
    damaged: Mutex<HashMap<Name, String>>,
}

/// What is known of a segment that has been opened once.
pub(super) struct Known {
    pub(super) header: SegmentHeader,
    pub(super) chain: Link,
}

impl Store {
    pub(super) fn new(shelf: Arc<dyn Shelf>, names: &[Name]) -> Self {
        let bases = names.iter().filter_map(|name| match name {
            Name::Base(it) => Some(*it),
            Name::Segment(_) => None,
        });
        let mut all_bases: Vec<_> = bases.collect();
        all_bases.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            shelf,
            all_bases,
            bases: Mutex::default(),
            segments: Mutex::default(),
            dictionaries: Mutex::default(),
            damaged: Mutex::default(),
        }
    }

    /// For the same shelf with other names on it: bases that are still there, and dictionaries, stay known.
    pub(super) fn renewed(&self, names: &[Name]) -> Self {
        let new = Self::new(Arc::clone(&self.shelf), names);
        let there = |name: &BaseName| names.binary_search(&Name::Base(*name)).is_ok();
        let bases = held(&self.bases);
        let bases = bases
            .iter()
            .filter(|(name, _)| there(name))
            .map(|(name, pack)| (*name, Arc::clone(pack)));
        held(&new.bases).extend(bases);
        held(&new.dictionaries).clone_from(&held(&self.dictionaries));
        new
    }

    pub(super) fn shelf(&self) -> &Arc<dyn Shelf> {
        &self.shelf
    }

    pub(super) fn base(&self, name: &BaseName) -> Result<Arc<Pack>, FileError> {
        if let Some(pack) = held(&self.bases).get(name) {
            return Ok(Arc::clone(pack));
        }
        let full = Name::Base(*name);
        let opened = self.shelf.open(&full).and_then(|object| Pack::open(&full, object));
        let pack = Arc::new(self.noted(&full, opened)?);
        held(&self.bases).insert(*name, Arc::clone(&pack));
        Ok(pack)
    }

    /// A segment with the dictionaries that it needs, as far as they can be found.
    pub(super) fn segment(&self, name: &SegmentName) -> Result<Pack, FileError> {
        let (pack, _) = self.open(name)?;
        let frames = pack.frames().iter();
        let mut needed: Vec<_> = frames.filter_map(|it| it.dictionary).collect();
        needed.dedup();
        let found: Result<Vec<_>, _> = needed.into_iter().map(|id| self.dictionary(name.timeline, id)).collect();
        Ok(pack.with_dictionaries(found?.into_iter().flatten().collect()))
    }

    pub(super) fn segment_header(&self, name: &SegmentName) -> Result<Arc<Known>, FileError> {
        if let Some(known) = held(&self.segments).get(name) {
            return Ok(Arc::clone(known));
        }
        self.open(name).map(|(_, known)| known)
    }

    fn open(&self, name: &SegmentName) -> Result<(Pack, Arc<Known>), FileError> {
        let full = Name::Segment(*name);
        let opened = self.shelf.open(&full).and_then(|object| Pack::open(&full, object));
        let pack = self.noted(&full, opened)?;
        let header = pack.header().segment().cloned();
        // Cannot be: its name comes from its header.
        let header = header.ok_or_else(|| FileError::damaged(full, "its index", "it is no segment"))?;
        let known = Arc::new(Known { header, chain: pack.chain() });
        held(&self.segments).insert(*name, Arc::clone(&known));
        Ok((pack, known))
    }

    /// Remembers damage.
    fn noted<T>(&self, name: &Name, read: Result<T, FileError>) -> Result<T, FileError> {
        if let Err(e) = &read
            && e.is_damage()
        {
            held(&self.damaged).insert(*name, e.to_string());
        }
        read
    }

    /// What was found damaged so far, by name, and how.
    pub(super) fn damaged(&self) -> Vec<(Name, String)> {
        let mut damaged: Vec<_> = held(&self.damaged).iter().map(|(name, why)| (*name, why.clone())).collect();
        damaged.sort_unstable();
        damaged
    }

    /// The dictionary with this id, in whatever base holds it. That one cannot be read matters only if no other does.
    fn dictionary(&self, timeline: u32, id: [u8; 32]) -> Result<Option<Arc<Dictionary>>, FileError> {
        if let Some(found) = held(&self.dictionaries).get(&id) {
            return Ok(Some(Arc::clone(found)));
        }
        let mut failed = None;
        for name in self.all_bases.iter().filter(|it| it.timeline == timeline) {
            let found = self.base(name).and_then(|pack| {
                let frames = pack.frames().iter();
                let frame = frames
                    .enumerate()
                    .find(|(_, it)| it.role == Role::Dictionary && it.dictionary == Some(id));
                frame.map(|(number, _)| self.dictionary_of(&pack, number)).transpose()
            });
            match found {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(e) => failed = Some(e),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The dictionary in a frame of a base.
    pub(super) fn dictionary_of(&self, pack: &Pack, frame: usize) -> Result<Arc<Dictionary>, FileError> {
        let dictionary = Arc::new(self.noted(pack.name(), pack.dictionary(frame))?);
        let mut known = held(&self.dictionaries);
        Ok(Arc::clone(known.entry(dictionary.id()).or_insert(dictionary)))
    }
}

/// What a pack that was opened under a base's name says about itself.
pub(super) fn base_header(pack: &Pack) -> Result<&BaseHeader, FileError> {
    pack.header()
        .base()
        .ok_or_else(|| FileError::damaged(pack.name(), "its index", "it is no base"))
}

/// `None` for what is damaged: where others may do as well.
pub(super) fn unless_damaged<T>(read: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match read {
        Err(e) if e.is_damage() => Ok(None),
        read => read.map(Some),
    }
}

fn held<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
