//! Counts what the test runners report, line by line.

/// How many tests ended how, over all runners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Tally {
    /// Takes in a line of `cargo test` (a summary a test binary) or `go test` (a line a package).
    pub(crate) fn read(&mut self, line: &str) {
        if let Some((_, counts)) = line.split_once("test result: ") {
            self.passed += count(counts, " passed");
            self.failed += count(counts, " failed");
            self.skipped += count(counts, " ignored");
        } else if line.starts_with("ok  \t") {
            self.passed += 1;
        } else if line.starts_with("FAIL\t") {
            self.failed += 1;
        }
    }

    /// Adds what another runner counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Adds a later run of tests that an earlier runner skipped, so that no test counts twice.
    pub(crate) fn add_made_up_for(&mut self, later: Self) {
        self.skipped = self.skipped.saturating_sub(later.passed + later.failed + later.skipped);
        self.add(later);
    }

    /// The line that closes `cargo xtask test`.
    pub(crate) fn summary(self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The number before `what` in `ok. 12 passed; 0 failed; ...`.
fn count(counts: &str, what: &str) -> u32 {
    let before = counts.split(what).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
