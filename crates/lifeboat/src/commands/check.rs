//! `lifeboat check`: tries everything that can be tried without changing anything that serves.
//!
//! `look` asks, all at once and each with a limit; `judge` says of what was found how it is and what to do, purely.

mod judge;
mod look;

use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Color, Printer, Report, coloured_in, shown};
use daemon::CONTROL;
use estate::Kind;
use recovery::fitness::{Finding, State};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where this host's Lifeboat can be asked
    #[arg(long, value_name = "SOCKET", default_value = CONTROL)]
    control: PathBuf,
    /// Only what concerns this host itself: what it may do with the repositories
    #[arg(long, hide = true)]
    here: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Findings(Vec<Finding>);

impl Report for Findings {
    fn text(&self) -> String {
        self.in_columns(None)
    }
}

impl Findings {
    /// The form for people, for a terminal with so many columns, or with as many as there are.
    fn in_columns(&self, columns: Option<u16>) -> String {
        let row = |it: &Finding| {
            let code = it.code.as_ref().map(|code| format!(" ({})", shown(code)));
            let next = it.next.as_ref().map(|next| {
                let lines: Vec<String> = next.lines().map(shown).collect();
                format!("\nnext: {}", lines.join("\nor: "))
            });
            let found = format!("{}{}{}", shown(&it.found), code.unwrap_or_default(), next.unwrap_or_default());
            (Some(colour(it.state)), [it.state.to_string(), shown(&it.what), found])
        };
        coloured_in(columns, ["STATE", "WHAT", "FOUND, AND WHAT TO DO"], self.0.iter().map(row))
    }
}

fn colour(state: State) -> Color {
    match state {
        State::Ok => Color::Green,
        State::Warn => Color::Yellow,
        State::Fail => Color::Red,
        State::Unknown => Color::Cyan,
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let looked = match args.here {
        true => look::here(&world).await,
        false => look::around(&world, &args.control).await,
    };
    let findings = Findings(judge::findings(&world, &looked));
    printer.show(&findings)?;
    match findings.0.iter().filter(|it| it.state == State::Fail).count() {
        0 => Ok(()),
        bad => {
            let message = format!("{bad} of {} findings need a person", findings.0.len());
            Err(Failure::new("LB0005", Kind::Person, message).hint("lifeboat explain CODE, for the code in a finding"))
        }
    }
}

#[cfg(test)]
mod tests;
