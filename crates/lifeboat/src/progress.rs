//! How far long work is: a spinner on a terminal, a line a step everywhere else. Always on stderr.

use crate::printer::{Printer, shown};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Says what is being done now. Cheap to clone; all clones share one line.
#[derive(Clone)]
pub(crate) struct Progress {
    spinner: ProgressBar,
    printer: Printer,
}

impl Progress {
    /// Begins in silence.
    pub(crate) fn new(printer: Printer) -> Self {
        // indicatif hides it by itself where stderr is no terminal.
        let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
        spinner.enable_steady_tick(Duration::from_millis(120));
        Self { spinner, printer }
    }

    /// The work goes on with `doing`.
    pub(crate) fn step(&self, doing: &str) {
        if self.spinner.is_hidden() {
            self.printer.talk(doing);
        } else {
            self.spinner.set_message(shown(doing));
        }
    }

    /// How far it is, for whoever looks: nothing where there is no terminal.
    pub(crate) fn hint(&self, how_far: &str) {
        self.spinner.set_message(shown(how_far));
    }

    /// Says something that stays: above the line that changes, not into it.
    pub(crate) fn talk(&self, text: &str) {
        self.spinner.suspend(|| self.printer.talk(text));
    }

    /// The same of a text with styles.
    pub(crate) fn styled(&self, text: &str) {
        self.spinner.suspend(|| self.printer.styled(text));
    }

    /// The work is over, well or not: the line goes away.
    pub(crate) fn clear(&self) {
        self.spinner.finish_and_clear();
    }
}
