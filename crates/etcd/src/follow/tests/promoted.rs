//! A promotion is a rebuild of the same moment, and may fail at any step.

use super::*;
use crate::database::Database;
use crate::rebuild::{Line, Marks, Members, Request, Target, rebuild};
use crate::selection::DatabaseSource;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

fn promotion(into: PathBuf, bump: Option<u64>) -> Promotion {
    Promotion {
        members: Members::one("m1", "http://10.0.0.1:2380", "t"),
        name: "m1".to_owned(),
        into,
        line: Line::V3_6,
        bump,
        least: None,
    }
}

fn followed(path: &Path, history: &made::History) -> (Follower, Arc<dyn Shelf>) {
    let (memory, shelf) = shelf();
    let mut follower = Follower::open(path).unwrap();
    for object in &history.objects.0 {
        memory.put([object]);
        follower.advance(&shelf).unwrap();
    }
    (follower, shelf)
}

/// A history of some keys, in six segments.
pub(super) fn history() -> made::History {
    let txn = |n: u8| BTreeMap::from([(n % 5, (n % 7 != 3).then_some(n * 3)), (9, Some(n))]);
    let model = Model::of(&(0..40).map(txn).collect::<Vec<_>>());
    let segments = BTreeSet::from([12, 20, 21, 30, 35]);
    made::History::of(model, &Cuts { compaction: 4, base: 8, segments, gap: None })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_rebuild_of_the_same_moment(history in histories(), bump in prop_oneof![Just(None), (0_u64..9).prop_map(Some)]) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (follower, _) = followed(&path("f"), &history);
        let at = follower.position().unwrap().revision;
        let wanted = promotion(path("promoted"), bump);
        let promoted = follower.promote(&wanted).unwrap();
        prop_assert!(promoted.moved);
        let left = Follower::open(&path("f")).unwrap();
        prop_assert_eq!(left.promoted_as(&path("promoted")).unwrap().map(|it| it.revision), Some(at));
        prop_assert_eq!(left.promoted_as(&path("elsewhere")).unwrap(), None);
        drop(left);
        let target = Target::DataDirectories {
            members: wanted.members.clone(),
            directories: vec![("m1".to_owned(), path("rebuilt"))],
        };
        let marks = bump.map_or(Marks::Current, Marks::Bump);
        let rebuilt = rebuild(&history.packs, &Request { revision: at, line: Line::V3_6, marks, target }).unwrap();
        prop_assert_eq!(Rebuilt { bytes: 0, ..promoted.rebuilt }, Rebuilt { bytes: 0, ..rebuilt });
        let [a, b] = ["promoted", "rebuilt"].map(|name| Database::open(&path(name).join("member/snap/db")).unwrap());
        prop_assert_eq!(a.others().unwrap(), b.others().unwrap());
        let [a, b] = [a, b].map(|it| DatabaseSource::new(it).unwrap());
        let (last, compaction) = (a.last_revision(), a.compaction());
        prop_assert_eq!((last, compaction), (b.last_revision(), b.compaction()));
        prop_assert_eq!(live(&a, last), live(&b, last));
        prop_assert_eq!(hash_kv(&a, last, compaction).unwrap(), hash_kv(&b, last, compaction).unwrap());
        for file in ["member/snap/0000000000000001-0000000000000001.snap", "member/wal/0000000000000000-0000000000000000.wal"] {
            prop_assert!(std::fs::read(path("promoted").join(file)).unwrap() == std::fs::read(path("rebuilt").join(file)).unwrap());
        }
        let follower = Follower::open(&path("f")).unwrap();
        prop_assert!(follower.position().is_none());
        prop_assert_eq!(follower.promoted_into().unwrap(), Some(path("promoted").display().to_string()));
        let again = follower.promote(&promotion(path("again"), bump)).unwrap_err();
        prop_assert!(again.to_string().contains("it was promoted into"), "{}", again);
    }
}

use crate::rebuild::Rebuilt;

#[test]
fn it_may_fail_at_any_step() {
    let history = history();
    let folder = tempfile::tempdir().unwrap();
    let (home, into) = (folder.path().join("f"), folder.path().join("data"));
    let (follower, shelf) = followed(&home, &history);
    let position = follower.position().cloned();
    drop(follower);
    let mut fails_at = 0;
    loop {
        let step = AtomicUsize::new(0);
        let hook = |_: &str| match step.fetch_add(1, Ordering::Relaxed) {
            now if now >= fails_at => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        };
        let follower = Follower::open(&home).unwrap();
        assert_eq!((follower.position(), follower.lost()), (position.as_ref(), None), "at step {fails_at}");
        match follower.promote_with(&promotion(into.clone(), Some(5)), &hook) {
            Ok(_) => break,
            Err(FollowError::File(_) | FollowError::Rebuild(_)) if !into.exists() => fails_at += 1,
            Err(_) => {
                // It is there, only the first name was not removed.
                assert_eq!(
                    Database::open(&into.join("member/snap/db"))
                        .unwrap()
                        .facts()
                        .unwrap()
                        .compacted(),
                    position.unwrap().revision + 5
                );
                break;
            }
        }
    }
    assert!(fails_at >= 15, "{fails_at} steps");
    let mut follower = Follower::open(&home).unwrap();
    assert!(follower.position().is_none() && follower.promoted_into().unwrap().is_some());
    let names = |path: &Path| {
        std::fs::read_dir(path)
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names(folder.path()), ["f".into(), "data".into()].into());
    assert_eq!(names(&home), [".lock".into(), "promoted".into()].into());
    // And it begins anew.
    assert_eq!(follower.advance(&shelf).unwrap(), Done::Built { instead: None });
    assert_eq!(follower.promoted_into().unwrap(), None);
}

