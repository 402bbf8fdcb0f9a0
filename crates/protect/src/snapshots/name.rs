//! What a file's name says of a snapshot. Start at [`Named::of`]. Pure.
//!
//! Sources: k3s `pkg/etcd/snapshot.go` (`BASE-NODE-UNIX`, `.zip` when compressed), RKE `cmd/etcd.go` (`rke_etcd_snapshot_RFC3339`),
//! rke-tools `main.go` (`RFC3339_etcd`), Rancher's names for RKE1 (`c-abcde-rl-fghij_RFC3339`: recurring or manual, local or S3).

use super::Maker;
use super::recognise::Cluster;
use estate::Distribution;
use jiff::Timestamp;

/// The bases that k3s and RKE2 give by themselves: on a schedule, and when asked.
const BASES: [&str; 2] = ["etcd-snapshot", "on-demand"];
/// What a number at a name's end must be to be a time: some day from 2001 to 2286, in seconds.
const SECONDS: std::ops::RangeInclusive<i64> = 1_000_000_000..=9_999_999_999;
/// Endings that people give to what `etcdctl` writes.
const DATABASES: [&str; 4] = ["db", "snap", "snapshot", "etcd"];
/// What is not yet whole: `etcdctl`, k3s and S3 clients rename it when it is.
const UNFINISHED: [&str; 4] = ["part", "partial", "tmp", "minio"];
/// Endings of what may lie beside snapshots and is none.
const OTHERS: [&str; 28] = [
    "7z",
    "asc",
    "bz2",
    "conf",
    "crt",
    "enc",
    "gpg",
    "gz",
    "html",
    "json",
    "key",
    "log",
    "lz4",
    "md",
    "md5",
    "pem",
    "rkestate",
    "sh",
    "sha1",
    "sha256",
    "sha256sum",
    "sig",
    "tar",
    "tgz",
    "txt",
    "xz",
    "yaml",
    "yml",
];
/// The longest time that is looked for in a name, in bytes: with a fraction and an offset.
const LONGEST_STAMP: usize = 40;

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A snapshot.
    Snapshot(Told),
    /// A snapshot that was not written to its end.
    Unfinished,
    /// Something else.
    Other,
}

/// What the name of a snapshot says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) maker: Maker,
    pub(super) node: Option<String>,
    pub(super) cluster: Option<Cluster>,
    pub(super) at: Option<Timestamp>,
    pub(super) compressed: bool,
}

impl Named {
    /// What `name` (without folders) says, where snapshots of a cluster of `distribution` are looked for, whose `nodes` are
    /// known by these names.
    pub(super) fn of(name: &str, distribution: Distribution, nodes: &[String]) -> Self {
        let ending = ending(name);
        if ending.is_some_and(|it| UNFINISHED.contains(&it)) {
            return Self::Unfinished;
        }
        // etcd's own `member/snap` has such: no snapshot of the database, though it is called one.
        if is_of_raft(name) {
            return Self::Other;
        }
        let (stem, compressed) = name.strip_suffix(".zip").map_or((name, false), |stem| (stem, true));
        let told = |maker, node: Option<&str>, at| {
            Self::Snapshot(Told {
                maker,
                node: node.map(str::to_owned),
                cluster: None,
                at,
                compressed,
            })
        };
        if ending.is_some_and(|it| OTHERS.contains(&it)) {
            return Self::Other;
        }
        let is_database = !compressed && ending.is_some_and(|it| DATABASES.contains(&it));
        let rancher = matches!(distribution, Distribution::K3s | Distribution::Rke2);
        if !is_database && let Some((before, at)) = unix(stem) {
            let based = BASES.iter().find_map(|base| before.strip_prefix(base));
            let node = match based {
                Some(rest) => rest.strip_prefix('-').filter(|node| !node.is_empty()),
                None => nodes.iter().map(String::as_str).find(|node| ends_with_node(before, node)),
            };
            // `etcd-snapshots-1700000000` is somebody's own name, not a node called `s`.
            let is_based = based.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
            if is_based || rancher {
                return told(family(distribution), node, Some(at));
            }
        }
        let at = stamp(stem);
        if let Some(told) = rke1(stem, at, compressed) {
            return Self::Snapshot(told);
        }
        let plain = compressed || ending.is_none();
        match distribution {
            Distribution::Rke1 if plain => told(Maker::Rke1, None, at),
            // What k3s and RKE2 themselves list: every file in the directory.
            Distribution::K3s | Distribution::Rke2 if compressed => told(family(distribution), None, at),
            _ if is_database || (plain && is_called_so(stem)) => told(Maker::Etcdctl, None, at),
            _ => Self::Other,
        }
    }
}

