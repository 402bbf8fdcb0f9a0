//! What is recognised by its name, what it lacks, and how it is shown.

use super::default::directory_in;
use super::look::entries;
use super::*;
use estate::Distribution::{self, K3s, Kubeadm, Other, Rke1, Rke2};
use jiff::Timestamp;
use proptest::prelude::*;
use std::fmt::Write as _;

/// When all files here were written.
const WRITTEN: &str = "2026-11-28T21:00:00Z";

fn entry(path: &str) -> Entry {
    Entry {
        path: path.to_owned(),
        bytes: 4096,
        written: WRITTEN.parse().unwrap(),
    }
}

fn of(paths: &[&str], distribution: Distribution, nodes: &[&str]) -> Recognised {
    let entries: Vec<Entry> = paths.iter().map(|path| entry(path)).collect();
    recognise(&entries, distribution, &owned(nodes))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

/// A line a snapshot, and one for the rest.
fn table(found: &Recognised, nodes: &[&str]) -> String {
    let mut text = String::new();
    for it in &found.snapshots {
        let from = if it.at_from == TimeFrom::Name { "name" } else { "file" };
        let node = it.node.as_deref().unwrap_or("-");
        let cluster = it.cluster.as_ref().map_or("-".to_owned(), ToString::to_string);
        let kept = [(it.compressed, "compressed"), (it.metadata.is_some(), "metadata")];
        let kept: Vec<_> = kept.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
        writeln!(
            text,
            "{} | {} | {node} | {cluster} | {} by {from} | {}",
            it.path,
            it.maker,
            it.at,
            kept.join(" ")
        )
        .unwrap();
    }
    writeln!(text, "passed over: {}", found.passed_over).unwrap();
    for note in found.notes(&owned(nodes)) {
        writeln!(text, "note: {note}").unwrap();
    }
    text
}

const OF_RKE2: [&str; 16] = [
    "etcd-snapshot-server-1-1700000000",
    "etcd-snapshot-server-1-1700043200.zip",
    "../.metadata/etcd-snapshot-server-1-1700043200.zip",
    "on-demand-ip-10-0-0-1.ec2.internal-1700050000",
    "nightly-server-1-1700060000",
    "nightly-elsewhere-1700060001",
    "etcd-snapshot-1600000000",
    "etcd-snapshots-1700000001",
    "before-upgrade.zip",
    "snapshot.db",
    "README.md",
    "etcd-snapshot-server-1-1700090000.part",
    "etcd-snapshot-server-1-17x",
    "../.metadata/etcd-snapshot-gone-1",
    "member/snap/db",
    "00000002-etcd-snapshot.tar.gz",
];

#[test]
fn names_of_rke2_are_recognised() {
    let nodes = ["server-1"];
    insta::assert_snapshot!(table(&of(&OF_RKE2, Rke2, &nodes), &nodes));
}

#[test]
fn names_of_rke1_are_recognised() {
    let names = [
        "rke_etcd_snapshot_2020-06-15T17:41:50-04:00.zip",
        "rke_etcd_snapshot_2018-05-17T23:32:08+02:00",
        "2019-01-02T03:04:05Z_etcd.zip",
        "c-fmpxk-rl-vb4gc_2020-06-23T21:45:50Z.zip",
        "c-5m8vl-ms-7xh2k.zip",
        "before-upgrade.zip",
        "before-upgrade",
        "pki.bundle.tar.gz",
        "before-upgrade.rkestate",
        "cluster.yml",
    ];
    insta::assert_snapshot!(table(&of(&names, Rke1, &[]), &[]));
}

#[test]
fn names_that_people_give_are_recognised_where_nothing_is_by_itself() {
    let names = [
        "prod/etcd-2026-11-28.db",
        "prod/snapshot-2026-11-28T03:04:05Z.db",
        "prod/etcd_backup_20261128",
        "test/Snapshot.SNAP",
        "test/etcd-snapshot-1.json",
        "test/etcd-snapshot.db.gz",
        "test/etcd-snapshot-server-1-1700000000",
        "etcd/member/snap/db",
        "etcd/member/snap/0000000000000002-00000000000186a1.snap",
        "etcd/member/snap/00000000000186a1.snap.db",
        "upload.minio",
        "holiday.zip",
        "backup-b0450532-cee1-4aa1-a881-f5f48a007b1c-2020-09-15T07-27-09Z.tar.gz",
    ];
    insta::assert_snapshot!(table(&of(&names, Kubeadm, &["cp-1"]), &["cp-1"]));
}

#[test]
fn what_a_bucket_notes_says_more_than_a_name() {
    let mut found = of(&["a/nightly-x-1700000000", "a/nightly-y-1700000001"], Kubeadm, &[]);
    assert!(found.snapshots.is_empty(), "a number alone is no reason to take a file for a snapshot");
    found = of(&["nightly-x-1700000000", "nightly-y-1700000001"], Rke2, &[]);
    let notes = |program: &str, cluster: &str| {
        let note = |what: &str, value: &str| (format!("{program}-{what}"), value.to_owned());
        Learned::of(
            &[
                note("node-name", "x"),
                note("cluster-id", cluster),
                note("token-hash", "0a1b2c3d4e5f"),
            ]
            .into(),
        )
    };
    found.snapshots[0].learn(notes("rke2", "uid-1"));
    found.snapshots[1].learn(notes("k3s", "uid-2"));
    insta::assert_snapshot!(table(&found, &["y"]));
    assert_eq!(found.snapshots[0].token_hash.as_deref(), Some("0a1b2c3d4e5f"));
    assert_eq!(Learned::of(&[("etag".to_owned(), "1".to_owned())].into()), Learned::default());
}

fn verified() -> Verified {
    Verified {
        revision: 7,
        compaction: 1,
        keys: 3,
        bytes: 4096,
        hashed: true,
        etcd: None,
        members: Vec::new(),
        program: None,
        bootstrap: vec!["0a1b2c3d4e5f".to_owned()],
        cluster: None,
        encrypted: Vec::new(),
        state_file: None,
    }
}

#[test]
fn what_a_snapshot_lacks_is_said_with_where_it_is() {
    let bare = Verified { bootstrap: Vec::new(), ..verified() };
    let encrypted = Verified {
        encrypted: vec!["aescbc key1".to_owned()],
        hashed: false,
        ..bare.clone()
    };
    let state = Verified {
        state_file: Some("backup/x.rkestate".to_owned()),
        ..bare.clone()
    };
    let usual = "/var/lib/rancher/rke2/server/db/snapshots";
    let mut text = String::new();
    for (what, distribution, name, verified, directory) in [
        ("RKE2, not looked into", Rke2, "etcd-snapshot-a-1700000000", None, Some(usual)),
        ("RKE2", Rke2, "etcd-snapshot-a-1700000000", Some(&verified()), None),
        (
            "k3s, in another data directory",
            K3s,
            "x.zip",
            None,
            Some("/data/k3s/server/db/snapshots/"),
        ),
        (
            "RKE2 without bootstrap data, encrypted, without a hash",
            Rke2,
            "x.zip",
            Some(&encrypted),
            None,
        ),
        ("RKE1, not looked into", Rke1, "x.zip", None, None),
        ("RKE1, plain", Rke1, "x", None, None),
        ("RKE1 without a state file", Rke1, "x.zip", Some(&bare), None),
        ("RKE1 with a state file", Rke1, "x.zip", Some(&state), None),
        ("kubeadm, not looked into", Kubeadm, "x.db", None, None),
        ("kubeadm, not encrypted", Kubeadm, "x.db", Some(&bare), None),
        ("kubeadm, encrypted, without a hash", Kubeadm, "x.db", Some(&encrypted), None),
        ("others", Other, "x.db", None, None),
    ] {
        let found = of(&[name], distribution, &[]);
        writeln!(text, "{what}:").unwrap();
        for lack in lacks(&found.snapshots[0], verified, distribution, directory) {
            writeln!(text, "- {lack}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn rows_have_names_that_tell_them_apart() {
    let listing = |host: &str, paths: &[&str]| {
        let found = of(paths, Rke1, &[]);
        let place = Place::Directory {
            host: cluster::Host::local(host),
            path: "/opt/rke/etcd-snapshots".to_owned(),
        };
        Listing { place, notes: Vec::new(), found }
    };
    let both = "rke_etcd_snapshot_2020-06-15T17:41:50Z.zip";
    let listings = [
        listing("a", &[both, "2019-01-02T03:04:05Z_etcd"]),
        listing("b", &[both]),
    ];
    let damaged = Err(Error::Damaged {
        snapshot: both.to_owned(),
        reason: "it is empty (at its beginning)".to_owned(),
    });
    let away = Err(Error::Absent { place: "b".to_owned() });
    let sound = Ok(verified());
    let judged = |listing: &Listing, it: &FoundSnapshot| match (&listing.place, it.compressed) {
        (Place::Directory { host, .. }, true) if host.name() == "a" => Some(&damaged),
        (_, true) => Some(&away),
        _ => Some(&sound),
    };
    let rows = rows(&listings, Rke1, &judged);
    insta::assert_snapshot!(serde_json::to_string_pretty(&rows).unwrap());
}

#[test]
fn a_host_says_where_its_snapshots_are() {
    for (program, lines, wanted) in [
        ("rke2", "", "/var/lib/rancher/rke2/server/db/snapshots"),
        ("k3s", "data-dir: /data/k3s/\n", "/data/k3s/server/db/snapshots"),
        ("k3s", "data-dir: \"/a\"\ndata-dir: '/b' # moved\n", "/b/server/db/snapshots"),
        ("rke2", "etcd-snapshot-dir: /backup\ndata-dir: /b\n", "/backup"),
        (
            "rke2",
            "data-dir: [a, b]\ndata-dir:\ndata-dir: relative\n",
            "/var/lib/rancher/rke2/server/db/snapshots",
        ),
    ] {
        assert_eq!(directory_in(program, lines), wanted);
    }
}

#[test]
fn what_find_prints_is_read() {
    let read = entries("12 1700000000.5000000000 a b\n c\x000 1700000001.0 x/y\0").unwrap();
    let shown: Vec<_> = read.iter().map(|it| (it.path.as_str(), it.bytes, it.written)).collect();
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    assert_eq!(shown, [("a b\n c", 12, at(1_700_000_000)), ("x/y", 0, at(1_700_000_001))]);
    assert!(entries("12 never x\0").unwrap_err().contains("never"));
}

proptest! {
    #[test]
    fn any_names_can_be_listed(paths in prop::collection::vec("[a-zA-Z0-9:+._/é -]{0,60}", 0..8), which in 0..5_usize) {
        let distribution = [K3s, Rke2, Rke1, Kubeadm, Other][which];
        let all: Vec<&str> = paths.iter().map(String::as_str).collect();
        let found = of(&all, distribution, &["a", "server-1"]);
        let counted = found.snapshots.len() + found.passed_over + found.unfinished.len();
        prop_assert!(counted <= paths.len());
        let _ = found.notes(&owned(&["a"]));
        for snapshot in &found.snapshots {
            prop_assert!(!lacks(snapshot, None, distribution, None).is_empty());
        }
    }

    #[test]
    fn any_output_of_a_host_is_read_or_refused(text in "\\PC{0,80}", program in "k3s|rke2") {
        let _ = entries(&text);
        prop_assert!(directory_in(&program, &text).starts_with('/'));
    }
}
