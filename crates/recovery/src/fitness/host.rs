//! A host: its clock, its Lifeboat, the programs there and their versions, and room on its disks. Start at [`look`] and [`judge`].

use super::{Finding, bytes, within};
use crate::{Trouble, World};
use cluster::quoted;
use estate::Name;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long looking at it may take.
const LIMIT: Duration = Duration::from_secs(25);
/// Clocks may be apart by so much before somebody should know.
const APART_MS: i64 = 2000;
/// With so much room, nobody needs to look.
const ROOMY: u64 = 10 << 30;
/// With less than this, writing stops any moment.
const SCARCE: u64 = 256 << 20;
/// With less than one part of so many, somebody should look.
const SHARE: u64 = 10;

/// Programs whose version is asked, and how. A program that hangs must not hide the others.
const VERSIONS: [(&str, &str); 7] = [
    ("lifeboat", "version"),
    ("etcd", "--version"),
    ("etcdutl", "version"),
    ("kubelet", "--version"),
    ("kubeadm", "version -o short"),
    ("rke2", "--version"),
    ("k3s", "--version"),
];

/// What a host said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its clock.
    pub now: Option<Timestamp>,
    /// The versions of programs that are there, as in `3.6.16`; empty where a program does not say it.
    pub versions: BTreeMap<String, String>,
    /// Bytes that are free and bytes in all, by directory.
    pub room: BTreeMap<String, (u64, u64)>,
}

/// Looks at a host; `directories` need not be there. By how much its clock is ahead is told as of the middle of the question.
///
/// # Errors
/// It cannot be entered, or does not answer in time.
pub async fn look(world: &World, name: &Name, directories: &[String]) -> Result<(Said, Timestamp), Trouble> {
    let host = world.host(name)?;
    let mut script = "T=; command -v timeout >/dev/null && T='timeout 5'\necho \"now=$(date +%s.%N)\"\n".to_owned();
    for (program, argument) in VERSIONS {
        script += &format!(
            "command -v {program} >/dev/null && echo \"version={program}=$($T {program} {argument} 2>/dev/null | tr '\\n' ' ')\"\n"
        );
    }
    for (number, directory) in directories.iter().enumerate() {
        script += &format!(
            "d={}; while [ ! -d \"$d\" ]; do d=$(dirname \"$d\"); done; echo \"room={number}=$(df -Pk \"$d\" 2>/dev/null | tail -n 1)\"\n",
            quoted(directory)
        );
    }
    script += "true\n";
    let before = ambient::now();
    let running = async { Ok(host.run("looking at the host", &script, LIMIT).await?) };
    let said = within(&format!("host {name}"), LIMIT, running).await?;
    Ok((Said::read(&said, directories), before))
}

impl Said {
    /// From what the script writes of these directories. What cannot be read is left out.
    #[must_use]
    pub fn read(text: &str, directories: &[String]) -> Self {
        let mut said = Self::default();
        for line in text.lines() {
            match line.split_once('=') {
                Some(("now", at)) => said.now = seconds(at),
                Some(("version", rest)) => {
                    if let Some((program, told)) = rest.split_once('=') {
                        said.versions.insert(program.to_owned(), version(told));
                    }
                }
                Some(("room", rest)) => {
                    if let Some((number, told)) = rest.split_once('=')
                        && let Some(directory) = number.parse().ok().and_then(|number: usize| directories.get(number))
                        && let Some(room) = room(told)
                    {
                        said.room.insert(directory.clone(), room);
                    }
                }
                _ => {}
            }
        }
        said
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    // A `date` that knows no nanoseconds writes `N`.
    let nanos: i32 = format!("{part:0<9}").get(..9)?.parse().unwrap_or(0);
    Timestamp::new(whole.parse().ok()?, nanos).ok()
}

/// The first word that looks like a version, without its `v`.
fn version(text: &str) -> String {
    let word = text
        .split_whitespace()
        .map(|word| word.trim_start_matches('v').trim_end_matches(','));
    let mut words = word.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
    words.next().unwrap_or_default().chars().take(60).collect()
}

/// From a line of `df -Pk`: free and all bytes. A name of a file system may have blanks in it, a mount point too.
fn room(line: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().rposition(|word| word.ends_with('%'))?;
    let kib = |at: usize| words.get(percent.checked_sub(at)?)?.parse::<u64>().ok();
    Some((kib(1)?.checked_mul(1024)?, kib(3)?.checked_mul(1024)?))
}

/// What a host is to this estate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Whether its `lifeboat serve` has something to do: then its clock and version matter.
    pub serves: bool,
    /// Under which directory a recovery lays the database, and how large that is, in bytes, where it is known.
    pub lays: Option<(String, Option<u64>)>,
    /// The directories that something is written to, each with what it is for.
    pub writes: Vec<(String, String)>,
    /// Programs of the cluster on the host that it is recovered from, and their versions: what is restored must not meet older ones.
    pub at_least: BTreeMap<String, String>,
}

