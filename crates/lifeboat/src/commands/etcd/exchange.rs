//! `lifeboat etcd export` and `import`: what others write and read.

use super::failures::{inhabited, occupied};
use super::leased::{Waiting, unheld};
use super::moment::size;
use super::moving::Moving;
use super::opened::{Elsewhere, Place, Which};
use super::rebuild::{How, make};
use crate::estate as estate_file;
use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use crate::progress::Progress;
use ::etcd::FileError;
use ::etcd::history::{Began, Directory, History, Shelf, Source, Taken, Written, take_base};
use ::etcd::import::{Form, Imported, data_directory, snapshot_file};
use ::etcd::rebuild::Target;
use ::etcd::wal::Missing;
use estate::{Kind, Name};
use protect::etcd::{Holder, RepositoryShelf, writer};
use repository::Repository;
use serde::Serialize;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    which: Which,
    /// The snapshot to make
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    moving: Moving,
    /// Leave out the jump and its marks, and keep every version: for comparing, not for Kubernetes
    #[arg(long, conflicts_with_all = ["bump", "no_bump"])]
    as_is: bool,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// A snapshot of etcdctl, k3s, RKE2 or RKE1, a database file, or the data directory of a stopped member
    from: PathBuf,
    /// The history to begin
    #[arg(
        long,
        value_name = "DIRECTORY",
        required_unless_present = "cluster",
        conflicts_with = "cluster"
    )]
    into: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// For a data directory: the etcd, of the member's own version, that applies its log to a copy; without this the one in the path
    #[arg(long, value_name = "PROGRAM")]
    etcd: Option<PathBuf>,
    /// For a data directory: take the database file alone, and count what it lacks
    #[arg(long, conflicts_with = "etcd")]
    without_log: bool,
    /// Where copies are laid while they are read; without this the history's own directory, or the system's temporary one
    #[arg(long, value_name = "DIRECTORY")]
    spool: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    history: String,
    from: &'static str,
    revision: u64,
    compaction: u64,
    live: u64,
    older: u64,
    bytes: u64,
    /// Entries of the member's log that its database lacks.
    missing_entries: u64,
    /// Entries that are in the log of one of several members, which did not know whether they were committed.
    uncertain_entries: u64,
    /// Whether the log begins behind the database's last entry: what is between is nowhere.
    log_gap: bool,
    warnings: Vec<String>,
}

impl Report for Begun {
    fn text(&self) -> String {
        let mut text = card([
            ("history", self.history.clone()),
            ("begun with", self.from.to_owned()),
            ("revision", self.revision.to_string()),
            ("keys", self.live.to_string()),
            ("older versions", format!("{}, from revision {} on", self.older, self.compaction)),
            ("stored", size(self.bytes)),
        ]);
        for warning in &self.warnings {
            text += &format!("\nwarning: {warning}");
        }
        text
    }
}

pub(crate) fn export(args: &ExportArgs, printer: &Printer) -> Result<(), Failure> {
    let target = Target::Snapshot { path: args.into.clone() };
    printer.show(&make(&args.which, (&args.how, &args.moving), args.as_is, target)?)
}

pub(crate) fn import(args: &ImportArgs, printer: &Printer) -> Result<(), Failure> {
    let place = args.elsewhere.or(args.into.as_deref())?;
    let (imported, unapplied, written) = match &place {
        Place::Path(into) => into_directory(args, into, printer)?,
        Place::Repository { repository, cluster, .. } => {
            into_repository(args, (repository, cluster), &place.shown(), printer)?
        }
    };
    let base = written.header.base().cloned();
    let base = base.ok_or_else(|| Failure::new("LB0099", Kind::Bug, "a base was written that is none"))?;
    printer.show(&Begun {
        history: place.shown(),
        from: form(imported.form),
        revision: base.revision,
        compaction: base.compaction,
        live: base.live,
        older: base.older,
        bytes: written.bytes,
        missing_entries: imported.missing.entries,
        uncertain_entries: imported.missing.uncertain,
        log_gap: imported.missing.gap,
        warnings: unapplied.into_iter().chain(lacking(imported.missing)).collect(),
    })
}

/// What was found, a warning, and the base that was made of it.
type Made = (Imported, Option<String>, Written);

fn into_directory(args: &ImportArgs, into: &Path, printer: &Printer) -> Result<Made, Failure> {
    free(into)?;
    // What cannot be read leaves no history behind: until it is opened, copies are laid beside.
    let beside = into.ancestors().skip(1).find(|it| it.is_dir()).unwrap_or(Path::new("."));
    let spool = args.spool.as_deref().unwrap_or(if into.is_dir() { into } else { beside });
    let (imported, unapplied) = opened(args, spool, &into.display().to_string(), printer)?;
    let shelf = Arc::new(Directory::open(into)?);
    let _lock = super::capture::locked(&shelf)?;
    free(into)?;
    let next = History::open(shelf.clone())?.next_timeline();
    let spool = args.spool.as_deref().unwrap_or(into);
    let written = store_base(&imported, next, &*shelf, spool, &args.from)?;
    Ok((imported, unapplied, written))
}

