//! `lifeboat lab exec HOST -- CMD`: this process becomes the command, on the host.

use super::Which;
use crate::failure::Failure;
use estate::Kind;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The host
    host: String,
    /// The command and its arguments; a shell where there is none
    #[arg(last = true)]
    command: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let lab = args.which.open()?;
    let mut words = lab.enter(&args.host)?;
    if args.command.is_empty() {
        words.push("bash".into());
    }
    words.extend(args.command.iter().cloned());
    let Some((program, rest)) = words.split_first() else {
        return Ok(ExitCode::FAILURE);
    };
    // It only returns when it could not be done.
    let reason = Command::new(program).args(rest).exec();
    Err(Failure::new("LB0102", Kind::Unreachable, format!("{program} could not be started")).because(&reason))
}
