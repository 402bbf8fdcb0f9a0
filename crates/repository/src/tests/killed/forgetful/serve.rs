//! What the kernel asks, answered from memory. Start at [`serve`].

use super::wire::{Answer, Attributes, Refusal, Request, WRITE};
use super::{Contents, Held, Names, Node};
use jiff::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

/// Longer than every request.
const LONGEST: usize = WRITE as usize + 8192;

/// Answers until the file system is unmounted.
pub(super) fn serve(mut device: &File, contents: &Mutex<Contents>) {
    let mut server = Server { contents, listings: HashMap::new(), next: 0 };
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = match device.read(&mut buffer) {
            Ok(length) => length,
            // A request was given up, or a signal came.
            Err(error) if matches!(error.raw_os_error(), Some(2 | 4 | 11)) => continue,
            // It is not mounted yet.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                std::thread::yield_now();
                continue;
            }
            Err(_unmounted) => return,
        };
        let request = Request::parse(&buffer[..length]);
        let number = request.number;
        let answer = match server.answered(request) {
            Some(Ok(answer)) => answer.whole(number),
            Some(Err(refusal)) => refusal.whole(number),
            None => continue,
        };
        // Who asked may be dead by now.
        let _dead = device.write(&answer);
    }
}

struct Server<'a> {
    contents: &'a Mutex<Contents>,
    /// Directories that are being listed, as they were when that was begun.
    listings: HashMap<u64, Names>,
    next: u64,
}

type Answered = Result<Answer, Refusal>;

impl Server<'_> {
    /// `None` where no answer is waited for.
    fn answered(&mut self, request: Request<'_>) -> Option<Answered> {
        match request.what {
            2 | 36 | 38 | 42 => None,
            26 => Some(Ok(begun())),
            _ => Some(self.done(request)),
        }
    }

    fn done(&mut self, mut request: Request<'_>) -> Answered {
        let mut contents = self.contents.lock().unwrap();
        if contents.off {
            return Err(Refusal::Io);
        }
        let node = request.node;
        match request.what {
            1 => contents.look_up(node, &request.name()),
            3 => contents.attributes(node).map(of_node),
            4 => contents.set(node, &mut request),
            9 => {
                let (mode, _mask) = (request.u32(), request.u32());
                let held = Held::Names(Names::new());
                let made = contents.make(node, request.name(), Node::new(held, 0o40000 | mode))?;
                Ok(Answer::default().entry(&made))
            }
            10 => contents.remove(node, &request.name(), false),
            11 => contents.remove(node, &request.name(), true),
            12 => {
                let to = request.u64();
                contents.rename(node, &request.name(), to, request.name())
            }
            13 => {
                let linked = request.u64();
                let name = request.name();
                contents.link(node, name, linked)
            }
            14 => Ok(opened(0)),
            15 => {
                let (_handle, from, most) = (request.u64(), request.u64(), request.u32());
                contents.read(node, from, most)
            }
            16 => {
                let (_handle, at, length) = (request.u64(), request.u64(), request.u32());
                // Flags, the owner of locks, flags of the file, and nothing.
                request.bytes(20);
                contents.write(node, at, request.bytes(length as usize))
            }
            17 => Ok(room()),
            18 | 25 => Ok(Answer::default()),
            20 | 30 => {
                contents.sync(node);
                Ok(Answer::default())
            }
            27 => {
                self.next += 1;
                let names = contents.names_of(node)?.clone();
                self.listings.insert(self.next, names);
                Ok(opened(self.next))
            }
            28 => {
                let (handle, from, most) = (request.u64(), request.u64(), request.u32());
                let names = self.listings.get(&handle).ok_or(Refusal::Invalid)?;
                Ok(contents.listed(names, from, most))
            }
            29 => {
                self.listings.remove(&request.u64());
                Ok(Answer::default())
            }
            35 => {
                let (_flags, mode) = (request.u32(), request.u32());
                request.bytes(8);
                let held = Held::Bytes(Arc::default());
                let made = contents.make(node, request.name(), Node::new(held, mode))?;
                let opened = opened(0);
                Ok(Answer::default().entry(&made).append(opened))
            }
            _ => Err(Refusal::NotImplemented),
        }
    }
}

/// Version 7.31, nothing special, and how much is written at once.
fn begun() -> Answer {
    let answer = Answer::default().u32(7).u32(31).u32(WRITE).u32(0);
    // How much at once in the background is for the kernel to say.
    let answer = answer.u32(0).u32(WRITE).u32(1);
    answer.bytes(&[0; 36])
}

fn opened(handle: u64) -> Answer {
    Answer::default().u64(handle).u32(0).u32(0)
}

fn of_node(of: Attributes) -> Answer {
    Answer::default().u64(0).u32(0).u32(0).attributes(&of)
}

/// As much as anybody wants.
fn room() -> Answer {
    let much = 1 << 30;
    let answer = Answer::default().u64(much).u64(much).u64(much).u64(much).u64(much);
    answer.u32(4096).u32(255).u32(4096).bytes(&[0; 28])
}

impl Contents {
    fn node(&self, number: u64) -> Result<&Node, Refusal> {
        self.nodes.get(&number).ok_or(Refusal::NoEntry)
    }

