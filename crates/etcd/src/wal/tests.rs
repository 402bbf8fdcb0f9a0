//! The log against what etcd's own tool wrote, and against files that lie.

use super::frame::Writer;
use super::*;
use crate::FileError;
use crate::wal::message::{Entry as Proposal, HardState as State, Mark as Kept, Metadata, SnapFile};
use proptest::prelude::*;
use prost::Message;
use std::path::PathBuf;
use tempfile::TempDir;

/// The written part of the log that `etcdutl snapshot restore` 3.6.16 makes for `n1` of the three below, token `tok`.
const THREE_MEMBERS: &[u8] = include_bytes!("tests/three-members.wal");

fn peers() -> Vec<Peer> {
    (1..=3)
        .map(|n| Peer::new(&format!("n{n}"), &[format!("http://10.0.0.{n}:2380")], "tok"))
        .collect()
}

/// A directory with these segments, each with its sequence number, laid out in advance to 4 KiB more than is written.
fn directory(segments: &[&[u8]]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal");
    std::fs::create_dir(&path).unwrap();
    for (segment, sequence) in segments.iter().zip(0..) {
        let bytes = [segment, [0; 4096].as_slice()].concat();
        std::fs::write(path.join(format!("{sequence:016x}-{sequence:016x}.wal")), bytes).unwrap();
    }
    (folder, path)
}

fn read_back(segments: &[&[u8]]) -> Result<Log, FileError> {
    let (_folder, path) = directory(segments);
    read(&path, 0)
}

fn damage(segments: &[&[u8]]) -> String {
    let error = read_back(segments).unwrap_err();
    assert!(matches!(error, FileError::Damaged { .. }), "{error}");
    let text = error.to_string();
    text[text.find(" is damaged").unwrap()..].to_owned()
}

/// A log that starts at once: no mark, this metadata.
fn begun() -> Writer {
    let mut log = Writer::default();
    log.put(kind::CHECKSUM, None);
    log.put(kind::METADATA, Some(Metadata { node_id: Some(1), cluster_id: Some(2) }.encode_to_vec()));
    log
}

fn propose(log: &mut Writer, index: u64, data: &[u8]) {
    let it = Proposal {
        r#type: Some(0),
        term: Some(2),
        index: Some(index),
        data: Some(data.to_vec().into()),
    };
    log.put(kind::ENTRY, Some(it.encode_to_vec()));
}

fn promise(log: &mut Writer, commit: u64) {
    let it = State { term: Some(2), vote: Some(1), commit: Some(commit) };
    log.put(kind::STATE, Some(it.encode_to_vec()));
}

#[test]
fn a_fresh_log_is_the_one_that_etcdutl_writes() {
    let peers = peers();
    assert_eq!(peers[0].id, 0x9852_1e8c_6c48_c6da);
    let made = fresh(&peers, peers[0].id);
    assert_eq!(made.wal, THREE_MEMBERS);
    assert_eq!((made.index, made.term, made.cluster_id), (3, 1, 0x8e67_f3b9_7769_8ab3));
    assert_eq!(made.snap_name, "0000000000000001-0000000000000003.snap");
    let voters = "\"voters\":[7039204014346277336,8836485888643137694,10975868830316283610]";
    assert!(
        made.conf_state.contains(voters) && made.conf_state.contains("\"auto_leave\":false"),
        "{}",
        made.conf_state
    );
}

#[test]
fn only_the_log_differs_between_members() {
    let peers = peers();
    let [one, two] = [0, 1].map(|n| fresh(&peers, peers[n].id));
    assert_ne!(one.wal, two.wal);
    assert_eq!(Fresh { wal: Vec::new(), ..one }, Fresh { wal: Vec::new(), ..two });
}

#[test]
fn the_snap_file_holds_the_members_where_etcd_3_5_looks() {
    let made = fresh(&peers(), 1);
    let file = SnapFile::decode(made.snap.as_slice()).unwrap();
    let data = file.data.unwrap();
    assert_eq!(file.crc, Some(crc32c::crc32c(&data)));
    let state = message::State::decode(data).unwrap();
    let tree: serde_json::Value = serde_json::from_slice(&state.data.unwrap()).unwrap();
    let found = "/Root/Children/0/Children/members/Children/98521e8c6c48c6da/Children/raftAttributes";
    let found = tree.pointer(found).unwrap();
    assert_eq!(found["Path"], "/0/members/98521e8c6c48c6da/raftAttributes");
    assert_eq!(found["Value"], "{\"peerURLs\":[\"http://10.0.0.1:2380\"]}");
    assert!(found["Children"].is_null(), "a node with children is a directory");
    // How etcd itself ends such a file.
    let theirs =
        b"\x12\x27\x0a\x21\x08\xd8\xa3\xf4\xc4\x97\xd8\x91\xd8\x61\x08\x9e\x81\xce\xba\x91\xa3\xe0\xd0\x7a\x08\xda\x8d\
        \xa3\xe2\xc6\xd1\x87\xa9\x98\x01\x28\x00\x10\x03\x18\x01";
    assert!(made.snap.ends_with(theirs), "{}", made.snap.escape_ascii());
}