#[test]
fn killed_before_the_rename_it_follows_on() {
    let history = history();
    let folder = tempfile::tempdir().unwrap();
    let (home, into) = (folder.path().join("f"), folder.path().join("data"));
    let (follower, shelf) = followed(&home, &history);
    let position = follower.position().cloned();
    // What a killed one leaves: the note, the change, and a second name in a folder beside the target.
    follower.home.promoting(&into, follower.position().unwrap()).unwrap();
    let left = folder.path().join(".data.lifeboat-x");
    std::fs::create_dir(&left).unwrap();
    std::fs::hard_link(home.join("db"), left.join("db")).unwrap();
    let mut file = follower.home.reopen().unwrap().unwrap();
    file.promote(&crate::rebuild::buckets::Buckets::new()).unwrap();
    drop((file, follower));
    let mut follower = Follower::open(&home).unwrap();
    assert_eq!(follower.position(), position.as_ref());
    assert!(!left.exists());
    follower.advance(&shelf).unwrap();
    is_the_newest(&follower, &shelf);
}

#[test]
fn a_file_that_became_a_members_is_not_written_to() {
    let history = history();
    let folder = tempfile::tempdir().unwrap();
    let (home, into) = (folder.path().join("f"), folder.path().join("data"));
    let (follower, shelf) = followed(&home, &history);
    follower.home.promoting(&into, follower.position().unwrap()).unwrap();
    drop(follower);
    std::fs::hard_link(home.join("db"), folder.path().join("moved")).unwrap();
    let before = std::fs::read(folder.path().join("moved")).unwrap();
    let mut follower = Follower::open(&home).unwrap();
    assert!(follower.lost().unwrap().contains("it became a member's"));
    assert!(matches!(follower.advance(&shelf).unwrap(), Done::Built { instead: Some(_) }));
    is_the_newest(&follower, &shelf);
    assert!(std::fs::read(folder.path().join("moved")).unwrap() == before);
}

#[test]
fn wrong_wishes_leave_it_as_it_is() {
    let history = history();
    let folder = tempfile::tempdir().unwrap();
    let (home, into) = (folder.path().join("f"), folder.path().join("data"));
    drop(followed(&home, &history));
    std::fs::create_dir(&into).unwrap();
    std::fs::write(into.join("precious"), "x").unwrap();
    let said = |wanted: Promotion| Follower::open(&home).unwrap().promote(&wanted).unwrap_err().to_string();
    let occupied = said(promotion(into.clone(), None));
    assert!(occupied.ends_with("data is not empty"), "{occupied}");
    let other = Promotion {
        name: "m2".to_owned(),
        ..promotion(folder.path().join("n"), None)
    };
    assert_eq!(said(other), "the members cannot be: none is called \"m2\"");
    assert!(said(promotion(folder.path().join("n"), Some(u64::MAX))).ends_with("more than etcd can count to"));
    let own = Follower::open(&home).unwrap().position().unwrap().clone();
    for (timeline, revision) in [(own.timeline, own.revision + 1), (own.timeline + 1, 1)] {
        let least = Least { timeline, revision, cluster_id: 0 };
        let wanted = Promotion {
            least: Some(least),
            ..promotion(folder.path().join("n"), None)
        };
        let behind = said(wanted);
        assert!(
            behind.ends_with(&format!("revision {revision} of timeline {timeline} has to be in it")),
            "{behind}"
        );
    }
    let least = Least {
        timeline: own.timeline,
        revision: own.revision,
        cluster_id: 1,
    };
    let other = Promotion {
        least: Some(Least { cluster_id: 99, ..least }),
        ..promotion(folder.path().join("n"), None)
    };
    assert!(said(other).contains("it is of etcd cluster"));
    let least = Some(Least {
        cluster_id: Follower::open(&home).unwrap().origin().unwrap().1,
        ..least
    });
    let follower = Follower::open(&home).unwrap();
    assert_eq!(follower.promoted_as(&into).unwrap(), None, "what is followed is here");
    follower
        .promote(&Promotion { least, ..promotion(folder.path().join("n"), None) })
        .unwrap();
}