    fn names_of(&self, directory: u64) -> Result<&Names, Refusal> {
        match &self.node(directory)?.now {
            Held::Names(names) => Ok(names),
            Held::Bytes(_) => Err(Refusal::NotDirectory),
        }
    }

    fn attributes(&self, number: u64) -> Result<Attributes, Refusal> {
        let node = self.node(number)?;
        let bytes = match &node.now {
            Held::Bytes(bytes) => bytes.len() as u64,
            Held::Names(_) => 4096,
        };
        Ok(Attributes { node: number, bytes, mode: node.mode, written: node.written })
    }

    fn look_up(&self, directory: u64, name: &[u8]) -> Answered {
        let number = *self.names_of(directory)?.get(name).ok_or(Refusal::NoEntry)?;
        Ok(Answer::default().entry(&self.attributes(number)?))
    }

    fn set(&mut self, number: u64, request: &mut Request<'_>) -> Answered {
        let (valid, _, _handle, size) = (request.u32(), request.u32(), request.u64(), request.u64());
        let (_owner, _accessed, modified, _changed) = (request.u64(), request.u64(), request.u64(), request.u64());
        let (_, nanoseconds, _, mode) = (request.u32(), request.u32(), request.u32(), request.u32());
        let node = self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?;
        if valid & 1 != 0 {
            node.mode = mode;
        }
        if let (true, Held::Bytes(bytes)) = (valid & (1 << 3) != 0, &mut node.now) {
            Arc::make_mut(bytes).resize(usize::try_from(size).map_err(|_| Refusal::Invalid)?, 0);
            node.written = ambient::now();
        }
        if valid & (1 << 5) != 0 {
            let given = Timestamp::new(modified.cast_signed(), nanoseconds.cast_signed());
            node.written = if valid & (1 << 8) != 0 {
                ambient::now()
            } else {
                given.map_err(|_| Refusal::Invalid)?
            };
        }
        self.attributes(number).map(of_node)
    }

    fn make(&mut self, directory: u64, name: Vec<u8>, node: Node) -> Result<Attributes, Refusal> {
        if self.names_of(directory)?.contains_key(&name) {
            return Err(Refusal::Exists);
        }
        let number = self.add(node);
        self.names(directory).ok_or(Refusal::NotDirectory)?.insert(name, number);
        self.attributes(number)
    }

    fn remove(&mut self, directory: u64, name: &[u8], is_directory: bool) -> Answered {
        let number = *self.names_of(directory)?.get(name).ok_or(Refusal::NoEntry)?;
        if is_directory && !self.names_of(number)?.is_empty() {
            return Err(Refusal::NotEmpty);
        }
        self.names(directory).ok_or(Refusal::NotDirectory)?.remove(name);
        Ok(Answer::default())
    }

    fn rename(&mut self, from: u64, name: &[u8], to: u64, new: Vec<u8>) -> Answered {
        let number = *self.names_of(from)?.get(name).ok_or(Refusal::NoEntry)?;
        self.names(to).ok_or(Refusal::NotDirectory)?.insert(new, number);
        self.names(from).ok_or(Refusal::NotDirectory)?.remove(name);
        Ok(Answer::default())
    }

    fn link(&mut self, directory: u64, name: Vec<u8>, linked: u64) -> Answered {
        if self.names_of(directory)?.contains_key(&name) {
            return Err(Refusal::Exists);
        }
        self.names(directory).ok_or(Refusal::NotDirectory)?.insert(name, linked);
        Ok(Answer::default().entry(&self.attributes(linked)?))
    }

    fn read(&self, number: u64, from: u64, most: u32) -> Answered {
        let Held::Bytes(bytes) = &self.node(number)?.now else {
            return Err(Refusal::Invalid);
        };
        let begin = usize::try_from(from).map_err(|_| Refusal::Invalid)?.min(bytes.len());
        let end = begin.saturating_add(most as usize).min(bytes.len());
        Ok(Answer::default().bytes(&bytes[begin..end]))
    }

    fn write(&mut self, number: u64, at: u64, from: &[u8]) -> Answered {
        let node = self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?;
        let Held::Bytes(bytes) = &mut node.now else {
            return Err(Refusal::Invalid);
        };
        let (bytes, begin) = (Arc::make_mut(bytes), usize::try_from(at).map_err(|_| Refusal::Invalid)?);
        bytes.resize(bytes.len().max(begin + from.len()), 0);
        bytes[begin..begin + from.len()].copy_from_slice(from);
        node.written = ambient::now();
        Ok(Answer::default().u32(u32::try_from(from.len()).unwrap()).u32(0))
    }

    fn listed(&self, names: &Names, from: u64, most: u32) -> Answer {
        let mut answer = Answer::default();
        let (mut next, skipped) = (from, usize::try_from(from).unwrap());
        for (name, number) in names.iter().skip(skipped) {
            // 24 bytes come before a name.
            if answer.len() + 24 + name.len().next_multiple_of(8) > most as usize {
                break;
            }
            next += 1;
            let is_directory = matches!(self.nodes.get(number), Some(Node { now: Held::Names(_), .. }));
            answer = answer.listed(name, *number, next, is_directory);
        }
        answer
    }
}
