//! `lifeboat etcd` without an etcd: what is shown, checked and made of files, and each way in which they can be wrong.

mod followed;
mod inside;
pub(crate) mod made;

use crate::place::Place;
use crate::session::{lifeboat, sessions_in};
use ::etcd::history::Directory;
use made::{Made, damage, database, folder, newer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// The sessions without what changes from one run to the next.
fn steady(folder: &Path, lines: &[&str]) -> String {
    let text = sessions_in(folder, lines);
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let hidden = words.map(|word| {
        let mark = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if mark.len() == 16 && mark.chars().all(|c| c.is_ascii_hexdigit()) {
            word.replace(mark, "[MARK]")
        } else {
            word.to_owned()
        }
    });
    hidden.collect()
}

#[test]
fn show() {
    let folder = folder("show");
    Made::new(&folder.join("h")).with_a_hole().with_another_timeline();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd show h",
            "etcd show h --output json",
            "etcd show h --at 2026-01-02T03:04:10Z --output yaml",
        ]
    ));
}

#[test]
fn show_a_moment() {
    let folder = folder("show-a-moment");
    Made::new(&folder.join("h")).with_a_hole();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd show h --at 8",
            "etcd show h --at 15",
            "etcd show h --at 2026-01-02T03:04:13.5Z",
            "etcd show h --at 2026-01-02T03:04:00Z",
            "etcd show h --at 2026-02-02T03:04:00Z",
            "etcd show h --at yesterday",
        ]
    ));
}

#[test]
fn verify() {
    let folder = folder("verify");
    Made::new(&folder.join("h"));
    database(&folder.join("db"), 0, 9);
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd verify h",
            "etcd verify h --at 7 --output json",
            "etcd verify db",
            "etcd export h --as-is --into snapshot.db",
            "etcd verify snapshot.db",
            "etcd verify h --quick",
            "etcd verify h --complete",
        ]
    ));
}

#[test]
fn a_history_that_breaks_off() {
    let folder = folder("breaks-off");
    let history = Made::new(&folder.join("h"));
    fs::remove_file(&history.segments()[1]).unwrap();
    let lines = ["etcd show h", "etcd verify h", "etcd verify h --at 7"];
    insta::assert_snapshot!(steady(&folder, &lines));
}

#[test]
fn rebuild() {
    let folder = folder("rebuild");
    Made::new(&folder.join("h"));
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd rebuild h --into one --member m1=http://10.0.0.1:2380",
            "etcd rebuild h --into one --member m1=http://10.0.0.1:2380",
            "etcd rebuild h --at 8 --into three --every-member --member a=http://10.0.0.1:2380 \
             --member b=http://10.0.0.2:2380 --member c=http://10.0.0.3:2380 --output json",
            "etcd rebuild h --at 2026-01-02T03:04:12Z --line 3.5 --no-bump --seed seed.db",
            "etcd rebuild h --seed seed.db",
        ]
    ));
    for file in ["one/member/snap/db", "one/member/wal", "three/c/member/snap/db"] {
        assert!(folder.join(file).exists(), "{file}");
    }
}

#[test]
fn every_host_makes_the_same_cluster_and_not_the_lost_one() {
    let folder = folder("rebuild-tokens");
    Made::new(&folder.join("h"));
    let cluster = |name: &str, more: &[&str]| {
        let member = [
            "--member",
            "a=http://10.0.0.1:2380",
            "--member",
            "b=http://10.0.0.2:2380",
            "--name",
            name,
        ];
        let mut command = lifeboat(&["etcd", "rebuild", "h", "--output", "json"]);
        let made = command
            .args(["--into", &format!("{name}{}", more.concat())])
            .args(member)
            .args(more);
        let made = made.current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let shown: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        shown["clusterId"].as_str().unwrap().to_owned()
    };
    let first = cluster("a", &[]);
    assert_eq!(first, cluster("b", &[]));
    assert_eq!(
        first,
        cluster("a", &["--token", "lifeboat-7-9"]),
        "the lost cluster's id and the revision"
    );
    assert_ne!(first, cluster("a", &["--at", "8"]));
    assert_ne!(first, cluster("a", &["--token", "etcd-cluster"]));
}

