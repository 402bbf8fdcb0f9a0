//! What does not simply go on: merges, other timelines, holes, damage, rivals, a shelf that is away; and the bound of the file.

use super::promoted::history;
use super::*;
use crate::history::{BaseHeader, BaseWriter, Kind, Link, Seen, SegmentHeader, encode_segment};
use std::io;

fn follower(folder: &tempfile::TempDir) -> Follower {
    Follower::open(&folder.path().join("f")).unwrap()
}

#[test]
fn a_shelf_that_is_away_is_no_reason_to_claim_anything() {
    let (history, folder) = (history(), tempfile::tempdir().unwrap());
    let (memory, shelf) = shelf();
    let mut it = follower(&folder);
    assert!(matches!(it.advance(&shelf), Err(FollowError::NoHistory)));
    memory.put(&history.objects.0[..3]);
    it.advance(&shelf).unwrap();
    let position = it.position().cloned();
    assert!(it.lag().is_current());
    memory.away.store(true, Ordering::Relaxed);
    assert!(it.advance(&shelf).is_err());
    assert_eq!(
        (it.lag().is_current(), it.lag().behind(), it.position()),
        (false, None, position.as_ref())
    );
    assert_eq!(it.lag().seen.unwrap().revision, position.unwrap().revision);
    memory.away.store(false, Ordering::Relaxed);
    memory.put(&history.objects.0);
    it.advance(&shelf).unwrap();
    is_the_newest(&it, &shelf);
}

#[test]
fn what_was_merged_away_is_made_anew_and_what_lost_its_end_is_kept() {
    let (history, folder) = (history(), tempfile::tempdir().unwrap());
    let (memory, shelf) = shelf();
    memory.put(&history.objects.0[..4]);
    let mut it = follower(&folder);
    it.advance(&shelf).unwrap();
    // Another base stands for all that there was.
    let other = made::History::of(
        history.model.clone(),
        &Cuts {
            compaction: 4,
            base: 25,
            segments: BTreeSet::new(),
            gap: None,
        },
    );
    *memory.objects.lock().unwrap() = other.objects.0.iter().cloned().collect();
    assert_eq!(
        it.advance(&shelf).unwrap(),
        Done::Built {
            instead: Some("what follows revision 21 was merged".to_owned())
        }
    );
    is_the_newest(&it, &shelf);
    // The end is gone.
    let position = it.position().cloned();
    *memory.objects.lock().unwrap() = history.objects.0[..3].iter().cloned().collect();
    let ahead = it.advance(&shelf).unwrap_err().to_string();
    assert!(
        ahead.contains("ends at revision 20 of timeline 1, before what is here already"),
        "{ahead}"
    );
    assert_eq!((it.position(), it.lag().is_current()), (position.as_ref(), false));
}

fn base_of(timeline: u32, record: &Record) -> (Name, Bytes) {
    base_from(timeline, made::header(1, 1).source.cluster_id, record)
}

fn base_from(timeline: u32, cluster_id: u64, record: &Record) -> (Name, Bytes) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    writer.live(record).unwrap();
    let mut header = BaseHeader { timeline, ..made::header(record.revision.main, 1) };
    header.source.cluster_id = cluster_id;
    let (written, bytes) = writer.finish(header, &crate::history::Buckets::new()).unwrap();
    (written.name, bytes.into())
}

#[test]
fn the_history_of_another_cluster_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shelf) = shelf();
    let own = base_from(1, 0xa, &put(7, "own", 10));
    memory.put([&own]);
    let mut it = follower(&folder);
    it.advance(&shelf).unwrap();
    let position = it.position().cloned();
    for (other, why) in [
        (base_from(1, 0xb, &put(9, "other", 10)), "it is of cluster b, and what is here of a"),
        // As one that was imported from a file, whose revisions were raised.
        (base_from(1, 0, &put(1_000_000, "older", 10)), "it does not say of which cluster it is"),
        (base_from(2, 0xa, &put(9, "unknown", 10)), "it has no timeline 1"),
        // Also where it ends earlier.
        (base_from(1, 0xb, &put(3, "other", 10)), "it is of cluster b"),
    ] {
        *memory.objects.lock().unwrap() = BTreeMap::from([other]);
        let said = it.advance(&shelf).unwrap_err();
        assert!(matches!(said, FollowError::Stranger { .. }) && said.to_string().contains(why), "{said}");
        assert_eq!((it.position(), it.lag().is_current()), (position.as_ref(), false));
    }
    // Nor can one that does not say it be told from another such one.
    let unknown = base_from(1, 0, &put(7, "unknown", 10));
    let second = tempfile::tempdir().unwrap();
    let (other_memory, other_shelf) = super::shelf();
    other_memory.put([&unknown]);
    let mut imported = follower(&second);
    imported.advance(&other_shelf).unwrap();
    *other_memory.objects.lock().unwrap() = BTreeMap::from([base_from(1, 0, &put(9, "other", 10))]);
    assert!(matches!(imported.advance(&other_shelf), Err(FollowError::Stranger { .. })));
    // Its own, which a restore made another cluster of, is known by the timeline before.
    *memory.objects.lock().unwrap() = BTreeMap::from([own, base_from(2, 0xb, &put(9, "restored", 10))]);
    assert!(matches!(it.advance(&shelf).unwrap(), Done::Built { instead: Some(_) }));
    assert_eq!(it.position().unwrap().timeline, 2);
}

