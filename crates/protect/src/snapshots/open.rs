//! From a snapshot in its place to a file that is sound and can be restored from. Start at [`open`].

use super::recognise::FoundSnapshot;
use super::verify::{Verified, opened};
use super::{Error, Place};
use cluster::{Host, HostError};
use estate::Kind;
use etcd::import::{Imported, Scratch};
use etcd::selection::DatabaseSource;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// What comes from a host at once, in bytes: little enough for a slow line within the time that a call may take.
const PIECE: usize = 4 << 20;
/// How often a piece is asked for.
const TRIES: u32 = 4;
/// The pause before it is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// Is told how many bytes of a snapshot have been fetched.
pub type OnFetch<'a> = &'a (dyn Fn(&FoundSnapshot, u64) + Sync);

/// A snapshot that is sound, as a file on this machine: as long as this is kept.
#[derive(Debug)]
pub struct Opened {
    /// The snapshot.
    pub snapshot: FoundSnapshot,
    /// What is in it.
    pub verified: Verified,
    imported: Imported,
    _fetched: Option<Fetched>,
}

impl Opened {
    /// A plain file with the database, and with the SHA-256 at its end where [`Verified::hashed`]: what `etcdutl snapshot restore`, k3s and
    /// RKE2 take. It is the snapshot itself where that lies here and is not compressed.
    pub fn path(&self) -> &Path {
        self.imported.file()
    }

    /// What [`etcd::rebuild`] takes.
    ///
    /// # Errors
    /// [`Error::Damaged`], if the file has changed since.
    pub fn source(&self) -> Result<DatabaseSource, Error> {
        DatabaseSource::new(self.imported.database.clone()).map_err(|e| Error::of_file(&self.snapshot.path, e))
    }
}

/// What a search for a sound snapshot has shown.
#[derive(Debug)]
pub struct Search {
    /// Those that cannot be used, newest first, and why.
    pub refused: Vec<(FoundSnapshot, String)>,
    /// The newest one that can, if any.
    pub sound: Option<Opened>,
}

/// Fetches a snapshot unless it lies on this machine, unpacks it, and reads it to its last record. `scratch` is an existing directory with
/// room for it, twice where it is compressed and comes from elsewhere.
///
/// Guarantees: the place is only read; what is laid into `scratch` goes with the value, and what a killed Lifeboat left there goes with
/// the next call.
///
/// # Errors
/// [`Error::Damaged`] and [`Error::Newer`] if it cannot be used; [`Error::Gone`], [`Error::Replaced`]; [`Error::Scratch`]; [`Error::Store`],
/// [`Error::Host`].
pub async fn open(
    place: &Place,
    snapshot: &FoundSnapshot,
    scratch: &Path,
    on_fetch: OnFetch<'_>,
) -> Result<Opened, Error> {
    let gone = || Error::Gone { snapshot: snapshot.path.clone(), place: place.to_string() };
    let (file, fetched) = match place {
        Place::Directory { host, path } if host.is_local() => {
            (PathBuf::from(format!("{path}/{}", snapshot.path)), None)
        }
        Place::Directory { host, path } => {
            let fetched = Fetched::begin(&snapshot.path, scratch)?;
            from_host(host, path, snapshot, &fetched.file, on_fetch)
                .await
                .map_err(|error| match error {
                    Error::Host(HostError::Failed { said, .. }) if said.contains("No such file") => gone(),
                    other => other,
                })?;
            (fetched.file.clone(), Some(fetched))
        }
        Place::Bucket(bucket) => {
            let fetched = Fetched::begin(&snapshot.path, scratch)?;
            let progress = |bytes| on_fetch(snapshot, bytes);
            match bucket.fetch(&snapshot.path, &fetched.file, &progress).await {
                Ok(_) => (fetched.file.clone(), Some(fetched)),
                Err(repository::Error::NotFound { .. }) => return Err(gone()),
                Err(repository::Error::Taken { object }) => return Err(Error::Replaced { snapshot: object }),
                Err(repository::Error::Damaged { object, reason }) => {
                    return Err(Error::Damaged { snapshot: object, reason });
                }
                Err(other) => return Err(other.into()),
            }
        }
    };
    if !file.is_file() {
        return Err(gone());
    }
    let (name, spool) = (snapshot.path.clone(), scratch.to_owned());
    let opening = tokio::task::spawn_blocking(move || opened(&file, &name, &spool)).await;
    let broken =
        |error: tokio::task::JoinError| Error::Bug { snapshot: snapshot.path.clone(), reason: error.to_string() };
    let (imported, verified) = opening.map_err(broken)??;
    Ok(Opened {
        snapshot: snapshot.clone(),
        verified,
        imported,
        _fetched: fetched,
    })
}

/// Opens one after the other, in this order, until one is sound. Those that cannot be used are named, and do not end the search.
///
/// # Errors
/// As [`open`], but for what is wrong with a snapshot itself.
pub async fn newest_sound(
    place: &Place,
    snapshots: &[FoundSnapshot],
    scratch: &Path,
    on_fetch: OnFetch<'_>,
) -> Result<Search, Error> {
    let mut refused = Vec::new();
    for snapshot in snapshots {
        match open(place, snapshot, scratch, on_fetch).await {
            Ok(sound) => return Ok(Search { refused, sound: Some(sound) }),
            Err(
                error @ (Error::Damaged { .. } | Error::Newer { .. } | Error::Gone { .. } | Error::Replaced { .. }),
            ) => refused.push((snapshot.clone(), error.to_string())),
            Err(other) => return Err(other),
        }
    }
    Ok(Search { refused, sound: None })
}

/// A file in a directory of its own, both of which go with it.
#[derive(Debug)]
struct Fetched {
    file: PathBuf,
    _folder: Scratch,
}

impl Fetched {
    fn begin(snapshot: &str, scratch: &Path) -> Result<Self, Error> {
        let folder = Scratch::create(scratch).map_err(|error| Error::of_file(snapshot, error))?;
        Ok(Self { file: folder.path().join("fetched"), _folder: folder })
    }
}

/// Carries a file from a host, a piece at a time.
async fn from_host(
    host: &Host,
    folder: &str,
    snapshot: &FoundSnapshot,
    into: &Path,
    on_fetch: OnFetch<'_>,
) -> Result<(), Error> {
    let path = format!("{folder}/{}", snapshot.path);
    let failed = |error: std::io::Error| Error::Scratch { path: into.to_owned(), reason: error.to_string() };
    // The folder that it is in is its owner's alone.
    let mut file = tokio::fs::File::create_new(into).await.map_err(failed)?;
    let mut there = 0;
    loop {
        let piece = piece(host, &path, there).await?;
        file.write_all(&piece).await.map_err(failed)?;
        there += piece.len() as u64;
        on_fetch(snapshot, there);
        if piece.len() < PIECE {
            break;
        }
    }
    file.sync_all().await.map_err(failed)?;
    if there == snapshot.bytes {
        Ok(())
    } else {
        Err(Error::Replaced { snapshot: snapshot.path.clone() })
    }
}

/// The piece of a file that begins at byte `begin`.
async fn piece(host: &Host, path: &str, begin: u64) -> Result<Vec<u8>, Error> {
    for _ in 1..TRIES {
        match host.read_piece(path, begin, PIECE).await {
            Err(error) if error.kind() == Kind::Unreachable => ambient::sleep(PAUSE).await,
            other => return Ok(other?),
        }
    }
    Ok(host.read_piece(path, begin, PIECE).await?)
}
