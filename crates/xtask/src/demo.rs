//! `cargo xtask demo`: what the lab can do, as a session that anyone could type.

use crate::install::install;
use crate::printer::{heading, say};
use crate::runner::{binary, command, root, run as run_command};
use crate::tally::Tally;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, ExitCode};

const SESSION: &[(&str, &str)] = &[
    ("two sites, their clusters, and the agents between them", "lab up --name demo"),
    ("all of it, as it runs", "lab status --name demo"),
    ("the main site loses power", "lab break --name demo site main --power"),
    ("what is left", "lab status --name demo"),
    ("power comes back, and everything by itself", "lab heal --name demo --wait 180"),
    ("all of it, as it runs again", "lab status --name demo"),
];

/// Plays the session. The lab is taken down whatever happens.
pub(crate) fn run() -> Result<ExitCode> {
    let started = ambient::monotonic();
    heading("install what is missing");
    install()?;
    heading("build lifeboat");
    run_command(command("cargo build --locked --package lifeboat"), &mut Tally::default())?;
    let lifeboat = binary()?;
    // The name is the demo's own: whatever bears it is left from a demo that was stopped. Mostly there is nothing.
    _ = Command::new(&lifeboat).args(["lab", "down", "--name", "demo"]).output();
    let played = play(&lifeboat);
    heading("nothing stays behind");
    let removed = type_in(&lifeboat, "lab down --name demo");
    played.and(removed)?;
    say(&format!("the demo took {:.1} s", started.elapsed().as_secs_f32()));
    Ok(ExitCode::SUCCESS)
}

fn play(lifeboat: &Path) -> Result<()> {
    SESSION.iter().try_for_each(|(what, line)| {
        heading(what);
        type_in(lifeboat, line)
    })
}

/// Runs `lifeboat LINE` on this terminal, so that its progress shows as it would for anyone.
fn type_in(lifeboat: &Path, line: &str) -> Result<()> {
    say(&format!("$ lifeboat {line}"));
    let status = Command::new(lifeboat)
        .args(line.split_whitespace())
        .current_dir(root())
        .status()
        .with_context(|| format!("cannot start {}", lifeboat.display()))?;
    anyhow::ensure!(status.success(), "`lifeboat {line}` ended with {status}");
    Ok(())
}
