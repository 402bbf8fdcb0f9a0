//! The kernel's side of FUSE: requests as they are read, answers as they are written. Numbers are in the machine's own order.

use jiff::Timestamp;

/// Bytes of a request before its own ones.
const HEADER: usize = 40;

/// The most that is written at once, in bytes.
pub(super) const WRITE: u32 = 128 << 10;

/// What is answered instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoEntry = 2,
    Io = 5,
    Exists = 17,
    NotDirectory = 20,
    Invalid = 22,
    NotImplemented = 38,
    NotEmpty = 39,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) what: u32,
    pub(super) number: u64,
    /// What it is about.
    pub(super) node: u64,
    rest: &'a [u8],
}

impl<'a> Request<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        let mut header = Self { what: 0, number: 0, node: 0, rest: &bytes[..HEADER] };
        let _length = header.u32();
        header.what = header.u32();
        header.number = header.u64();
        header.node = header.u64();
        header.rest = &bytes[HEADER..];
        header
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes(4).try_into().unwrap())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes(8).try_into().unwrap())
    }

    pub(super) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// A name, which ends with a zero.
    pub(super) fn name(&mut self) -> Vec<u8> {
        let length = self.rest.iter().position(|byte| *byte == 0).unwrap();
        let name = self.bytes(length).to_vec();
        self.bytes(1);
        name
    }
}

/// An answer under way.
#[derive(Default)]
pub(super) struct Answer(Vec<u8>);

impl Answer {
    pub(super) fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_ne_bytes());
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_ne_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn append(self, other: Self) -> Self {
        self.bytes(&other.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn attributes(self, of: &Attributes) -> Self {
        let time = of.written;
        let seconds = time.as_second().unsigned_abs();
        let nanoseconds = time.subsec_nanosecond().unsigned_abs();
        let this = self.u64(of.node).u64(of.bytes).u64(of.bytes.div_ceil(512));
        let this = this.u64(seconds).u64(seconds).u64(seconds);
        let this = this.u32(nanoseconds).u32(nanoseconds).u32(nanoseconds);
        // Links, owner, group, device, size of a block, flags.
        this.u32(of.mode).u32(1).u32(0).u32(0).u32(0).u32(4096).u32(0)
    }

    /// What a name leads to: nothing of it may be remembered.
    pub(super) fn entry(self, of: &Attributes) -> Self {
        self.u64(of.node).u64(0).u64(0).u64(0).u32(0).u32(0).attributes(of)
    }

    /// One of a directory's names; those after it are asked for by `next`.
    pub(super) fn listed(self, name: &[u8], node: u64, next: u64, is_directory: bool) -> Self {
        let kind = if is_directory { 4 } else { 8 };
        let length = u32::try_from(name.len()).unwrap();
        let this = self.u64(node).u64(next).u32(length).u32(kind).bytes(name);
        let padding = name.len().next_multiple_of(8) - name.len();
        this.bytes(&[0; 8][..padding])
    }

    /// All of it, as it is written.
    pub(super) fn whole(self, request: u64) -> Vec<u8> {
        let length = u32::try_from(16 + self.0.len()).unwrap();
        Self::default().u32(length).u32(0).u64(request).bytes(&self.0).0
    }
}

impl Refusal {
    pub(super) fn whole(self, request: u64) -> Vec<u8> {
        let number = -(self as i32);
        Answer::default().u32(16).bytes(&number.to_ne_bytes()).u64(request).0
    }
}

/// What is said of a file or a directory.
pub(super) struct Attributes {
    pub(super) node: u64,
    pub(super) bytes: u64,
    pub(super) mode: u32,
    pub(super) written: Timestamp,
}
