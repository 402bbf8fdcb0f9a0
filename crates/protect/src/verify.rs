//! What a recovery point shows when it is rebuilt and opened, and what it does not: each thing is tested, and none taken for granted.
//! Start at [`verify`]; [`verify_snapshot`] does the same for what others made.
//!
//! The files are fetched and read, the moment of the history becomes a data directory, whose database is opened and hashed, its hash is
//! compared with what a member of the live etcd said, the set is judged, and an etcd is started on a copy. What is made stays in the
//! place that is given; nothing else is written.
//!
//! Not here: which point, and which one instead of a damaged one.

mod tested;

pub use tested::{Outcome, Test, Tested, Verified};

use crate::complete::{self, Parts};
use crate::etcd::{RepositoryShelf, Unmade};
use crate::files::{ArchiveLimits, Files};
use crate::snapshots::Opened;
use estate::{Kind, Point};
use etcd::FileError;
use etcd::history::{History, MomentError};
use etcd::import::{ImportError, data_directory};
use etcd::proof::hash_kv;
use etcd::rebuild::{Line, Marks, Member, Members, Request, Target, rebuild};
use etcd::selection::{DatabaseSource, Packs, SelectionError, Source};
use jiff::Timestamp;
use repository::Repository;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tested::{shown, size};

/// The part of a point that has the hosts' files.
const FILES: &str = "files";
/// The data directory that is made, below the place.
const DATA: &str = "etcd";

/// Why nothing can be said of a point.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The repository does not give it.
    #[error(transparent)]
    Repository(#[from] repository::Error),
    /// It cannot be rebuilt, for a reason that says nothing of the point.
    #[error(transparent)]
    Unmade(#[from] Unmade),
    /// What was made cannot be opened, for such a reason.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The place cannot be written.
    #[error("{} cannot be written", path.display())]
    Place {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Repository(error) => error.kind(),
            Self::Unmade(error) => error.kind(),
            Self::Import(error) => error.kind(),
            Self::Place { .. } => Kind::Person,
        }
    }
}

macro_rules! unmade {
    ($($of:ty),*) => {$(
        impl From<$of> for Error {
            fn from(error: $of) -> Self {
                Self::Unmade(error.into())
            }
        }
    )*};
}
unmade!(FileError, MomentError, SelectionError, etcd::rebuild::RebuildError);

/// How it is done.
#[derive(Clone, Debug)]
pub struct How {
    /// An existing directory, which only its owner enters: keys are laid into it.
    pub place: PathBuf,
    /// The etcd that is started on a copy of what was made; none where there is none.
    pub etcd: Option<PathBuf>,
    /// Now: certificates expire.
    pub now: Timestamp,
}

/// Rebuilds a point and tests all that it is made of. What is wrong with it is in what is returned.
///
/// # Errors
/// [`Error`]: the store does not answer, a key is missing, the place is full.
pub async fn verify(repository: &Repository, point: &Point, how: &How) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    let files = files(repository, point, &how.place, &mut verified).await?;
    let shelf = RepositoryShelf::new(repository, &point.cluster);
    let (point, how) = (point.clone(), how.clone());
    blocking(move || {
        of_history(shelf, &point, files.as_ref(), &how, &mut verified)?;
        Ok(verified)
    })
    .await
}

/// Tests a snapshot that others made, which was fetched and read already.
///
/// # Errors
/// As [`verify`].
pub async fn verify_snapshot(opened: Opened, lacks: Vec<String>, how: &How) -> Result<Verified, Error> {
    let how = how.clone();
    blocking(move || {
        let mut verified = Verified::default();
        let no = |verified: &mut Verified, test, text: &str| verified.put(test, Outcome::NotShown, text);
        no(&mut verified, Test::Files, "a snapshot has no files of hosts");
        let of = &opened.verified;
        let hash = if of.hashed {
            "its SHA-256 matches"
        } else {
            "it has no SHA-256 at its end"
        };
        let text = format!("every record was read, {} keys at revision {}; {hash}", of.keys, of.revision);
        verified.put(Test::History, Outcome::Shown, text);
        let source = opened.source().map_err(|error| FileError::Io {
            file: opened.snapshot.path.clone(),
            doing: "read",
            source: io::Error::other(error.to_string()),
        })?;
        let line = of.etcd.as_deref().and_then(|version| version.parse().ok());
        let made = database(&source, (of.revision, line), &how, &mut verified)?;
        no(&mut verified, Test::Proof, "nobody has compared a snapshot with a member");
        let lacks = match lacks.is_empty() {
            true => "the set is not judged without the files of hosts".to_owned(),
            false => format!("it lacks {}", lacks.join("; ")),
        };
        no(&mut verified, Test::RecoverySet, &lacks);
        started(made, &how, &mut verified)?;
        Ok(verified)
    })
    .await
}

async fn blocking(work: impl FnOnce() -> Result<Verified, Error> + Send + 'static) -> Result<Verified, Error> {
    let broken_off = |reason| FileError::Io {
        file: "the point".to_owned(),
        doing: "rebuilt",
        source: io::Error::other(reason),
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|reason| Err(broken_off(reason).into()))
}

