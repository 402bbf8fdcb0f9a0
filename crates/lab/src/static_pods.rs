//! Runs the static pods of a host without kubelet or containers: each manifest's command is a process of the host.
//!
//! It keeps kubelet's contract as far as a recovery sees it: a manifest that is moved away stops its process, one that
//! appears or changes (re)starts it, a process that ends is started again after a moment. Where a process is, and its log:
//! `/run/static-pods/NAME.pid`, `/var/log/pods/NAME.log`. When it is stopped itself, it stops what it runs.

use crate::error::{Error, Result};
use crate::tools::Say;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How often the directory is looked at: kubelet's own file check is every 20 s, with inotify in between.
const LOOK: Duration = Duration::from_millis(250);
/// Between the end of a process and its next start.
const BACKOFF: Duration = Duration::from_millis(1500);
/// What a process gets between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// Where each pod's process id stands.
pub(crate) const PIDS: &str = "/run/static-pods";
const LOGS: &str = "/var/log/pods";

#[derive(Deserialize)]
struct Manifest {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Spec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
}

/// A pod's name and the words of its process.
#[derive(Debug, PartialEq, Eq)]
struct Pod {
    name: String,
    words: Vec<String>,
}

fn parse(text: &str) -> std::result::Result<Pod, String> {
    let manifest: Manifest = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let container = manifest.spec.containers.into_iter().next().ok_or("it has no container")?;
    let words: Vec<String> = container.command.into_iter().chain(container.args).collect();
    if words.is_empty() {
        return Err("its container has no command".into());
    }
    Ok(Pod { name: manifest.metadata.name, words })
}

struct Running {
    text: String,
    name: String,
    child: Option<Child>,
    ended: Option<Instant>,
}

/// The pods of one directory.
struct Runner {
    pids: PathBuf,
    logs: PathBuf,
    pods: BTreeMap<PathBuf, Running>,
}

/// Runs the pods of `directory` until SIGTERM.
///
/// # Errors
/// Only where it cannot listen for signals. A manifest that cannot be read or started is skipped and said.
pub async fn serve(directory: &Path, say: Say<'_>) -> Result<()> {
    let mut stop = signal(SignalKind::terminate()).map_err(Error::file(directory, "listening for SIGTERM"))?;
    let mut runner = Runner::new(PathBuf::from(PIDS), PathBuf::from(LOGS));
    loop {
        runner.look(directory, say).await;
        tokio::select! {
            _ = stop.recv() => break,
            () = ambient::sleep(LOOK) => {}
        }
    }
    let paths: Vec<PathBuf> = runner.pods.keys().cloned().collect();
    runner.end(&paths).await;
    Ok(())
}

impl Runner {
    fn new(pids: PathBuf, logs: PathBuf) -> Self {
        Self { pids, logs, pods: BTreeMap::new() }
    }

    /// Looks at the directory once, and makes what runs be what stands there.
    async fn look(&mut self, directory: &Path, say: Say<'_>) {
        let present = manifests(directory);
        let same = |path: &PathBuf, pod: &Running| present.get(path) == Some(&pod.text);
        let gone: Vec<PathBuf> = self
            .pods
            .iter()
            .filter(|(path, pod)| !same(path, pod))
            .map(|(path, _)| path.clone())
            .collect();
        self.end(&gone).await;
        for path in gone {
            say(&format!("stopped {}", path.display()));
        }
        for (path, text) in present {
            let mut running = self.pods.remove(&path).unwrap_or_else(|| Running {
                name: path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
                text,
                child: None,
                ended: None,
            });
            self.keep(&path, &mut running, say);
            self.pods.insert(path, running);
        }
    }

    /// Starts a pod that does not run, unless it ended a moment ago.
    fn keep(&self, path: &Path, running: &mut Running, say: Say<'_>) {
        if let Some(child) = &mut running.child
            && let Ok(Some(status)) = child.try_wait()
        {
            say(&format!("{} ended: {status}", running.name));
            running.child = None;
            running.ended = Some(ambient::monotonic());
        }
        if running.child.is_some() || running.ended.is_some_and(|ended| ended.elapsed() < BACKOFF) {
            return;
        }
        running.ended = Some(ambient::monotonic());
        match parse(&running.text).and_then(|pod| self.start(&running.name, &pod)) {
            Ok(child) => {
                say(&format!("started {} as {}", running.name, child.id()));
                running.child = Some(child);
            }
            Err(reason) => say(&format!("cannot start {}: {reason}", path.display())),
        }
    }

    fn start(&self, name: &str, pod: &Pod) -> std::result::Result<Child, String> {
        let [program, arguments @ ..] = pod.words.as_slice() else {
            return Err("it has no command".into());
        };
        for directory in [&self.pids, &self.logs] {
            std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        }
        let log = self.logs.join(format!("{}.log", pod.name));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|e| e.to_string())?;
        let both = log.try_clone().map_err(|e| e.to_string())?;
        // Whatever ends this runner ends what it runs: nobody would know of it any more.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(both)
            .spawn()
            .map_err(|e| format!("{program}: {e}"))?;
        let noted = std::fs::write(self.pid_file(name), child.id().to_string());
        noted.map_err(|e| {
            // What nobody can find again must not run.
            let _gone = child.kill();
            let _reaped = child.wait();
            e.to_string()
        })?;
        Ok(child)
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.pids.join(format!("{name}.pid"))
    }

    /// Stops pods, all at once: SIGTERM, and SIGKILL when their time is over.
    async fn end(&mut self, paths: &[PathBuf]) {
        let mut ending: Vec<Running> = paths.iter().filter_map(|path| self.pods.remove(path)).collect();
        for child in ending.iter().filter_map(|running| running.child.as_ref()) {
            if let Ok(pid) = i32::try_from(child.id()) {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        let deadline = ambient::monotonic() + GRACE;
        for running in &mut ending {
            while let Some(child) = running.child.as_mut()
                && matches!(child.try_wait(), Ok(None))
            {
                if ambient::monotonic() > deadline {
                    let _gone = child.kill();
                }
                ambient::sleep(Duration::from_millis(20)).await;
            }
            let _gone = std::fs::remove_file(self.pid_file(&running.name));
        }
    }
}

fn manifests(directory: &Path) -> BTreeMap<PathBuf, String> {
    let entries = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok);
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "json"))
        .filter_map(|path| std::fs::read_to_string(&path).ok().map(|text| (path, text)))
        .collect()
}

#[cfg(test)]
mod tests;
