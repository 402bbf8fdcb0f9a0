//! The buckets beside the records.

use super::*;

fn entries(list: &[(&'static str, &'static str)]) -> Entries {
    list.iter()
        .map(|(key, value)| (Bytes::from(*key), Bytes::from(*value)))
        .collect()
}

fn source(list: &[(&str, &[(&'static str, &'static str)])]) -> Buckets {
    list.iter().map(|(name, list)| ((*name).to_owned(), entries(list))).collect()
}

const REVISIONS: Revisions = Revisions { at: 5, compacted: 9, current: 9 };

#[test]
fn users_come_along_and_the_old_cluster_does_not() {
    let from = source(&[
        ("alarm", &[("nospace", "")]),
        ("auth", &[("authEnabled", "\u{1}")]),
        ("authUsers", &[("root", "u")]),
        ("cluster", &[("clusterVersion", "3.6.0"), ("downgrade", "{}")]),
        ("members", &[("1", "{}")]),
        ("members_removed", &[("2", "removed")]),
        ("meta", &[("consistent_index", "77777777"), ("storageVersion", "3.6.0")]),
    ]);
    let (made, warnings) = others(&from, Line::V3_6, &REVISIONS, None);
    assert_eq!(warnings, []);
    let filled: Vec<_> = made
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(filled, ["auth", "authUsers", "meta"]);
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    let all = [
        "alarm",
        "auth",
        "authRoles",
        "authUsers",
        "cluster",
        "lease",
        "members",
        "members_removed",
        "meta",
    ];
    assert_eq!(names, all);
    let mark = Bytes::from_static(b"\0\0\0\0\0\0\0\x09_\0\0\0\0\0\0\0\0");
    let marks = [("finishedCompactRev", mark.clone()), ("scheduledCompactRev", mark)];
    assert_eq!(made["meta"], marks.map(|(name, mark)| (Bytes::from(name), mark)));
}

#[test]
fn a_member_finds_what_its_line_knows() {
    let peers = [wal::Peer::new("n1", &["http://a:1".to_owned()], "t")];
    let fresh = wal::fresh(&peers, peers[0].id);
    for (line, storage, cluster) in [
        (Line::V3_5, None, "3.5.0"),
        (Line::V3_6, Some("3.6.0"), "3.6.0"),
        (Line::V3_7, Some("3.7.0"), "3.7.0"),
    ] {
        let (made, _) = others(&Buckets::new(), line, &REVISIONS, Some((&fresh, &peers)));
        let found = |bucket: &str, key: &str| made[bucket].iter().find(|(name, _)| name == key).map(|(_, v)| v.clone());
        assert_eq!(found("meta", "storageVersion"), storage.map(Bytes::from));
        assert_eq!(found("cluster", "clusterVersion"), Some(Bytes::from(cluster)));
        assert_eq!(found("meta", "consistent_index"), Some(Bytes::from_static(b"\0\0\0\0\0\0\0\x01")));
        assert!(made["meta"].is_sorted());
        assert_eq!(made["members"][0].0, format!("{:x}", peers[0].id));
    }
}

#[test]
fn what_only_a_newer_etcd_knows_is_said() {
    let from = source(&[("meta", &[("storageVersion", "3.8.0")]), ("novel", &[("a", "b")])]);
    let (made, warnings) = others(&from, Line::V3_7, &REVISIONS, None);
    assert!(!made.contains_key("novel"));
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "the source was kept by etcd 3.8.0, which is newer than 3.7: features of it are lost",
            "bucket novel with 1 entries is left out: a newer etcd made it",
        ]
    );
    let from = source(&[
        ("cluster", &[("clusterVersion", "3.7.0")]),
        ("meta", &[("storageVersion", "3.6.0")]),
    ]);
    let warning = Warning::NewerStorage { version: "3.7.0".to_owned(), line: Line::V3_6 };
    assert_eq!(others(&from, Line::V3_6, &REVISIONS, None).1, [warning]);
    assert_eq!(others(&from, Line::V3_7, &REVISIONS, None).1, []);
    let (made, warnings) = others(&source(&[("novel", &[("a", "b")])]), Line::V3_5, &REVISIONS, None);
    assert_eq!(warnings.len(), 1);
    assert_eq!(made["novel"].len(), 1);
}

#[test]
fn leases_are_kept_as_they_are_or_as_they_were_granted() {
    let key = |id: i64| Bytes::copy_from_slice(&id.to_be_bytes());
    let entry = |id: i64, value: &'static [u8]| (key(id), Bytes::from_static(value));
    let others = BTreeMap::from([("lease".to_owned(), vec![entry(1, b"as it is"), entry(2, b"unused")])]);
    let known = BTreeMap::from([
        (1, LeaseTtl { granted_s: 5, remaining_s: 1 }),
        (3, LeaseTtl { granted_s: 300, remaining_s: 4 }),
        (4, LeaseTtl { granted_s: 0, remaining_s: -1 }),
    ]);
    let used = BTreeSet::from([-1, 1, 3, 4]);
    let made = leases(&others, &known, &used, false);
    assert_eq!(made.missing, [-1, 4]);
    let expected = [
        entry(1, b"as it is"),
        entry(3, b"\x08\x03\x10\xac\x02"),
        entry(4, b"\x08\x04\x10\x90\x1c"),
        entry(-1, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x90\x1c"),
    ];
    assert_eq!(made.entries, expected, "in the order of their keys");
    let made = leases(&others, &known, &BTreeSet::new(), true);
    assert_eq!(made.entries, [entry(1, b"as it is"), entry(2, b"unused")]);
}
