//! What makes a database a member's data directory: log, `.snap` file, and the same database for every member.

use crate::FileError;
use crate::rebuild::Members;
use crate::rebuild::beside::{Beside, Hook};
use crate::rebuild::{RebuildError, Rebuilt, Request, Revisions, database};
use crate::selection::Source;
use crate::wal::{self, FIRST_SEGMENT, Fresh, Peer, SEGMENT_BYTES};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Where a member keeps its database, in a folder beside the target.
const DATABASE: &str = "data/member/snap/db";

/// Makes the data directories of members.
pub(crate) fn directories(
    source: &dyn Source,
    request: &Request,
    revisions: &Revisions,
    members: &Members,
    directories: &[(String, PathBuf)],
    hook: Hook<'_>,
) -> Result<Rebuilt, RebuildError> {
    let wrong = |reason| RebuildError::Members { reason };
    let peers = members.peers().map_err(wrong)?;
    let mut wanted = Vec::new();
    for (name, path) in directories {
        let peer = peers.iter().find(|peer| peer.name == *name);
        let peer = peer.ok_or_else(|| wrong(format!("none is called {name:?}")))?;
        if wanted.iter().any(|(other, _): &(&Peer, _)| other.id == peer.id) {
            return Err(wrong(format!("{name:?} is to get two directories")));
        }
        wanted.push((peer, path));
    }
    let mut places = Vec::new();
    for (peer, path) in &wanted {
        places.push((*peer, Beside::of_directory(path, hook)?));
    }
    let Some(((first, place), others)) = places.split_first() else {
        return Err(wrong("none is to get a directory".to_owned()));
    };
    for (_, place) in &places {
        for path in ["data", "data/member", "data/member/snap", "data/member/wal"] {
            place.directory(path)?;
        }
    }
    // All of it but the log is the same for every member.
    let fresh = wal::fresh(&peers, first.id);
    let path = place.folder().join(DATABASE);
    let all = &peers;
    let mut rebuilt = std::thread::scope(|scope| {
        // Meanwhile, since each sync takes its time, however small the file.
        let small: Vec<_> = places
            .iter()
            .map(|(peer, place)| scope.spawn(move || files(place, &wal::fresh(all, peer.id))))
            .collect();
        let rebuilt = database(source, request, revisions, Some((&fresh, &peers)), &path, place)?;
        sync(place, &path)?;
        copy(&path, others)?;
        let joined = small
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.fold(Ok(()), Result::and)?;
        Ok::<_, RebuildError>(rebuilt)
    })?;
    for (_, place) in &places {
        for path in ["data/member/wal", "data/member/snap", "data/member", "data"] {
            place.sync_directory(path)?;
        }
    }
    publish(&places)?;
    rebuilt.members = peers.iter().map(|peer| (peer.name.clone(), peer.id)).collect();
    rebuilt.cluster_id = fresh.cluster_id;
    Ok(rebuilt)
}

/// Appends the SHA-256 of the file to it, as etcd does when it streams a snapshot, and syncs it.
pub(crate) fn seal(place: &Beside<'_>, path: &Path) -> Result<(), FileError> {
    place.point("seal")?;
    let io = |doing| FileError::io(path.display(), doing);
    let mut file = File::options().read(true).append(true).open(path).map_err(io("opened"))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(io("read"))? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    file.write_all(&hash.finalize()).map_err(io("written"))?;
    place.sync_file(path, &file)
}

/// Makes a finished database durable.
pub(crate) fn sync(place: &Beside<'_>, path: &Path) -> Result<(), FileError> {
    let file = File::open(path).map_err(FileError::io(path.display(), "opened"))?;
    place.sync_file(path, &file)
}

/// The database for the other members, all at once.
fn copy(from: &Path, others: &[(&Peer, Beside<'_>)]) -> Result<(), FileError> {
    std::thread::scope(|scope| {
        let copy = |place: &Beside<'_>| {
            let to = place.folder().join(DATABASE);
            place.point("copy")?;
            std::fs::copy(from, &to).map_err(FileError::io(to.display(), "written"))?;
            sync(place, &to)
        };
        let copies: Vec<_> = others.iter().map(|(_, place)| scope.spawn(move || copy(place))).collect();
        let done = copies
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.fold(Ok(()), Result::and)
    })
}

/// Everything but the database, durable but for the directories.
pub(crate) fn files(place: &Beside<'_>, fresh: &Fresh) -> Result<(), FileError> {
    place.file(&format!("data/member/snap/{}", fresh.snap_name), &fresh.snap, 0)?;
    place.file(&format!("data/member/wal/{FIRST_SEGMENT}"), &fresh.wal, SEGMENT_BYTES)
}

/// Puts all of them in place, or none.
fn publish(places: &[(&Peer, Beside<'_>)]) -> Result<(), RebuildError> {
    for (position, (_, place)) in places.iter().enumerate() {
        if let Err(e) = place.publish() {
            places.iter().take(position).for_each(|(_, place)| place.take_back());
            return Err(e);
        }
    }
    Ok(())
}
