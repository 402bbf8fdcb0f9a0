//! What Lifeboat shows, in each form.

use crate::session::{lifeboat, session, sessions};

#[test]
fn explain() {
    insta::assert_snapshot!(sessions(&[
        "explain",
        "explain LB0107",
        "explain 107 -o json",
        "explain lb0002 -o yaml",
    ]));
}

#[test]
fn explain_lists_the_same_codes_for_programs() {
    let list: serde_json::Value = serde_json::from_slice(&stdout(&["explain", "-o", "json"])).unwrap();
    let list = list.as_array().unwrap();
    assert!(
        list.iter()
            .any(|page| page["code"] == "LB0001" && page["title"] == "There is no such error code")
    );
    assert!(session(&["explain"]).lines().count() > list.len());
}

#[test]
#[cfg(feature = "lab")]
fn version() {
    let text = sessions(&["version", "version -o json", "version -o yaml", "--version"]);
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn clock() {
    let clock: serde_json::Value = serde_json::from_slice(&stdout(&["clock", "--output", "json"])).unwrap();
    let now = clock["now"].as_str().unwrap();
    assert_eq!((now.len(), now.ends_with('Z')), ("2026-01-02T03:04:05.678901Z".len(), true), "{now}");
    assert!(clock["skew_ms"].is_i64(), "{clock}");
    assert!(String::from_utf8(stdout(&["clock"])).unwrap().starts_with("now   20"));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(stdout(&["completions", shell])).unwrap();
        assert!(script.contains("explain"), "{shell}");
    }
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    for args in [&["explain"][..], &["--help"], &["explain", "nonsense"], &["--nonsense"]] {
        assert!(!session(args).contains('\x1b'), "{args:?}");
    }
}

fn stdout(args: &[&str]) -> Vec<u8> {
    lifeboat(args).output().unwrap().stdout
}
