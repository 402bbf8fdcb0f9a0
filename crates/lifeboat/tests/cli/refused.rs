//! What stands between a person and a repository, as that person sees it: the command, the error with its code, its reason and the next
//! command, and that nothing in the store has changed. Start at [`told`].
//!
//! Keys, ids and times are other ones at each run, and have fixed words in their place.

use crate::etcd::made::database;
use crate::place::Place;
use crate::session::sessions_in;
use estate::PointId;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The copy that is there.
const POINT: &str = "000001-20261122T100000.000Z-k7xq";

/// A command that opens a copy, one that opens what is shared, one that writes, and one that removes.
const COMMANDS: [&str; 4] = [
    "points fetch 000001-20261122T100000.000Z-k7xq --into out --files-only",
    "repository kit",
    "repository kit store",
    "repository prune --yes",
];

/// Where repositories are in a [`Place`], and what is fetched from them.
const STORES: [&str; 4] = ["copies", "second", "empty", "out"];

/// A place whose repository `copies` holds one copy.
fn place(test: &str) -> Place {
    let place = Place::new(&format!("refused-{test}"));
    place.must("repository init --root-key root.key");
    place.store(&POINT.parse().unwrap()).unwrap();
    place
}

/// The sessions, and after each what it did to the stores.
fn told(place: &Place, lines: &[&str]) -> String {
    let each = lines.iter().map(|&line| {
        let before = bytes(place);
        let session = masked(&sessions_in(&place.0, &[line]));
        let after = if bytes(place) == before { "unchanged" } else { "CHANGED" };
        format!("{session}--- the stores: {after}\n")
    });
    each.collect::<Vec<_>>().join("\n")
}

/// Every byte of all stores.
fn bytes(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut open, mut files) = (STORES.map(|store| place.0.join(store)).to_vec(), BTreeMap::new());
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Without what chance has made.
fn masked(text: &str) -> String {
    let (mut masked, mut before) = (String::new(), "");
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let instead = match word {
            _ if before == "probe/" || before == "links-" => "[RANDOM]",
            _ if word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()) => "[KEY]",
            _ => word,
        };
        masked += instead;
        masked += &piece[word.len()..];
        before = piece;
    }
    masked
}

#[test]
fn a_wrong_key() {
    let place = place("wrong-key");
    fs::create_dir(place.0.join("other")).unwrap();
    place.must("repository keys new --into other");
    fs::copy(place.0.join("other/identity.txt"), place.0.join("identity.txt")).unwrap();
    insta::assert_snapshot!(told(&place, &COMMANDS));
}

#[test]
fn no_key() {
    let place = place("no-key");
    fs::remove_file(place.0.join("identity.txt")).unwrap();
    insta::assert_snapshot!(told(&place, &COMMANDS));
}

#[test]
fn no_signing_key() {
    let place = place("no-signing-key");
    fs::remove_file(place.0.join("signer.key")).unwrap();
    place.change("maximumLoss: 1m", "maximumLoss: 2m");
    insta::assert_snapshot!(told(&place, &["repository kit store"]));
}

#[test]
fn a_copy_that_a_stranger_has_signed() {
    let place = place("stranger");
    for folder in ["other", "taken"] {
        fs::create_dir(place.0.join(folder)).unwrap();
    }
    place.must("repository keys new --into other");
    let id = "000001-20261122T110000.000Z-k7xq";
    place.store_signed(&id.parse().unwrap(), "other/signer.key").unwrap();
    let fetch = format!("points fetch {id} --into taken --files-only");
    let accepted = format!("{fetch} --accept-unsigned");
    let lines = [
        &fetch,
        &accepted,
        "plan --accept-unsigned",
        "failover --accept-unsigned",
    ];
    insta::assert_snapshot!(told(&place, &lines));
    assert!(place.0.join("taken/files").exists());
}

#[test]
fn another_repository() {
    let place = place("another-repository");
    let identity = "    identity: file:identity.txt";
    place.change(identity, &format!("    root: {}\n{identity}", "0".repeat(64)));
    let mut lines = COMMANDS.to_vec();
    lines.extend(["repository keys apply --root-key signer.key", "repository check"]);
    let fetch = format!(
        "repository kit fetch --url file://{}/copies --root {} --identity identity.txt --into host",
        place.0.display(),
        "0".repeat(64)
    );
    lines.push(&fetch);
    insta::assert_snapshot!(told(&place, &lines));
}

#[test]
fn another_root_key() {
    let place = place("another-root-key");
    let lines = [
        "repository keys apply --root-key signer.key",
        "repository init --root-key signer.key",
    ];
    insta::assert_snapshot!(told(&place, &lines));
}

