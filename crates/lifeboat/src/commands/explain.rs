//! `lifeboat explain [CODE]`: the manual's pages about errors, with nothing but the binary at hand.

use crate::failure::Failure;
use crate::pages;
use crate::printer::{Printer, Report, table};
use estate::Kind;
use serde::Serialize;

/// The arguments of `lifeboat explain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The code that an error shows in brackets, such as LB0103; without it all codes are listed
    code: Option<String>,
}

#[derive(Serialize)]
struct Line {
    code: &'static str,
    title: &'static str,
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Line>);

#[derive(Serialize)]
struct Explanation {
    code: &'static str,
    title: &'static str,
    text: &'static str,
}

impl Report for List {
    fn text(&self) -> String {
        table(
            ["CODE", "MEANING"],
            self.0.iter().map(|line| [line.code.to_owned(), line.title.to_owned()]),
        )
    }
}

impl Report for Explanation {
    fn text(&self) -> String {
        self.text.to_owned()
    }
}

pub(crate) fn run(Args { code }: Args, printer: &Printer) -> Result<(), Failure> {
    let Some(code) = code else {
        let lines = pages::ALL.iter().map(|page| Line { code: page.code, title: page.title() });
        return printer.show(&List(lines.collect()));
    };
    let page = pages::find(&code).ok_or_else(|| unknown(&code))?;
    printer.show(&Explanation { code: page.code, title: page.title(), text: page.text })
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::new("LB0001", Kind::Invalid, format!("{code:?} is not an error code"));
    match pages::nearest(code) {
        Some(page) => failure.hint(format!("lifeboat explain {}  # {}", page.code, page.title())),
        None => failure.hint("lifeboat explain  # lists all codes"),
    }
}
