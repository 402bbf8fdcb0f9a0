//! Where a benchmark's words leave it.

use std::io::Write;

/// Prints one line. A reader that went away is no reason to stop.
pub fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