#[test]
fn rebuild_with_wrong_input() {
    let folder = folder("rebuild-wrong");
    Made::new(&folder.join("h")).with_a_hole();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd rebuild h",
            "etcd rebuild h --into d",
            "etcd rebuild h --into d --member m1",
            "etcd rebuild h --into d --member m1=10.0.0.1:2380",
            "etcd rebuild h --into d --member a=http://a:2380 --member b=http://b:2380",
            "etcd rebuild h --into d --member a=http://a:2380 --name b",
            "etcd rebuild h --seed s --at 15",
            "etcd rebuild h --seed s --at 99",
            "etcd rebuild h --seed s --at 2026-02-02T03:04:00Z",
            "etcd rebuild h --seed s --timeline 3",
            "etcd rebuild h --seed s --line 3.4",
            "etcd rebuild h --seed s --bump 9223372036854775807",
            "etcd rebuild h --seed no/where/s",
        ]
    ));
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["h"], "a rebuild that fails leaves nothing");
}

#[test]
fn a_time_in_a_hole_is_told() {
    let folder = folder("time-in-a-hole");
    Made::new(&folder.join("h")).with_a_hole();
    Made::new(&folder.join("two")).with_a_later_timeline();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd rebuild h --seed s --at 2026-01-02T03:04:20Z",
            "etcd rebuild two --seed t --at 2026-01-02T03:04:40Z",
        ]
    ));
}

#[test]
fn export_and_import() {
    let folder = folder("export-and-import");
    Made::new(&folder.join("h"));
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd export h --into e.db",
            "etcd export h --into e.db",
            "etcd export h --into as-is.db --as-is --bump 5",
            "etcd import e.db --into i --output json",
            "etcd import e.db --into i",
            "etcd verify i",
            "etcd import h --into j",
        ]
    ));
    assert!(!folder.join("j").exists(), "an import that fails leaves no history");
}

#[test]
fn import_a_data_directory() {
    let folder = folder("import-a-data-directory");
    Made::new(&folder.join("h"));
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd rebuild h --into d --member m1=http://10.0.0.1:2380",
            "etcd import d --into i --without-log",
            "etcd import d --into d",
            "etcd import d --into j --etcd nowhere/etcd",
            "etcd import i --into j",
            "etcd show d",
        ]
    ));
    let db = File::open(folder.join("d/member/snap/db")).unwrap();
    db.lock().unwrap();
    insta::assert_snapshot!("import_of_a_member_that_runs", steady(&folder, &["etcd import d --into k --without-log"]));
}

#[test]
fn merge() {
    let folder = folder("merge");
    Made::new(&folder.join("h"));
    Made::new(&folder.join("old")).with_a_hole();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd merge h --window 7d --dry-run",
            "etcd merge h --window 7d --dry-run --output json",
            "etcd merge h --window 7d",
            "etcd merge h --window 7d",
            "etcd verify h",
            "etcd merge old --window 7d",
            "etcd merge h",
            "etcd merge h --window 7",
            "etcd merge nowhere --window 7d",
        ]
    ));
}

#[test]
fn a_history_in_the_repository() {
    let place = Place::new("history-in-a-repository");
    place.must("repository init --root-key root.key");
    Made::new(&place.0.join("h"));
    place.must("etcd export h --into e.db --as-is");
    let none = place.run("etcd show --cluster rancher");
    assert!(none.code == Some(2) && none.err.contains("holds no history"), "{}", none.err);
    assert!(none.err.contains("hint: lifeboat etcd capture --cluster rancher"), "{}", none.err);

    let begun = place.must("etcd import e.db --cluster rancher");
    assert!(begun.out.contains("the history of cluster rancher in "), "{}", begun.out);
    let again = place.run("etcd import e.db --cluster rancher");
    assert!(again.code == Some(3) && again.err.contains("LB0408"), "{}", again.err);
    // Given back each time, the lease kept nobody waiting.
    assert!(!again.err.contains("waits: "), "{}", again.err);
    assert!(place.0.join("copies/clusters/rancher/leases/capture").is_dir());

    for line in [
        "etcd rebuild h --seed ours --no-bump --line 3.6",
        "etcd rebuild --cluster rancher --seed theirs --no-bump --line 3.6",
    ] {
        place.must(line);
    }
    let seed = |name: &str| fs::read(place.0.join(name)).unwrap();
    assert!(seed("ours") == seed("theirs"), "one state, one database");
    place.must("etcd verify --cluster rancher");
    assert_eq!(place.must("etcd merge --cluster rancher").out, "nothing to do\n");

    let object = fs::read_dir(place.0.join("copies/clusters/rancher/history"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    place.damage(&format!("copies/clusters/rancher/history/{}", object.file_name().display()));
    let damaged = place.run("etcd verify --cluster rancher");
    assert!(
        damaged.code == Some(4) && damaged.err.contains("LB0405"),
        "{}{}",
        damaged.out,
        damaged.err
    );
}

#[test]
fn what_is_no_history() {
    let folder = folder("no-history");
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("file"), "no etcd wrote this").unwrap();
    fs::write(folder.join("nothing"), "").unwrap();
    let history = Made::new(&folder.join("no-base"));
    let base = fs::read_dir(&history.path).unwrap().map(|entry| entry.unwrap().path());
    let base = base.filter(|path| path.display().to_string().contains("-base-"));
    base.for_each(|path| fs::remove_file(path).unwrap());
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd show nowhere",
            "etcd show empty",
            "etcd show file",
            "etcd show no-base",
            "etcd verify nowhere",
            "etcd verify file",
            "etcd verify nothing",
            "etcd verify file --at 2026-01-02T03:04:05Z --output json",
        ]
    ));
}

