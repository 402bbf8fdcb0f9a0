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
pub(crate) use latency::relays;
pub(crate) use process::state as process_state;

use crate::error::{Error, Result};
use crate::host;
use crate::record::{Place, Process, Record};
use crate::topology::{Host, Topology};
use estate::Name;
use futures::future::try_join_all;
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

impl Break {
    /// What the fault takes hold of: two faults with the same place would be one.
    fn place(&self) -> String {
        match self {
            Self::Kill { target } => format!("kill {target}"),
            Self::Power { target } => format!("power {target}"),
            Self::Cut { target, from, way } => format!("cut {target} {from:?} {way:?}"),
            Self::Loss { target, .. } => format!("loss {target}"),
            Self::Bandwidth { target, .. } => format!("bandwidth {target}"),
            Self::Latency { site, .. } => format!("latency {site}"),
            Self::Fill { host, .. } => format!("fill {host}"),
            Self::Stop { host, process } => format!("stop {host} {process}"),
            Self::Pause { host, process } => format!("pause {host} {process}"),
            Self::Clock { host, .. } => format!("clock {host}"),
            Self::Corrupt { host, path, offset, bytes } => format!("corrupt {host} {path} {offset} {bytes}"),
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

/// Breaks something. What is needed to undo it is found and recorded before anything is changed: a crash in between
/// leaves a fault that can be healed.
pub(crate) async fn apply(place: &Place, record: &mut Record, what: Break) -> Result<Fault> {
    check(record, &what)?;
    let undo = prepare(place, record, &what).await?;
    let fault = Fault { id: record.next_fault, what, undo };
    record.next_fault += 1;
    record.faults.push(fault.clone());
    place.write(record)?;
    match take_effect(place, record, &fault).await {
        Ok(()) => Ok(fault),
        Err(reason @ (Error::Fault { .. } | Error::NoSuch { .. })) => {
            // It was refused before anything changed.
            record.faults.retain(|f| f.id != fault.id);
            place.write(record)?;
            Err(reason)
        }
        // It may be half in force: it stays in the record, so that it can be healed.
        Err(reason) => Err(reason),
    }
}

/// Installs what holds without any fault: routers that say nothing of what they cannot reach.
pub(crate) async fn begin(record: &Record) -> Result<()> {
    network::render(record).await
}

fn check(record: &Record, what: &Break) -> Result<()> {
    let lab = &record.topology;
    let refuse = |reason: &str| Err(Error::Fault { target: what.to_string(), reason: reason.to_owned() });
    match what {
        Break::Kill { target } | Break::Power { target } | Break::Bandwidth { target, .. } => {
            target.hosts(lab)?;
            if matches!(what, Break::Bandwidth { kbit: 0, .. }) {
                return refuse("0 kbit/s is a cut: use --cut");
            }
        }
        Break::Loss { target, percent } => {
            target.hosts(lab)?;
            if !(*percent >= 0.001 && *percent <= 100.0) {
                return refuse("a loss is at least 0.001 and at most 100 percent");
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
    // Healing one of two would lift both.
    match record.faults.iter().find(|f| f.what.place() == what.place()) {
        Some(other) => refuse(&format!("fault {} is that already ({}); heal it first", other.id, other.what)),
        None => Ok(()),
    }
}

async fn prepare(place: &Place, record: &Record, what: &Break) -> Result<Undo> {
    let lab = &record.topology;
    Ok(match what {
        Break::Pause { host, process } => Undo::Resume(process::family(place, lab, lab.host(host.as_str())?, process)?),
        Break::Corrupt { host, path, offset, bytes } => {
            Undo::Bytes(disk::read(place, lab.host(host.as_str())?, path, *offset, *bytes).await?)
        }
        _ => Undo::Nothing,
    })
}

async fn take_effect(place: &Place, record: &Record, fault: &Fault) -> Result<()> {
    let lab = &record.topology;
    match &fault.what {
        Break::Kill { target } => {
            try_join_all(target.hosts(lab)?.into_iter().map(|host| host::kill(place, host))).await?;
        }
        Break::Power { target } => {
            // Links first: what ends afterwards ends in silence.
            network::render_links(record, target).await?;
            try_join_all(target.hosts(lab)?.into_iter().map(|host| host::power_off(place, host))).await?;
        }
        Break::Cut { .. } | Break::Loss { .. } | Break::Bandwidth { .. } => network::render(record).await?,
        Break::Latency { site, ms } => latency::start(place, lab, site, *ms).await?,
        Break::Fill { host, leave_mib } => disk::fill(place, lab.host(host.as_str())?, *leave_mib).await?,
        Break::Stop { host, process } => process::stop(place, lab, lab.host(host.as_str())?, process).await?,
        Break::Pause { .. } => {
            if let Undo::Resume(processes) = &fault.undo {
                process::pause(processes).await?;
            }
        }
        Break::Clock { host, ms, .. } => clock::skew(place, lab.host(host.as_str())?, Some(*ms)).await?,
        Break::Corrupt { host, path, offset, .. } => {
            if let Undo::Bytes(original) = &fault.undo {
                disk::corrupt(place, lab.host(host.as_str())?, path, *offset, original).await?;
            }
        }
    }
    Ok(())
}

/// What a fault does to the inside of a host is gone when the host starts again, or half gone: it is done again.
async fn renew(place: &Place, record: &Record, host: &Host) -> Result<()> {
    let lab = &record.topology;
    for fault in &record.faults {
        match &fault.what {
            Break::Fill { host: name, leave_mib } if *name == host.name => disk::fill(place, host, *leave_mib).await?,
            Break::Stop { host: name, process } if *name == host.name => {
                process::keep_stopped(place, lab, host, process).await?;
            }
            Break::Clock { host: name, ms, .. } if *name == host.name => clock::skew(place, host, Some(*ms)).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Starts every host that is off although no fault keeps it off.
pub(crate) async fn start_hosts(place: &Place, record: &Record) -> Result<()> {
    let mut off = Vec::new();
    for host in &record.topology.hosts {
        if host::init(place, host).is_none() && !kept_off(record, host)? {
            off.push(host);
        }
    }
    try_join_all(off.iter().map(|host| host::boot(place, host))).await?;
    try_join_all(off.iter().map(|host| renew(place, record, host))).await?;
    Ok(())
}

/// Undoes a fault and takes it out of the record.
pub(crate) async fn undo(place: &Place, record: &mut Record, id: u32) -> Result<Fault> {
    let Some(at) = record.faults.iter().position(|f| f.id == id) else {
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
    let fault = record.faults[at].clone();
    // Everything below is computed from the faults that remain; on failure the record on disk still has this one.
    let mut rest = record.clone();
    rest.faults.remove(at);
    let lab = &rest.topology;
    let on = |name: &Name| {
        let host = lab.host(name.as_str())?;
        match host::init(place, host) {
            Some(_) => Ok(host),
            None => Err(Error::Fault {
                target: fault.what.to_string(),
                reason: "the host is off, and this is healed on the host: heal first what keeps it off".into(),
            }),
        }
    };
    match &fault.what {
        Break::Kill { .. } => start_hosts(place, &rest).await?,
        Break::Power { target } => {
            network::render_links(&rest, target).await?;
            start_hosts(place, &rest).await?;
        }
        Break::Cut { .. } | Break::Loss { .. } | Break::Bandwidth { .. } => network::render(&rest).await?,
        Break::Latency { site, .. } => latency::stop(place, lab, site).await?,
        Break::Fill { host, .. } => disk::unfill(place, on(host)?).await?,
        Break::Stop { host, process } => process::start(place, lab, on(host)?, process).await?,
        Break::Pause { .. } => {
            if let Undo::Resume(processes) = &fault.undo {
                process::resume(processes);
            }
        }
        Break::Clock { host, .. } => clock::skew(place, on(host)?, None).await?,
        Break::Corrupt { host, path, offset, .. } => {
            if let Undo::Bytes(original) = &fault.undo {
                disk::restore(place, on(host)?, path, *offset, original).await?;
            }
        }
    }
    place.write(&rest)?;
    *record = rest;
    Ok(fault)
}

/// Whether a fault keeps `host` without processes or power.
fn kept_off(record: &Record, host: &Host) -> Result<bool> {
    for fault in &record.faults {
        if let Break::Kill { target } | Break::Power { target } = &fault.what
            && target.hosts(&record.topology)?.iter().any(|h| h.name == host.name)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
