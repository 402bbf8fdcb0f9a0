//! A disk that forgets what was not synced when the power goes, which is after as many calls as a test says.

use super::super::files::{Draft, Files};
use crate::history::shelf::Object;
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex},
};

#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Power {
    #[default]
    On,
    /// So many calls succeed, and none after them.
    GoesAfter(usize),
    /// After so many calls, nothing more can be written or linked.
    DiskFullAfter(usize),
    /// What is read is not what was written.
    Lies,
}

#[derive(Clone, Default)]
struct Inode {
    content: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Clone, Default)]
struct State {
    power: Power,
    calls: usize,
    inodes: Vec<Inode>,
    /// Names, and those that have been synced.
    names: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
}

#[derive(Clone, Default)]
pub(super) struct Volatile(Arc<Mutex<State>>);

impl Volatile {
    pub(super) fn cut(&self, power: Power) {
        self.0.lock().unwrap().power = power;
    }

    pub(super) fn is_on(&self) -> bool {
        let state = self.0.lock().unwrap();
        !matches!(state.power, Power::GoesAfter(calls) if state.calls > calls)
    }

    /// The disk after the power came back: what was not synced is lost; or only the content is, and the names were lucky.
    pub(super) fn after_power_cut(&self, names_are_lost: bool) -> Self {
        let mut state = self.0.lock().unwrap().clone();
        state.power = Power::On;
        for inode in &mut state.inodes {
            inode.content = inode.synced.clone();
        }
        if names_are_lost {
            state.names = state.synced.clone();
        }
        Self(Arc::new(Mutex::new(state)))
    }

    fn call<T>(&self, writes: bool, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        match state.power {
            Power::GoesAfter(calls) if state.calls > calls => Err(io::Error::other("the power is off")),
            Power::DiskFullAfter(calls) if writes && state.calls > calls => Err(io::ErrorKind::StorageFull.into()),
            _ => act(&mut state),
        }
    }
}

impl Files for Volatile {
    fn names(&self) -> io::Result<Vec<String>> {
        self.call(false, |state| Ok(state.names.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Draft>> {
        let inode = self.call(true, |state| {
            state.inodes.push(Inode::default());
            state.names.insert(name.to_owned(), state.inodes.len() - 1);
            Ok(state.inodes.len() - 1)
        })?;
        Ok(Box::new(Writing { disk: self.clone(), inode }))
    }

    fn open(&self, name: &str, _: bool) -> io::Result<Arc<dyn Object>> {
        self.call(false, |state| {
            let inode = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
            let mut content = state.inodes[inode].content.clone();
            if state.power == Power::Lies {
                content[1] ^= 1;
            }
            Ok(Arc::new(Bytes::from(content)) as Arc<dyn Object>)
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(true, |state| {
            let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.names.insert(to.to_owned(), inode);
            Ok(())
        })
    }

    fn discard(&self, name: &str) -> io::Result<()> {
        self.call(false, |state| {
            state.names.remove(name);
            Ok(())
        })
    }

    fn discard_if_left(&self, name: &str) -> io::Result<()> {
        self.discard(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.call(false, |state| {
            state.synced = state.names.clone();
            Ok(())
        })
    }
}

struct Writing {
    disk: Volatile,
    inode: usize,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.call(true, |state| {
            state.inodes[self.inode].content.extend_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Draft for Writing {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.call(false, |state| {
            state.inodes[self.inode].synced = state.inodes[self.inode].content.clone();
            Ok(())
        })
    }
}
