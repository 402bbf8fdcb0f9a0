//! What a command says of an estate that it cannot use: no file, a wrong one, a secret that is not here, another host.

use crate::session::sessions_in;
use std::fs;
use std::path::{Path, PathBuf};

/// An estate as it should be, but with none of the secrets that it refers to.
const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");

/// A directory of `test`'s own, with an estate file in it unless that is `None`.
fn directory(test: &str, estate: Option<&str>) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    if let Some(estate) = estate {
        fs::write(directory.join("lifeboat.yaml"), estate).unwrap();
    }
    // As the process in it will see it.
    directory.canonicalize().unwrap()
}

#[test]
fn no_estate_file() {
    // Where Lifeboat is installed, it would find that estate.
    if Path::new("/etc/lifeboat/lifeboat.yaml").exists() {
        return;
    }
    let directory = directory("no-estate-file", None);
    insta::assert_snapshot!(sessions_in(&directory, &["status", "run show --output json"]));
}

#[test]
fn an_estate_file_that_cannot_be_read() {
    let directory = directory("unreadable-estate-file", None);
    insta::assert_snapshot!(sessions_in(&directory, &["plan --estate elsewhere.yaml"]));
}

#[test]
fn an_estate_file_with_a_typo() {
    let directory = directory("estate-file-with-a-typo", Some(&GOOD.replace("maximumLoss", "maximumLos")));
    insta::assert_snapshot!(sessions_in(&directory, &["check", "check --output json"]));
}

#[test]
fn an_estate_file_that_breaks_a_rule() {
    let estate = GOOD.replace("repository: standby-s3", "repository: standby-s4");
    let directory = directory("estate-file-that-breaks-a-rule", Some(&estate));
    insta::assert_snapshot!(sessions_in(&directory, &["serve", "serve --output json"]));
}

#[test]
fn a_secret_that_is_not_here() {
    let directory = directory("secret-that-is-not-here", Some(GOOD));
    let lines = [
        "points fetch 000001-20261122T100000.000Z-k7xq --into out",
        "failover --yes --output json",
        "runs",
    ];
    insta::assert_snapshot!(sessions_in(&directory, &lines));
}

/// No network is asked, since no host can be entered and no secret is here: each command says whom it did not hear, and why.
#[test]
fn nobody_who_knows_can_be_asked() {
    let way = "    ssh:\n      user: root\n      port: 2222\n      identity: id_ed25519\n";
    let estate = GOOD.replace("    ssh: {}\n", "").replace(way, "");
    assert!(!estate.contains("ssh"), "{estate}");
    let directory = directory("nobody-who-knows", Some(&estate));
    let lines = [
        "status --control none.sock",
        "status nowhere --control none.sock",
        "status --here --control none.sock",
        "status --here --control none.sock --output json",
        "points",
        "points nowhere --output json",
        "protect rancher --now --reason upgrade --control none.sock",
        "protect rancher --now --reason upgrade --control none.sock --here --output json",
        "protect rancher --reason upgrade",
        "readiness --control none.sock",
    ];
    insta::assert_snapshot!(sessions_in(&directory, &lines));
}

#[test]
fn a_variable_that_is_not_set() {
    let estate = GOOD.replace("accessKey: file:s3.access", "accessKey: ${S3_ACCESS}");
    let directory = directory("variable-that-is-not-set", Some(&estate));
    insta::assert_snapshot!(sessions_in(&directory, &["points"]));
}

#[test]
fn a_host_that_is_no_sites() {
    let directory = directory("host-that-is-no-sites", Some(GOOD));
    let lines = [
        "gate --now --host elsewhere",
        "serve --host elsewhere",
        "gate --host Not_A_Name",
    ];
    insta::assert_snapshot!(sessions_in(&directory, &lines));
}

#[test]
fn a_gate_stays_shut_while_nobody_can_be_asked() {
    let directory = directory("gate", Some(GOOD));
    insta::assert_snapshot!(sessions_in(&directory, &["gate --now --host main-1"]));
}
