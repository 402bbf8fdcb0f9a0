//! The whole command tree as its help shows it.

use crate::session::{lifeboat, session};

#[test]
#[cfg(feature = "lab")]
fn the_help_of_every_command() {
    let mut text = String::new();
    describe(&[], &mut text);
    insta::assert_snapshot!(text);
}

#[test]
fn help_is_data_and_wrong_use_is_talk() {
    assert!(session(&["--help"]).contains("--- stdout\nDisaster recovery"));
    assert!(session(&[]).contains("--- stderr\nDisaster recovery"));
    assert!(lifeboat(&["-h"]).output().unwrap().status.success());
}

/// The help of `command`, then that of each command that it lists.
#[cfg(feature = "lab")]
fn describe(command: &[&str], text: &mut String) {
    let help = session(&[command, &["--help"]].concat());
    text.push_str(&help);
    text.push('\n');
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    // Lines that go deeper than two blanks are the rest of a description.
    for name in listed
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
    {
        let name = name.split_whitespace().next().unwrap();
        describe(&[command, &[name]].concat(), text);
    }
}
