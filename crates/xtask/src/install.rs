//! Installs what a fresh machine lacks: Debian packages, Go tools and Python wheels, all pinned by the lab, the browser that tests
//! print pages with among them.

use crate::printer::say;
use anyhow::{Context, Result};

/// Installs what is missing, saying what. Does nothing when all is there.
///
/// # Errors
/// When something can be neither found nor built.
pub(crate) fn install() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("starting to work")?;
    runtime
        .block_on(lab::tools::install(true, &say))
        .context("installing the lab's tools")
}
