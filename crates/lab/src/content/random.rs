//! Numbers from a seed: splitmix64, small and the same everywhere. Not for secrets that protect anything.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of item `index` under `seed`: independent of every other item's, so items can be made in any order.
    pub(super) fn of(seed: u64, index: u64) -> Self {
        let mut start = Self(seed);
        Self(start.next() ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        // The bias of the remainder does not matter for ends this small.
        (self.next() % (end.max(1) as u64)) as usize
    }

    /// A number in `[0, 1)`.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of `options`, which must not be empty.
    pub(super) fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options.get(self.below(options.len())).copied().unwrap_or_default()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// `digits` hexadecimal digits, 16 at most.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        let mut text = format!("{:016x}", self.next());
        text.truncate(digits);
        text
    }
}
