//! `lifeboat schema`: the estate file's JSON Schema, for editors.

use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) fn run(printer: &Printer) -> Result<(), Failure> {
    printer.text(&estate::json_schema())
}
