//! Bad input and bad days of the lab itself: what is wrong, what to do, and the exit code.

use crate::world::{block_on, cli, lifeboat, must, shared, text};
use std::process::Command;

pub(crate) fn refused(words: &[&str], exit: i32, code: &str, why: &str) {
    let output = cli(words);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{words:?}: {said}");
    assert!(said.contains(&format!("error[{code}]")) && said.contains(why), "{words:?}: {said}");
    assert!(said.contains("hint"), "{words:?}: {said}");
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_lab_that_is_up_or_not_there_is_said() {
    block_on(async {
        let _lab = shared().await;
        refused(&["lab", "up", "--name", "test"], 2, "LB0106", "already up");
        refused(&["lab", "exec", "--name", "test", "nowhere", "--", "true"], 2, "LB0108", "main-1");
        refused(&["lab", "break", "--name", "test", "site", "moon", "--power"], 2, "LB0108", "backbone");
        refused(&["lab", "heal", "--name", "test", "99"], 2, "LB0108", "no fault");
    });
    for words in [&["lab", "down"][..], &["lab", "status"], &["lab", "heal"]] {
        refused(&[words, &["--name", "absent"]].concat(), 2, "LB0107", "absent");
    }
    refused(&["lab", "load", "never-saved"], 2, "LB0116", "does not exist");
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_malformed_topology_is_said_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lab.yaml");
    std::fs::write(&file, "name: bad\nedges: 2\nedgs: 3\n").unwrap();
    let path = file.to_str().unwrap();
    refused(&["lab", "up", "--topology", path], 2, "LB0103", "edgs");
    refused(&["lab", "up", "--topology", "/nonexistent.yaml"], 2, "LB0103", "nonexistent");
    refused(&["lab", "up", "--name", "bad", "--etcd", "2"], 2, "LB0103", "1 or 3");
    refused(&["lab", "up", "--name", "bad", "--edges", "0"], 2, "LB0103", "1 to 20");
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn addresses_and_names_in_use_are_said() {
    struct Undo(&'static [&'static str]);
    impl Drop for Undo {
        fn drop(&mut self) {
            let _done = Command::new("ip").args(self.0).status();
        }
    }
    {
        let _undo = Undo(&["link", "del", "lifeboat-t"]);
        must("ip", &["link", "add", "lifeboat-t", "type", "bridge"]);
        must("ip", &["addr", "add", "10.77.3.1/24", "dev", "lifeboat-t"]);
        must("ip", &["link", "set", "lifeboat-t", "up"]);
        refused(&["lab", "up", "--name", "inuse", "--subnet", "10.77.0.0/16"], 3, "LB0104", "lifeboat-t");
    }
    {
        let _undo = Undo(&["netns", "del", "lifeboat-inuse-core"]);
        must("ip", &["netns", "add", "lifeboat-inuse-core"]);
        refused(&["lab", "up", "--name", "inuse"], 3, "LB0105", "lifeboat-inuse-core");
        // What was not made by the lab is not taken away with it.
        assert!(must("ip", &["netns", "list"]).contains("lifeboat-inuse-core"));
    }
    assert!(
        !std::path::Path::new("/var/lib/lifeboat/lab/inuse").exists(),
        "a lab that was refused leaves nothing"
    );
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn missing_tools_and_missing_rights_are_said() {
    let output = Command::new(lifeboat())
        .args(["lab", "up", "--name", "none"])
        .env("LIFEBOAT_CACHE", "/nonexistent")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in [
        "error[LB0102]",
        "kubernetes",
        "etcd-3.6",
        "seaweedfs",
        "lifeboat lab install",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // As nobody, from a copy that nobody may read.
    let directory = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let copy = directory.path().join("lifeboat");
    std::fs::copy(lifeboat(), &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&copy)
        .args(["lab", "up", "--name", "none"])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("error[LB0101]") && said.contains("root"), "{said}");
}
