//! `lifeboat etcd follow` and `promote` on a small history, and each way in which they can be wrong.

use super::made::{Made, damage, folder};
use super::steady;
use ::etcd::follow::Follower;
use std::fs;

#[test]
fn follow_and_promote() {
    let folder = folder("follow");
    Made::new(&folder.join("h"));
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd follow h --into f --once",
            "etcd follow h --into f --once",
            "etcd promote f --into d --member m1=http://10.0.0.1:2380",
            "etcd promote f --into e --member m1=http://10.0.0.1:2380",
            "etcd follow h --into f --once",
            "etcd promote f --into d --member m1=http://10.0.0.1:2380",
            "etcd promote f --from h --into e --member m1=http://10.0.0.1:2380 --no-bump --line 3.5",
        ]
    ));
    for file in ["d/member/snap/db", "d/member/wal", "e/member/snap/db", "f/promoted"] {
        assert!(folder.join(file).exists(), "{file}");
    }
}

#[test]
fn follow_and_promote_with_wrong_input() {
    let folder = folder("follow-wrong");
    let history = Made::new(&folder.join("h"));
    fs::create_dir(folder.join("taken")).unwrap();
    fs::write(folder.join("taken/file"), "x").unwrap();
    let held = Follower::open(&folder.join("held")).unwrap();
    let lines = [
        "etcd follow",
        "etcd follow h",
        "etcd follow nowhere --into f --once",
        "etcd follow h --into taken --once",
        "etcd follow h --into held --once",
        "etcd follow h --into f --every soon",
        "etcd promote nowhere --into d --member m1=http://10.0.0.1:2380",
        "etcd promote held --into d --member m1=http://10.0.0.1:2380",
        "etcd follow h --into f --once",
        "etcd promote f --into d",
        "etcd promote f --into taken --member m1=http://10.0.0.1:2380",
        "etcd promote f --into d --member a=http://a:2380 --member b=http://b:2380",
        "etcd promote f --into d --member a=http://a:2380 --name b",
    ];
    insta::assert_snapshot!(steady(&folder, &lines));
    drop(held);
    // The history loses its end, and then what was followed is changed.
    let segments = history.segments();
    fs::remove_file(segments.last().unwrap()).unwrap();
    let ahead = steady(&folder, &["etcd follow h --into f --once"]);
    let bytes = fs::read(folder.join("f/db")).unwrap();
    let record = bytes.windows(5).position(|it| it == b"value").unwrap();
    damage(&folder.join("f/db"), record + 3);
    let changed = steady(&folder, &["etcd promote f --into d --member m1=http://10.0.0.1:2380"]);
    insta::assert_snapshot!("what_was_followed_is_not_what_it_was", format!("{ahead}\n{changed}"));
    assert!(!folder.join("d").exists());
}