#[test]
fn a_younger_timeline_is_gone_over_to() {
    let (history, folder) = (history(), tempfile::tempdir().unwrap());
    let (memory, shelf) = shelf();
    memory.put(&history.objects.0);
    let mut it = follower(&folder);
    it.advance(&shelf).unwrap();
    memory.put([&base_of(2, &put(5, "after a restore", 10))]);
    let why = "the history went on as timeline 2".to_owned();
    assert_eq!(it.advance(&shelf).unwrap(), Done::Built { instead: Some(why) });
    is_the_newest(&it, &shelf);
    assert_eq!((it.position().unwrap().timeline, it.position().unwrap().revision), (2, 5));
}

#[test]
fn a_file_that_was_changed_does_not_count() {
    let (history, folder) = (history(), tempfile::tempdir().unwrap());
    let (memory, shelf) = shelf();
    memory.put(&history.objects.0);
    let path = folder.path().join("f/db");
    let mut found = 0;
    for at in (8192..40_000).step_by(37) {
        let mut it = follower(&folder);
        it.advance(&shelf).unwrap();
        drop(it);
        let mut bytes = std::fs::read(&path).unwrap();
        let Some(byte) = bytes.get_mut(at) else { break };
        *byte ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let mut it = follower(&folder);
        found += usize::from(it.lost().is_some());
        let damaged = it.lost().is_some();
        assert_eq!(it.position().is_none(), damaged);
        it.advance(&shelf).unwrap();
        // Either it was a page that nobody reads, or it was made anew.
        is_the_newest(&it, &shelf);
    }
    assert!(found > 10, "{found}");
}

#[test]
fn damage_on_the_shelf_stops_before_it() {
    let (history, folder) = (history(), tempfile::tempdir().unwrap());
    let (memory, shelf) = shelf();
    memory.put(&history.objects.0[..2]);
    let mut it = follower(&folder);
    it.advance(&shelf).unwrap();
    let mut objects = history.objects.0.clone();
    let mut bytes = objects[4].1.to_vec();
    bytes[12] ^= 1;
    objects[4].1 = bytes.into();
    memory.put(&objects);
    assert!(matches!(it.advance(&shelf), Err(FollowError::File(FileError::Damaged { .. }))));
    let Name::Segment(before) = objects[3].0 else { panic!() };
    assert_eq!((it.position().unwrap().revision, it.lag().behind()), (before.through, None));
    memory.put(&history.objects.0);
    it.advance(&shelf).unwrap();
    is_the_newest(&it, &shelf);
}

#[test]
fn one_directory_has_one_follower_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let it = follower(&folder);
    let busy = Follower::open(&folder.path().join("f")).err().unwrap();
    assert!(matches!(busy, FollowError::Busy { .. }), "{busy}");
    drop(it);
    std::fs::write(folder.path().join("f/.db-left"), "half").unwrap();
    drop(follower(&folder));
    assert!(!folder.path().join("f/.db-left").exists());
    std::fs::write(folder.path().join("f/other"), "precious").unwrap();
    let occupied = Follower::open(&folder.path().join("f")).err().unwrap();
    assert!(matches!(occupied, FollowError::Occupied { .. }), "{occupied}");
    let file = Follower::open(&folder.path().join("f/other")).err().unwrap();
    assert!(matches!(file, FollowError::Occupied { .. }), "{file}");
    let nowhere = Follower::open(&folder.path().join("no/where")).err().unwrap();
    assert!(
        matches!(&nowhere, FollowError::File(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound)
    );
}

fn put(main: u64, key: &str, bytes: usize) -> Record {
    let kv = KeyValue {
        key: Bytes::from(key.to_owned()),
        create_revision: main,
        mod_revision: main,
        version: 1,
        value: vec![7; bytes].into(),
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &kv)
}

#[test]
fn what_is_superseded_does_not_pile_up_and_little_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, shelf) = shelf();
    let base = base_of(1, &put(2, "k", 300_000));
    let Name::Base(name) = base.0 else { panic!() };
    memory.put([&base]);
    let mut it = follower(&folder);
    it.advance(&shelf).unwrap();
    let mut prev = crate::history::Pack::open(&Name::Base(name), Arc::new(base.1.clone()))
        .unwrap()
        .chain();
    let mut most = 0;
    for revision in 3..120 {
        let (name, bytes, link) = segment(prev, revision, &put(revision, "k", 300_000));
        prev = link;
        memory.put([&(name, bytes)]);
        it.advance(&shelf).unwrap();
        most = most.max(it.bytes());
    }
    is_the_newest(&it, &shelf);
    // 117 times 300 kB went through it; it holds one of these.
    assert!(most < 18 << 20, "{most}");
    let before = memory.read.load(Ordering::Relaxed);
    for _ in 0..10 {
        assert_eq!(it.advance(&shelf).unwrap(), Done::Nothing);
    }
    assert_eq!(memory.read.load(Ordering::Relaxed), before, "where nothing is new, nothing is read");
}

fn segment(prev: Link, through: u64, record: &Record) -> (Name, Bytes, Link) {
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev,
        after: through - 1,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: through * 1000 }],
        leases: Vec::new(),
        source: crate::history::Source::default(),
    };
    let (bytes, written) = encode_segment(header, [record], None).unwrap();
    let link = crate::history::Pack::open(&written.name, Arc::new(bytes.clone()))
        .unwrap()
        .chain();
    (written.name, bytes, link)
}
