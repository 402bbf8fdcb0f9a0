//! Runs `lifeboat` and writes down the session.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary with a fixed terminal width, no terminal, and nothing of this machine's settings.
pub(crate) fn lifeboat(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
    command.args(args).env_clear().env("COLUMNS", "100").stdin(Stdio::null());
    command
}

/// The command, stdout, stderr and the exit code, as one text to compare.
pub(crate) fn session(args: &[&str]) -> String {
    told(args, &mut lifeboat(args))
}

/// Several sessions, one after the other.
pub(crate) fn sessions(lines: &[&str]) -> String {
    let all = lines.iter().map(|line| session(&words(line)));
    all.collect::<Vec<_>>().join("\n")
}

/// Several sessions in `directory`, which is told as `[HERE]`.
pub(crate) fn sessions_in(directory: &Path, lines: &[&str]) -> String {
    let all = lines.iter().map(|line| {
        let args = words(line);
        told(&args, lifeboat(&args).current_dir(directory))
    });
    let all = all.collect::<Vec<_>>().join("\n");
    all.replace(&directory.display().to_string(), "[HERE]")
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn told(args: &[&str], command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let mut text = format!("$ lifeboat {}\n", args.join(" "));
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if !bytes.is_empty() {
            text += &format!("--- {name}\n{}", String::from_utf8(bytes).unwrap());
        }
    }
    text + &format!("--- exit code {}\n", status.code().unwrap())
}