/// Fetches every part, which compares its hash, and reads the archive.
async fn files(
    repository: &Repository,
    point: &Point,
    place: &Path,
    verified: &mut Verified,
) -> Result<Option<Files>, Error> {
    for part in &point.parts {
        let fetched = repository
            .fetch(&point.cluster, point, &part.name, &place.join(&part.name))
            .await;
        match fetched {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::Damaged || matches!(error, repository::Error::NotFound { .. }) => {
                verified.put(Test::Files, Outcome::Failed, error.to_string());
                return Ok(None);
            }
            Err(other) => return Err(other.into()),
        }
    }
    if point.part(FILES).is_none() {
        verified.put(Test::Files, Outcome::NotShown, "it has no files of hosts in it");
        return Ok(None);
    }
    let file = place.join(FILES);
    let bytes = std::fs::read(&file).map_err(|source| Error::Place { path: file, source })?;
    Ok(match Files::read(&bytes, &ArchiveLimits::default()) {
        Ok(files) => {
            let count: usize = files.0.values().map(|tree| tree.paths().count()).sum();
            let hosts: Vec<&str> = files.0.keys().map(String::as_str).collect();
            let of = if hosts.is_empty() {
                "no host".to_owned()
            } else {
                hosts.join(", ")
            };
            let text = format!("{count} files of {of}: every byte was read and has its hash");
            verified.put(Test::Files, Outcome::Shown, text);
            Some(files)
        }
        Err(error) => {
            verified.put(Test::Files, Outcome::Failed, format!("their archive cannot be read: {error}"));
            None
        }
    })
}

