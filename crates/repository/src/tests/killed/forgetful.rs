//! A disk that promises no more than was asked for: a file's bytes are kept once the file was synced, a name once the directory
//! that it is in was synced, and nothing is kept because something else was.
//!
//! File systems with a journal keep more: there, syncing anything keeps every name that was given before. Which of the rest is lost,
//! chance says: all of it, or of each name and of each file something. The kernel has it as a FUSE file system (`wire.rs`),
//! so that a real process can use it, and be killed.

mod serve;
mod wire;

use super::disk::{Disk, run};
use crate::tests::chance::Chance;
use jiff::Timestamp;
use serve::serve;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// The number of the topmost directory.
const ROOT: u64 = 1;

type Names = BTreeMap<Vec<u8>, u64>;

/// What a file or a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Held {
    Bytes(Arc<Vec<u8>>),
    Names(Names),
}

#[derive(Clone, Debug)]
struct Node {
    /// As everybody sees it.
    now: Held,
    /// As it was synced last.
    kept: Held,
    mode: u32,
    written: Timestamp,
}

/// Everything that is on the disk, or would be.
#[derive(Debug)]
struct Contents {
    nodes: HashMap<u64, Node>,
    next: u64,
    /// Nothing is answered any more.
    off: bool,
}

impl Node {
    fn new(held: Held, mode: u32) -> Self {
        let kept = match held {
            Held::Bytes(_) => Held::Bytes(Arc::default()),
            Held::Names(_) => Held::Names(Names::new()),
        };
        Self { now: held, kept, mode, written: ambient::now() }
    }
}

impl Contents {
    fn new() -> Self {
        let root = Node::new(Held::Names(Names::new()), 0o40755);
        Self { nodes: [(ROOT, root)].into(), next: ROOT + 1, off: false }
    }

    fn add(&mut self, node: Node) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, node);
        number
    }

    fn names(&mut self, directory: u64) -> Option<&mut Names> {
        let node = self.nodes.get_mut(&directory)?;
        node.written = ambient::now();
        match &mut node.now {
            Held::Names(names) => Some(names),
            Held::Bytes(_) => None,
        }
    }

    fn sync(&mut self, number: u64) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.kept = node.now.clone();
        }
    }

    /// The power is gone and comes back: what was not synced is lost, or some of it.
    fn forget(&mut self, chance: &mut Chance) {
        let all = chance.one_in(2);
        let mut keeps = |most: u64| if all { 0 } else { chance.below(most) };
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(node) = self.nodes.get_mut(&number) else {
                continue;
            };
            node.now = match (&node.now, &node.kept) {
                (Held::Names(now), Held::Names(kept)) => {
                    let all: BTreeSet<_> = now.keys().chain(kept.keys()).collect();
                    let chosen = all.into_iter().filter_map(|name| {
                        let (now, kept) = (now.get(name), kept.get(name));
                        let of = if now != kept && keeps(2) == 1 { now } else { kept };
                        of.map(|number| (name.clone(), *number))
                    });
                    Held::Names(chosen.collect())
                }
                (Held::Bytes(now), Held::Bytes(kept)) if now != kept => {
                    let mut bytes = kept.clone();
                    // Nothing more, all, or only the beginning, with or without the length of the whole.
                    match keeps(4) {
                        0 => {}
                        1 => bytes = now.clone(),
                        more => {
                            let length = now.len() / 2;
                            let bytes = Arc::make_mut(&mut bytes);
                            bytes.clear();
                            bytes.extend_from_slice(&now[..length]);
                            bytes.resize(if more == 2 { length } else { now.len() }, 0);
                        }
                    }
                    Held::Bytes(bytes)
                }
                (_, kept) => kept.clone(),
            };
        }
        // What has no name is no more.
        let (mut named, mut open) = (BTreeSet::new(), vec![ROOT]);
        while let Some(number) = open.pop() {
            if named.insert(number)
                && let Some(Held::Names(names)) = self.nodes.get(&number).map(|node| &node.now)
            {
                open.extend(names.values());
            }
        }
        self.nodes.retain(|number, _| named.contains(number));
        self.nodes.values_mut().for_each(|node| node.kept = node.now.clone());
        self.off = false;
    }
}

/// The disk, mounted.
pub(super) struct Forgetful {
    contents: Arc<Mutex<Contents>>,
    place: PathBuf,
    serving: Option<JoinHandle<()>>,
    chance: Chance,
}

impl Forgetful {
    pub(super) fn new(folder: &Path, seed: u64) -> Self {
        let place = folder.join("place");
        std::fs::create_dir_all(&place).unwrap();
        let contents = Arc::new(Mutex::new(Contents::new()));
        let mut disk = Self { contents, place, serving: None, chance: Chance::new(seed) };
        disk.mount();
        disk
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    fn mount(&mut self) {
        let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
        let (contents, theirs) = (self.contents.clone(), device.try_clone().unwrap());
        self.serving = Some(std::thread::spawn(move || serve(&theirs, &contents)));
        // The number is that of standard input.
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0,allow_other";
        let mut mount = Command::new("mount");
        mount.args(["-i", "-t", "fuse", "-o", options, "forgetful"]).arg(&self.place);
        run(mount.stdin(Stdio::from(device)));
    }

    fn unmount(&mut self) {
        run(Command::new("umount").arg(&self.place));
        self.serving.take().unwrap().join().unwrap();
    }
}

impl Disk for Forgetful {
    fn place(&self) -> &Path {
        &self.place
    }

    fn renew(&mut self) {
        self.unmount();
        *self.contents() = Contents::new();
        self.mount();
    }

    fn cut(&mut self) {
        self.contents().off = true;
    }

    fn mend(&mut self) {
        self.unmount();
        let mut chance = Chance::new(self.chance.next());
        self.contents().forget(&mut chance);
        self.mount();
    }
}

#[cfg(test)]
mod tests;
