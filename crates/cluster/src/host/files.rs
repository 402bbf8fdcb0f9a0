//! Files on a host: a reader sees the old one or the new one whole, also after a loss of power.

use super::call::{Call, Input};
use super::{Host, HostError, quoted};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;

/// How long the calls may take that carry what fits into memory.
const LIMIT: Duration = Duration::from_secs(60);

impl Host {
    /// Makes the file at `path`, or replaces it: `bytes` go to a file beside it, which takes its place when it is on the disk.
    /// `mode` is the permissions, as `0o600`. The directory must be there; a symbolic link is replaced, not followed; the file
    /// belongs to who runs scripts there. Takes 60 s at most.
    ///
    /// # Errors
    /// [`HostError::DiskFull`] with `path`, [`HostError::Path`], and as [`Host::run`]. The old file is untouched then, unless
    /// the connection was lost or the time was up: it may have been replaced.
    pub async fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), HostError> {
        self.place(path, Input::Bytes(bytes), bytes.len() as u64, mode, LIMIT).await
    }

    /// Like [`Host::write`], with what is in the file `from` here, of any size, within `limit`.
    ///
    /// # Errors
    /// [`HostError::Source`] when `from` cannot be read, and as [`Host::write`].
    pub async fn put(&self, from: &Path, to: &str, mode: u32, limit: Duration) -> Result<(), HostError> {
        let unreadable = |source| HostError::Source {
            host: self.name.to_string(),
            path: from.display().to_string(),
            source,
        };
        let file = File::open(from).await.map_err(unreadable)?;
        let length = file.metadata().await.map_err(unreadable)?.len();
        self.place(to, Input::File(file, length, from), length, mode, limit).await
    }

    /// Reads the file at `path`, of `max_bytes` at most; `None` when there is none. Takes 60 s at most.
    ///
    /// # Errors
    /// [`HostError::TooLarge`], [`HostError::Path`], and as [`Host::run`].
    pub async fn read(&self, path: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, HostError> {
        self.split(path)?;
        let what = format!("reading {path}");
        // One byte more than may come, which is how too large a file is known.
        let script = format!("head -c {} -- {}", max_bytes.saturating_add(1), quoted(path));
        let call = Call {
            path: Some(path),
            max: max_bytes,
            ..Call::new(&what, &script, LIMIT)
        };
        let outcome = self.call(&call, Input::Nothing).await?;
        // Asked of `head` itself: a test beforehand would call a file absent that may only not be seen.
        if outcome.code == 1 && outcome.said.ends_with(": No such file or directory") {
            return Ok(None);
        }
        outcome.output(&self.name, &call).map(Some)
    }

    /// Reads `bytes` of the file at `path` from byte `begin` on; fewer where it ends. Takes 60 s at most. So a large file comes in
    /// pieces, and one that fails is asked for again.
    ///
    /// # Errors
    /// [`HostError::Path`], and as [`Host::run`]; also when there is no such file.
    pub async fn read_piece(&self, path: &str, begin: u64, bytes: usize) -> Result<Vec<u8>, HostError> {
        self.split(path)?;
        let what = format!("reading {path}");
        // `tail` counts from 1, and goes there without reading what is before.
        let script = format!("exec <{}; tail -c +{} | head -c {bytes}", quoted(path), begin.saturating_add(1));
        let call = Call {
            path: Some(path),
            max: bytes,
            ..Call::new(&what, &script, LIMIT)
        };
        self.call(&call, Input::Nothing).await?.output(&self.name, &call)
    }

    async fn place(
        &self,
        path: &str,
        input: Input<'_>,
        length: u64,
        mode: u32,
        limit: Duration,
    ) -> Result<(), HostError> {
        let (directory, name) = self.split(path)?;
        // Programs that watch a directory, as the kubelet does that of its static pods, pass over names with a leading dot.
        let beside = quoted(&format!("{directory}/.{name}.{}", ambient::random_id(8)));
        let (directory, target, mode) = (quoted(&format!("{directory}/")), quoted(path), mode & 0o7777);
        let script = format!(
            r#"beside={beside}
trap 'rm -f -- "$beside"' EXIT
trap 'exit 143' TERM HUP INT
umask 077
cat >"$beside"
[ "$(wc -c <"$beside")" -eq {length} ] || {{ echo "only a part of it arrived" >&2; exit 74; }}
chmod {mode:o} -- "$beside"
sync -- "$beside"
mv -fT -- "$beside" {target}
sync -- {directory}"#
        );
        let what = format!("writing {path}");
        let call = Call { path: Some(path), ..Call::new(&what, &script, limit) };
        self.call(&call, input).await?.output(&self.name, &call).map(drop)
    }

    /// The directory (without a slash at its end) and the name.
    fn split<'a>(&self, path: &'a str) -> Result<(&'a str, &'a str), HostError> {
        let parts = path.rsplit_once('/').filter(|(_, name)| !matches!(*name, "" | "." | ".."));
        parts
            .filter(|_| path.starts_with('/') && !path.contains('\0'))
            .ok_or_else(|| HostError::Path { host: self.name.to_string(), path: path.to_owned() })
    }
}
