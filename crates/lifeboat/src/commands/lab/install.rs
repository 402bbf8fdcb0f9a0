//! `lifeboat lab install`: the tools that a lab runs.

use super::saying;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Install Chromium and poppler too, with which tests print pages as PDF and read them again; no lab needs them
    #[arg(long)]
    pdf: bool,
}

pub(super) async fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    saying(printer, async |say| lab::tools::install(args.pdf, say).await).await?;
    printer.talk("every tool of the lab is installed");
    Ok(())
}
