//! Runs another program: its output goes through live, and is counted on the way.

use crate::printer::say;
use crate::tally::Tally;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The folder of the whole workspace, wherever `cargo xtask` was called.
pub(crate) fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    crates.skip(2).map(Path::to_path_buf).next().unwrap_or_default()
}

/// A command line to run in [`root`]: the program and its arguments, separated by blanks.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(root());
    if std::io::stdout().is_terminal() {
        // The pipe in between would cost the colours.
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

/// Runs `command` to its end, passing on every line.
///
/// # Errors
/// When it cannot be started or ends with failure; what was counted until then is in `tally`.
pub(crate) fn run(mut command: Command, tally: &mut Tally) -> Result<()> {
    let shown = shown(&command);
    say(&format!("$ {shown}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // Counted on stdout only: runners put their results there, and what a test says on stderr is its own affair.
        scope.spawn(|| stderr.map(|stream| lines(stream, |_| {})));
        stdout.map(|stream| lines(stream, |line| tally.read(line)))
    });
    let status = child.wait().with_context(|| format!("waiting for `{shown}`"))?;
    ensure!(status.success(), "`{shown}` ended with {status}");
    Ok(())
}

fn lines(stream: impl Read, mut each: impl FnMut(&str)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    // Bytes, not text: a test may print anything.
    while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        each(text);
        say(text);
        line.clear();
    }
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The `lifeboat` beside this program: both were built by the same cargo.
pub(crate) fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where xtask itself lies")?;
    Ok(here.with_file_name("lifeboat"))
}
