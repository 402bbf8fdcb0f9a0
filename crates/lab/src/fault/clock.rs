//! The clock of Lifeboat's processes on a host.

use crate::error::Result;
use crate::host;
use crate::record::Place;
use crate::topology::Host;

/// Sets the skew in milliseconds, or takes it away.
pub(super) async fn skew(place: &Place, host: &Host, ms: Option<i64>) -> Result<()> {
    let file = ambient::SKEW_FILE;
    let script = match ms {
        Some(ms) => format!("echo {ms} > {file}.new && mv {file}.new {file}"),
        None => format!("rm -f {file}"),
    };
    host::run(place, host, "setting a clock", &["sh", "-c", &script]).await?;
    Ok(())
}
