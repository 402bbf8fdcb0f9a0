//! Faults of one process on a host: stopped for good, or paused in its tracks.
//!
//! A process is a runit service or a static pod, by its name. Stopping one uses what a person would use on a real host:
//! `sv down`, or the manifest moved out of its directory.

use crate::error::{Error, Result};
use crate::host;
use crate::layout;
use crate::record::{Place, Process};
use crate::static_pods;
use crate::topology::{Host, Topology};
use nix::sys::signal::Signal;
use std::time::Duration;

/// What the kernel gets to stop a process.
const PAUSE_LIMIT: Duration = Duration::from_secs(5);
/// Where the manifests of stopped static pods wait.
const HELD: &str = "/var/lib/lifeboat-lab/held";

/// A process of a host: its name, its number as the host sees it; none while it does not run.
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) pid: Option<i32>,
    pub(crate) wanted: bool,
}

/// Every process that the host's supervisors know, whether it runs or not.
pub(crate) fn state(place: &Place, lab: &Topology, host: &Host) -> Vec<State> {
    let Some(root) = host::file(place, host, "/") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root.join("etc/sv"))
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
    {
        let directory = entry.path();
        let supervise = directory.join("supervise");
        let status = std::fs::read(supervise.join("status")).unwrap_or_default();
        let (pid, wanted) = supervised(&status).unwrap_or((None, !directory.join("down").exists()));
        let name = entry.file_name().to_string_lossy().into_owned();
        all.push(State { name, pid, wanted });
    }
    let manifests = layout::manifests(lab.options.layout).trim_start_matches('/');
    for entry in std::fs::read_dir(root.join(manifests))
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
    {
        let path = entry.path();
        let Some(name) = path.file_stem().map(|n| n.to_string_lossy().into_owned()) else {
            continue;
        };
        let pids = root.join(static_pods::PIDS.trim_start_matches('/'));
        let pid = std::fs::read_to_string(pids.join(format!("{name}.pid"))).ok();
        let pid = pid.and_then(|p| p.trim().parse().ok());
        all.push(State { name, pid, wanted: true });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The process and the wish in runsv's `supervise/status`: 12 bytes of time, the pid (little endian), paused, `u` or `d`
/// for what is wanted, two more. (The text file beside it forgets the wish while a service is between two starts.)
fn supervised(status: &[u8]) -> Option<(Option<i32>, bool)> {
    let pid = i32::from_le_bytes(status.get(12..16)?.try_into().ok()?);
    Some(((pid != 0).then_some(pid), *status.get(17)? == b'u'))
}

fn find(place: &Place, lab: &Topology, host: &Host, process: &str) -> Result<State> {
    let mut all = state(place, lab, host);
    match all.iter().position(|s| s.name == process) {
        Some(at) => Ok(all.swap_remove(at)),
        None => Err(Error::NoSuch {
            lab: place.name.to_string(),
            what: "process",
            name: format!("{process} on {}", host.name),
            known: all.into_iter().map(|s| s.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

pub(super) async fn stop(place: &Place, lab: &Topology, host: &Host, process: &str) -> Result<()> {
    find(place, lab, host, process)?;
    keep_stopped(place, lab, host, process).await
}

/// Stops a process that is known, also when it is stopped already: a host that has started again forgets.
pub(super) async fn keep_stopped(place: &Place, lab: &Topology, host: &Host, process: &str) -> Result<()> {
    let manifests = layout::manifests(lab.options.layout);
    let pid = format!("{}/{process}.pid", static_pods::PIDS);
    // A service: `sv down` first, so that it is not started again; then no time for farewells.
    let script = format!(
        "if [ -e {manifests}/{process}.yaml ] || [ -e {HELD}/{process}.yaml ]; then
           mkdir -p {HELD}; [ ! -e {manifests}/{process}.yaml ] || mv {manifests}/{process}.yaml {HELD}/; sync {HELD} {manifests}
           [ ! -e {pid} ] || kill -9 $(cat {pid}) || true
           for i in $(seq 300); do [ -e {pid} ] || exit 0; sleep 0.05; done; exit 1
         fi
         for i in $(seq 100); do [ -p /etc/sv/{process}/supervise/ok ] && sv down {process} && break; sleep 0.05; done
         sv kill {process} || true
         sv -w 10 down {process}"
    );
    host::run(place, host, "stopping a process", &["sh", "-c", &script]).await?;
    Ok(())
}

pub(super) async fn start(place: &Place, lab: &Topology, host: &Host, process: &str) -> Result<()> {
    let manifests = layout::manifests(lab.options.layout);
    let script = format!(
        "if [ -e {HELD}/{process}.yaml ]; then mv {HELD}/{process}.yaml {manifests}/; sync {HELD} {manifests}
         elif [ -e /etc/sv/{process}/run ]; then sv up {process}; fi"
    );
    host::run(place, host, "starting a process again", &["sh", "-c", &script]).await?;
    Ok(())
}

/// The process and its descendants, to be paused and resumed.
pub(super) fn family(place: &Place, lab: &Topology, host: &Host, process: &str) -> Result<Vec<Process>> {
    let state = find(place, lab, host, process)?;
    let Some(pid) = state.pid else {
        return Err(Error::Fault {
            target: format!("{process} on {}", host.name),
            reason: "it does not run".into(),
        });
    };
    on_machine(place, host, pid)
}

pub(super) async fn pause(processes: &[Process]) -> Result<()> {
    for process in processes {
        process.signal(Signal::SIGSTOP);
    }
    let deadline = ambient::monotonic() + PAUSE_LIMIT;
    while !processes.iter().all(|p| stopped(p.pid)) {
        if ambient::monotonic() > deadline {
            return Err(Error::NotReady {
                object: "a pause".into(),
                seconds: PAUSE_LIMIT.as_secs(),
                last: "the process does not stop".into(),
                log: "none".into(),
            });
        }
        ambient::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

pub(super) fn resume(processes: &[Process]) {
    for process in processes {
        process.signal(Signal::SIGCONT);
    }
}

fn stopped(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')').map(|(_, rest)| rest.trim_start().starts_with('T')))
        .unwrap_or(true)
}

/// The process with the host's number `pid` and its descendants, as the machine numbers them.
fn on_machine(place: &Place, host: &Host, pid: i32) -> Result<Vec<Process>> {
    let init = host::init(place, host);
    let mut family: Vec<(i32, i32, i32)> = Vec::new();
    let own = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let space = init.and_then(|p| own(p.pid));
    for entry in std::fs::read_dir("/proc")
        .map_err(Error::file("/proc", "listing processes"))?
        .flatten()
    {
        let Some(number) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else {
            continue;
        };
        if space.is_none() || own(number) != space {
            continue;
        }
        let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name))?;
            line.split_whitespace().last()?.parse::<i32>().ok()
        };
        if let (Some(inside), Some(parent)) = (field("NSpid:"), field("PPid:")) {
            family.push((number, inside, parent));
        }
    }
    let mut wanted: Vec<i32> = family.iter().filter(|(_, inside, _)| *inside == pid).map(|f| f.0).collect();
    let mut at = 0;
    while let Some(parent) = wanted.get(at).copied() {
        wanted.extend(family.iter().filter(|f| f.2 == parent).map(|f| f.0));
        at += 1;
    }
    Ok(wanted.into_iter().filter_map(Process::now).collect())
}