/// Begins a cluster's history in the repository, as the one who may write it.
fn into_repository(
    args: &ImportArgs,
    (repository, cluster): (&Repository, &Name),
    shown: &str,
    printer: &Printer,
) -> Result<Made, Failure> {
    let begun = |history: &History| match history.timelines() {
        [] => Ok(()),
        _ => Err(Failure::new("LB0408", Kind::Person, format!("{shown} has begun already"))
            .hint(format!("lifeboat etcd show --cluster {cluster}"))),
    };
    // Nobody waits for a lease only to be refused.
    begun(&History::open(Arc::new(RepositoryShelf::new(repository, cluster)))?)?;
    let spool = args.spool.clone().unwrap_or_else(std::env::temp_dir);
    let (imported, unapplied) = opened(args, &spool, "HISTORY", printer)?;
    let (progress, runtime) = (Progress::new(*printer), Handle::current());
    let (name, waiting) = (estate_file::machine(), Waiting::new(progress.clone()));
    let holder = Holder {
        name: &name,
        waiting: &|error| waiting.tell(error),
        patient: false,
    };
    let held = runtime.block_on(writer(repository, cluster, &holder));
    progress.clear();
    let (shelf, kept) = held.map_err(|error| unheld(&error))?;
    let begin = || {
        let history = History::open(Arc::new(shelf.clone()))?;
        begun(&history)?;
        store_base(&imported, history.next_timeline(), &shelf, &spool, &args.from)
    };
    let written = begin();
    // A lease that cannot be given back runs out.
    let _ = runtime.block_on(kept.release());
    Ok((imported, unapplied, written?))
}

/// A history can begin at `path`: nothing is there that would be mixed up with it.
fn free(path: &Path) -> Result<(), Failure> {
    if path.join("member").is_dir() {
        return Err(inhabited(path));
    }
    let taken = if path.is_dir() {
        !History::open(Arc::new(Directory::open(path)?))?.timelines().is_empty()
    } else {
        path.symlink_metadata().is_ok()
    };
    if taken { Err(occupied(path)) } else { Ok(()) }
}

/// Packs a database into a file without a name, then puts it on the shelf.
fn store_base(
    imported: &Imported,
    timeline: u32,
    shelf: &dyn Shelf,
    spool: &Path,
    from: &Path,
) -> Result<Written, Failure> {
    let cannot = |doing: &'static str| {
        let file = spool.display().to_string();
        move |source| FileError::Io { file, doing, source }
    };
    let facts = imported.database.facts()?;
    let taken = Taken {
        timeline,
        taken_ms: u64::try_from(ambient::now().as_millisecond()).unwrap_or(0),
        source: Source::default(),
        etcd_version: facts.storage_version.or(facts.cluster_version).unwrap_or_default(),
        began: Began::Imported,
        note: from.display().to_string(),
    };
    let file = tempfile::tempfile_in(spool).map_err(cannot("written to"))?;
    let (written, mut file) = take_base(&imported.database, taken, spool, file, &mut |_| Ok(()))?;
    file.rewind().map_err(cannot("read"))?;
    shelf.create(&written.name, &mut file)?;
    Ok(written)
}

/// What was found; and a warning, if nobody asked for the log to be left alone, and it was.
fn opened(
    args: &ImportArgs,
    spool: &Path,
    into: &str,
    printer: &Printer,
) -> Result<(Imported, Option<String>), Failure> {
    if !args.from.is_dir() {
        return Ok((snapshot_file(&args.from, spool)?, None));
    }
    if !args.from.join("member").is_dir() {
        let message = format!("{} is no data directory: there is no member in it", args.from.display());
        return Err(Failure::new("LB0003", Kind::Invalid, message).hint("lifeboat etcd import --help"));
    }
    let in_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|directory| directory.join("etcd"))
            .find(|file| file.is_file())
    };
    let etcd = if args.without_log {
        None
    } else {
        args.etcd.clone().or_else(in_path)
    };
    if let Some(program) = &etcd {
        if !program.is_file() {
            let message = format!("there is no program {}", program.display());
            return Err(Failure::new("LB0003", Kind::Invalid, message).hint("--etcd PROGRAM, or --without-log"));
        }
        printer.talk(&format!("{} applies the member's log to a copy", program.display()));
    }
    let imported = data_directory(&args.from, etcd.as_deref(), spool);
    let imported = imported.map_err(|e| Failure::from(e).fill("HISTORY", into))?;
    let unapplied = etcd.is_none() && !args.without_log;
    let warning = "no etcd is in the path, so the member's log was not applied: its last writes may be lost \
                   (--etcd PROGRAM applies them)";
    Ok((imported, unapplied.then(|| warning.to_owned())))
}

/// What the history lacks of what the member had, in words.
fn lacking(missing: Missing) -> Vec<String> {
    let Missing { entries, requests, uncertain, gap } = missing;
    let committed = (entries > 0).then(|| {
        format!("{entries} entries of the member's log are not in it, {requests} of them requests of clients: writes that were acknowledged")
    });
    let others = (uncertain > 0).then(|| {
        format!("{uncertain} more entries of the log are not in it; whether they were committed, only the other members know")
    });
    let gap = gap.then(|| "the log begins behind the database's last entry: what is between is in neither".to_owned());
    committed.into_iter().chain(others).chain(gap).collect()
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Snapshot => "a snapshot, its SHA-256 checked",
        Form::Database => "a database file, which has no hash",
        Form::Zip => "a compressed snapshot",
        Form::Replayed => "a data directory, its log applied",
        Form::DataDirectory => "the database file of a data directory",
    }
}

#[cfg(test)]
mod tests;
