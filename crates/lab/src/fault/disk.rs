//! Faults of a host's disk: full, or lying.

use crate::error::{Error, Result};
use crate::host;
use crate::record::Place;
use crate::topology::Host;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What takes the room away.
const FILLER: &str = "/var/lib/lifeboat-lab/filler";

pub(super) async fn fill(place: &Place, host: &Host, leave_mib: u64) -> Result<()> {
    // Mostly allocated, not written: the image stays as small as it was. The last MiBs are written, since an allocation
    // needs room for its own bookkeeping.
    let script = format!(
        "free() {{ df --output=avail -k / | tail -1; }}
         leave=$(({leave_mib} * 1024)); mkdir -p ${{0%/*}}; rm -f $0
         [ $(free) -ge $leave ] || {{ echo less than that is free already >&2; exit 1; }}
         size=$(($(free) - leave)); [ $size -le 0 ] || fallocate -l ${{size}}K $0 2>/dev/null || true
         rest=$(($(free) - leave)); [ $rest -le 0 ] || head -c ${{rest}}K /dev/zero >>$0 2>/dev/null || true
         [ $(free) -le $((leave + 4096)) ] || {{ rm -f $0; echo the disk did not fill >&2; exit 1; }}
         [ ! -e $0 ] || sync $0"
    );
    host::run(place, host, "filling a disk", &["sh", "-c", &script, FILLER]).await?;
    Ok(())
}

pub(super) async fn unfill(place: &Place, host: &Host) -> Result<()> {
    host::run(place, host, "emptying a disk", &["rm", "-f", FILLER]).await?;
    Ok(())
}

/// What stands in a plain file of the host. Read on the host itself: a link on the way means what it means there.
pub(super) async fn read(place: &Place, host: &Host, path: &str, offset: u64, bytes: u32) -> Result<Vec<u8>> {
    let refuse = |reason: String| Error::Fault { target: format!("{path} on host {}", host.name), reason };
    if host::init(place, host).is_none() {
        return Err(refuse("the host is off".into()));
    }
    let script = format!(
        "[ -f \"$0\" ] && [ ! -L \"$0\" ] || {{ echo not a plain file; exit 0; }}
         dd if=\"$0\" iflag=skip_bytes,count_bytes bs=64K skip={offset} count={bytes} status=none | base64 -w0"
    );
    let said = host::run(place, host, "reading a file", &["sh", "-c", &script, path]).await?;
    let content = STANDARD
        .decode(said.trim())
        .map_err(|_| refuse("it is not a plain file".into()))?;
    if content.len() == usize::try_from(bytes).unwrap_or(usize::MAX) {
        Ok(content)
    } else {
        Err(refuse(format!("it has no {bytes} bytes from {offset}")))
    }
}

/// Turns bits over where `original` stands.
pub(super) async fn corrupt(place: &Place, host: &Host, path: &str, offset: u64, original: &[u8]) -> Result<()> {
    write(place, host, path, offset, &turned(original)).await
}

/// Puts `original` back, if what stands there is what the fault wrote: a file that was mended meanwhile stays mended.
pub(super) async fn restore(place: &Place, host: &Host, path: &str, offset: u64, original: &[u8]) -> Result<()> {
    let bytes = u32::try_from(original.len()).unwrap_or(u32::MAX);
    match read(place, host, path, offset, bytes).await {
        Ok(now) if now == turned(original) => write(place, host, path, offset, original).await,
        Ok(_) | Err(Error::Fault { .. }) => Ok(()),
        Err(reason) => Err(reason),
    }
}

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

async fn write(place: &Place, host: &Host, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
    let script = format!(
        "base64 -d | dd of=\"$0\" oflag=seek_bytes bs=64K seek={offset} conv=notrunc,fsync iflag=fullblock status=none"
    );
    let input = STANDARD.encode(bytes);
    host::run_with(place, host, "writing bytes of a file", &["sh", "-c", &script, path], &input).await?;
    Ok(())
}
