//! The command line: the flags that all commands share, and how wrong arguments are answered.

use crate::commands::Command;
use crate::failure::Failure;
use crate::printer::{Output, Printer};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use estate::Kind;
use std::ffi::OsString;
use std::process::ExitCode;

/// Disaster recovery for estates of Kubernetes clusters managed by Rancher
#[derive(Parser)]
#[command(
    name = "lifeboat",
    version,
    propagate_version = false,
    disable_help_subcommand = true
)]
#[command(after_help = "Exit codes: 0 done, 1 not done, 2 wrong input, 3 needs a person, 4 damaged copies.")]
pub(crate) struct Cli {
    /// How data is written to stdout; with json, an error is a JSON object on stderr
    #[arg(long, short, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `args` ask for; or, when they ask for help or are wrong, the exit code after that has been said.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Cli, ExitCode> {
    let printer = Printer::new(wanted_output(&args));
    Cli::try_parse_from(&args).map_err(|error| {
        let help = error.render().ansi().to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match printer.text(&help) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => printer.failure(&failure),
            },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                printer.styled(&help);
                ExitCode::from(2)
            }
            _ => printer.failure(&usage(&args, &error.render().to_string())),
        }
    })
}

/// The form that wrong arguments ask their error to have.
fn wanted_output(args: &[OsString]) -> Output {
    let args: Vec<_> = args
        .iter()
        .filter_map(|arg| arg.to_str())
        .take_while(|arg| *arg != "--")
        .collect();
    let joined = args.iter().any(|arg| ["--output=json", "-ojson", "-o=json"].contains(arg));
    let apart = args
        .windows(2)
        .any(|pair| ["--output", "-o"].contains(&pair[0]) && pair[1] == "json");
    if joined || apart { Output::Json } else { Output::Table }
}

/// Puts clap's paragraphs (the error, tips, the usage) into our form.
fn usage(args: &[OsString], rendered: &str) -> Failure {
    let mut paragraphs = rendered.split("\n\n").map(|lines| {
        let words: Vec<_> = lines.lines().map(str::trim).collect();
        words.join(" ")
    });
    let error = paragraphs.next().unwrap_or_default();
    let mut hints = Vec::new();
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            // There may be several, a line each.
            hints.push(format!("usage: {}", usage.replace(" lifeboat ", "\nusage: lifeboat ")));
        }
    }
    hints.push(format!("{} --help", command_of(args)));
    Failure::new("LB0003", Kind::Invalid, error.trim_start_matches("error: ")).hint(hints.join("\n"))
}

/// The command that `args` name, as far as there is one.
fn command_of(args: &[OsString]) -> String {
    let tree = Cli::command();
    let (mut command, mut name) = (&tree, tree.get_name().to_owned());
    for word in args.iter().skip(1).take_while(|word| *word != "--") {
        if let Some(below) = command.find_subcommand(word) {
            name = format!("{name} {}", below.get_name());
            command = below;
        }
    }
    name
}

#[cfg(test)]
mod tests;