#[test]
fn no_repository() {
    let place = place("no-repository");
    fs::create_dir(place.0.join("empty")).unwrap();
    place.change("/copies", "/empty");
    let empty = told(&place, &COMMANDS);
    place.change("/empty", "/absent");
    insta::assert_snapshot!(format!("{empty}\n{}", told(&place, &COMMANDS)));
}

/// The estate knows its root, so there was one, and another one would hide that this is not its store.
#[test]
fn a_repository_that_should_be_there() {
    let place = place("should-be-there");
    place.pin();
    fs::create_dir(place.0.join("empty")).unwrap();
    place.change("/copies", "/empty");
    let init = "repository init --root-key root.key";
    let empty = told(
        &place,
        &[
            "repository kit",
            "repository check",
            init,
            "repository init --new --root-key other.key",
        ],
    );
    place.change("/empty", "/absent");
    let absent = told(&place, &[init]);
    assert!(!place.0.join("absent").exists() && !place.0.join("other.key").exists());
    insta::assert_snapshot!(format!("{empty}\n{absent}"));
    place.must("repository init --new --root-key root.key");
}

#[test]
fn no_root_key() {
    let place = place("no-root-key");
    insta::assert_snapshot!(told(&place, &["repository init --root-key other.key"]));
    assert!(!place.0.join("other.key").exists());
}

#[test]
fn a_newer_format() {
    let place = place("newer-format");
    // The version of a sealed object stands in its eighth byte.
    for object in [
        "shared/kit/0000000001".to_owned(),
        format!("clusters/rancher/points/{POINT}"),
    ] {
        let path = place.0.join("copies").join(object);
        let mut bytes = fs::read(&path).unwrap();
        bytes[7] += 1;
        fs::write(path, bytes).unwrap();
    }
    let objects = told(&place, &COMMANDS[..2]);
    let marker = place.0.join("copies/lifeboat.json");
    let text = fs::read_to_string(&marker).unwrap();
    let newer = text.replacen("1", "2", 1);
    assert!(newer.contains(r#""format": 2"#) || newer.contains(r#""format":2"#), "{newer}");
    fs::write(&marker, newer).unwrap();
    insta::assert_snapshot!(format!("{objects}\n{}", told(&place, &COMMANDS)));
}

#[test]
fn a_store_that_does_not_answer() {
    let place = place("no-answer");
    for file in ["s3.access", "s3.secret"] {
        fs::write(place.0.join(file), "secret\n").unwrap();
    }
    // Nobody listens there.
    let s3 =
        "s3://lifeboat\n    endpoint: http://127.0.0.1:1\n    accessKey: file:s3.access\n    secretKey: file:s3.secret";
    place.change(&format!("file://{}/copies", place.0.display()), s3);
    insta::assert_snapshot!(told(&place, &COMMANDS));
}

/// Runs the test called `name` once more in a mount namespace of its own, which ends with all that it mounts. `true` inside.
fn alone(name: &str) -> bool {
    const ALONE: &str = "LIFEBOAT_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let inside = Command::new("unshare")
        .arg("--mount")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", name])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let [out, error] = [&inside.stdout, &inside.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(inside.status.success() && out.contains("1 passed"), "{out}{error}");
    false
}

fn mount(options: &str, at: &Path) {
    let done = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "none"])
        .arg(at)
        .status();
    assert!(done.unwrap().success());
}

/// A place whose stores are file systems of their own, of a few pages.
fn small(test: &str) -> Place {
    let place = Place::new(&format!("refused-{test}"));
    for store in ["copies", "out"] {
        fs::create_dir(place.0.join(store)).unwrap();
        mount("size=256k,mode=700", &place.0.join(store));
    }
    place.must("repository init --root-key root.key");
    place.store(&POINT.parse().unwrap()).unwrap();
    place.change("maximumLoss: 1m", "maximumLoss: 2m");
    place
}

