//! What can be shown without a network: the record of a voter, and what is told of probes and troubles.

mod repositories;

use crate::disk;
use crate::state::State;
use estate::{Epoch, Probe, Standing};
use failover::Saved;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn saved(epoch: u64) -> Saved {
    let standing = Standing { epoch: Epoch(epoch), holder: "standby".parse().unwrap() };
    Saved { standing, run: Some("run 1".to_owned()), lease_ms: 10_000 }
}

#[test]
fn a_voters_record_is_found_again_and_replaced_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("below/voter-rancher.json");
    assert_eq!(disk::read(&path).unwrap(), None);
    for epoch in [1, 2] {
        disk::write(&path, &saved(epoch)).unwrap();
        assert_eq!(disk::read(&path).unwrap(), Some(saved(epoch)));
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // A crash while the next one is written leaves the last one.
    fs::write(path.with_extension("partial"), "{\"standing\"").unwrap();
    assert_eq!(disk::read(&path).unwrap(), Some(saved(2)));
}

#[test]
fn a_damaged_record_is_never_taken_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("voter-rancher.json");
    for damaged in [
        "",
        "{",
        "null",
        "{\"standing\":{\"epoch\":2,\"holder\":\"Bad Name\"},\"run\":null,\"lease_ms\":1}",
    ] {
        fs::write(&path, damaged).unwrap();
        let trouble = disk::read(&path).unwrap_err();
        assert_eq!(&*trouble.code, "LB0606", "{damaged:?}");
        assert!(trouble.message.contains("voter-rancher.json"), "{trouble}");
    }
}

#[test]
fn a_record_that_cannot_be_written_is_an_error_and_leaves_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("voter-rancher.json");
    disk::write(&path, &saved(1)).unwrap();
    // Something of that name that is no file.
    fs::create_dir(path.with_extension("partial")).unwrap();
    assert!(disk::write(&path, &saved(2)).is_err());
    assert_eq!(disk::read(&path).unwrap(), Some(saved(1)));
}

#[test]
fn a_probe_is_told_with_the_time_since_it_changed() {
    let seconds = Duration::from_secs;
    let mut state = State::new();
    state.probed(Probe::Api, Ok(()), seconds(10));
    state.probed(Probe::Api, Ok(()), seconds(11));
    state.probed(Probe::Api, Err("refused".to_owned()), seconds(12));
    state.probed(Probe::Api, Err("silent".to_owned()), seconds(15));
    let seen = state.seen(seconds(16));
    assert_eq!((seen[0].good, seen[0].for_ms, seen[0].asked_ms), (false, 4000, 1000));
    assert_eq!(seen[0].reason, "silent");
    state.probed(Probe::Api, Ok(()), seconds(17));
    assert_eq!((state.seen(seconds(17))[0].good, state.seen(seconds(17))[0].for_ms), (true, 0));
    state.forget_probes();
    assert!(state.seen(seconds(18)).is_empty());
}

#[test]
fn a_trouble_is_new_once() {
    let mut state = State::new();
    assert!(state.trouble("copies", Some("no space".to_owned())));
    assert!(!state.trouble("copies", Some("no space".to_owned())));
    assert!(state.trouble("copies", Some("no answer".to_owned())));
    assert_eq!(state.troubles(), ["copies: no answer"]);
    assert!(state.trouble("copies", None));
    assert!(!state.trouble("copies", None));
}
