//! What a lab remembers of itself on disk: enough to enter it, break it, and take it away again after any crash.
//!
//! The record is written before the thing that it names is made, and replaced as a whole. Start at [`Record`].

use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::secrets::Secrets;
use crate::topology::Topology;
use estate::Name;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where labs are kept while they are up.
const LABS: &str = "/var/lib/lifeboat/lab";

/// How far a lab has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Being built; a lab found so without its builder has crashed.
    Building,
    /// Built: every host was started once.
    Up,
}

/// A process on the machine, told apart from later ones with the same number by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Clock ticks between the machine's start and the process's: field 22 of `/proc/PID/stat`.
    pub(crate) started: u64,
}

/// Everything that is known of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) phase: Phase,
    pub(crate) topology: Topology,
    pub(crate) secrets: Secrets,
    /// The faults in force, oldest first.
    pub(crate) faults: Vec<Fault>,
    /// The number of the next fault.
    pub(crate) next_fault: u32,
}

/// The directory of a lab, and the lock on changing it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: Name,
    pub(crate) directory: PathBuf,
}

/// Held while a lab is changed; let go by the kernel if the process dies. Its file goes when there is no lab any more.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    path: PathBuf,
    lab: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.lab.exists() {
            // Whoever opened it meanwhile sees that it is no longer the file of that name, and opens it again.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Takes the lock on what all labs of the machine share while one is laid out: address ranges and names. Waits for it.
pub(crate) fn lock_machine() -> Result<File> {
    std::fs::create_dir_all(LABS).map_err(Error::file(LABS, "making the directory of labs"))?;
    let file = File::open(LABS).map_err(Error::file(LABS, "opening the directory of labs"))?;
    file.lock().map_err(Error::file(LABS, "locking the directory of labs"))?;
    Ok(file)
}

impl Place {
    pub(crate) fn of(name: &Name) -> Self {
        Self {
            name: name.clone(),
            directory: Path::new(LABS).join(name.as_str()),
        }
    }

    /// The names of all labs that have a directory.
    pub(crate) fn all() -> Vec<Name> {
        let Ok(entries) = std::fs::read_dir(LABS) else {
            return Vec::new();
        };
        let mut names: Vec<Name> = entries
            .filter_map(std::result::Result::ok)
            .filter(|e| e.path().is_dir())
            .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok()))
            .collect();
        names.sort();
        names
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.join(below)
    }

    /// Takes the lock, or says that another process has it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        std::fs::create_dir_all(LABS).map_err(Error::file(LABS, "making the directory of labs"))?;
        // Beside the directory, so that `down` can remove the directory while it holds the lock.
        let path = Path::new(LABS).join(format!("{}.lock", self.name));
        loop {
            let file = File::create(&path).map_err(Error::file(&path, "opening the lock"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Busy { name: self.name.to_string() }),
                Err(TryLockError::Error(source)) => return Err(Error::File { path, doing: "locking", source }),
            }
            let mine = file.metadata().map_err(Error::file(&path, "looking at the lock"))?;
            if std::fs::metadata(&path).is_ok_and(|there| there.ino() == mine.ino()) {
                return Ok(Lock { _file: file, path, lab: self.directory.clone() });
            }
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// Reads the record; no directory means no such lab.
    pub(crate) fn read(&self) -> Result<Record> {
        if !self.exists() {
            return Err(Error::NoLab { name: self.name.to_string() });
        }
        let path = self.path("lab.json");
        let damaged = |reason: String| Error::Record { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|e| damaged(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))
    }

    /// Notes what the lab puts into the machine's own name spaces, before any of it is made.
    pub(crate) fn write_names(&self, names: &[String]) -> Result<()> {
        let path = self.path("names");
        std::fs::write(&path, names.join("\n")).map_err(Error::file(path, "noting the lab's names"))
    }

    /// What [`Place::write_names`] noted; nothing where it was not yet.
    pub(crate) fn names(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("names")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Every host that runs, by the pids that hosts note themselves.
    pub(crate) fn inits(&self) -> Vec<Process> {
        let entries = std::fs::read_dir(self.path("hosts")).into_iter().flatten();
        let files = entries.filter_map(std::result::Result::ok).map(|e| e.path());
        files
            .filter(|f| f.extension().is_some_and(|e| e == "pid"))
            .filter_map(|f| Process::read(&f))
            .collect()
    }

    /// Replaces the record, readable by root alone.
    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let (path, new) = (self.path("lab.json"), self.path("lab.json.new"));
        let text = serde_json::to_vec_pretty(record)
            .map_err(|e| Error::Record { path: path.clone(), reason: e.to_string() })?;
        let written = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&new, &path));
        written.map_err(Error::file(path, "writing the lab's record"))
    }
}

impl Process {
    /// The process that has number `pid` now.
    pub(crate) fn now(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; fields count from the last ')'.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// The process that this is.
    pub(crate) fn own() -> Result<Self> {
        let pid = i32::try_from(std::process::id()).ok();
        pid.and_then(Self::now).ok_or_else(|| Error::Record {
            path: "/proc/self/stat".into(),
            reason: "it does not tell when this process started".into(),
        })
    }

    /// Notes the process in a file, as hosts do too: `pid start`.
    pub(crate) fn write(self, file: &Path) -> Result<()> {
        std::fs::write(file, format!("{} {}\n", self.pid, self.started)).map_err(Error::file(file, "noting a pid"))
    }

    /// The process that a file notes, while it runs.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let process = Self { pid: pid.parse().ok()?, started: started.parse().ok()? };
        process.alive().then_some(process)
    }

    /// Whether this very process still runs.
    pub(crate) fn alive(self) -> bool {
        Self::now(self.pid) == Some(self)
    }

    /// Sends a signal, if this very process still runs.
    pub(crate) fn signal(self, signal: nix::sys::signal::Signal) {
        if self.alive() {
            // It may end in between; then there is nothing to do.
            let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), signal);
        }
    }
}
