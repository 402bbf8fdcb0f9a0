//! A disk whose power fails after some writes, and which then has forgotten whatever of those it pleases that were not synced.

use super::Disk;
use crate::bbolt::Pages;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::io;
use std::sync::{Mutex, MutexGuard};

/// The disk.
pub(crate) struct Power(Mutex<State>);

struct State {
    durable: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
    /// After how many more writes and syncs the power fails; `None` for never.
    left: Option<usize>,
    /// How many there were.
    count: usize,
}

impl Power {
    pub(crate) fn new(durable: Vec<u8>, left: Option<usize>) -> Self {
        Self(Mutex::new(State { durable, pending: Vec::new(), left, count: 0 }))
    }

    /// How many writes and syncs there were.
    pub(crate) fn count(&self) -> usize {
        self.state().count
    }

    /// What is there when the power is back: of what was not synced, each write wholly, in part, or not at all.
    pub(crate) fn after(&self, rng: &mut TestRng) -> Vec<u8> {
        let state = self.state();
        let mut bytes = state.durable.clone();
        for (offset, written) in &state.pending {
            let kept = match rng.next_u32() % 3 {
                0 => 0,
                1 => written.len(),
                _ => rng.next_u32() as usize % (written.len() + 1),
            };
            apply(&mut bytes, *offset, &written[..kept]);
        }
        bytes
    }

    /// All that was written.
    pub(crate) fn whole(&self) -> Vec<u8> {
        let state = self.state();
        let mut bytes = state.durable.clone();
        state
            .pending
            .iter()
            .for_each(|(offset, written)| apply(&mut bytes, *offset, written));
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        if self.left == Some(0) {
            return Err(io::Error::other("the power has failed"));
        }
        self.left = self.left.map(|left| left - 1);
        self.count += 1;
        Ok(())
    }
}

pub(crate) fn rng(seed: u64) -> TestRng {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn apply(bytes: &mut Vec<u8>, offset: u64, written: &[u8]) {
    let from = offset as usize;
    if written.is_empty() {
        return;
    }
    bytes.resize(bytes.len().max(from + written.len()), 0);
    bytes[from..from + written.len()].copy_from_slice(written);
}

impl Pages for Power {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        bytes::Bytes::from(self.whole()).read_at(offset, into)
    }
}

impl Disk for Power {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        // Also the write in which it fails may have got somewhere.
        let done = state.step();
        state.pending.push((offset, bytes.to_vec()));
        done
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let pending = std::mem::take(&mut state.pending);
        pending
            .iter()
            .for_each(|(offset, written)| apply(&mut state.durable, *offset, written));
        Ok(())
    }
}
