//! How a benchmark begins and ends: [`carry_out`].

use crate::say;
use anyhow::Result;
use std::process::ExitCode;

/// Carries out what this process's arguments ask for: after `do` a single `step`, in a process of its own that is measured from
/// outside; otherwise all that `works` does.
pub async fn carry_out(
    step: impl AsyncFnOnce(&[String]) -> Result<()>,
    works: impl AsyncFnOnce(Vec<String>) -> Result<()>,
) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.split_first() {
        Some((first, rest)) if first == "do" => step(rest).await,
        _ => works(words).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
