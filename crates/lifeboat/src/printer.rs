//! The only way out to the terminal: stdout is data, stderr is talk.
//!
//! A command that lists or shows something implements [`Report`] and calls [`Printer::show`].

use crate::failure::Failure;
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets};

pub(crate) use comfy_table::Color;
use estate::Kind;
use objects::tame::{tamed, tamed_lines};
use serde::Serialize;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

/// How data is written: the table for people, the others for programs.
// The values have no doc comments: clap would then spread them over eight lines of every command's help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
    Yaml,
}

/// Something to show in every [`Output`]: its fields for programs, a table for people.
pub(crate) trait Report: Serialize {
    /// The form for people, mostly by [`table`] or [`card`].
    fn text(&self) -> String;
}

/// Writes to the terminal in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    output: Output,
}

impl Printer {
    pub(crate) fn new(output: Output) -> Self {
        Self { output }
    }

    /// The form that was asked for.
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// Writes data to stdout.
    pub(crate) fn show(&self, report: &impl Report) -> Result<(), Failure> {
        self.text(&self.written(report)?)
    }

    /// Asks the person at the terminal; where there is none, or a program reads what is written, the answer is no.
    pub(crate) fn asks(&self, question: &str) -> bool {
        if self.output != Output::Table || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return false;
        }
        let mut answer = String::new();
        _ = write!(io::stderr(), "{question} [yes/no] ");
        io::stdin().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("yes")
    }

    /// A line that the person types, whoever that is; none when there is nobody any more. Blocks.
    pub(crate) fn line(&self, prompt: &str) -> Option<String> {
        let mut stderr = io::stderr();
        _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(1..) => Some(line.trim().to_owned()),
            _ => None,
        }
    }

    /// Data in the form that was asked for.
    pub(crate) fn written(&self, report: &impl Report) -> Result<String, Failure> {
        match self.output {
            Output::Table => Ok(report.text()),
            Output::Json => serde_json::to_string_pretty(report).map_err(|e| unprintable(&e)),
            Output::Yaml => serde_saphyr::to_string(report).map_err(|e| unprintable(&e)),
        }
    }

    /// Writes data that is text already, and the same in every form for people and programs.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let written = write(&mut anstream::stdout().lock(), text);
        written.or_else(|reason| match reason.kind() {
            // `lifeboat ... | head` has all that it wanted.
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Failure::new("LB0002", Kind::Unreachable, "the output could not be written").because(&reason)),
        })
    }

    /// Says something to the person on stderr. What comes from outside in it cannot do anything to the terminal.
    pub(crate) fn talk(&self, text: &str) {
        self.styled(&tamed_lines(text));
    }

    /// The same of a text with styles, in which nothing from outside may be as it came.
    pub(crate) fn styled(&self, text: &str) {
        // Nobody is there to be told when stderr itself is gone.
        _ = write(&mut anstream::stderr().lock(), text);
    }

    /// Says what went wrong, on stderr, and gives the exit code for it.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        match (self.output, serde_json::to_string(failure)) {
            (Output::Json, Ok(json)) => self.talk(&json),
            _ => self.styled(&failure.text()),
        }
        failure.exit_code()
    }
}

/// A text from outside on one line, so that a terminal shows it and does not obey it.
pub(crate) fn shown(text: &str) -> String {
    tamed(text).into_owned()
}

/// A table with a line of `headers`, for what is listed. A cell may have several lines: of what comes from outside, the caller makes
/// one by [`shown`].
pub(crate) fn table<const N: usize>(headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    table_in(None, headers, rows)
}

/// The same for a terminal with so many columns; without them as many as there are.
pub(crate) fn table_in<const N: usize>(
    columns: Option<u16>,
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    coloured_in(columns, headers, rows.into_iter().map(|row| (None, row)))
}

/// The same with the first cell of a row in its colour.
pub(crate) fn coloured_in<const N: usize>(
    columns: Option<u16>,
    headers: [&str; N],
    rows: impl IntoIterator<Item = (Option<Color>, [String; N])>,
) -> String {
    let mut table = Table::new();
    if let Some(columns) = columns {
        table.set_width(columns);
    }
    table.set_header(headers.map(bold));
    for (colour, row) in rows {
        let mut cells = row.map(|cell| Cell::new(tamed_lines(&cell)));
        if let (Some(colour), Some(first)) = (colour, cells.first_mut()) {
            *first = first.clone().fg(colour);
        }
        table.add_row(cells);
    }
    rendered(table)
}

/// Lines under a table, wrapped between words to a terminal with so many columns, or with as many as there are. What goes on is indented
/// by two more than its line begins with, so that each line can still be told from the next. Where there is no terminal, they stay whole.
pub(crate) fn lines_in(columns: Option<u16>, text: &str) -> String {
    let columns = columns.or_else(|| Table::new().width()).map(usize::from);
    let Some(columns) = columns.filter(|columns| *columns >= LINE_LEAST) else {
        return text.to_owned();
    };
    text.split_inclusive('\n').map(|line| flowed(line, columns)).collect()
}

/// A narrower terminal breaks lines by itself.
const LINE_LEAST: usize = 40;

fn flowed(line: &str, columns: usize) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    let begin = line.len() - line.trim_start_matches(' ').len();
    let (mut text, mut width) = (" ".repeat(begin), begin);
    for word in line.split(' ').skip(begin) {
        let long = word.chars().count();
        let is_first = text.trim_start().is_empty();
        if !is_first && width + 1 + long > columns {
            (text, width) = (format!("{}\n{}", text.trim_end_matches(' '), " ".repeat(begin + 2)), begin + 2);
        } else if !is_first {
            text.push(' ');
            width += 1;
        }
        text += word;
        width += long;
    }
    text + end
}

/// One thing as `name  value` lines, for what is shown.
pub(crate) fn card<'a>(lines: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = Table::new();
    for (name, value) in lines {
        table.add_row([bold(name), Cell::new(tamed_lines(&value))]);
    }
    rendered(table)
}

fn bold(text: &str) -> Cell {
    Cell::new(text).add_attribute(comfy_table::Attribute::Bold)
}

/// Below this, a wrapped last column is harder to read than lines that the terminal breaks.
const LAST_COLUMN_LEAST: u16 = 24;

/// Always styled: the stream takes the styles out where they are not wanted. Wrapped only to a terminal's width, and only in the last
/// column: names, revisions and times stay whole.
fn rendered(mut table: Table) -> String {
    table.load_style(presets::NOTHING).enforce_styling();
    table.style_text_only();
    let widths = table.column_max_content_widths();
    // Of what comes from outside, a name may be longer than can be counted.
    let wider = |sum: u16, width: &u16| sum.saturating_add(*width).saturating_add(2);
    let before = widths.iter().rev().skip(1).fold(0, wider);
    // Some pseudo-terminals say that they are 0 wide.
    if table
        .width()
        .is_some_and(|columns| columns >= before.saturating_add(LAST_COLUMN_LEAST))
    {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let last = widths.len().saturating_sub(1);
        for column in table.column_iter_mut().take(last) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn write(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stream.write_all(b"\n")?;
    }
    stream.flush()
}

fn unprintable(reason: &dyn std::error::Error) -> Failure {
    Failure::new("LB0099", Kind::Bug, "the result has no written form").because(reason)
}

#[cfg(test)]
mod tests;
