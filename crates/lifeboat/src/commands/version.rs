//! `lifeboat version`.

use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use serde::Serialize;

#[derive(Serialize)]
struct Version {
    version: &'static str,
    features: Vec<&'static str>,
}

impl Report for Version {
    fn text(&self) -> String {
        let features = if self.features.is_empty() {
            "none".to_owned()
        } else {
            self.features.join(", ")
        };
        card([("lifeboat", self.version.to_owned()), ("features", features)])
    }
}

pub(crate) fn run(printer: &Printer) -> Result<(), Failure> {
    let features = [("lab", cfg!(feature = "lab"))];
    printer.show(&Version {
        version: env!("CARGO_PKG_VERSION"),
        features: features.into_iter().filter_map(|(name, on)| on.then_some(name)).collect(),
    })
}
