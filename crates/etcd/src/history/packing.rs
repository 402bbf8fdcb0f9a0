//! Compresses frames on threads of its own and gives them back in order. Start at [`Packing`].

use super::{
    frame::Raw,
    header::Role,
    writer::{Packed, pack},
};
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use zstd::bulk::Compressor;

/// Compressing is what takes the time; more threads would wait for who reads.
const THREADS: usize = 2;
/// How many frames may be on their way.
const ON_THE_WAY: usize = 4;

struct Job {
    raw: Raw,
    reply: SyncSender<io::Result<Packed>>,
}

/// Frames on their way through the threads. They end when this is dropped.
pub(super) struct Packing {
    jobs: SyncSender<Job>,
    on_the_way: VecDeque<Receiver<io::Result<Packed>>>,
    spare: Vec<Vec<u8>>,
}

impl Packing {
    pub(super) fn new(level: i32) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(ON_THE_WAY);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("packing".to_owned())
                .spawn(move || work(&queue, level))?;
        }
        Ok(Self { jobs, on_the_way: VecDeque::new(), spare: Vec::new() })
    }

    /// An empty frame to fill.
    pub(super) fn empty(&mut self, role: Role) -> Raw {
        Raw::new(role, self.spare.pop().unwrap_or_default())
    }

    /// Sends a frame on its way; gives back the oldest one when enough are.
    pub(super) fn send(&mut self, raw: Raw) -> io::Result<Option<Packed>> {
        let (reply, receiver) = sync_channel(1);
        self.jobs.send(Job { raw, reply }).map_err(|_| ended())?;
        self.on_the_way.push_back(receiver);
        if self.on_the_way.len() < ON_THE_WAY {
            Ok(None)
        } else {
            self.next()
        }
    }

    /// The oldest frame that is on its way.
    pub(super) fn next(&mut self) -> io::Result<Option<Packed>> {
        let Some(oldest) = self.on_the_way.pop_front() else {
            return Ok(None);
        };
        let packed = oldest.recv().map_err(|_| ended())?;
        packed.map(Some)
    }

    /// Takes back what a frame was made from.
    pub(super) fn recycle(&mut self, packed: Packed) {
        let mut buffer = packed.buffer;
        buffer.clear();
        self.spare.push(buffer);
    }
}

fn ended() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}

fn work(queue: &Mutex<Receiver<Job>>, level: i32) {
    let mut compressor = match Compressor::new(level) {
        Ok(it) => it,
        // Who waits for a reply is told by its end.
        Err(_) => return,
    };
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { raw, reply }) = job else { return };
        // Nobody waits any more if the writer has failed.
        let _ = reply.send(pack(raw, &mut compressor, None));
    }
}