#[test]
fn the_order_of_urls_does_not_change_an_id() {
    let urls = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (one, other) = (urls(&["http://b:1", "http://a:1"]), urls(&["http://a:1", "http://b:1"]));
    assert_eq!(member_id(&one, "t"), member_id(&other, "t"));
    assert_ne!(member_id(&one, "t"), member_id(&one, "u"));
    assert_eq!(cluster_id(&[1, 2]), cluster_id(&[2, 1]));
}

#[test]
fn what_etcdutl_wrote_is_read() {
    let log = read_back(&[THREE_MEMBERS]).unwrap();
    assert_eq!((log.member_id, log.cluster_id), (0x9852_1e8c_6c48_c6da, 0x8e67_f3b9_7769_8ab3));
    assert_eq!(log.state, HardState { term: 1, vote: 0x61b0_46c1_789d_11d8, commit: 3 });
    assert_eq!(log.marks, [Mark { index: 0, term: 0 }, Mark { index: 3, term: 1 }]);
    let entries: Vec<_> = log.entries.iter().map(|e| (e.index, e.term, e.is_conf_change)).collect();
    assert_eq!(entries, [(1, 1, true), (2, 1, true), (3, 1, true)]);
    assert_eq!((log.segments, log.torn, log.last_index), (1, None, 3));
}

#[test]
fn what_a_database_lacks_is_counted() {
    let mut log = begun();
    for (index, data) in [(1, "a"), (2, ""), (3, "b"), (4, "c"), (5, "d")] {
        propose(&mut log, index, data.as_bytes());
    }
    promise(&mut log, 4);
    let log = log.finish();
    let (_folder, path) = directory(&[&log]);
    for (held, entries, requests, uncertain) in [(0, 4, 3, 1), (1, 3, 2, 1), (3, 1, 1, 1), (4, 0, 0, 1), (9, 0, 0, 0)] {
        let missing = read(&path, held).unwrap().missing(held);
        assert_eq!(missing, Missing { entries, requests, uncertain, gap: false }, "{held}");
    }
}

#[test]
fn a_log_that_begins_after_the_database_is_a_gap() {
    let mut log = begun();
    propose(&mut log, 7, b"a");
    promise(&mut log, 7);
    let log = log.finish();
    let (_folder, path) = directory(&[&log]);
    assert!(read(&path, 5).unwrap().missing(5).gap);
    assert_eq!(
        read(&path, 6).unwrap().missing(6),
        Missing { entries: 1, requests: 1, uncertain: 0, gap: false }
    );
}

