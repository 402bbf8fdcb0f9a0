//! The zstd dictionary of a base, with which small segments cost hardly more than large ones. Start at [`Dictionary`];
//! [`Sampler`] collects what it is trained from, [`Favourites`] what is appended to it.

use bytes::Bytes;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt, io,
    sync::OnceLock,
    thread::{self, JoinHandle},
};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// The level at which segments are compressed.
pub(super) const SEGMENT_LEVEL: i32 = 3;
/// The size of what is trained, as `zstd --train` makes it.
const TRAINED_BYTES: usize = 112 << 10;
/// How much of the values that change most often is appended to it: what changed often before will again, and then most of it is
/// known. With Kubernetes' leases of nodes, segments of a second take a third less; with twice as much, hardly less than that.
const OFTEN_BYTES: usize = 256 << 10;
/// One value takes no more of that.
const OFTEN_RECORD_BYTES: usize = 16 << 10;
/// A dictionary is not larger than this, whatever a pack says.
pub(super) const MAX_DICTIONARY_BYTES: usize = 1 << 20;
/// What is kept to train from at most; more takes longer and helps little.
const SAMPLE_BYTES: usize = 3 << 20;
/// What is taken from the beginning of one record.
const RECORD_BYTES: usize = 4 << 10;
/// With less than this there is nothing to learn.
const MIN_SAMPLE_BYTES: usize = 64 << 10;

/// A dictionary, ready for use by any number of threads.
pub struct Dictionary {
    id: [u8; 32],
    bytes: Bytes,
    encoder: OnceLock<EncoderDictionary<'static>>,
    decoder: OnceLock<DecoderDictionary<'static>>,
}

impl Dictionary {
    /// The dictionary that these bytes are.
    ///
    /// # Errors
    /// zstd does not take them.
    pub fn new(bytes: Bytes) -> io::Result<Self> {
        let it = Self {
            id: *blake3::hash(&bytes).as_bytes(),
            bytes,
            encoder: OnceLock::new(),
            decoder: OnceLock::new(),
        };
        it.decoder()?;
        Ok(it)
    }

    /// BLAKE3 of its bytes.
    pub fn id(&self) -> [u8; 32] {
        self.id
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// For compressing at [`SEGMENT_LEVEL`].
    pub(super) fn encoder(&self) -> io::Result<&EncoderDictionary<'static>> {
        if let Some(it) = self.encoder.get() {
            return Ok(it);
        }
        let made = EncoderDictionary::try_copy(&self.bytes, SEGMENT_LEVEL)?;
        Ok(self.encoder.get_or_init(|| made))
    }

    pub(super) fn decoder(&self) -> io::Result<&DecoderDictionary<'static>> {
        if let Some(it) = self.decoder.get() {
            return Ok(it);
        }
        let made = DecoderDictionary::try_copy(&self.bytes)?;
        Ok(self.decoder.get_or_init(|| made))
    }
}

/// Its bytes are pieces of what Kubernetes keeps secret.
impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dictionary of {} bytes", self.bytes.len())
    }
}

/// Samples spread evenly over all records, however many come, and in whatever order: when it is full, about every second one goes.
#[derive(Default)]
pub(super) struct Sampler {
    /// Each with the revision that it was taken for.
    samples: Vec<(u64, Vec<u8>)>,
    bytes: usize,
    /// Only revisions of this rank or a higher one are taken: half as many as of the rank below.
    step: u32,
}

/// A dictionary that is being trained, on a thread of its own.
pub(super) struct Training(Option<JoinHandle<Option<Vec<u8>>>>);

/// Values that were changed often.
#[derive(Default)]
pub(super) struct Favourites {
    /// The most seldom changed one is the first to go.
    often: BinaryHeap<Reverse<Often>>,
    bytes: usize,
    seen: u64,
}

/// A value that was changed often; less is less often, or as often and seen later.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Often {
    version: u64,
    order: Reverse<u64>,
    value: Vec<u8>,
}

/// Neighbours have ranks that are as different as can be.
fn rank(revision: u64) -> u32 {
    revision.wrapping_mul(0x9e37_79b9_7f4a_7c15).leading_zeros()
}

impl Sampler {
    /// A value, and the revision at which it was written.
    pub(super) fn offer(&mut self, revision: u64, value: &[u8]) {
        if rank(revision) < self.step {
            return;
        }
        let sample = value.get(..RECORD_BYTES).unwrap_or(value).to_vec();
        self.bytes += sample.len();
        self.samples.push((revision, sample));
        while self.bytes > SAMPLE_BYTES {
            self.step += 1;
            let step = self.step;
            self.samples.retain(|(revision, _)| rank(*revision) >= step);
            self.bytes = self.samples.iter().map(|(_, sample)| sample.len()).sum();
        }
    }

    /// Begins to train: nothing else need wait for it until it is asked for.
    pub(super) fn train(self) -> Training {
        // Without a dictionary segments are larger, and as sound: so nothing that fails here matters.
        Training(thread::Builder::new().spawn(|| self.trained()).ok())
    }

    /// What was learned, or `None` where there is too little to learn from.
    fn trained(mut self) -> Option<Vec<u8>> {
        if self.bytes < MIN_SAMPLE_BYTES {
            return None;
        }
        let size = TRAINED_BYTES.min(self.bytes / 8);
        self.samples.sort_unstable();
        let samples: Vec<_> = self.samples.into_iter().map(|(_, sample)| sample).collect();
        // It refuses what is all alike; then there is no need of one.
        zstd::dict::from_samples(&samples, size).ok()
    }
}

impl Training {
    /// Waits for the dictionary, if there is to be one, and appends the favourites to it.
    pub(super) fn end(self, favourites: Favourites) -> Option<Dictionary> {
        let mut bytes = self.0?.join().ok()??;
        favourites.append_to(&mut bytes);
        Dictionary::new(bytes.into()).ok()
    }
}

impl Favourites {
    /// A value, and how often its key was written.
    pub(super) fn offer(&mut self, version: u64, value: &[u8]) {
        self.seen += 1;
        let full = self.bytes + value.len() > OFTEN_BYTES;
        let seldom = full && self.often.peek().is_some_and(|Reverse(least)| version <= least.version);
        if version < 2 || value.len() > OFTEN_RECORD_BYTES || seldom {
            return;
        }
        self.bytes += value.len();
        let order = Reverse(self.seen);
        self.often.push(Reverse(Often { version, order, value: value.to_vec() }));
        while self.bytes > OFTEN_BYTES {
            let Some(Reverse(Often { value, .. })) = self.often.pop() else {
                break;
            };
            self.bytes -= value.len();
        }
    }

    /// All behind a dictionary's tables is content, however long; what stands last is found most cheaply.
    fn append_to(mut self, dictionary: &mut Vec<u8>) {
        while let Some(Reverse(Often { value, .. })) = self.often.pop() {
            dictionary.extend_from_slice(&value);
        }
    }
}

#[cfg(test)]
mod tests;
