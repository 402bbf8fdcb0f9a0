//! docs/emergency.md, followed to the letter with the distribution's own tools: what Lifeboat stored must come back, byte by byte.
//!
//! Start at [`the_page_gives_everything_back`]. `page` takes the page apart and runs it, `stored` makes the repository that it
//! reads, `history` the history in it.
//!
//! That one is ignored by `cargo test`, since it needs programs that `cargo xtask test` installs: `cargo test --package lifeboat --test
//! emergency -- --ignored`, with a directory named by `LIFEBOAT_ETCD` that has etcd, etcdctl and etcdutl if the lab's tools are not there.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod history;
mod page;
mod stored;
#[path = "../../../etcd/tests/server/versions.rs"]
mod versions;

use etcd::Record;
use etcd::database::Database;
use etcd::selection::{DatabaseSource, Source};
use page::{Session, program};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use stored::{Stored, named};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs age, restic, etcd, python3-cryptography, python3-zstandard, jq, zstd: cargo xtask test"]
async fn the_page_gives_everything_back() {
    let stored = Stored::new().await;
    let session = Session::new(&stored);
    session.follow(&["run", "point", "snapshot"]);

    let back = |path: &str| fs::read(session.folder().join(path)).unwrap();
    for (name, content) in &stored.parts {
        assert!(back(&format!("parts/{name}")) == *content, "part {name}");
    }
    for (name, content) in &stored.control_plane {
        assert!(back(&format!("control-plane/{name}")) == *content, "{name} of the control plane");
    }
    for (name, content) in &stored.kit {
        assert!(back(&format!("kit/{name}")) == *content, "{name} of the kit");
    }
    for (path, content) in &stored.files {
        assert!(back(&format!("files/{}", path.display())) == *content, "file {}", path.display());
    }
    assert!(session.folder().join("restored/member/snap/db").is_file());

    let state = stored.history.now();
    let keys: String = state.iter().map(|(key, (revision, _))| format!("{revision} {key}\n")).collect();
    assert!(back("keys.txt") == keys.as_bytes(), "the keys are others");
    let (_, (_, value)) = state.iter().find(|(key, _)| key.starts_with("/registry/configmaps/")).unwrap();
    assert!(back("value") == *value, "the value is another");
    let times = String::from_utf8(back("times.txt")).unwrap();
    assert_eq!(times.lines().last().unwrap(), stored.history.last_time());

    every_value_comes_back(&stored, &session);
    there_is_a_history_and_no_point(&stored);
    what_was_changed_is_refused(&stored, &session);
    session.follow(&["end"]);
    assert!(!session.folder().join("identity.txt").exists() && !session.folder().join("keys/shared.json").exists());
}

/// The last way: the newest moment of the history becomes a snapshot, with the binary and without it, and a data directory of that.
fn there_is_a_history_and_no_point(stored: &Stored) {
    let points = stored.store.join("clusters/rancher/points");
    let aside = stored.store.with_file_name("points");
    fs::rename(&points, &aside).unwrap();
    let session = Session::new(stored);
    session.follow(&["run"]);
    session.follow(&["binary"]);
    let of = |state: &history::State| -> BTreeMap<String, Vec<u8>> {
        state.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect()
    };
    let state = of(stored.history.now());
    assert!(held(&session) == state, "the binary's snapshot holds something else");
    session.follow(&["snapshot"]);
    assert!(session.folder().join("restored/member/snap/db").is_file());
    session.follow(&["end"]);
    assert!(!session.folder().join("kit/identity.txt").exists());

    // Of the keys, what is needed most.
    let session = Session::new(stored);
    session.follow(&["run"]);
    let keys = fs::read_to_string(session.folder().join("keys.txt")).unwrap();
    let needed = |line: &&str| line.split_once(' ').is_some_and(|(_, key)| history::TELLING.contains(&key));
    let needed: Vec<&str> = keys.lines().filter(needed).collect();
    fs::write(session.folder().join("keys.txt"), needed.join("\n") + "\n").unwrap();
    session.follow(&["single"]);
    let state: BTreeMap<String, Vec<u8>> = state
        .into_iter()
        .filter(|(key, _)| history::TELLING.contains(&key.as_str()))
        .collect();
    assert!(state.len() == needed.len() && held(&session) == state, "single keys are others");
    session.follow(&["snapshot"]);
    assert!(session.folder().join("restored/member/snap/db").is_file());
    fs::rename(&aside, &points).unwrap();
}

/// What is in the snapshot that the session has.
fn held(session: &Session) -> BTreeMap<String, Vec<u8>> {
    let source = DatabaseSource::new(Database::open(&session.folder().join("parts/etcd")).unwrap()).unwrap();
    let mut held = BTreeMap::new();
    let mut each = |record: Record| {
        let it = record.decode().unwrap();
        held.insert(String::from_utf8(it.key.to_vec()).unwrap(), it.value.to_vec());
        Ok(())
    };
    source.live_at(source.last_revision(), &mut each).unwrap();
    held
}

