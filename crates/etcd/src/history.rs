//! A history: every change of one etcd's state, in order, since a base. Start at [`History`], or at [`Name`] for what lies
//! on a shelf.
//!
//! ```text
//! base ── segment ── segment ── segment ...        each names the link of what it follows
//! ```
//!
//! Everything is a *pack*, made once and never changed: frames of records, then an index. A pack's [`Link`] is the hash of its
//! index, which holds the hashes of its frames. The format, byte by byte: `docs/history-format.md`.
//!
//! Not here: etcd's wire (`capture` fills a history), what a moment's state is (`selection`), merging (`merge`).

mod base;
mod dictionary;
mod directory;
mod frame;
mod header;
mod index;
mod moment;
mod name;
mod onward;
mod open;
mod pack;
mod packing;
mod pieces;
mod resolve;
mod segment;
mod shelf;
mod store;
mod tail;
mod taken;
mod times;
mod windows;
mod wire;
mod writer;

pub use base::BaseWriter;
pub use dictionary::Dictionary;
pub use directory::{Directory, Lock};
pub use frame::{FRAME_BYTES, Gone, Records};
pub use header::{
    BaseHeader, Began, Header, Hole, Kind, LeaseSeen, Role, Seen, SegmentHeader, Source, StoredFrame, Written,
};
pub use moment::{Moment, MomentError, NoMoment};
pub use name::{BaseName, Kept, Link, Mark, Name, SegmentName};
pub use open::History;
pub use pack::{Buckets, Pack};
pub use resolve::{Stretch, Timeline, resolve};
pub use segment::{SegmentWriter, encode_segment};
pub use shelf::{Object, Put, Shelf};
pub use tail::Tail;
pub use taken::{Taken, take_base};
