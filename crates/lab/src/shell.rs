//! Running the machine's own tools (`ip`, `nft`, `mkfs.ext4`, ...): one way, with the command and its words in each error.

use crate::error::{Error, Result};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What a command gets, unless it is known to take longer: far beyond what any of them takes.
const LIMIT: Duration = Duration::from_secs(300);

/// What a finished command printed.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) success: bool,
}

/// Runs `words` to its end; an exit code other than 0 is an error that says for what `purpose` it was run.
pub(crate) async fn run(purpose: &str, words: &[&str]) -> Result<String> {
    run_with(purpose, words, "").await
}

/// As [`run`], with `input` on standard input.
pub(crate) async fn run_with(purpose: &str, words: &[&str], input: &str) -> Result<String> {
    let output = output(purpose, words, input).await?;
    checked(purpose, words, output)
}

fn checked(purpose: &str, words: &[&str], output: Output) -> Result<String> {
    if output.success {
        return Ok(output.stdout);
    }
    let said = if output.stderr.trim().is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    Err(failed(purpose, words, "an error", said))
}

/// As [`run`], for what may take as long as it takes: downloads and builds.
pub(crate) async fn run_long(purpose: &str, words: &[&str]) -> Result<String> {
    let output = output_within(purpose, words, "", Duration::from_secs(3600)).await?;
    checked(purpose, words, output)
}

/// Runs `words` to its end and returns what it said, whether or not it succeeded.
pub(crate) async fn output(purpose: &str, words: &[&str], input: &str) -> Result<Output> {
    output_within(purpose, words, input, LIMIT).await
}

async fn output_within(purpose: &str, words: &[&str], input: &str, limit: Duration) -> Result<Output> {
    let Some((program, rest)) = words.split_first() else {
        return Err(failed(purpose, words, "nothing to run", ""));
    };
    let spawn = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::MissingTool(vec![(*program).to_owned()]),
        _ => failed(purpose, words, "an error", &e.to_string()),
    };
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(spawn)?;
    let ended = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read its input closes it early; its exit code tells whether that was an error.
            let _closed_early = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let out = match tokio::time::timeout(limit, ended).await {
        Ok(out) => out.map_err(spawn)?,
        Err(_elapsed) => return Err(failed(purpose, words, "no end", &format!("it ran for {} s", limit.as_secs()))),
    };
    Ok(Output {
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        success: out.status.success(),
    })
}

fn failed(purpose: &str, words: &[&str], status: &str, said: &str) -> Error {
    const LONGEST: usize = 400;
    let mut command: String = words.join(" ").chars().take(LONGEST).collect();
    command = command.replace('\n', " ");
    let said = said.trim();
    let tail = said.char_indices().rev().nth(2 * LONGEST).map_or(said, |(at, _)| &said[at..]);
    Error::Command {
        purpose: purpose.to_owned(),
        command,
        status: status.to_owned(),
        output: tail.to_owned(),
    }
}
