//! A shell in a directory that is the file system of a simulated host: for tests alone.
//!
//! The host's own are its files; the programs in `/usr`, devices and processes are this machine's. Mounts are made for each shell
//! anew, in a name space that ends with it: nothing is left of one that was killed.

use super::HostError;
use super::call::{Channel, SHELL};
use super::local::started;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Begins with the root, the shell's program, and what is shared.
const ENTER: &str = r#"root=$1 shell=$2; shift 2
mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root/tmp" || exit 1
for name in bin sbin lib lib64; do
  [ ! -L "/$name" ] || [ -L "$root/$name" ] || ln -sT "usr/$name" "$root/$name" 2>/dev/null || [ -L "$root/$name" ] || exit 1
done
mount -o bind,ro /usr "$root/usr" </dev/null && mount --bind /proc "$root/proc" </dev/null && mount --bind /dev "$root/dev" </dev/null || exit 1
for path in "$@"; do mkdir -p "$root$path" && mount --bind "$path" "$root$path" </dev/null || exit 1; done
exec chroot "$root" sh -c "$shell""#;

/// Stand-ins come first.
const PATH: &str = "/opt/simulated/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The file system of a simulated host.
#[derive(Debug)]
pub(super) struct Root {
    root: PathBuf,
    shared: Vec<PathBuf>,
}

impl Root {
    pub(super) fn new(root: &Path, shared: &[&Path]) -> Self {
        Self {
            root: root.to_owned(),
            shared: shared.iter().map(|&path| path.to_owned()).collect(),
        }
    }

    pub(super) fn open(&self, host: &str) -> Result<Channel, HostError> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "sh"]);
        command.arg(&self.root).arg(SHELL).args(&self.shared);
        command.env_clear().env("PATH", PATH).env("HOME", "/root");
        started(host, command)
    }
}
