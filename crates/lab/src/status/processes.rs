//! A host's processes, read from /proc and its supervisors' files.

use super::ProcessStatus;
use crate::fault::process_state;
use crate::lab::Lab;
use crate::topology::Host;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// Where each process listens, which it does only once it serves.
const PORTS: &[(&str, u16)] = &[
    ("etcd", 2379),
    ("kube-apiserver", 6443),
    ("kube-controller-manager", 10257),
    ("kube-scheduler", 10259),
    ("manager", 8443),
    ("sshd", 22),
    ("knot", 53),
    ("unbound", 53),
    ("seaweedfs", 8333),
    ("registry", 5000),
    ("haproxy", 443),
    ("agent", 6080),
    ("kubelet", 10250),
];

pub(super) fn take(lab: &Lab, host: &Host, init: i32) -> Vec<ProcessStatus> {
    let listening = listening(init);
    let states = states(init);
    process_state(&lab.place, lab.topology(), host)
        .into_iter()
        .map(|process| {
            let port = PORTS.iter().find(|(name, _)| *name == process.name).map(|(_, port)| *port);
            let reason = match (process.pid, process.pid.and_then(|p| states.get(&p))) {
                (None, _) | (_, None) => "it does not run".to_owned(),
                (_, Some('T' | 't')) => "it is paused".to_owned(),
                _ => match port {
                    Some(port) if !listening.contains(&port) => format!("it does not listen on {port} yet"),
                    _ => String::new(),
                },
            };
            let running = process.pid.filter(|pid| states.contains_key(pid));
            ProcessStatus {
                name: process.name,
                pid: running,
                wanted: process.wanted,
                healthy: reason.is_empty(),
                reason,
            }
        })
        .collect()
}

/// The TCP ports on which anything of the host listens.
fn listening(init: i32) -> Vec<u16> {
    const LISTEN: &str = "0A";
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{init}/net/{table}")).ok())
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(|line| {
                    let mut words = line.split_whitespace().skip(1);
                    let (local, _remote, state) = (words.next()?, words.next()?, words.next()?);
                    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
                    (state == LISTEN).then_some(port)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The state letter of each process of the host, by its number there.
fn states(init: i32) -> BTreeMap<i32, char> {
    let root = PathBuf::from(format!("/proc/{init}/root/proc"));
    let mut states = BTreeMap::new();
    for entry in std::fs::read_dir(&root).into_iter().flatten().filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        if let Some(state) = state.filter(|s| !matches!(s, 'Z' | 'X')) {
            states.insert(pid, state);
        }
    }
    states
}

/// Memory by host.
pub(super) struct Memory(HashMap<PathBuf, u64>);

impl Memory {
    /// MiB of all processes in the namespace of `init`.
    pub(super) fn of(&self, init: i32) -> u64 {
        space(init).and_then(|space| self.0.get(&space)).map_or(0, |kib| kib / 1024)
    }
}

fn space(pid: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Adds up the memory of every process on the machine by its namespace; a page shared by several counts once.
pub(super) fn memory() -> Memory {
    let mut kib: HashMap<PathBuf, u64> = HashMap::new();
    let own = space(i32::try_from(std::process::id()).unwrap_or(0));
    for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Some(space) = space(pid).filter(|s| Some(s) != own.as_ref()) else { continue };
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let value = pss.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        *kib.entry(space).or_default() += value.unwrap_or(0);
    }
    Memory(kib)
}
