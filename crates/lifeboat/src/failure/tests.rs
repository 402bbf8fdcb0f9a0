use super::*;
use std::io;

#[test]
fn exit_codes_follow_the_kind() {
    for (kind, code) in [
        (Kind::Unreachable, 1),
        (Kind::Conflict, 1),
        (Kind::Fenced, 1),
        (Kind::Bug, 1),
        (Kind::Invalid, 2),
        (Kind::Person, 3),
        (Kind::Damaged, 4),
    ] {
        assert_eq!(Failure::new("LB0099", kind, "").exit_code(), ExitCode::from(code), "{kind:?}");
    }
}

#[test]
fn causes_come_in_order_and_hints_line_by_line() {
    let source = io::Error::other(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
    let failure = Failure::new("LB0109", Kind::Unreachable, "host rancher-1: no file system")
        .because(&source)
        .hint("df /var\nlifeboat lab down");
    insta::assert_snapshot!(anstream::adapter::strip_str(&failure.text()).to_string(), @r"
    error[LB0109]: host rancher-1: no file system
      because: the disk is full
    hint: df /var
    hint: lifeboat lab down
    ");
}

#[test]
#[cfg(feature = "lab")]
fn an_error_of_the_lab_keeps_its_code_kind_and_hint() {
    let failure = Failure::from(lab::Error::NoLab { name: "blue".to_owned() });
    assert_eq!(failure.exit_code(), ExitCode::from(2));
    insta::assert_snapshot!(anstream::adapter::strip_str(&failure.text()).to_string(), @r#"
    error[LB0107]: no lab is called "blue"
    hint: lifeboat lab up --name blue
    "#);
}
