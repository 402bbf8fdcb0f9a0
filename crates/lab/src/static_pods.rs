//! Runs the static pods of a host without kubelet or containers: each manifest's command is a process of the host.
//!
//! It keeps kubelet's contract as far as a recovery sees it: a manifest that is moved away stops its process, one that
//! appears or changes (re)starts it, a process that ends is started again after a moment. Where a process is, and its log:
//! `/run/static-pods/NAME.pid`, `/var/log/pods/NAME.log`. When it is stopped itself, it stops what it runs.

use crate::error::{Error, Result};
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

/// Runs the pods of `directory` until SIGTERM.
///
/// # Errors
/// Only where it cannot begin: no signals, no place for pids or logs. A manifest that cannot be read is skipped and said.
pub async fn serve(directory: &Path, say: crate::tools::Say<'_>) -> Result<()> {
    for place in [PIDS, LOGS] {
        std::fs::create_dir_all(place).map_err(Error::file(place, "making a directory"))?;
    }
    let mut stop = signal(SignalKind::terminate()).map_err(Error::file(directory, "listening for SIGTERM"))?;
    let mut pods: BTreeMap<PathBuf, Running> = BTreeMap::new();
    loop {
        look(directory, &mut pods, say).await;
        tokio::select! {
            _ = stop.recv() => break,
            () = ambient::sleep(LOOK) => {}
        }
    }
    for running in pods.values_mut() {
        end(running).await;
    }
    Ok(())
}

async fn look(directory: &Path, pods: &mut BTreeMap<PathBuf, Running>, say: crate::tools::Say<'_>) {
    let mut present = BTreeMap::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().filter_map(std::result::Result::ok) {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "json")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            present.insert(path, text);
        }
    }
    let gone: Vec<PathBuf> =
        pods.iter().filter(|(path, pod)| present.get(*path) != Some(&pod.text)).map(|(path, _)| path.clone()).collect();
    for path in gone {
        if let Some(mut running) = pods.remove(&path) {
            end(&mut running).await;
            say(&format!("stopped {}", running.name));
        }
    }
    for (path, text) in present {
        let running = pods.entry(path.clone()).or_insert_with(|| Running {
            text: text.clone(),
            name: path.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            child: None,
            ended: None,
        });
        if let Some(child) = &mut running.child
            && let Ok(Some(status)) = child.try_wait()
        {
            say(&format!("{} ended: {status}", running.name));
            running.child = None;
            running.ended = Some(ambient::monotonic());
        }
        if running.child.is_none() && running.ended.is_none_or(|ended| ended.elapsed() >= BACKOFF) {
            running.ended = Some(ambient::monotonic());
            match parse(&text).and_then(|pod| start(&pod)) {
                Ok(child) => {
                    say(&format!("started {} as {}", running.name, child.id()));
                    running.child = Some(child);
                }
                Err(reason) => say(&format!("cannot start {}: {reason}", path.display())),
            }
        }
    }
}

fn start(pod: &Pod) -> std::result::Result<Child, String> {
    let [program, arguments @ ..] = pod.words.as_slice() else {
        return Err("it has no command".into());
    };
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(format!("{LOGS}/{}.log", pod.name))
        .map_err(|e| e.to_string())?;
    let both = log.try_clone().map_err(|e| e.to_string())?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(both)
        .spawn()
        .map_err(|e| format!("{program}: {e}"))?;
    std::fs::write(format!("{PIDS}/{}.pid", pod.name), child.id().to_string()).map_err(|e| e.to_string())?;
    Ok(child)
}

async fn end(running: &mut Running) {
    let _gone = std::fs::remove_file(format!("{PIDS}/{}.pid", running.name));
    let Some(child) = &mut running.child else { return };
    let pid = i32::try_from(child.id()).map(Pid::from_raw);
    if let Ok(pid) = pid {
        let _gone = kill(pid, Signal::SIGTERM);
    }
    let deadline = ambient::monotonic() + GRACE;
    while matches!(child.try_wait(), Ok(None)) {
        if ambient::monotonic() > deadline {
            let _gone = child.kill();
        }
        ambient::sleep(Duration::from_millis(20)).await;
    }
    running.child = None;
}

#[cfg(test)]
mod tests;
