//! The zstd dictionary of a base, with which small segments cost hardly more than large ones. Start at [`Dictionary`];
//! [`Sampler`] collects what it is trained from.

use bytes::Bytes;
use std::{fmt, io, sync::OnceLock};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// The level at which segments are compressed.
pub(super) const SEGMENT_LEVEL: i32 = 3;
/// The size of a dictionary, as `zstd --train` makes it.
const DICTIONARY_BYTES: usize = 112 << 10;
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

/// Samples spread evenly over all records, however many come: when it is full, every second one goes.
#[derive(Default)]
pub(super) struct Sampler {
    samples: Vec<Vec<u8>>,
    bytes: usize,
    seen: u64,
    /// A record is taken when as many have been seen as a multiple of two to the power of this.
    step: u32,
}

impl Sampler {
    pub(super) fn offer(&mut self, value: &[u8]) {
        let wanted = self.seen.trailing_zeros() >= self.step;
        self.seen += 1;
        if !wanted {
            return;
        }
        let sample = value.get(..RECORD_BYTES).unwrap_or(value).to_vec();
        self.bytes += sample.len();
        self.samples.push(sample);
        while self.bytes > SAMPLE_BYTES {
            self.step += 1;
            let mut number = 0_usize;
            self.samples.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.bytes = self.samples.iter().map(Vec::len).sum();
        }
    }

    /// The dictionary, or `None` where there is too little to learn from.
    pub(super) fn train(self) -> Option<Dictionary> {
        if self.bytes < MIN_SAMPLE_BYTES {
            return None;
        }
        let size = DICTIONARY_BYTES.min(self.bytes / 8);
        // It refuses what is all alike; then there is no need of one.
        let bytes = zstd::dict::from_samples(&self.samples, size).ok()?;
        Dictionary::new(bytes.into()).ok()
    }
}

#[cfg(test)]
mod tests;