/// What is damage is said, and what says nothing of the point is an error.
fn judged<T>(done: Result<T, Error>, test: Test, verified: &mut Verified) -> Result<Option<T>, Error> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == Kind::Damaged => {
            verified.put(test, Outcome::Failed, error.to_string());
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn of_history(
    shelf: RepositoryShelf,
    point: &Point,
    files: Option<&Files>,
    how: &How,
    verified: &mut Verified,
) -> Result<(), Error> {
    let revision = u64::try_from(point.revision).unwrap_or(0);
    let open = || -> Result<_, Error> {
        let history = History::open(Arc::new(shelf))?;
        let source = Packs::of(&history.moment(point.timeline, revision)?)?;
        let hash = hash_kv(&source, revision, revision)?.hash;
        Ok((history, source, hash))
    };
    let Some((history, source, hash)) = judged(open(), Test::History, verified)? else {
        for test in [Test::Database, Test::Proof, Test::RecoverySet, Test::Etcd] {
            verified.put(test, Outcome::NotShown, "its moment of the history cannot be had");
        }
        return Ok(());
    };
    let text = format!(
        "revision {revision} of timeline {} is there: all that it is made of was read",
        point.timeline
    );
    verified.put(Test::History, Outcome::Shown, text);
    verified.hash_kv = Some(hash);
    let made = database(&source, (revision, point.etcd_version.parse().ok()), how, verified)?;
    proof(&history, point, verified)?;
    match (&made, files) {
        (Some(made), Some(files)) => {
            let records = judged(
                complete::gathered(&made.source, revision).map_err(Error::from),
                Test::RecoverySet,
                verified,
            )?;
            if let Some(records) = records {
                let parts = Parts {
                    distribution: point.distribution,
                    files,
                    records: &records,
                    now: how.now,
                };
                verified.judged(complete::judge(&parts));
            }
        }
        (Some(_), None) => verified.put(Test::RecoverySet, Outcome::NotShown, "its files cannot be had"),
        (None, _) => verified.put(Test::RecoverySet, Outcome::NotShown, "its database cannot be had"),
    }
    started(made, how, verified)
}

/// What was made of a moment.
struct Made {
    source: DatabaseSource,
    revision: u64,
    hash: u32,
    line: Line,
}

/// Makes a data directory of a moment, opens its database, and compares its hash with that of what it was made of.
fn database(
    source: &dyn Source,
    (revision, line): (u64, Option<Line>),
    how: &How,
    verified: &mut Verified,
) -> Result<Option<Made>, Error> {
    // One whose line nobody knows is read by the newest.
    let line = line.unwrap_or(Line::V3_7);
    let data = how.place.join(DATA);
    let making = || -> Result<_, Error> {
        let hash = hash_kv(source, revision, revision)?.hash;
        make(source, (revision, line), &data)?;
        let imported = data_directory(&data, None, &how.place)?;
        let source = DatabaseSource::new(imported.database.clone())?;
        let found = hash_kv(&source, revision, revision)?.hash;
        Ok((imported.database.bytes(), source, hash, found))
    };
    let Some((bytes, source, hash, found)) = judged(making(), Test::Database, verified)? else {
        return Ok(None);
    };
    if found != hash {
        let text = format!("HashKV of what was rebuilt is {found}, and of what it was made of {hash}");
        verified.put(Test::Database, Outcome::Failed, text);
        return Ok(None);
    }
    verified.hash_kv = Some(hash);
    let text = format!("{} of etcd {line}, rebuilt and opened: HashKV {hash} at revision {revision}", size(bytes));
    verified.put(Test::Database, Outcome::Shown, text);
    Ok(Some(Made { source, revision, hash, line }))
}

fn make(source: &dyn Source, (revision, line): (u64, Line), data: &Path) -> Result<(), Error> {
    let member = Member {
        name: "lifeboat-verify".to_owned(),
        peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
    };
    let target = Target::DataDirectories {
        directories: vec![(member.name.clone(), data.to_owned())],
        members: Members {
            initial: vec![member],
            token: format!("lifeboat-verify-{revision}"),
        },
    };
    let request = Request { revision, line, marks: Marks::Current, target };
    rebuild(source, &request).map(drop).map_err(Error::from)
}

/// What a member of the live etcd said of this history, when it was asked last before the point was made.
fn proof(history: &History, point: &Point, verified: &mut Verified) -> Result<(), Error> {
    let Some(proof) = point.proof.as_ref().filter(|proof| proof.timeline == point.timeline) else {
        let text = "no member of etcd had been compared with this history when it was made";
        verified.put(Test::Proof, Outcome::NotShown, text);
        return Ok(());
    };
    let of = format!("what member {} said at {:.0} of revision {}", proof.member, proof.at, proof.revision);
    let hashing = || -> Result<u32, Error> {
        let source = Packs::of(&history.moment(proof.timeline, proof.revision)?)?;
        Ok(hash_kv(&source, proof.revision, proof.compaction)?.hash)
    };
    match hashing() {
        Ok(ours) if ours == proof.hash => {
            verified.put(Test::Proof, Outcome::Shown, format!("HashKV {ours} is {of}"));
        }
        Ok(ours) => {
            verified.put(Test::Proof, Outcome::Failed, format!("HashKV is {ours}, and {} is {of}", proof.hash));
        }
        // Before the window of a history, only what points name stays.
        Err(Error::Unmade(
            Unmade::Moment(MomentError::NoMoment(_))
            | Unmade::Selection(SelectionError::Compacted { .. } | SelectionError::Beyond { .. }),
        )) => {
            let text = format!("the history no longer has all versions that are needed to repeat {of}");
            verified.put(Test::Proof, Outcome::NotShown, text);
        }
        Err(other) => {
            judged(Err::<(), _>(other), Test::Proof, verified)?;
        }
    }
    Ok(())
}

/// Starts a real etcd on a copy of what was made, lets it serve, and reads what it has then.
fn started(made: Option<Made>, how: &How, verified: &mut Verified) -> Result<(), Error> {
    let (Some(made), Some(etcd)) = (made, &how.etcd) else {
        let text = match how.etcd {
            Some(_) => "there is nothing to start it on",
            None => "no etcd is at hand: --etcd PROGRAM",
        };
        verified.put(Test::Etcd, Outcome::NotShown, text);
        return Ok(());
    };
    let version = match version(etcd) {
        Ok(version) => version,
        Err(why) => {
            let text = format!("{} does not run: {why}", etcd.display());
            verified.put(Test::Etcd, Outcome::NotShown, text);
            return Ok(());
        }
    };
    // What is of its own line it takes; what is of a later one it may not.
    let own = version.parse::<Line>().ok();
    if own.is_none_or(|own| own < made.line) {
        let text = format!("etcd {version} at hand is not of the line {} that it was made for", made.line);
        verified.put(Test::Etcd, Outcome::NotShown, text);
        return Ok(());
    }
    let serving = || -> Result<u32, Error> {
        let imported = data_directory(&how.place.join(DATA), Some(etcd), &how.place)?;
        let source = DatabaseSource::new(imported.database.clone())?;
        Ok(hash_kv(&source, made.revision, made.revision)?.hash)
    };
    let (outcome, text) = match serving() {
        Ok(hash) if hash == made.hash => (
            Outcome::Shown,
            format!("etcd {version} started on a copy, served, and holds the same: HashKV {hash}"),
        ),
        Ok(hash) => (
            Outcome::Failed,
            format!("etcd {version} has HashKV {hash} after it started, and not {}", made.hash),
        ),
        Err(Error::Import(ImportError::Etcd { reason })) => {
            (Outcome::Failed, format!("etcd {version} did not start on a copy: {reason}"))
        }
        Err(error) if error.kind() == Kind::Damaged => (Outcome::Failed, error.to_string()),
        Err(other) => return Err(other),
    };
    verified.put(Test::Etcd, outcome, text);
    Ok(())
}

/// What `etcd --version` says.
fn version(etcd: &Path) -> Result<String, String> {
    let run = Command::new(etcd).arg("--version").env_clear().stdin(Stdio::null()).output();
    let output = run.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.lines().find_map(|line| line.strip_prefix("etcd Version:"));
    version
        .map(|version| shown(version.trim()))
        .ok_or_else(|| "it does not say its version".to_owned())
}

#[cfg(test)]
mod tests;
