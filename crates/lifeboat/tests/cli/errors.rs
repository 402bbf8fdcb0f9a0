//! Every error has a code, a reason and a next command, and the exit code says who must act.

use crate::session::{lifeboat, sessions};
use std::fs::File;
use std::process::Stdio;

#[test]
fn unknown_error_codes() {
    insta::assert_snapshot!(sessions(&[
        "explain LB0117",
        "explain wings",
        "explain LB0117 --output json",
        "explain LB0117 --output yaml",
    ]));
}

#[test]
fn wrong_arguments() {
    insta::assert_snapshot!(sessions(&[
        "",
        "explian LB0001",
        "explain --outptu json",
        "version --output jsn",
        "version extra",
        "completions",
        "completions tcsh",
        "version --nonsense --output=json",
    ]));
}

#[test]
#[cfg(feature = "lab")]
fn wrong_input_for_a_lab() {
    insta::assert_snapshot!(sessions(&[
        "lab up --edges 0",
        "lab up --name averylongname",
        "lab up --name Upper",
        "lab up --subnet here",
        "lab up --topology no-such-file.yaml",
        "lab status --name nowhere",
        "lab status --name nowhere --output json",
        "lab exec --name nowhere rancher-1 -- true",
        "lab down --name nowhere",
        "lab break host",
    ]));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = lifeboat(&["explain"]).stdout(full).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error[LB0002]: the output could not be written
      because: No space left on device (os error 28)
    hint: lifeboat explain LB0002
    ");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let mut child = lifeboat(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