#[test]
fn an_entry_that_comes_again_replaces_what_followed() {
    let mut log = begun();
    for index in [1, 2, 3, 2] {
        propose(&mut log, index, b"a");
    }
    promise(&mut log, 2);
    let log = read_back(&[&log.finish()]).unwrap();
    assert_eq!(log.entries.iter().map(|e| e.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(log.last_index, 2);
}

#[test]
fn entries_may_be_missing_only_where_a_snapshot_stands_for_them() {
    let mut log = begun();
    propose(&mut log, 1, b"a");
    propose(&mut log, 3, b"a");
    assert!(damage(&[&log.finish()]).ends_with(": entry 3 follows entry 1"));

    let mut log = begun();
    propose(&mut log, 1, b"a");
    log.put(kind::MARK, Some(Kept { index: Some(9), term: Some(2), conf_state: None }.encode_to_vec()));
    propose(&mut log, 10, b"a");
    let log = read_back(&[&log.finish()]).unwrap();
    assert_eq!(log.entries.iter().map(|e| e.index).collect::<Vec<_>>(), [10]);
}

#[test]
fn the_end_of_the_last_segment_may_be_torn_and_nothing_else() {
    let end = begun().finish().len();
    let mut log = begun();
    propose(&mut log, 1, &[7; 2000]);
    let whole = log.finish();
    // The power went before these sectors were written.
    let mut torn = whole.clone();
    torn[1024..].fill(0);
    let log = read_back(&[&torn]).unwrap();
    assert!(log.entries.is_empty());
    let said = log.torn.unwrap();
    assert!(said.contains(&format!(" at byte {end}: ")), "{said}");
    assert!(damage(&[&torn, &whole]).contains(&format!(" at byte {end}: ")));
    // Cut off instead.
    let (_folder, path) = directory(&[]);
    std::fs::write(path.join(FIRST_SEGMENT), &whole[..1024]).unwrap();
    assert!(read(&path, 0).unwrap().torn.is_some());
    // A bit that flipped is no power loss.
    let mut flipped = whole;
    flipped[700] ^= 1;
    assert_eq!(damage(&[&flipped]), format!(" is damaged at byte {end}: its checksum does not match"));
}

#[test]
fn what_is_no_log_says_why() {
    let (_folder, path) = directory(&[]);
    let said = read(&path, 0).unwrap_err().to_string();
    assert!(
        said.ends_with("is damaged at its list of segments: there is no segment of a log"),
        "{said}"
    );
    let said = read(&path.join("none"), 0).unwrap_err();
    assert!(matches!(&said, FileError::Io { doing: "read", .. }), "{said}");

    assert!(damage(&[&[]]).ends_with(": it does not say whose log it is"));
    let mut log = begun();
    log.put(9, None);
    assert!(damage(&[&log.finish()]).ends_with(": a record of type 9 is not known"));
    let mut log = begun();
    log.put(kind::METADATA, Some(vec![1]));
    assert!(damage(&[&log.finish()]).ends_with(": it is of another member or cluster"));

    let (_folder, path) = directory(&[THREE_MEMBERS, THREE_MEMBERS]);
    std::fs::rename(
        path.join("0000000000000001-0000000000000001.wal"),
        path.join("0000000000000005-0000000000000001.wal"),
    )
    .unwrap();
    let said = read(&path, 0).unwrap_err().to_string();
    assert!(
        said.ends_with("segment 0000000000000000 is followed by segment 0000000000000005"),
        "{said}"
    );
}

#[test]
fn a_segment_goes_on_from_the_checksum_before() {
    let said = damage(&[THREE_MEMBERS, THREE_MEMBERS]);
    assert!(said.ends_with("byte 0: the checksum does not go on from what is before"), "{said}");
}

#[test]
fn a_hostile_length_takes_no_memory() {
    let mut log = begun().finish();
    let end = log.len();
    log.extend_from_slice(&(u64::MAX >> 8).to_le_bytes());
    let said = damage(&[&log, &[]]);
    assert!(
        said.contains(&format!("byte {end}: a record of 72057594037927935 bytes goes beyond")),
        "{said}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_logs_never_panic(at in 0_usize..536, bit in 0_u32..8, cut in 0_usize..=536, after in 0_u64..5) {
        let mut log = THREE_MEMBERS.to_vec();
        log[at] ^= 1 << bit;
        log.truncate(cut);
        let (_folder, path) = directory(&[&log, THREE_MEMBERS]);
        let _ = read(&path, after);
        let (_folder, path) = directory(&[&log]);
        if let Ok(found) = read(&path, after) {
            prop_assert!(found.entries.len() <= 3);
            let _ = found.missing(after);
        }
    }

    #[test]
    fn any_bytes_never_panic(log in proptest::collection::vec(any::<u8>(), 0..600), after: u64) {
        let (_folder, path) = directory(&[&log]);
        if let Ok(found) = read(&path, after) {
            let _ = found.missing(after);
        }
    }

    #[test]
    fn hostile_entries_never_panic(indexes in proptest::collection::vec(prop_oneof![0..9_u64, any::<u64>()], 0..20), after: u64) {
        let mut log = begun();
        for index in indexes {
            log.put(kind::MARK, Some(Kept { index: index.checked_sub(1), term: None, conf_state: None }.encode_to_vec()));
            propose(&mut log, index, b"");
            promise(&mut log, index);
        }
        let log = log.finish();
        let (_folder, path) = directory(&[&log]);
        for after in [0, 3, after] {
            let found = read(&path, after).unwrap();
            prop_assert!(found.entries.windows(2).all(|pair| pair[0].index + 1 == pair[1].index));
            let _ = found.missing(after);
        }
    }
}
