//! Where xtask's own words leave it; the programs that it runs are passed on by [`crate::runner`].

use std::io::{IsTerminal, Write};

/// Prints one line. A reader that went away is no reason to stop the work.
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Begins a new part of the output.
pub(crate) fn heading(text: &str) {
    say(&format!("\n==> {text}"));
}

/// Shows one line on a terminal that the next one takes the place of; nothing elsewhere.
pub(crate) fn live(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() {
        _ = write!(stdout, "{line}\r").and_then(|()| stdout.flush());
    }
}
