//! Numbers from a seed: splitmix64, the same everywhere.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream for item `index` of the sort `sort`: independent of every other's, so that items can be made in any order.
    pub fn of(seed: u64, sort: u64, index: u64) -> Self {
        let mut start = Self(seed ^ sort.wrapping_mul(0x8cb9_2ba7_2f3d_8dd7));
        Self(start.next() ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// The next number.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, and nobody iterates over it"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of the remainder does not matter for ends this small.
        self.next() % end.max(1)
    }

    /// One of `options`.
    pub fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options
            .get(self.below(options.len() as u64) as usize)
            .copied()
            .unwrap_or_default()
    }

    /// `digits` hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        self.letters(digits, b"0123456789abcdef")
    }

    /// The end of a name that Kubernetes made up.
    pub fn suffix(&mut self, letters: usize) -> String {
        self.letters(letters, b"bcdfghjklmnpqrstvwxz2456789")
    }

    /// What base64 makes of secret or compressed bytes.
    pub fn base64(&mut self, letters: usize) -> String {
        self.letters(letters, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    }

    fn letters(&mut self, count: usize, alphabet: &[u8]) -> String {
        let pick = |random: &mut Self| alphabet.get(random.below(alphabet.len() as u64) as usize).copied();
        (0..count).filter_map(|_| pick(self)).map(char::from).collect()
    }

    /// As Kubernetes writes a UID.
    pub fn uid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|digits| self.hex(digits)).join("-")
    }
}
