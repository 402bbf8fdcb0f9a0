//! `lifeboat lab install`: the tools that a lab runs.

use super::saying;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) async fn run(printer: &Printer) -> Result<(), Failure> {
    saying(printer, async |say| lab::tools::install(say).await).await?;
    printer.talk("every tool of the lab is installed");
    Ok(())
}
