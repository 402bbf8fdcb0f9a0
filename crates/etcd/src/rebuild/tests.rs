//! Rebuilds of small histories, read back; what is refused; and failing at every step.

use super::*;
use crate::database::Database;
use crate::selection::model::{Model, models};
use crate::selection::{DatabaseSource, LeaseTtl, SelectionError, Walked};
use crate::{FileError, KeyValue, Record, Revision};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A model with other buckets, and leases that were seen.
#[derive(Default)]
struct Known {
    model: Model,
    others: buckets::Buckets,
    leases: BTreeMap<i64, LeaseTtl>,
}

impl Source for Known {
    fn name(&self) -> String {
        self.model.name()
    }

    fn last_revision(&self) -> u64 {
        self.model.last_revision()
    }

    fn compaction(&self) -> u64 {
        0
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        self.model.walk(floor, revision, sink)
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        Ok(self.leases.clone())
    }

    fn others(&self) -> Result<buckets::Buckets, SelectionError> {
        Ok(self.others.clone())
    }
}

/// Keys a, b and c at revisions 2 to 4, the last two on leases 7 and 8; b is gone at 5.
fn known() -> Known {
    let put = |main, key: &'static str, lease| {
        let kv = KeyValue {
            key: Bytes::from(key),
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: Bytes::from("v"),
            lease,
        };
        Record::put(Revision { main, sub: 0 }, &kv)
    };
    let gone = Record::deletion(Revision { main: 5, sub: 0 }, Bytes::from("b"));
    let records = vec![put(2, "a", 0), put(3, "b", 7), put(4, "c", 8), gone];
    Known { model: Model { records, last: 5 }, ..Known::default() }
}

fn request(revision: u64, marks: Marks, target: Target) -> Request {
    Request { revision, line: Line::V3_6, marks, target }
}

fn read(path: &Path) -> (Vec<Record>, buckets::Buckets) {
    let database = Database::open(path).unwrap();
    database.verify_trailer().unwrap();
    let records = database.records().collect::<Result<_, _>>().unwrap();
    (records, database.others().unwrap().buckets)
}

fn three() -> Members {
    let member = |n| Member {
        name: format!("n{n}"),
        peer_urls: vec![format!("http://10.0.0.{n}:2380")],
    };
    Members {
        initial: (1..=3).map(member).collect(),
        token: "tok".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_database_holds_what_was_chosen(model in models(), at in 0.0..1.0, bump in 0_u64..3) {
        let revision = 1 + ((model.last - 1) as f64 * at) as u64;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed");
        let all = model.since(0, revision);
        let live = model.live(revision);
        for (marks, expected, mark) in [
            (Marks::Bump(bump), &live, revision + bump),
            (Marks::Current, &live, revision),
            (Marks::AsIs, &all, 0),
        ] {
            let rebuilt = rebuild(&model, &request(revision, marks, Target::Seed { path: path.clone() })).unwrap();
            let (records, others) = read(&path);
            prop_assert_eq!(&records, expected);
            prop_assert_eq!(rebuilt.keys, expected.len() as u64);
            let facts = Database::open(&path).unwrap().facts().unwrap();
            prop_assert_eq!(facts.compacted(), mark);
            prop_assert_eq!(facts.consistent_index, None);
            prop_assert!(others["members"].is_empty() && others["alarm"].is_empty());
            std::fs::remove_file(&path).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_database_is_rebuilt_as_a_history_is(model in models(), at in 0.0..1.0, floor in 0.0..1.0) {
        let revision = 1 + ((model.last - 1) as f64 * at) as u64;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rebuild(&model, &request(model.last, Marks::AsIs, Target::Seed { path: path("all") })).unwrap();
        let source = DatabaseSource::new(Database::open(&path("all")).unwrap()).unwrap();
        for (name, marks) in [("live", Marks::Current), ("every", Marks::AsIs)] {
            let one = rebuild(&model, &request(revision, marks, Target::Seed { path: path(name) })).unwrap();
            let again = path(&format!("{name} again"));
            let other = rebuild(&source, &request(revision, marks, Target::Seed { path: again.clone() })).unwrap();
            prop_assert_eq!(one.keys, other.keys);
            prop_assert_eq!(read(&path(name)).0, read(&again).0);
        }
        // In order, whatever the floor.
        let (mut walked, floor) = (Vec::new(), (revision as f64 * floor) as u64);
        let mut sink = |record: Record, standing| {
            walked.push((record, standing));
            Ok(())
        };
        source.walk_in_order(floor, revision, &mut sink).unwrap().unwrap();
        let mut expected = Vec::new();
        let mut sink = |record: Record, standing| {
            expected.push((record, standing));
            Ok(())
        };
        model.walk(floor, revision, &mut sink).unwrap();
        expected.sort_by_key(|(record, _)| record.revision);
        prop_assert_eq!(walked, expected);
    }
}

#[test]
fn a_data_directory_is_whole_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one", "two"].map(|name| folder.path().join(name));
    let directories = vec![("n1".to_owned(), paths[0].clone()), ("n3".to_owned(), paths[1].clone())];
    let target = Target::DataDirectories { members: three(), directories };
    let rebuilt = rebuild(&known(), &request(5, Marks::Bump(100), target)).unwrap();
    assert_eq!((rebuilt.current_revision, rebuilt.compacted_revision, rebuilt.keys), (105, 105, 2));
    assert_eq!((rebuilt.leases, rebuilt.leases_missing), (1, vec![8]));
    assert_eq!(rebuilt.members.len(), 3);

    let snap = "member/snap/0000000000000001-0000000000000003.snap";
    let wal = "member/wal/0000000000000000-0000000000000000.wal";
    for (path, (_, id)) in paths.iter().zip([&rebuilt.members[0], &rebuilt.members[2]]) {
        for directory in ["", "member", "member/snap", "member/wal"] {
            let mode = path.join(directory).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{directory}");
        }
        for file in ["member/snap/db", snap, wal] {
            let mode = path.join(file).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert_eq!(path.join(wal).metadata().unwrap().len(), 64_000_000);
        let log = wal::read(&path.join("member/wal"), 0).unwrap();
        assert_eq!((log.member_id, log.cluster_id, log.state.commit), (*id, rebuilt.cluster_id, 3));
        let facts = Database::open(&path.join("member/snap/db")).unwrap().facts().unwrap();
        assert_eq!((facts.consistent_index, facts.term), (Some(3), Some(1)));
        assert_eq!(facts.storage_version.as_deref(), Some("3.6.0"));
        assert_eq!(facts.cluster_version.as_deref(), Some("3.6.0"));
    }
    let same = |file: &str| std::fs::read(paths[0].join(file)).unwrap() == std::fs::read(paths[1].join(file)).unwrap();
    assert!(same("member/snap/db") && same(snap) && !same(wal));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside");
}

#[test]
fn only_the_last_version_of_a_key_hangs_on_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Seed { path: folder.path().join("seed") };
    // Lease 7 is of a key that is gone.
    let rebuilt = rebuild(&known(), &request(5, Marks::AsIs, target)).unwrap();
    assert_eq!((rebuilt.keys, rebuilt.leases_missing), (4, vec![8]));
}

#[test]
fn an_empty_directory_is_filled_and_stays_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mount");
    std::fs::create_dir_all(path.join("lost+found")).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap());
    let before = inode(&path);
    let target = Target::DataDirectories {
        members: three(),
        directories: vec![("n1".to_owned(), path.clone())],
    };
    rebuild(&known(), &request(5, Marks::Current, target)).unwrap();
    assert!(path.join("member/snap/db").is_file());
    assert_eq!(inode(&path), before);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
}

