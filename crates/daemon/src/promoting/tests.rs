//! What is followed is promoted once, and told of as often as somebody asks.

use super::*;
use etcd::bbolt::Writer;
use etcd::database::Database;
use etcd::history::{Began, Directory, Source, Taken, take_base};
use etcd::{KeyValue, Record, Revision};

/// What follows a history of three keys, which ends at revision 4 of timeline 1.
fn followed(folder: &Path) -> PathBuf {
    let file = folder.join("database");
    let mut writer = Writer::create(&file).unwrap();
    let mut keys = writer.bucket("key").unwrap();
    for main in 2..=4 {
        let kv = KeyValue {
            key: format!("k{main}").into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: "v".into(),
            lease: 0,
        };
        let record = Record::put(Revision { main, sub: 0 }, &kv);
        keys.put(&record.entry_key(), &record.value).unwrap();
    }
    keys.finish().unwrap();
    writer.finish().unwrap();
    let taken = Taken {
        timeline: 1,
        taken_ms: 1_767_323_045_000,
        source: Source { cluster_id: 7, member_id: 8, raft_term: 2, raft_index: 9 },
        etcd_version: "3.6.16".to_owned(),
        began: Began::First,
        note: String::new(),
    };
    let opened = Database::open(&file).unwrap();
    let (written, bytes) = take_base(&opened, taken, folder, Vec::new(), &mut |_| Ok(())).unwrap();
    let shelf: Arc<dyn Shelf> = Arc::new(Directory::open(&folder.join("history")).unwrap());
    shelf.create(&written.name, &mut bytes.as_slice()).unwrap();
    let directory = folder.join("follow");
    Follower::open(&directory).unwrap().advance(&shelf).unwrap();
    directory
}

fn wanted(into: PathBuf, (timeline, revision): (u32, u64)) -> Promote {
    Promote {
        cluster: "rancher".parse().unwrap(),
        into,
        members: [("m1".to_owned(), vec!["https://10.0.0.1:2380".to_owned()])].into(),
        name: "m1".to_owned(),
        token: None,
        line: None,
        bump: Some(1000),
        least: Some(Least { timeline, revision, cluster_id: 7 }),
        dry: false,
    }
}

fn code(told: Result<Promoted, Trouble>) -> String {
    told.unwrap_err().code.to_string()
}

#[test]
fn it_is_promoted_once_and_told_of_again() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, into) = (followed(folder.path()), folder.path().join("data"));
    // Only told of, nothing is there.
    let dry = Promote { dry: true, ..wanted(into.clone(), (1, 4)) };
    let would = promote(&directory, &dry).unwrap();
    assert_eq!((would.timeline, would.revision, would.made), (1, 4, false));
    assert!(!into.exists());
    // Less than has to be in it, or of another timeline.
    for least in [(1, 5), (2, 4)] {
        for dry in [true, false] {
            let wanted = Promote { dry, ..wanted(into.clone(), least) };
            assert_eq!(code(promote(&directory, &wanted)), "LB0414");
        }
    }
    assert!(!into.exists());
    // The same numbers of another etcd.
    let mut other = wanted(into.clone(), (1, 4));
    other.least.as_mut().unwrap().cluster_id = 9;
    assert_eq!(code(promote(&directory, &other)), "LB0413");
    let made = promote(&directory, &wanted(into.clone(), (1, 4))).unwrap();
    assert_eq!((made.timeline, made.revision, made.made), (1, 4, true));
    assert_eq!(made.seen.unwrap().as_millisecond(), 1_767_323_045_000);
    let facts = Database::open(&into.join("member/snap/db")).unwrap().facts().unwrap();
    assert_eq!(facts.compacted(), 1004);
    // Whoever asks again, since the answer was lost, hears the same.
    let again = promote(&directory, &wanted(into.clone(), (1, 4))).unwrap();
    assert_eq!(again, Promoted { behind: None, bytes: again.bytes, ..made.clone() });
    // Also while something else is followed already; but not of what somebody else has put there.
    let before = Before::of(&into, &made).unwrap();
    assert_eq!(before.again(&wanted(into.clone(), (1, 4))), Some(made));
    assert_eq!(before.again(&wanted(into.clone(), (1, 5))), None);
    std::fs::rename(into.join("member"), folder.path().join("away")).unwrap();
    assert_eq!(before.again(&wanted(into.clone(), (1, 4))), None);
    std::fs::rename(folder.path().join("away"), into.join("member")).unwrap();
    assert_eq!(code(promote(&directory, &wanted(into.clone(), (1, 5)))), "LB0414");
    // And it is nowhere else.
    assert_eq!(code(promote(&directory, &wanted(folder.path().join("other"), (1, 4)))), "LB0412");
}

#[test]
fn what_is_in_the_way_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, into) = (followed(folder.path()), folder.path().join("data"));
    std::fs::create_dir(&into).unwrap();
    std::fs::write(into.join("precious"), "x").unwrap();
    assert_eq!(code(promote(&directory, &wanted(into.clone(), (1, 4)))), "LB0408");
    assert!(into.join("precious").exists());
    let nobody = promote(&folder.path().join("nowhere"), &wanted(into, (1, 4)));
    assert_eq!(nobody.as_ref().unwrap_err().to_string(), "this host does not follow rancher");
    assert!(!folder.path().join("nowhere").exists());
}
