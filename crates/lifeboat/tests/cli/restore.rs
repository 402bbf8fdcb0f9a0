//! Restoring by hand: the files of a captured host, and a cluster's etcd, from a repository in a directory.

use super::place::Place;
use crate::etcd::made::{Made, database};
use estate::PointId;
use protect::files::{Entry, Files, Tree, What};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

const OLD: &str = "000001-20261122T220102.123Z-aaaa";
const NEW: &str = "000001-20261122T220117.123Z-bbbb";

/// A path, and what its file holds; a directory holds nothing.
pub(crate) type Captured<'a> = (&'a str, Option<&'a str>);

/// A place with a repository.
pub(crate) fn place(test: &str) -> Place {
    let place = Place::new(test);
    place.must("repository init --root-key root.key");
    place
}

/// A history of the cluster, of revisions up to 9.
pub(crate) fn history(place: &Place) {
    Made::new(&place.0.join("h"));
    place.must("etcd export h --into e.db --as-is");
    place.must("etcd import e.db --cluster rancher");
}

fn id(text: &str) -> PointId {
    text.parse().unwrap()
}

/// Stores a copy with files of some hosts: each a host's name, and paths with their content. A directory has none.
pub(crate) fn store(place: &Place, point: &str, hosts: &[(&str, &[Captured<'_>])]) {
    let owner = fs::metadata(&place.0).map(|it| (it.uid(), it.gid())).unwrap();
    let entry = |content: &Option<&str>| Entry {
        mode: if content.is_some() { 0o600 } else { 0o700 },
        owner,
        label: None,
        what: match content {
            Some(text) => What::File { bytes: text.as_bytes().to_vec(), modified: 1_767_323_045 },
            None => What::Directory,
        },
    };
    let trees = hosts.iter().map(|(host, files)| {
        let tree = files.iter().map(|(path, content)| ((*path).to_owned(), entry(content)));
        ((*host).to_owned(), Tree(tree.collect()))
    });
    let files = Files(trees.collect::<BTreeMap<_, _>>());
    fs::write(place.0.join("archive"), files.archive().unwrap()).unwrap();
    place.store_files(&id(point), "archive").unwrap();
}

#[test]
fn files_go_back_onto_their_host_and_what_they_replace_comes_back() {
    let place = place("restore-files-host");
    let root = place.0.join("host");
    fs::create_dir(&root).unwrap();
    let at = |name: &str| root.join(name).display().to_string();
    let (token, config, below) = (at("token"), at("config.yaml"), at("tls/ca.crt"));
    let files: &[Captured<'_>] = &[
        (&token, Some("the token\n")),
        (&config, Some("a: 1\n")),
        (&at("tls"), None),
        (&below, Some("the CA\n")),
    ];
    store(&place, NEW, &[("main-1", files)]);
    fs::write(&config, "a: 2\n").unwrap();
    let command = "restore files rancher --host main-1";

    let dry = place.must(&format!("{command} --dry-run"));
    assert!(dry.out.contains("3 missing, 1 differ, 0 the same"), "{}", dry.out);
    assert!(!dry.out.contains("the token") && !dry.out.contains("a: 1"), "{}", dry.out);
    let differs = place.run(&format!("{command} --yes"));
    assert!(differs.code == Some(3) && differs.err.contains("LB0420"), "{}", differs.err);
    let asks = place.run(&format!("{command} --overwrite"));
    assert!(asks.code == Some(3) && asks.err.contains("LB0006"), "{}", asks.err);
    assert!(asks.err.contains("puts 4 files onto host main-1, and replaces 1 there"), "{}", asks.err);
    assert!(!root.join("token").exists() && fs::read_to_string(&config).unwrap() == "a: 2\n");

    let aside = place.0.join("aside");
    let told = place.must(&format!("{command} --overwrite --yes --aside {} --output json", aside.display()));
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["replaced"], serde_json::json!([config]), "{told}");
    assert_eq!(told["made"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!(fs::read_to_string(&config).unwrap(), "a: 1\n");
    assert_eq!(fs::read_to_string(&below).unwrap(), "the CA\n");
    let again = place.must(&format!("{command} --yes"));
    assert!(
        again
            .out
            .contains("0 were missing and are there, 0 were replaced, 4 were the same"),
        "{}",
        again.out
    );
    assert!(!again.out.contains("undo"), "{}", again.out);

    for undo in told["undo"].as_array().unwrap() {
        let done = Command::new("sh").args(["-c", undo.as_str().unwrap()]).status().unwrap();
        assert!(done.success(), "{undo}");
    }
    assert_eq!(fs::read_to_string(&config).unwrap(), "a: 2\n");
    assert!(!root.join("token").exists() && !root.join("tls").exists());
}

#[test]
fn files_go_below_a_directory_of_this_machine() {
    let place = place("restore-files-directory");
    let one: &[Captured<'_>] = &[
        ("/etc", None),
        ("/etc/token", Some("one\n")),
        ("/etc/other", Some("x\n")),
    ];
    let two: &[Captured<'_>] = &[("/etc", None), ("/etc/token", Some("two\n"))];
    store(&place, NEW, &[("main-1", one), ("main-2", two)]);

    let several = place.run("restore files rancher --to ./out");
    assert!(several.code == Some(2) && several.err.contains("LB0421"), "{}", several.err);
    assert!(several.err.contains("--from one of: main-1, main-2"), "{}", several.err);
    let unknown = place.run("restore files rancher --from main-3 --to ./out");
    assert!(
        unknown.code == Some(2) && unknown.err.contains("no files of host main-3"),
        "{}",
        unknown.err
    );
    // The estate does not know the host that they are of.
    let stranger = place.run("restore files rancher --from main-2");
    assert!(stranger.code == Some(2) && stranger.err.contains("LB0202"), "{}", stranger.err);
    assert!(
        stranger.err.contains("--to another HOST of the estate, or --to ./DIRECTORY"),
        "{}",
        stranger.err
    );
    let nowhere = place.run("restore files rancher --from main-2 --to out");
    assert!(nowhere.code == Some(2) && nowhere.err.contains("--to ./out"), "{}", nowhere.err);
    let nothing = place.run("restore files rancher --from main-1 --to ./out --only /var");
    assert!(nothing.code == Some(2) && nothing.err.contains("LB0421"), "{}", nothing.err);
    assert!(!place.0.join("out").exists());

    place.must("restore files rancher --from main-1 --to ./out --only /etc/tok*");
    assert_eq!(fs::read_to_string(place.0.join("out/etc/token")).unwrap(), "one\n");
    assert!(!place.0.join("out/etc/other").exists());
    let differs = place.run("restore files rancher --from main-2 --to ./out");
    assert!(differs.code == Some(3) && differs.err.contains("LB0420"), "{}", differs.err);
    place.must("restore files rancher --from main-2 --to ./out --overwrite");
    assert_eq!(fs::read_to_string(place.0.join("out/etc/token")).unwrap(), "two\n");
}

#[test]
fn a_damaged_newest_copy_leads_to_the_newest_sound_one() {
    let place = place("restore-files-damaged");
    let empty = place.run("restore files rancher --to ./out");
    assert!(empty.code == Some(3) && empty.err.contains("LB0309"), "{}", empty.err);
    let files = |text: &'static str| [("/token", Some(text))];
    store(&place, OLD, &[("main-1", &files("old\n"))]);
    store(&place, NEW, &[("main-1", &files("new\n"))]);
    let early = place.run("restore files rancher --to ./out --at 2026-11-22T22:01:00Z");
    assert!(early.code == Some(3) && early.err.contains("the oldest is of"), "{}", early.err);
    place.must("restore files rancher --to ./then --at 2026-11-22T22:01:10Z");
    assert_eq!(fs::read_to_string(place.0.join("then/token")).unwrap(), "old\n");

    place.damage(&format!("copies/clusters/rancher/parts/{NEW}/files"));
    let damaged = place.run("restore files rancher --to ./out");
    assert!(damaged.code == Some(4) && damaged.err.contains("LB0306"), "{}", damaged.err);
    let offer = format!("lifeboat restore files rancher --to ./out --at {OLD}");
    assert!(damaged.err.contains(&offer), "{}", damaged.err);
    place.must(offer.trim_start_matches("lifeboat "));
    // What was never an archive is told as damage, too.
    place.store(&id("000001-20261122T220132.123Z-cccc")).unwrap();
    let none = place.run("restore files rancher --to ./out");
    assert!(none.code == Some(4) && none.err.contains(&offer), "{}", none.err);
}

#[test]
fn etcd_of_any_moment_becomes_a_data_directory() {
    let place = place("restore-etcd");
    let member = "--member m1=http://10.0.0.1:2380";
    let none = place.run(&format!("restore etcd rancher --to ./data {member}"));
    assert!(none.code == Some(2) && none.err.contains("holds no history"), "{}", none.err);
    history(&place);

    let dry = place.must(&format!("restore etcd rancher --to ./data {member} --dry-run"));
    assert!(dry.out.contains("etcd of rancher at revision 9"), "{}", dry.out);
    assert!(dry.out.contains("lost: nothing that is known"), "{}", dry.out);
    assert!(!place.0.join("data").exists());
    let told = place.must(&format!("restore etcd rancher --to ./data {member} --line 3.6"));
    assert!(
        told.out.contains("lost: nothing that is known") && told.out.contains("took: "),
        "{}",
        told.out
    );
    assert!(place.0.join("data/member/snap/db").is_file());
    let inhabited = place.run(&format!("restore etcd rancher --to ./data {member}"));
    assert!(inhabited.code == Some(3) && inhabited.err.contains("LB0408"), "{}", inhabited.err);

    // A copy is a moment as well; this one is of revision 7.
    place.store(&id(OLD)).unwrap();
    let told = place.must(&format!("restore etcd rancher --to ./seven {member} --at {OLD} --output json"));
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&told["revision"], &told["revisionsLost"]), (&7.into(), &2.into()), "{told}");
    assert!(told["made"]["made"][0].as_str().unwrap().ends_with("seven"), "{told}");
    let unknown = place.run(&format!("restore etcd rancher --to ./x {member} --at {NEW}"));
    assert!(unknown.err.contains("LB0303"), "{}", unknown.err);

    let object = fs::read_dir(place.0.join("copies/clusters/rancher/history"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    place.damage(&format!("copies/clusters/rancher/history/{}", object.file_name().display()));
    let damaged = place.run(&format!("restore etcd rancher --to ./x {member}"));
    assert!(damaged.code == Some(4) && !place.0.join("x").exists(), "{}", damaged.err);
    assert!(damaged.err.contains("lifeboat etcd verify --cluster rancher"), "{}", damaged.err);
}

#[test]
fn etcd_comes_back_from_a_snapshot_that_others_made() {
    let place = place("restore-etcd-snapshot");
    let command = "restore etcd rancher --to ./data --member m1=http://10.0.0.1:2380 --from-snapshot snapshot.db";
    let unnamed = place.run(command);
    assert!(unnamed.code == Some(2) && unnamed.err.contains("LB0422"), "{}", unnamed.err);
    place.change("    protect:\n", "    snapshots: [{directory: snapshots}]\n    protect:\n");
    fs::create_dir(place.0.join("snapshots")).unwrap();
    let absent = place.run(command);
    assert!(absent.code == Some(2) && absent.err.contains("no snapshot of rancher"), "{}", absent.err);
    database(&place.0.join("snapshots/snapshot.db"), 0, 8);
    let told = place.must(command);
    assert!(told.err.contains("from snapshot snapshot.db"), "{}", told.err);
    assert!(told.out.contains("lost: not known"), "{}", told.out);
    assert!(place.0.join("data/member/snap/db").is_file());
    fs::write(place.0.join("snapshots/snapshot.db"), [7; 9000]).unwrap();
    let damaged = place.run(&command.replace("--to ./data", "--to ./x"));
    assert!(damaged.code == Some(4) && damaged.err.contains("LB0405"), "{}", damaged.err);
    assert!(damaged.err.contains("hint: lifeboat points rancher"), "{}", damaged.err);
    database(&place.0.join("snapshots/older.db"), 0, 8);
    for command in [
        command.replace("--to ./data", "--to ./x"),
        "verify rancher --point snapshot.db".to_owned(),
    ] {
        let damaged = place.run(&command);
        assert!(damaged.err.contains("hint: the newest sound one: older.db"), "{command}: {}", damaged.err);
    }
    fs::create_dir(place.0.join("snapshots/other")).unwrap();
    fs::copy(place.0.join("snapshots/older.db"), place.0.join("snapshots/other/older.db")).unwrap();
    let two = place.run("verify rancher --point older.db");
    assert!(two.code == Some(2) && two.err.contains("hint: one of: "), "{}", two.err);
}

/// What cannot be meant is told before a plan is made, and no run begins.
#[test]
fn hosts_that_cannot_be_meant_begin_no_run() {
    let place = place("restore-hosts");
    place.change("    protect:\n", "    snapshots: [{directory: snapshots}]\n    protect:\n");
    fs::create_dir(place.0.join("snapshots")).unwrap();
    let mut all = String::new();
    for words in [
        "--to main-1 --to main-1",
        "--to main-1 --without main-1",
        "--to main-1 --without nobody",
        "--to nobody",
        "--to main-1 --to ./data",
        "--to main-1 --member m1=http://10.0.0.1:2380",
        "--to main-1 --from-snapshot one.db --at 1h-ago",
        "--to main-1 --from-snapshot one.db",
        "--to ./data --member m1=http://10.0.0.1:2380 --from-snapshot one.db --at 1h-ago",
        "--to ./data --member m1=http://10.0.0.1:2380 --yes",
    ] {
        let told = place.run(&format!("restore etcd rancher {words} --yes").replace("--yes --yes", "--yes"));
        assert_eq!(told.code, Some(2), "{words}: {}", told.err);
        all += &format!("{words}\n{}\n", told.err);
    }
    insta::assert_snapshot!(all);
    assert_eq!(place.must("runs").out, "no runs yet\n");
}
