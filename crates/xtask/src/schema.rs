//! `cargo xtask schema`: asks Kubernetes' own types, of the release that is pinned in `crates/objects/schema/go.mod`, what crate
//! `objects` needs to know of them. Start at [`run`].

use crate::printer::say;
use crate::runner::root;
use anyhow::{Context, Result, ensure};
use std::process::{Command, ExitCode};

/// Writes the file anew. Needs Go.
pub(crate) fn run() -> Result<ExitCode> {
    let folder = root().join("crates/objects/schema");
    let asked = Command::new("go")
        .args(["run", "."])
        .current_dir(&folder)
        .output()
        .context("starting go")?;
    let said = String::from_utf8_lossy(&asked.stderr);
    ensure!(
        asked.status.success(),
        "go run . in {} ended with {}: {said}",
        folder.display(),
        asked.status
    );
    let head = "# What Kubernetes 1.36 says about its own types; made by `cargo xtask schema`, do not edit. The format is in ../schema.rs.\n";
    let file = root().join("crates/objects/src/schema/kubernetes.txt");
    let text = [head.as_bytes(), &asked.stdout].concat();
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    say(&format!("{} is written", file.display()));
    Ok(ExitCode::SUCCESS)
}
