//! A host's processes, read from /proc and its supervisors' files.

use super::ProcessStatus;
use crate::fault::process_state;
use crate::lab::Lab;
use crate::parts::{estate, pods};
use crate::topology::Host;
use std::collections::BTreeMap;
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
    ("kube-proxy", 10256),
    (estate::SERVICE, estate::PORT),
];

pub(super) fn take(lab: &Lab, host: &Host, init: i32) -> Vec<ProcessStatus> {
    let listening = listening(init);
    let states = states(init);
    let supervised = process_state(&lab.place, lab.topology(), host)
        .into_iter()
        .map(|p| (p.name, p.pid, p.wanted));
    let of_pods = pods::processes(lab.topology(), host).into_iter().filter_map(|p| {
        let pid = states
            .iter()
            .find(|(_, process)| process.command == p.command)
            .map(|(pid, _)| *pid);
        (p.wanted || pid.is_some()).then(|| (p.name.to_owned(), pid, true))
    });
    supervised
        .chain(of_pods)
        .map(|(name, pid, wanted)| {
            let port = PORTS.iter().find(|(of, _)| *of == name).map(|(_, port)| *port);
            let reason = match pid.and_then(|p| states.get(&p)) {
                None => "it does not run".to_owned(),
                Some(process) if matches!(process.state, 'T' | 't') => "it is paused".to_owned(),
                Some(_) => match port {
                    Some(port) if !listening.contains(&port) => format!("it does not listen on {port} yet"),
                    _ => String::new(),
                },
            };
            let pid = pid.filter(|pid| states.contains_key(pid));
            ProcessStatus { name, pid, wanted, healthy: reason.is_empty(), reason }
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

/// A process as the kernel lists it.
struct Listed {
    command: String,
    state: char,
}

/// The processes of the host that are not dead, by their number there.
fn states(init: i32) -> BTreeMap<i32, Listed> {
    let mut states = BTreeMap::new();
    for (pid, directory) in numbered(init) {
        let stat = std::fs::read_to_string(directory.join("stat")).unwrap_or_default();
        // The name in parentheses may hold anything; the state comes after the last ')'.
        let Some((head, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let command = head.split_once('(').map_or_else(String::new, |(_, command)| command.to_owned());
        let state = rest.trim_start().chars().next();
        if let Some(state) = state.filter(|s| !matches!(s, 'Z' | 'X')) {
            states.insert(pid, Listed { command, state });
        }
    }
    states
}

/// The directories in /proc of the host's processes, those in its pods included, by their number on the host.
fn numbered(init: i32) -> impl Iterator<Item = (i32, PathBuf)> {
    let entries = std::fs::read_dir(format!("/proc/{init}/root/proc"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    entries.filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path())))
}

/// MiB of all processes on the host; a page shared by several counts once.
pub(super) fn memory(init: i32) -> u64 {
    let pss = |directory: PathBuf| {
        let rollup = std::fs::read_to_string(directory.join("smaps_rollup")).unwrap_or_default();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    numbered(init).filter_map(|(_, directory)| pss(directory)).sum::<u64>() / 1024
}
