//! Runs `lifeboat` and writes down the session.

use std::process::{Command, Output, Stdio};

/// The binary with a fixed terminal width, no terminal, and nothing of this machine's settings.
pub(crate) fn lifeboat(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
    command.args(args).env_clear().env("COLUMNS", "100").stdin(Stdio::null());
    command
}

/// The command, stdout, stderr and the exit code, as one text to compare.
pub(crate) fn session(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = lifeboat(args).output().unwrap();
    let mut text = format!("$ lifeboat {}\n", args.join(" "));
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if !bytes.is_empty() {
            text += &format!("--- {name}\n{}", String::from_utf8(bytes).unwrap());
        }
    }
    text + &format!("--- exit code {}\n", status.code().unwrap())
}

/// Several sessions, one after the other.
pub(crate) fn sessions(lines: &[&str]) -> String {
    let all = lines.iter().map(|line| session(&line.split_whitespace().collect::<Vec<_>>()));
    all.collect::<Vec<_>>().join("\n")
}
