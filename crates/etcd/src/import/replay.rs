//! Lets a real etcd apply a member's log to a copy of its data directory.
//!
//! It listens on loopback, on ports that the system chooses, and nobody asks it anything: once it says that it serves, it has
//! applied all that is committed, and stopping it writes that to its database. So neither TLS nor users matter.

use crate::FileError;
use crate::import::ImportError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long etcd may take to apply the log. It reads the whole database first: some GiB take a minute.
const START_LIMIT: Duration = Duration::from_secs(600);

/// How long it may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What etcd logs once it has a leader (itself), has applied what was committed, and would stop in good order. That it is "ready
/// to serve" it says before it minds signals: a SIGTERM then ends it on the spot, and its database stays behind.
const READY: &str = "notifying init daemon";

/// Runs `etcd` on `folder/data` until it has applied its log. A member that is `alone` starts as it is, and takes all of its log
/// for committed, as it was; of several, this one is made the only one, and drops what it did not know to be committed.
pub(crate) fn replay(etcd: &Path, folder: &Path, alone: bool) -> Result<(), ImportError> {
    let failed = |reason: String| ImportError::Etcd { reason };
    let nowhere = "http://127.0.0.1:0";
    let mut command = Command::new(etcd);
    // What is set for another etcd must not reach this one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
        command.env_remove(name);
    }
    command.env_remove("NOTIFY_SOCKET");
    command
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--name", "lifeboat-import"]);
    command.args(["--listen-client-urls", nowhere, "--advertise-client-urls", nowhere]);
    command.args(["--listen-peer-urls", nowhere, "--logger", "zap", "--log-level", "info"]);
    if !alone {
        command.arg("--force-new-cluster");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command
        .spawn()
        .map_err(|e| failed(format!("{} does not run: {e}", etcd.display())))?;
    let mut process = Process(child);
    let log = process.0.stderr.take().ok_or_else(|| failed("it has no log".to_owned()))?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        // Ends when etcd does.
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut last = String::new();
    wait(&lines, START_LIMIT, |line| {
        let ready = line.contains(READY);
        if !line.contains("\"level\":\"info\"") {
            last = line;
        }
        ready
    })
    .map_err(|ended| {
        failed(if ended {
            said(&last)
        } else {
            format!("it did not serve in {} s", START_LIMIT.as_secs())
        })
    })?;
    let pid = i32::try_from(process.0.id()).map_err(|e| failed(e.to_string()))?;
    kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|e| failed(format!("it cannot be stopped: {e}")))?;
    // When it ends, so does its log.
    match wait(&lines, STOP_LIMIT, |_| false) {
        Err(true) => {}
        _ => return Err(failed(format!("it did not stop in {} s", STOP_LIMIT.as_secs()))),
    }
    let _ = process.0.wait();
    Ok(())
}

/// Waits for a line that is `wanted`; `Err` with whether the log ended.
fn wait(lines: &Receiver<String>, limit: Duration, mut wanted: impl FnMut(String) -> bool) -> Result<(), bool> {
    let end = ambient::monotonic() + limit;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(ambient::monotonic())) {
            Ok(line) if wanted(line.clone()) => return Ok(()),
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(true),
            Err(RecvTimeoutError::Timeout) => return Err(false),
        }
    }
}

/// What a line of its log says: message and error, never more than that.
fn said(line: &str) -> String {
    let fields: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let parts: Vec<_> = ["msg", "error"].iter().filter_map(|name| fields.get(name)?.as_str()).collect();
    if parts.is_empty() {
        "it ended before it served".to_owned()
    } else {
        parts.join(": ")
    }
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    let read = || FileError::io(from.display(), "read");
    std::fs::create_dir_all(to).map_err(FileError::io(to.display(), "created"))?;
    for entry in std::fs::read_dir(from).map_err(read())? {
        let entry = entry.map_err(read())?;
        let into = to.join(entry.file_name());
        if entry.file_type().map_err(read())?.is_dir() {
            copy(&entry.path(), &into)?;
        } else {
            let mut file = File::open(entry.path()).map_err(FileError::io(entry.path().display(), "opened"))?;
            let copied = File::create_new(&into).and_then(|mut made| std::io::copy(&mut file, &mut made));
            copied.map_err(FileError::io(into.display(), "written"))?;
        }
    }
    Ok(())
}

/// An etcd that does not outlive whoever started it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to do about one that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
