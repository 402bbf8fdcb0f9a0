//! Copying files: a snapshot.

use super::Files;
use super::failed::because;
use super::session::Session;
use super::source::{Local, Notes, Stream};
use crate::{Error, failure};
use jiff::tz::TimeZone;
use rustic_core::repofile::{SnapshotFile, SnapshotSummary};
use rustic_core::{BackupOptions, FileType, ReadSource, SnapshotOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How files are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taking {
    /// The host whose files they are.
    pub host: String,
    /// What the snapshot is called; may be empty.
    pub label: String,
    /// Words that it is found by; none has a comma.
    pub tags: Vec<String>,
    /// Globs of what is left out: of names anywhere (`*.tmp`), or of whole paths (`/var/lib/app/cache`).
    pub excludes: Vec<String>,
    /// Whether other file systems that are mounted below a path are left out.
    pub one_file_system: bool,
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The snapshot's id.
    pub snapshot: String,
    /// The files in it: everything but folders.
    pub files: u64,
    /// Their length in bytes, of unchanged ones too.
    pub bytes_read: u64,
    /// How many bytes the store has more, compressed and sealed.
    pub bytes_added: u64,
    /// What is not in it though it should be: gone meanwhile, or unreadable. In order.
    pub unread: Vec<Unread>,
}

/// A file or folder that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// It, or what it is in.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

impl Files {
    /// Copies files and folders with all that is in them, as one snapshot. What the newest snapshot of the same host, label
    /// and paths has, by times and sizes, is not read again. What cannot be read is named in the result.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that is relative, a link or not there, and for a bad tag or glob; those of
    /// [`Files::open`]. After an error there is no snapshot; what was stored for it is used by the next one.
    pub async fn take(&self, paths: &[PathBuf], options: &Taking) -> Result<Taken, Error> {
        let roots = roots(paths)?;
        let snapshot = described(options)?;
        let options = options.clone();
        self.opened(move |session| {
            let notes = Arc::new(Notes::default());
            let (backend, noted) = (session.backend.clone(), notes.clone());
            let source = Local::new(&roots, &options.excludes, options.one_file_system, backend, noted)?;
            let (session, taken) = store(session, &source, &roots, snapshot, false)?;
            whole(&session, &taken, &notes)?;
            Ok(Taken { unread: notes.all_unread(), ..told(&taken) })
        })
        .await
    }

    /// Copies a stream as the only file of a snapshot. If reading it fails, there is none.
    ///
    /// # Errors
    /// [`Error::File`] with the name when the stream cannot be read; otherwise as [`Files::take`].
    pub async fn take_stream(
        &self,
        name: &str,
        from: impl Read + Send + 'static,
        options: &Taking,
    ) -> Result<Taken, Error> {
        let only = Path::new(name).file_name().is_some_and(|only| only == name);
        if !only {
            return Err(invalid(format!("stream {name:?}"), "its name is not that of a file"));
        }
        let (snapshot, name) = (described(options)?, name.to_owned());
        self.opened(move |session| {
            let source = Stream::new(&name, from, session.backend.clone());
            let (_session, taken) = store(session, &source, &[PathBuf::from(name)], snapshot, true)?;
            Ok(told(&taken))
        })
        .await
    }
}

type Indexed = rustic_core::Repository<rustic_core::IndexedIdsStatus>;

struct Stored {
    repository: Indexed,
    backend: Arc<super::backend::Backend>,
}

fn store<R>(
    session: Session,
    source: &R,
    paths: &[PathBuf],
    snapshot: SnapshotFile,
    anew: bool,
) -> Result<(Stored, SnapshotFile), Error>
where
    R: ReadSource<Open: Send, Iter: Send> + 'static,
{
    let Session { repository, backend, .. } = session;
    let at = backend.at.to_string();
    let indexed = repository.to_indexed_ids();
    let damaged = |reason| Error::Damaged { object: at.clone(), reason };
    let repository = indexed.map_err(|error| because(&error, damaged))?;
    let mut options = BackupOptions::default();
    options.parent_opts.force = anew;
    let taken = repository.archive(&options, source, snapshot, paths).map_err(|error| {
        let said = because(&error, |reason| Error::Bug { object: at.clone(), reason });
        backend.spoilt().unwrap_or(said)
    })?;
    Ok((Stored { repository, backend }, taken))
}

/// Every file that was found must be in the snapshot, or be known to be unreadable: else it is no copy, and is removed.
fn whole(stored: &Stored, taken: &SnapshotFile, notes: &Notes) -> Result<(), Error> {
    let (found, kept) = (notes.files.load(Ordering::Relaxed), told(taken).files);
    if found == kept {
        return Ok(());
    }
    let object = stored.backend.object(FileType::Snapshot, &taken.id).to_string();
    let _useless = stored.repository.delete_snapshots(&[taken.id]);
    let reason = format!("{found} files were read, and {kept} are in the snapshot");
    Err(Error::Bug { object, reason })
}

fn told(taken: &SnapshotFile) -> Taken {
    let none = SnapshotSummary::default();
    let summary = taken.summary.as_ref().unwrap_or(&none);
    Taken {
        snapshot: taken.id.to_hex().to_string(),
        files: summary.total_files_processed,
        bytes_read: summary.total_bytes_processed,
        bytes_added: summary.data_added_packed,
        unread: Vec::new(),
    }
}

/// The paths in order, without those that are inside others.
fn roots(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut sorted = paths.to_vec();
    sorted.sort();
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in sorted {
        let object = path.display().to_string();
        // In the form that all others are compared with: without "." and doubled slashes.
        let path: PathBuf = path.components().collect();
        if !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
            return Err(invalid(object, "its path does not begin with /, or goes upwards"));
        }
        if path.to_str().is_none() {
            return Err(invalid(object, "its path is not UTF-8: name the folder above it"));
        }
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                return Err(invalid(object, "it is a symbolic link: name what it leads to"));
            }
            Ok(_) => {}
            Err(error) => return Err(failure::of_file(path, &error)),
        }
        if !roots.iter().any(|root| path.starts_with(root)) {
            roots.push(path);
        }
    }
    if roots.is_empty() {
        return Err(invalid("a snapshot".to_owned(), "no path is named"));
    }
    Ok(roots)
}

fn described(options: &Taking) -> Result<SnapshotFile, Error> {
    for glob in &options.excludes {
        if glob.is_empty() || glob.starts_with(['!', '#']) {
            return Err(invalid(format!("glob {glob:?}"), "it is empty, or begins with '!' or '#'"));
        }
    }
    let mut snapshot = SnapshotOptions::default()
        .host(Some(options.host.clone()))
        .label(Some(options.label.clone()))
        .time(Some(ambient::now().to_zoned(TimeZone::UTC)))
        // Rustic would put all arguments of this process there.
        .command(Some(String::new()));
    for tag in &options.tags {
        if tag.is_empty() || tag.contains(',') {
            return Err(invalid(format!("tag {tag:?}"), "it is empty, or has a comma"));
        }
        snapshot = snapshot
            .add_tags(tag)
            .map_err(|_bad| invalid(format!("tag {tag:?}"), "it is no text"))?;
    }
    snapshot
        .to_snapshot()
        .map_err(|error| because(&error, |reason| Error::Bug { object: "a snapshot".to_owned(), reason }))
}

fn invalid(object: String, reason: &str) -> Error {
    Error::Invalid { object, reason: reason.to_owned() }
}
