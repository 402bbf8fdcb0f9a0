//! The last net: a panic becomes an error like any other, with its code, its place and exit code 1.

use crate::failure::Failure;
use crate::printer::Printer;
use estate::Kind;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::process::ExitCode;

/// Runs `command`. A panic in it, or in any task that it started, is printed where it happens.
pub(crate) fn catch(
    printer: Printer,
    command: impl FnOnce() -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        printer.failure(&failure(info));
    }));
    // Nothing of the command is used after a panic: the process ends.
    let outcome = catch_unwind(AssertUnwindSafe(command)).unwrap_or(Ok(ExitCode::FAILURE));
    set_hook(before);
    outcome
}

fn failure(info: &PanicHookInfo<'_>) -> Failure {
    let said = info.payload_as_str().unwrap_or("no message");
    let place = info
        .location()
        .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
    Failure::new("LB0099", Kind::Bug, format!("Lifeboat met a bug{place}: {said}"))
}

#[cfg(test)]
mod tests;
