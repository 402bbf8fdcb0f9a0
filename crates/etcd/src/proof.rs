//! Proof: the hash that etcd answers to `HashKV`, computed from records, so that a copy is known to be equal without booting it.
//!
//! Start at [`hash_kv`]; [`verify_members`] puts it to every member of a live cluster, [`verify_file`] to a file; [`read_all`] reads a history from end to end. What etcd hashes, the same in 3.5.35, 3.6.16
//! and 3.7.3 (`server/storage/mvcc/hash.go`, `Keep` in `index.go` and `key_index.go`; `server/mvcc` in 3.5): CRC-32C over the name
//! of the bucket `key`, then key and value of these entries in order, at a revision R of a member compacted at C:
//!
//! - every record above C, up to R, deletions too;
//! - of those at or below C, the ones that are still live at R; what was superseded in between is left out, although it is there;
//! - if nothing at all is live at R, all at or below C that a compaction at C left there, but no deletion at C itself.
//!
//! So answers can be compared at equal R *and* equal C only. One corner is not covered: etcd keeps the hash of a compaction
//! and repeats it for that R; where nothing was live then, and the last deletion is at R, its rule differs from the last one here.

mod combine;
mod digest;
mod every;
mod file;
mod live;
mod members;
mod read;

pub use digest::Digest;
pub use every::{Asked, every_member};
pub use file::{FileCompared, FileVerified, compare_file, verify_database, verify_file};
pub use live::Clients;
pub use members::{Ask, Compared, Finding, Refused, Verified, verify_members};
pub use read::{ReadAll, read_all};

use crate::selection::{SelectionError, Source};

/// What a member answers to `HashKV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashAnswer {
    /// CRC-32C of all that counts.
    pub hash: u32,
    /// The revision up to which it counts.
    pub revision: u64,
    /// The member's compaction at that time; 0 where etcd says -1, for none.
    pub compact_revision: u64,
}

/// What a member that holds the same as `source` and is compacted at `compact_revision` answers at `revision`. Takes 24 bytes of
/// memory for a record that counts.
///
/// # Errors
/// As [`Source::walk`]: above all, where `source` lacks versions that the member still has.
pub fn hash_kv(source: &dyn Source, revision: u64, compact_revision: u64) -> Result<HashAnswer, SelectionError> {
    let (mut digest, mut live, mut left_out) = (Digest::new(), false, false);
    source.walk(compact_revision, revision, &mut |record, standing| {
        live |= standing.live;
        if standing.live || record.revision.main > compact_revision {
            digest.add(&record);
        } else {
            left_out = true;
        }
        Ok(())
    })?;
    if !live && left_out {
        digest = Digest::new();
        source.since(compact_revision, revision, &mut |record| {
            digest.add(&record);
            Ok(())
        })?;
    }
    Ok(HashAnswer { hash: digest.finish(), revision, compact_revision })
}

#[cfg(test)]
mod tests;