/// A command that opens a copy, and three that write.
const WRITES: [&str; 4] = [
    COMMANDS[0],
    COMMANDS[2],
    "repository keys apply --root-key root.key --rotate",
    COMMANDS[3],
];

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_full_disk() {
    if !alone("refused::a_full_disk") {
        return;
    }
    let place = small("full-disk");
    let fillers = ["copies", "out"].map(|store| place.0.join(store).join("filler"));
    for filler in &fillers {
        // It is cut off where the disk ends.
        fs::write(filler, vec![0; 1 << 20]).unwrap_err();
    }
    database(&place.0.join("db"), 0, 9);
    let lines: Vec<&str> = WRITES.iter().copied().chain(["etcd import db --cluster rancher"]).collect();
    let full = told(&place, &lines);
    // The history that the point is of could not be written: that is damage, and prevails.
    let checked = place.run("repository check");
    assert!(
        checked.code == Some(4)
            && checked.out.contains("it could not be tried")
            && checked.out.contains("No space left on device"),
        "{}{}",
        checked.out,
        checked.err
    );
    for filler in &fillers {
        fs::remove_file(filler).unwrap();
    }
    WRITES.iter().for_each(|line| drop(place.must(line)));
    // The point is a moment of the history.
    place.must("etcd import db --cluster rancher");
    place.must("repository check --read-data");
    insta::assert_snapshot!(full);
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_read_only_disk() {
    if !alone("refused::a_read_only_disk") {
        return;
    }
    let place = small("read-only-disk");
    let copies = place.0.join("copies");
    database(&place.0.join("db"), 0, 9);
    place.must("etcd import db --cluster rancher");
    mount("remount,ro", &copies);
    fs::create_dir(place.0.join("taken")).unwrap();
    let fetch = COMMANDS[0].replace("--into out", "--into taken");
    let lines: Vec<&str> = std::iter::once(&*fetch).chain(WRITES[1..].iter().copied()).collect();
    let read_only = told(&place, &lines);
    // What is stored can be checked all the same, and decides alone.
    let checked = place.run("repository check --read-data");
    assert!(
        checked.code == Some(0) && checked.out.contains("leases and journals are not checked"),
        "{}{}",
        checked.out,
        checked.err
    );
    mount("remount,rw", &copies);
    let part = copies.join(format!("clusters/rancher/parts/{POINT}"));
    let part = part.read_dir().unwrap().next().unwrap().unwrap().path();
    let sound = fs::read(&part).unwrap();
    fs::write(&part, &sound[..sound.len() - 1]).unwrap();
    mount("remount,ro", &copies);
    assert_eq!(place.run("repository check").code, Some(4));
    mount("remount,rw", &copies);
    fs::write(&part, &sound).unwrap();
    WRITES.iter().for_each(|line| drop(place.must(line)));
    insta::assert_snapshot!(read_only);
}

/// Copies of the last hours, and one that a host whose clock was ahead has left. Of them, the rules keep two.
#[test]
#[ignore = "needs root: cargo xtask test"]
#[cfg(feature = "lab")]
fn a_clock_that_is_a_day_off() {
    if !alone("refused::a_clock_that_is_a_day_off") {
        return;
    }
    mount("mode=755", Path::new("/run"));
    fs::create_dir("/run/lifeboat").unwrap();
    let place = Place::new("refused-clock");
    place.must("repository init --root-key root.key");
    // Hours and days would end at other copies each time.
    let keep = "keep: {last: 2, within: 0s, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0}";
    place.change("keep: {last: 30, within: 1h 30m, yearly: 3}", keep);
    // Whole seconds: sizes are told, and a manifest has its times as text.
    let now = jiff::Timestamp::from_second(ambient::now().as_second()).unwrap();
    let ids = [-4, -3, -2, -1, 20].map(|hours| {
        let at = now + jiff::SignedDuration::from_hours(hours);
        let id = PointId::new(estate::Epoch::FIRST, at, "k7xq").unwrap();
        place.store(&id).unwrap();
        (id, format!("[A COPY, {hours:+} h]"))
    });
    let mut all = Vec::new();
    for (skew_ms, what) in [(86_400_000, "a day ahead"), (-86_400_000, "a day behind")] {
        fs::write(ambient::SKEW_FILE, skew_ms.to_string()).unwrap();
        let before = bytes(&place);
        let taken = place.store(&POINT.parse().unwrap()).unwrap_err();
        assert!(matches!(taken, repository::Error::Clock { .. }), "{taken}");
        let left = bytes(&place);
        let more: Vec<_> = left.keys().filter(|path| !before.contains_key(*path)).collect();
        assert!(
            more.iter()
                .all(|path| path.starts_with(place.0.join("copies/clusters/rancher/parts"))),
            "{more:?}"
        );
        more.into_iter().for_each(|part| fs::remove_file(part).unwrap());
        let lines = ["repository prune --dry-run", "repository prune --yes"];
        all.push(format!("# this machine's clock is {what}\n{}", told(&place, &lines)));
    }
    fs::remove_file(ambient::SKEW_FILE).unwrap();
    all.push(format!("# it is right\n{}", told(&place, &["repository prune --yes"])));
    let all = ids
        .iter()
        .fold(all.join("\n"), |all, (id, name)| all.replace(id.as_str(), name));
    insta::assert_snapshot!(all);
}
