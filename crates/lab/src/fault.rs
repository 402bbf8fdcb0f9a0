//! Faults: what can be broken, in force when [`apply`] returns, undone by [`undo`].
//!
//! A fault is a value that the lab's record keeps; those of the network are never applied one by one: the rules for all of
//! them are rendered anew at each change (`network`).

mod clock;
mod disk;
mod latency;
mod network;
mod process;

pub use latency::relay;
pub(crate) use process::state as process_state;

use crate::error::{Error, Result};
use crate::host;
use crate::record::{Place, Process, Record};
use crate::topology::{Host, Topology};
use estate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A fault in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Its number, by which it is healed.
    pub id: u32,
    /// What was broken.
    pub what: Break,
    /// What has to be known to undo it.
    undo: Undo,
}

/// A place or a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// All of a site.
    Site(Name),
    /// One host.
    Host(Name),
}

/// Which way traffic is stopped, as the target sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Both ways.
    Both,
    /// What comes to the target is lost.
    In,
    /// What the target sends is lost.
    Out,
}

/// Something that can be broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the fields are named for what they are")]
pub enum Break {
    /// Every process ends at once; the kernel closes their connections.
    Kill { target: Target },
    /// No power: links go down first, so that peers see silence; what was not synced to disk is lost.
    Power { target: Target },
    /// Packets between the target and the rest, or one other site, are lost.
    Cut { target: Target, from: Option<Name>, way: Way },
    /// Each packet of the target is lost with this probability.
    Loss { target: Target, percent: f64 },
    /// The target sends and receives at most this much.
    Bandwidth { target: Target, kbit: u32 },
    /// Packets between a site and the others take this much longer, each way.
    Latency { site: Name, ms: u32 },
    /// A host's disk has no more than this left.
    Fill { host: Name, leave_mib: u64 },
    /// A process ends and is not started again.
    Stop { host: Name, process: String },
    /// A process is stopped in its tracks (SIGSTOP).
    Pause { host: Name, process: String },
    /// The clock of Lifeboat's processes on a host is off.
    Clock { host: Name, ms: i64, process: String },
    /// Bytes of a file are turned over.
    Corrupt { host: Name, path: String, offset: u64, bytes: u32 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Undo {
    Nothing,
    Resume(Vec<Process>),
    Bytes(Vec<u8>),
    Relay(Process),
}

impl Target {
    /// The hosts that it means.
    pub(crate) fn hosts<'a>(&'a self, lab: &'a Topology) -> Result<Vec<&'a Host>> {
        match self {
            Self::Site(site) => {
                lab.site(site.as_str())?;
                Ok(lab.hosts_of(site).collect())
            }
            Self::Host(host) => Ok(vec![lab.host(host.as_str())?]),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(name) => write!(f, "site {name}"),
            Self::Host(name) => write!(f, "host {name}"),
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { target } => write!(f, "{target}: every process killed"),
            Self::Power { target } => write!(f, "{target}: power cut"),
            Self::Cut { target, from, way } => {
                let rest = from
                    .as_ref()
                    .map_or_else(|| "everybody".to_owned(), |site| format!("site {site}"));
                match way {
                    Way::Both => write!(f, "{target}: cut off from {rest}"),
                    Way::In => write!(f, "{target}: hears nothing from {rest}"),
                    Way::Out => write!(f, "{target}: cannot be heard by {rest}"),
                }
            }
            Self::Loss { target, percent } => write!(f, "{target}: {percent} % of packets lost"),
            Self::Bandwidth { target, kbit } => write!(f, "{target}: at most {kbit} kbit/s"),
            Self::Latency { site, ms } => write!(f, "site {site}: {ms} ms more each way"),
            Self::Fill { host, leave_mib } => write!(f, "host {host}: disk full but for {leave_mib} MiB"),
            Self::Stop { host, process } => write!(f, "host {host}: {process} stopped"),
            Self::Pause { host, process } => write!(f, "host {host}: {process} paused"),
            Self::Clock { host, ms, process } => write!(f, "host {host}: clock of {process} off by {ms} ms"),
            Self::Corrupt { host, path, offset, bytes } => {
                write!(f, "host {host}: {path} damaged, {bytes} bytes from {offset}")
            }
        }
    }
}

/// Breaks something, and notes it in the record. The record is written before and after: a crash in between leaves a fault
/// that can be healed.
pub(crate) async fn apply(place: &Place, record: &mut Record, what: Break) -> Result<Fault> {
    check(record, &what)?;
    let id = record.next_fault;
    record.next_fault += 1;
    record.faults.push(Fault { id, what: what.clone(), undo: Undo::Nothing });
    place.write(record)?;
    match take_effect(place, record, &what).await {
        Ok(undo) => {
            if let Some(fault) = record.faults.iter_mut().find(|f| f.id == id) {
                fault.undo = undo;
            }
        }
        Err(reason @ (Error::Fault { .. } | Error::NoSuch { .. })) => {
            // It was refused before anything changed.
            record.faults.retain(|f| f.id != id);
            place.write(record)?;
            return Err(reason);
        }
        // It may be half in force: it stays in the record, so that it can be healed.
        Err(reason) => return Err(reason),
    }
    place.write(record)?;
    record.faults.last().cloned().ok_or_else(|| Error::Fault {
        target: what.to_string(),
        reason: "it was not recorded".into(),
    })
}

fn check(record: &Record, what: &Break) -> Result<()> {
    let lab = &record.topology;
    let refuse = |reason: &str| Err(Error::Fault { target: what.to_string(), reason: reason.to_owned() });
    match what {
        Break::Kill { target } | Break::Power { target } | Break::Bandwidth { target, .. } => {
            target.hosts(lab)?;
            if matches!(what, Break::Bandwidth { kbit: 0, .. }) {
                return refuse("0 kbit/s is a cut: `lifeboat lab break cut`");
            }
        }
        Break::Loss { target, percent } => {
            target.hosts(lab)?;
            if !(*percent > 0.0 && *percent <= 100.0) {
                return refuse("a loss is more than 0 and at most 100 percent");
            }
        }
        Break::Cut { target, from, .. } => {
            target.hosts(lab)?;
            if let Some(from) = from {
                lab.site(from.as_str())?;
                match target {
                    Target::Host(_) => return refuse("only a site can be cut from one other site"),
                    Target::Site(site) if site == from => return refuse("a site cannot be cut from itself"),
                    Target::Site(_) => {}
                }
            }
        }
        Break::Latency { site, ms } => {
            lab.site(site.as_str())?;
            if !(1..=10_000).contains(ms) {
                return refuse("a latency is from 1 to 10000 ms");
            }
            let twice = record
                .faults
                .iter()
                .any(|f| matches!(&f.what, Break::Latency { site: s, .. } if s == site));
            if twice {
                return refuse("it has a latency already; heal that first");
            }
        }
        Break::Fill { host, .. } | Break::Stop { host, .. } | Break::Pause { host, .. } => {
            lab.host(host.as_str())?;
        }
        Break::Corrupt { host, bytes, .. } => {
            lab.host(host.as_str())?;
            if !(1..=1_048_576).contains(bytes) {
                return refuse("from 1 byte to 1 MiB at once");
            }
        }
        Break::Clock { host, process, .. } => {
            lab.host(host.as_str())?;
            if process != "lifeboat" {
                return refuse("hosts share the machine's kernel clock; only Lifeboat's own processes can be skewed");
            }
        }
    }
    Ok(())
}

async fn take_effect(place: &Place, record: &Record, what: &Break) -> Result<Undo> {
    let lab = &record.topology;
    match what {
        Break::Kill { target } => {
            for host in target.hosts(lab)? {
                host::kill(place, host).await?;
            }
        }
        Break::Power { target } => {
            let hosts = target.hosts(lab)?;
            network::unplug(lab, target).await?;
            for host in hosts {
                host::power_off(place, host).await?;
            }
        }
        Break::Cut { .. } | Break::Loss { .. } | Break::Bandwidth { .. } => network::render(record).await?,
        Break::Latency { site, ms } => return latency::start(place, lab, site, *ms).await.map(Undo::Relay),
        Break::Fill { host, leave_mib } => disk::fill(place, lab.host(host.as_str())?, *leave_mib).await?,
        Break::Stop { host, process } => process::stop(place, lab, lab.host(host.as_str())?, process).await?,
        Break::Pause { host, process } => {
            return process::pause(place, lab, lab.host(host.as_str())?, process)
                .await
                .map(Undo::Resume);
        }
        Break::Clock { host, ms, .. } => clock::skew(place, lab.host(host.as_str())?, Some(*ms)).await?,
        Break::Corrupt { host, path, offset, bytes } => {
            return disk::corrupt(place, lab.host(host.as_str())?, path, *offset, *bytes).map(Undo::Bytes);
        }
    }
    Ok(Undo::Nothing)
}

/// Undoes a fault and takes it out of the record.
pub(crate) async fn undo(place: &Place, record: &mut Record, id: u32) -> Result<Fault> {
    let Some(fault) = record.faults.iter().find(|f| f.id == id).cloned() else {
        let known: Vec<String> = record.faults.iter().map(|f| f.id.to_string()).collect();
        return Err(Error::NoSuch {
            lab: place.name.to_string(),
            what: "fault",
            name: id.to_string(),
            known: if known.is_empty() {
                "no fault".into()
            } else {
                known.join(", ")
            },
        });
    };
    let lab = record.topology.clone();
    let on = |host: &Host| host::init(place, host).is_some();
    match &fault.what {
        Break::Kill { target } | Break::Power { target } => {
            if matches!(fault.what, Break::Power { .. }) {
                network::plug_in(&lab, target).await?;
            }
            for host in target.hosts(&lab)? {
                if !on(host) && !off_otherwise(record, id, host)? {
                    host::boot(place, host).await?;
                }
            }
        }
        Break::Cut { .. } | Break::Loss { .. } | Break::Bandwidth { .. } => {}
        Break::Latency { site, .. } => {
            let relay = match &fault.undo {
                Undo::Relay(process) => Some(*process),
                _ => None,
            };
            latency::stop(&lab, site, relay).await?;
        }
        Break::Fill { host, .. } => disk::unfill(place, lab.host(host.as_str())?).await?,
        Break::Stop { host, process } => process::start(place, &lab, lab.host(host.as_str())?, process).await?,
        Break::Pause { .. } => {
            if let Undo::Resume(processes) = &fault.undo {
                process::resume(processes);
            }
        }
        Break::Clock { host, .. } => clock::skew(place, lab.host(host.as_str())?, None).await?,
        Break::Corrupt { host, path, offset, .. } => {
            if let Undo::Bytes(original) = &fault.undo {
                disk::restore(place, lab.host(host.as_str())?, path, *offset, original)?;
            }
        }
    }
    record.faults.retain(|f| f.id != id);
    network::render(record).await?;
    place.write(record)?;
    Ok(fault)
}

/// Whether another fault keeps `host` without processes or power.
fn off_otherwise(record: &Record, id: u32, host: &Host) -> Result<bool> {
    for fault in record.faults.iter().filter(|f| f.id != id) {
        if let Break::Kill { target } | Break::Power { target } = &fault.what
            && target.hosts(&record.topology)?.iter().any(|h| h.name == host.name)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends what faults started on the machine itself, as part of taking a lab down.
pub(crate) fn end_relays(record: &Record) {
    for fault in &record.faults {
        if let Undo::Relay(process) = fault.undo {
            process.signal(nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests;
