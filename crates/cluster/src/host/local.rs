//! A shell on this machine.

use super::HostError;
use super::call::{Channel, SHELL};
use std::process::Stdio;
use tokio::process::Command;

/// What of Lifeboat's environment scripts get, as sshd would give it: the rest may hold credentials.
const KEPT: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "SHELL"];

pub(super) fn open(host: &str) -> Result<Channel, HostError> {
    let mut command = Command::new("sh");
    command.args(["-c", SHELL]).env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    started(host, command)
}

/// The shell that `command` starts.
pub(super) fn started(host: &str, mut command: Command) -> Result<Channel, HostError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A key pressed at Lifeboat's terminal must not reach the script: behind SSH it would not either.
    command.process_group(0);
    let mut child = command.spawn().map_err(|reason| match reason.kind() {
        std::io::ErrorKind::NotFound => HostError::Missing { host: host.to_owned(), program: "sh".to_owned() },
        _ => unreachable(host, &reason),
    })?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Channel {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            _process: Box::new(child),
        }),
        _ => Err(unreachable(host, &"the shell has no pipes")),
    }
}

fn unreachable(host: &str, reason: &dyn std::fmt::Display) -> HostError {
    HostError::Unreachable {
        host: host.to_owned(),
        reason: format!("no shell can be started: {reason}"),
    }
}