/// What is said of a host, whose answer began at `asked` and came at `heard` by this machine's clock, for this Lifeboat of version
/// `own`. Purely.
#[must_use]
pub fn judge(name: &Name, role: &Role, said: &Said, asked: Timestamp, heard: Timestamp, own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(said.now.map(|theirs| clock(name, theirs, asked, heard)));
    findings.extend(versions(name, role, said, own));
    for (directory, used) in &role.writes {
        findings.extend(said.room.get(directory).map(|room| writing(name, directory, used, *room)));
    }
    if let Some((directory, needed)) = &role.lays {
        findings.extend(said.room.get(directory).map(|room| laying(name, directory, *needed, room.0)));
    }
    findings
}

/// Its clock was read some time between the question and the answer.
fn clock(name: &Name, theirs: Timestamp, asked: Timestamp, heard: Timestamp) -> Finding {
    let what = format!("clock of host {name}");
    let ms = |from: Timestamp, to: Timestamp| i64::try_from(to.duration_since(from).as_millis()).unwrap_or(i64::MAX);
    let apart = match (ms(heard, theirs), ms(theirs, asked)) {
        (ahead, _) if ahead > 0 => ahead,
        (_, behind) if behind > 0 => -behind,
        _ => 0,
    };
    match apart.abs() {
        ..=APART_MS => Finding::ok(what, "agrees with this machine's"),
        _ => {
            let found = format!("it is {:+.1} s from this machine's", apart as f64 / 1000.0);
            Finding::warn(what, found, format!("chronyc tracking, or timedatectl, on {name} and here"))
        }
    }
}

fn versions(name: &Name, role: &Role, said: &Said, own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let what = format!("lifeboat on {name}");
    match said.versions.get("lifeboat") {
        Some(theirs) if theirs == own => findings.push(Finding::ok(what, format!("version {theirs}, as here"))),
        Some(theirs) => findings.push(Finding::warn(
            what,
            format!("version {theirs}, and here {own}"),
            "the same version on all hosts of the estate",
        )),
        None if role.serves => findings.push(Finding::warn(
            what,
            "it is not on the PATH there, so it cannot be asked by ssh",
            "install -m 755 lifeboat /usr/local/bin/lifeboat, there",
        )),
        None => {}
    }
    let others: Vec<(&str, &str)> = said.versions.iter().map(|(program, it)| (&**program, &**it)).collect();
    let others: Vec<_> = others
        .into_iter()
        .filter(|(program, it)| *program != "lifeboat" && !it.is_empty())
        .collect();
    if others.is_empty() {
        return findings;
    }
    let what = format!("programs on {name}");
    let all: Vec<String> = others.iter().map(|(program, it)| format!("{program} {it}")).collect();
    let older = others.iter().find_map(|(program, it)| {
        let least = role.at_least.get(*program)?;
        (minor(it)? < minor(least)?).then(|| format!("{program} {it} is older than {least}, which the cluster runs"))
    });
    findings.push(match older {
        Some(older) => {
            Finding::warn(what, older, "the cluster's version there: what is restored may not start on an older one")
        }
        None => Finding::ok(what, all.join(", ")),
    });
    findings
}

/// Major and minor.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn writing(name: &Name, directory: &str, used: &str, (free, all): (u64, u64)) -> Finding {
    let what = format!("room for {used} on {name}");
    let found = format!("{} free of {} under {directory}", bytes(free), bytes(all));
    match free {
        ..SCARCE => Finding::fail(what, found, format!("make room: df -h {directory}")).coded("LB0805"),
        ..ROOMY if free < all / SHARE => {
            Finding::warn(what, found, format!("make room before it is full: df -h {directory}"))
        }
        _ => Finding::ok(what, found),
    }
}

/// It is built beside what is there, which is set aside and stays.
fn laying(name: &Name, directory: &str, needed: Option<u64>, free: u64) -> Finding {
    let what = format!("room for a recovery on {name}");
    let Some(needed) = needed else {
        let found = format!("{} free under {directory}", bytes(free));
        return match free {
            ROOMY.. => Finding::ok(what, found),
            _ => Finding::unknown(
                what,
                found,
                "compare it with twice the size of the database: lifeboat check, where etcd runs",
            ),
        };
    };
    let found = format!("{} free under {directory}, and the database has {}", bytes(free), bytes(needed));
    match needed {
        needed if free < needed => Finding::fail(what, found, format!("make room: df -h {directory}")).coded("LB0805"),
        needed if free / 2 < needed => {
            Finding::warn(what, found, "room for twice the database: it is built beside what is there")
        }
        _ => Finding::ok(what, found),
    }
}