#[test]
fn failing_at_any_step_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let file = folder.path().join("file");
    let both = vec![("n1".to_owned(), one.clone()), ("n2".to_owned(), two.clone())];
    let targets = [
        Target::DataDirectories { members: three(), directories: both },
        Target::Seed { path: file.clone() },
        Target::Snapshot { path: file.clone() },
    ];
    for (target, steps) in targets.into_iter().zip([30, 7, 8]) {
        let request = request(5, Marks::Bump(1), target);
        let mut fails_at = 0;
        loop {
            let step = AtomicUsize::new(0);
            let hook = |_: &str| match step.fetch_add(1, Ordering::Relaxed) {
                now if now == fails_at => Err(io::Error::from(io::ErrorKind::StorageFull)),
                _ => Ok(()),
            };
            match rebuild_with(&known(), &request, &hook) {
                Ok(_) => break,
                Err(RebuildError::File(FileError::Io { .. })) => {}
                Err(e) => panic!("{e}"),
            }
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert!(left.is_empty(), "at step {fails_at} of {request:?}: {left:?}");
            fails_at += 1;
        }
        assert!(fails_at >= steps, "{fails_at} steps of {request:?}");
        for path in [&one, &two] {
            let _ = std::fs::remove_dir_all(path);
        }
        let _ = std::fs::remove_file(&file);
    }
}

#[test]
fn until_the_last_rename_there_is_nothing_to_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let target = Target::DataDirectories {
        members: three(),
        directories: vec![("n1".to_owned(), path.clone())],
    };
    let hook = |step: &str| {
        assert_eq!(path.exists(), step == "sync target", "{step}");
        Ok(())
    };
    rebuild_with(&known(), &request(5, Marks::Current, target), &hook).unwrap();
    assert!(path.exists());
}

#[test]
fn what_is_there_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("precious"), "x").unwrap();
    let directory = |path: &Path| Target::DataDirectories {
        members: three(),
        directories: vec![("n1".to_owned(), path.to_owned())],
    };
    let file = path.join("precious");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let targets = [
        directory(&path),
        directory(&file),
        directory(&link),
        Target::Seed { path: file.clone() },
        Target::Snapshot { path: path.clone() },
        Target::Seed { path: link.clone() },
    ];
    for target in targets {
        let error = rebuild(&known(), &request(5, Marks::Current, target)).unwrap_err();
        assert!(matches!(error, RebuildError::Occupied { .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "x");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn wrong_wishes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed");
    let seed = || Target::Seed { path: path.clone() };
    let said = |request: Request| rebuild(&known(), &request).unwrap_err().to_string();
    assert_eq!(said(request(6, Marks::Current, seed())), "the model ends at revision 5, before 6");
    let most = i64::MAX.cast_unsigned();
    assert!(said(request(5, Marks::Bump(most), seed())).ends_with("is more than etcd can count to"));
    assert!(said(request(5, Marks::Bump(u64::MAX), seed())).ends_with("is more than etcd can count to"));
    let of = |members: Members, names: &[&str]| {
        let directories = names.iter().map(|name| ((*name).to_owned(), path.clone())).collect();
        said(request(5, Marks::Current, Target::DataDirectories { members, directories }))
    };
    assert_eq!(of(three(), &[]), "the members cannot be: none is to get a directory");
    assert_eq!(of(three(), &["n4"]), "the members cannot be: none is called \"n4\"");
    assert_eq!(of(three(), &["n1", "n1"]), "the members cannot be: \"n1\" is to get two directories");
    // Two members into one directory: the second finds the first at work.
    assert!(of(three(), &["n1", "n2"]).ends_with("is being rebuilt by another process"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
