//! `lifeboat clock`: the time as Lifeboat has it here.

use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use serde::Serialize;

#[derive(Serialize)]
struct Clock {
    /// Wall time with the skew in it, to the microsecond.
    now: String,
    /// The skew alone, so that whoever compares hosts can tell a lab's fault from a real one.
    skew_ms: i128,
}

impl Report for Clock {
    fn text(&self) -> String {
        card([("now", self.now.clone()), ("skew", format!("{} ms", self.skew_ms))])
    }
}

pub(crate) fn run(printer: &Printer) -> Result<(), Failure> {
    printer.show(&Clock {
        now: format!("{:.6}", ambient::now()),
        skew_ms: ambient::skew().as_millis(),
    })
}
