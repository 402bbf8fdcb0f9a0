//! Faults of a host's disk: full, or lying.

use crate::error::{Error, Result};
use crate::host;
use crate::record::Place;
use crate::topology::Host;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// What takes the room away.
const FILLER: &str = "/var/lib/lifeboat-lab/filler";

pub(super) async fn fill(place: &Place, host: &Host, leave_mib: u64) -> Result<()> {
    // Mostly allocated, not written: the image stays as small as it was. The last MiBs are written, since an allocation
    // needs room for its own bookkeeping.
    let script = format!(
        "free() {{ df --output=avail -k / | tail -1; }}
         leave=$(({leave_mib} * 1024)); mkdir -p ${{0%/*}}; rm -f $0
         size=$(($(free) - leave)); [ $size -le 0 ] || fallocate -l ${{size}}K $0 2>/dev/null || true
         rest=$(($(free) - leave)); [ $rest -le 0 ] || head -c ${{rest}}K /dev/zero >>$0 2>/dev/null || true
         [ $(free) -le $((leave + 4096)) ] || {{ rm -f $0; echo the disk did not fill >&2; exit 1; }}"
    );
    host::run(place, host, "filling a disk", &["sh", "-c", &script, FILLER]).await?;
    Ok(())
}

pub(super) async fn unfill(place: &Place, host: &Host) -> Result<()> {
    if host::init(place, host).is_some() {
        host::run(place, host, "emptying a disk", &["rm", "-f", FILLER]).await?;
    }
    Ok(())
}

fn open(place: &Place, host: &Host, path: &str) -> Result<(PathBuf, File)> {
    let refuse = |reason: String| Error::Fault { target: format!("{path} on host {}", host.name), reason };
    let file = host::file(place, host, path).ok_or_else(|| refuse("the host is off".into()))?;
    let is_file = std::fs::symlink_metadata(&file).map_err(|e| refuse(e.to_string()))?.is_file();
    if !is_file {
        return Err(refuse("it is not a plain file".into()));
    }
    let open = File::options()
        .read(true)
        .write(true)
        .open(&file)
        .map_err(|e| refuse(e.to_string()))?;
    Ok((file, open))
}

/// Turns bits over, and returns what stood there before.
pub(super) fn corrupt(place: &Place, host: &Host, path: &str, offset: u64, bytes: u32) -> Result<Vec<u8>> {
    let (at, file) = open(place, host, path)?;
    let mut original = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut original, offset).map_err(|e| Error::Fault {
        target: format!("{path} on host {}", host.name),
        reason: format!("{bytes} bytes from {offset} cannot be read: {e}"),
    })?;
    let turned: Vec<u8> = original.iter().map(|byte| !byte).collect();
    file.write_all_at(&turned, offset)
        .and_then(|()| file.sync_all())
        .map_err(Error::file(at, "damaging a file"))?;
    Ok(original)
}

pub(super) fn restore(place: &Place, host: &Host, path: &str, offset: u64, original: &[u8]) -> Result<()> {
    let (at, file) = open(place, host, path)?;
    file.write_all_at(original, offset)
        .and_then(|()| file.sync_all())
        .map_err(Error::file(at, "putting a file's bytes back"))
}