/// Stands in for curl: the first list has four keys, the next none; whatever else is asked for is an object.
const CURL: &str = r#"#!/bin/bash
while [ $# -gt 1 ]; do
  case $1 in -o) into=$2; shift ;; http*) url=$1 ;; esac
  shift
done
case ${url:-$1} in
  *start-after=p/) for key in p/../../evil p/a/./b p/shared//c p/shared/kit/0000000001; do echo "<Key>$key</Key>"; done ;;
  *start-after=*) ;;
  *) echo object > "$into" ;;
esac
"#;

#[test]
fn a_bucket_writes_nowhere_but_below_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("bin")).unwrap();
    fs::write(at("fetch.sh"), program("fetch.sh")).unwrap();
    for (name, text) in [("curl", CURL), ("jq", "#!/bin/bash\nprintf %s \"$4\"\n")] {
        fs::write(at("bin").join(name), text).unwrap();
        fs::set_permissions(at("bin").join(name), PermissionsExt::from_mode(0o700)).unwrap();
    }
    let mut bash = Command::new("bash");
    bash.arg("fetch.sh").arg("below/copies").current_dir(folder.path()).env_clear();
    let path = format!("{}:/usr/bin:/bin", at("bin").display());
    let variables = [
        ("PATH", &*path),
        ("PREFIX", "p/"),
        ("BUCKET", "b"),
        ("ENDPOINT", "http://s3"),
    ];
    let keys = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let done = bash.envs(variables).envs(keys).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert_eq!(said, "passed over: p/../../evil\npassed over: p/a/./b\npassed over: p/shared//c\n");
    assert_eq!(fs::read_to_string(at("below/copies/shared/kit/0000000001")).unwrap(), "object\n");
    assert!(!at("evil").exists() && !at("below/copies/a").exists());
    assert_eq!(fs::read_dir(at("below/copies")).unwrap().count(), 1);
}

/// Values that lie in frames of each kind, now and as they were before they were deleted.
fn every_value_comes_back(stored: &Stored, session: &Session) {
    for key in history::TELLING {
        let script = format!("python3 history.py history {key}");
        match stored.history.now().get(key) {
            Some((_, value)) => assert!(session.run(&script).unwrap() == *value, "{key}"),
            None => assert!(session.run(&script).unwrap_err().contains("does not exist"), "{key}"),
        }
    }
    for (before, state) in stored.history.before() {
        for key in history::TELLING {
            let came = session.run(&format!("python3 history.py history {key} {before}")).ok();
            assert!(came == state.get(key).map(|(_, value)| value.clone()), "{key} at {before}");
        }
    }
}

/// An object with one byte changed, another in its place, and what somebody else signed.
fn what_was_changed_is_refused(stored: &Stored, session: &Session) {
    let script = |name: &str| format!("python3 unseal.py . {name}");
    let refused = |script: &str, why: &str| {
        let said = session.run(script).unwrap_err();
        assert!(said.contains(why), "{script}: {said}");
    };
    let manifest = named(&stored.store, "points");
    let (first, last) = (&manifest[0], &manifest[manifest.len() - 1]);
    let at = |name: &str| stored.store.join(name);
    changed(&at(last), |bytes| *bytes.last_mut().unwrap() ^= 1);
    refused(&script(last), "it was changed, cut off, or belongs elsewhere");
    fs::copy(at(first), at(last)).unwrap();
    refused(&script(last), "it was changed, cut off, or belongs elsewhere");
    let part = last.replace("points", "parts") + "/etcd";
    changed(&at(&part), |bytes| bytes.truncate(64 + 65_552));
    refused(&script(&part), "it was changed, cut off, or belongs elsewhere");
    changed(&at(&part), |bytes| bytes[0] = 0);
    refused(&script(&part), "Lifeboat did not seal it");

    let writers = "shared/writers/0000000001";
    let check = format!("python3 signed.py {writers} \"$STORE/{writers}\" \"$ROOT\"");
    session.run(&check).unwrap();
    changed(&at(writers), |bytes| *bytes.last_mut().unwrap() = b' ');
    refused(&check, "its signature is wrong");
    let keyring = "shared/keys/0000000001";
    refused(
        &format!("python3 signed.py {writers} \"$STORE/{keyring}\" \"$ROOT\""),
        "its signature is wrong",
    );
    refused(
        &format!("python3 signed.py {keyring} \"$STORE/{keyring}\" {}", "0".repeat(64)),
        "does not count",
    );
}

fn changed(file: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}