/// Of the two that name alike, the one that the cluster is of.
pub(super) fn family(distribution: Distribution) -> Maker {
    match distribution {
        Distribution::K3s => Maker::K3s,
        Distribution::Rke2 => Maker::Rke2,
        _ => Maker::K3sOrRke2,
    }
}

/// Names that RKE1 and Rancher give by themselves.
fn rke1(stem: &str, at: Option<Timestamp>, compressed: bool) -> Option<Told> {
    let cluster = of_rancher(stem);
    let is_rke1 = cluster.is_some()
        || stem.starts_with("rke_etcd_snapshot_")
        || (at.is_some() && stem.ends_with("_etcd") && stem.starts_with(|c: char| c.is_ascii_digit()));
    is_rke1.then(|| Told {
        maker: Maker::Rke1,
        node: None,
        cluster: cluster.map(|id| Cluster::Rancher(id.to_owned())),
        at,
        compressed,
    })
}

/// Rancher's id of a cluster, in `c-abcde-rl-fghij` and whatever follows it.
fn of_rancher(stem: &str) -> Option<&str> {
    let mut parts = stem.split(['-', '_']);
    let (c, id, how, own) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_id = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_how = matches!(how, "rl" | "rs" | "ml" | "ms");
    (c == "c" && is_id(id) && is_how && is_id(own)).then(|| stem.get(..7)).flatten()
}

/// A name as people give it to `etcdctl`, without an ending.
fn is_called_so(stem: &str) -> bool {
    let lower = stem.to_ascii_lowercase();
    lower.contains("snapshot") || (lower.contains("etcd") && (lower.contains("backup") || lower.contains("snap")))
}

/// What stands before the number at the end, and that number as a time.
fn unix(stem: &str) -> Option<(&str, Timestamp)> {
    let (before, seconds) = stem.rsplit_once('-')?;
    let digits = seconds.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = seconds.parse().ok().filter(|it| digits && SECONDS.contains(it))?;
    Some((before, Timestamp::from_second(seconds).ok()?))
}

fn ends_with_node(before: &str, node: &str) -> bool {
    before.strip_suffix(node).is_some_and(|base| base.ends_with('-'))
}

/// The first time with its zone in a name, as in `2020-06-15T17:41:50-04:00`.
fn stamp(text: &str) -> Option<Timestamp> {
    let begins = text.char_indices().map(|(at, _)| at).filter(|at| {
        let bytes = text.as_bytes().get(*at..).unwrap_or_default();
        matches!(bytes, [a, b, c, d, b'-', _, _, b'-', _, _, b'T', ..] if [a, b, c, d].iter().all(|it| it.is_ascii_digit()))
    });
    begins.into_iter().find_map(|begin| {
        let rest = text.get(begin..)?;
        let mut ends: Vec<usize> = rest
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(LONGEST_STAMP)
            .collect();
        ends.reverse();
        ends.into_iter().find_map(|end| rest.get(..end)?.parse().ok())
    })
}

/// What follows the last dot, in lower case as it is compared.
fn ending(name: &str) -> Option<&str> {
    let (_, ending) = name.rsplit_once('.')?;
    let short = !ending.is_empty() && ending.len() <= 9;
    let known = |all: &[&'static str]| all.iter().copied().find(|it| it.eq_ignore_ascii_case(ending));
    let known = known(&DATABASES).or_else(|| known(&OTHERS)).or_else(|| known(&UNFINISHED));
    known.filter(|_| short)
}

/// `0000000000000002-00000000000186a1.snap`: term and index of the log.
fn is_of_raft(name: &str) -> bool {
    let hex = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let named = name.strip_suffix(".snap").or_else(|| name.strip_suffix(".snap.db"));
    named.is_some_and(|stem| stem.split_once('-').map_or(hex(stem), |(term, index)| hex(term) && hex(index)))
}