#[test]
fn damaged_files() {
    let folder = folder("damaged");
    let history = Made::new(&folder.join("h"));
    let exported = lifeboat(&["etcd", "export", "h", "--into", "flipped.db"])
        .current_dir(&folder)
        .output();
    assert!(exported.unwrap().status.success());
    fs::copy(folder.join("flipped.db"), folder.join("short.db")).unwrap();
    File::options()
        .write(true)
        .open(folder.join("short.db"))
        .unwrap()
        .set_len(9000)
        .unwrap();
    damage(&folder.join("flipped.db"), 8200);
    damage(&history.segments()[0], 12);
    let short = Made::new(&folder.join("short"));
    File::options()
        .write(true)
        .open(&short.segments()[2])
        .unwrap()
        .set_len(60)
        .unwrap();
    // What the newest moment does not need.
    let two = Made::new(&folder.join("two")).with_another_timeline();
    damage(&two.segments()[0], 12);
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd verify two",
            "etcd verify flipped.db",
            "etcd verify short.db",
            "etcd import flipped.db --into i",
            "etcd verify h",
            "etcd rebuild h --seed seed.db",
            "etcd verify short",
            "etcd show short",
        ]
    ));
    assert!(!folder.join("i").exists() && !folder.join("seed.db").exists());
}

#[test]
fn a_later_format() {
    let folder = folder("later-format");
    newer(&folder.join("h"));
    insta::assert_snapshot!(steady(&folder, &["etcd show h", "etcd verify h --output json"]));
}

#[test]
fn another_writer() {
    let folder = folder("another-writer");
    let history = Made::new(&folder.join("h"));
    let _lock = Directory::open(&history.path).unwrap().lock().unwrap();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd merge h --window 7d",
            "etcd capture --into h --endpoints http://127.0.0.1:1",
            "etcd show h"
        ]
    ));
}

#[test]
fn no_etcd_to_ask() {
    // Where one is, it would be found.
    if Path::new("/etc/kubernetes").exists() || Path::new("/var/lib/rancher").exists() {
        return;
    }
    let folder = folder("no-etcd");
    Made::new(&folder.join("h"));
    fs::create_dir_all(folder.join("d/member")).unwrap();
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd capture --into new",
            "etcd verify h --here",
            "etcd verify h --endpoints http://127.0.0.1:1",
            "etcd capture --into new --endpoints ftp://127.0.0.1:1",
            "etcd capture --into new --endpoints http://127.0.0.1:1 --user root",
            "etcd capture --into new --endpoints http://127.0.0.1:1 --user root --password-file nowhere",
            "etcd capture --into d --endpoints http://127.0.0.1:1",
            "etcd capture --into new --every soon",
            "etcd capture --into new --bytes 1MB",
        ]
    ));
}

#[test]
fn an_interrupted_capture_ends_well() {
    let folder = folder("interrupted");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut capture = lifeboat(&["etcd", "capture", "--into", "h", "--endpoints", "http://127.0.0.1:1"]);
        let mut child = capture.current_dir(&folder).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("did not answer"), "{said}");
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
