//! Pin and read: the database file itself, read on etcd's own host, while an open snapshot stream keeps its pages as they are.
//!
//! `Maintenance.Snapshot` commits what is pending, begins a read transaction, and sends that transaction's two meta pages first
//! (etcd `server/storage/backend/backend.go`, bbolt `tx.go`: `WriteTo`). As long as that transaction is open, bbolt gives none of
//! the pages that it leads to to a writer. So: take the beginning of the stream, leave it, and read the file with these
//! metas in place of its own. It costs etcd almost nothing. Start at [`pin`].
//!
//! What could go wrong, and what notices it: another file than this member's (its metas differ), a network's file system, which
//! may serve stale pages (refused by its kind), a stream that ended meanwhile ([`Pinned::still`], after the reading).

use crate::bbolt::Pages;
use crate::failure::unanswered;
use crate::snapshot::fnv_1a;
use crate::wire::SnapshotResponse;
use crate::{Client, Error};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tonic::Streaming;

/// The two metas of a database with the largest pages.
const HEAD_BYTES: usize = 2 * 65536;
/// A smaller database is sent as a whole while nobody reads (the stream's window is 2 MiB), which ends its transaction; and it is
/// there sooner than it could be pinned.
const SMALLEST_BYTES: u64 = 16 << 20;
/// How often the file may have moved on before it was looked at.
const TRIES: u32 = 5;
/// What has to come of the stream once the file is read. More than the stream's window and what etcd has ready to send, so that it
/// is sent only then: by a transaction that is still open.
const ALIVE_BYTES: usize = 8 << 20;
/// How long a member may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// `statfs` of what is on another host, or may be (`linux/magic.h`): NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, AFS, OCFS2, Lustre.
const REMOTE: [u32; 10] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x00c3_6400,
    0x5346_414f,
    0x7461_636f,
    0x0bd0_0bd0,
];

/// A database that stays as it is as long as this is held.
pub(super) struct Pinned {
    /// As long as it is not read to its end, its transaction is open.
    stream: Streaming<SnapshotResponse>,
    endpoint: String,
}

/// The file, with the stream's metas.
struct PinnedPages {
    head: Vec<u8>,
    file: File,
}

/// Pins the database of the member that `client` is connected to, whose file is `path`.
///
/// # Errors
/// Why it is not possible; the stream is the other way.
pub(super) async fn pin(client: &Client, path: &Path) -> Result<(Pinned, Arc<dyn Pages>), String> {
    let asked = |e: Error| e.to_string();
    for _ in 0..TRIES {
        let mut stream = client.snapshot_stream().await.map_err(asked)?;
        let mut head = Vec::with_capacity(HEAD_BYTES + (64 << 10));
        while head.len() < HEAD_BYTES {
            match tokio::time::timeout(ANSWER_LIMIT, stream.message()).await {
                Ok(Ok(Some(message))) if message.remaining_bytes < SMALLEST_BYTES => {
                    return Err("the database is small".to_owned());
                }
                Ok(Ok(Some(message))) => head.extend_from_slice(&message.blob),
                Ok(Ok(None)) => return Err("the snapshot ends at once".to_owned()),
                Ok(Err(status)) => return Err(status.message().to_owned()),
                Err(_) => return Err("the snapshot does not begin".to_owned()),
            }
        }
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&path, head)).await;
        // None: that transaction is no longer among the last two. It was committed to twice meanwhile, or is another file.
        if let Some(pages) = opened.map_err(|e| e.to_string())?? {
            let endpoint = client.endpoint().to_owned();
            return Ok((Pinned { stream, endpoint }, Arc::new(pages)));
        }
    }
    Err(format!("{} is not this member's database", path.display()))
}

impl Pinned {
    /// Makes sure that the database stayed as it was until now: reads on, and the stream goes on.
    ///
    /// # Errors
    /// It does not. What was read does not count.
    pub(super) async fn still(mut self) -> Result<(), Error> {
        let endpoint = self.endpoint;
        let mut got = 0;
        while got < ALIVE_BYTES {
            match tokio::time::timeout(ANSWER_LIMIT, self.stream.message()).await {
                Ok(Ok(Some(message))) => got += message.blob.len(),
                Ok(Ok(None)) => {
                    let reason = "the pinned snapshot ended too early".to_owned();
                    return Err(Error::Unreachable { endpoint, reason });
                }
                Ok(Err(status)) => return Err(unanswered(&endpoint, &status)),
                Err(_) => {
                    let reason = "the pinned snapshot stands still".to_owned();
                    return Err(Error::Unreachable { endpoint, reason });
                }
            }
        }
        Ok(())
    }
}

/// Opens the file, if it is where the stream's transaction was just committed. `None` if that transaction is not in it (any more).
fn open(path: &Path, head: Vec<u8>) -> Result<Option<PinnedPages>, String> {
    let shown = path.display();
    let file = File::open(path).map_err(|e| format!("{shown} cannot be opened: {e}"))?;
    let kind = nix::sys::statfs::fstatfs(&file).map_err(|e| format!("the file system of {shown} is not known: {e}"))?;
    // Only the lower half is the kind; its type differs between platforms.
    if REMOTE.contains(&(kind.filesystem_type().0 as u32)) {
        return Err(format!("{shown} is not on a disk of this host"));
    }
    let pinned = Meta::at(&head, 0).ok_or("the snapshot does not begin as a database does")?;
    let page_bytes = pinned.page_bytes as usize;
    if !page_bytes.is_power_of_two() || !(1024..=65536).contains(&page_bytes) {
        return Err("the snapshot has an impossible page size".to_owned());
    }
    let mut metas = vec![0; 2 * page_bytes];
    file.read_at(0, &mut metas)
        .map_err(|e| format!("{shown} cannot be read: {e}"))?;
    let own = [0, page_bytes].into_iter().filter_map(|at| Meta::at(&metas, at));
    if !own.into_iter().any(|own| own == pinned) {
        return Ok(None);
    }
    let mut head = head;
    head.truncate(2 * page_bytes);
    Ok(Some(PinnedPages { head, file }))
}

impl Pages for PinnedPages {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let metas = self.head.len() as u64;
        if offset >= metas {
            return self.file.read_at(offset, into);
        }
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let head = self.head.get(from..).unwrap_or_default();
        let (first, rest) = into.split_at_mut(head.len().min(into.len()));
        first.copy_from_slice(head.get(..first.len()).unwrap_or_default());
        if rest.is_empty() {
            Ok(())
        } else {
            self.file.read_at(metas, rest)
        }
    }
}

/// What makes a transaction of one database (bbolt `internal/common/meta.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Meta {
    page_bytes: u32,
    root: u64,
    high_water: u64,
    transaction: u64,
}

impl Meta {
    /// A valid one in the page that begins at `page`.
    fn at(bytes: &[u8], page: usize) -> Option<Self> {
        let meta = bytes.get(page + 16..page + 80)?;
        let u32_at = |at: usize| meta.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
        let u64_at = |at: usize| meta.get(at..)?.first_chunk().copied().map(u64::from_le_bytes);
        let sound = u32_at(0)? == 0xED0C_DAED && u32_at(4)? == 2 && u64_at(56)? == fnv_1a(meta.get(..56)?);
        sound.then_some(Self {
            page_bytes: u32_at(8)?,
            root: u64_at(16)?,
            high_water: u64_at(40)?,
            transaction: u64_at(48)?,
        })
    }
}

#[cfg(test)]
mod tests;
