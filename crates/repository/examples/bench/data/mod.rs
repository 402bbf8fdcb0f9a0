//! What is stored: bytes made up from a seed, a mixture of what shrinks and what does not. Start at [`Stuff`].
//!
//! Of ten blocks of 64 KiB, five are text (manifests and logs: known words between fresh numbers), two are tables (records of
//! which a few bytes change), and three are compressed already (chance). No block occurs twice. `zstd -3` makes it about half.

use anyhow::{Context, Result};
use measure::Random;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// Bytes in a block.
const BLOCK: usize = 64 << 10;

/// How many phrases a text is made of.
const PHRASES: usize = 512;

/// Sizes of files in a tree, in bytes at least and at most, and how many of a hundred bytes are in such files: settings and logs,
/// libraries, layers of images and volumes.
const SIZES: [(u64, u64, u64); 3] = [
    (2 << 10, 64 << 10, 20),
    (256 << 10, 2 << 20, 30),
    (16 << 20, 64 << 20, 50),
];

/// Files in a folder of a tree.
const FILES: u64 = 200;

/// A stream of such bytes.
pub(crate) struct Stuff {
    seed: u64,
    left: u64,
    /// The number of the next block.
    number: u64,
    phrases: Vec<Vec<u8>>,
    block: Vec<u8>,
    given: usize,
}

impl Stuff {
    /// `bytes` bytes; another seed gives others.
    pub(crate) fn new(seed: u64, bytes: u64) -> Self {
        let mut random = Random::of(seed, 0, 0);
        let phrase = |random: &mut Random| {
            let length = 20 + random.below(40) as usize;
            random.suffix(length).into_bytes()
        };
        Self {
            seed,
            left: bytes,
            number: 0,
            phrases: (0..PHRASES).map(|_| phrase(&mut random)).collect(),
            block: Vec::with_capacity(2 * BLOCK),
            given: 0,
        }
    }

    fn next(&mut self) {
        let mut random = Random::of(self.seed, 1, self.number);
        self.number += 1;
        self.block.clear();
        self.given = 0;
        match random.below(10) {
            0..5 => self.text(&mut random),
            5..7 => self.table(&mut random),
            _ => self.chance(&mut random),
        }
        self.block.truncate(usize::try_from(self.left).unwrap_or(BLOCK).min(BLOCK));
        self.left -= self.block.len() as u64;
    }

    fn text(&mut self, random: &mut Random) {
        while self.block.len() < BLOCK {
            let number = random.next();
            let phrase = self.phrases.get((number % PHRASES as u64) as usize);
            self.block.extend_from_slice(phrase.map_or(&[], Vec::as_slice));
            self.block.extend_from_slice(format!(": {:06x}\n", number >> 40).as_bytes());
        }
    }

    fn table(&mut self, random: &mut Random) {
        let mut row = [random.next(), random.next(), 0, random.next()];
        while self.block.len() < BLOCK {
            row[0] = row[0].wrapping_add(1);
            row[2] = random.next() >> 40;
            row.iter().for_each(|field| self.block.extend_from_slice(&field.to_be_bytes()));
        }
    }

    fn chance(&mut self, random: &mut Random) {
        while self.block.len() < BLOCK {
            self.block.extend_from_slice(&random.next().to_le_bytes());
        }
    }
}

impl Read for Stuff {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() && self.left > 0 {
            self.next();
        }
        let left = self.block.get(self.given..).unwrap_or_default();
        let read = into.len().min(left.len());
        into[..read].copy_from_slice(&left[..read]);
        self.given += read;
        Ok(read)
    }
}

/// Writes a file of such bytes; it is on the disk when this returns.
pub(crate) fn file(path: &Path, seed: u64, bytes: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    io::copy(&mut Stuff::new(seed, bytes), &mut file)?;
    file.flush()?;
    file.get_ref().sync_all().with_context(|| format!("writing {}", path.display()))
}

/// Writes a tree of such files of about `bytes` bytes in all: how many files.
pub(crate) fn tree(folder: &Path, seed: u64, bytes: u64) -> Result<u64> {
    let (mut number, mut random) = (0, Random::of(seed, 2, 0));
    for (least, most, share) in SIZES {
        let mut left = bytes / 100 * share;
        while left > 0 {
            let size = (least + random.below(most - least)).min(left);
            let within = folder.join(format!("{:03}", number / FILES));
            if number % FILES == 0 {
                std::fs::create_dir_all(&within)?;
            }
            // Synced together, later.
            let mut file = File::create(within.join(format!("{number:06}")))?;
            io::copy(&mut Stuff::new(seed + 1 + number, size), &mut file)?;
            number += 1;
            left -= size;
        }
    }
    Ok(number)
}

#[cfg(test)]
mod tests;
