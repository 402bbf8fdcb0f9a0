//! Onto hosts: running scripts and placing files, on this machine or through OpenSSH, with the same behaviour. Start at
//! [`Host`].
//!
//! `local.rs` and `ssh.rs` start a shell, `call.rs` speaks with it, `outcome.rs` judges what came of it, and `files.rs` has the
//! calls that carry files. `simulated.rs` is a third way in, for tests alone.

mod call;
mod ear;
mod error;
mod files;
mod local;
mod outcome;
#[cfg(any(test, feature = "simulated"))]
mod simulated;
mod ssh;

pub use error::HostError;
pub use ssh::SshSettings;

use call::{Call, Input};
use outcome::Outcome;
use ssh::Remote;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Under which scripts on a host exclude each other. In /run, so that nothing of it outlives a boot.
const LOCK: &str = "/run/lifeboat/host.lock";

/// A machine that Lifeboat works on. Cheap to clone; clones share one connection.
///
/// Guarantees, the same for a local host and for one behind SSH: a script runs whole or not at all, also when the connection
/// breaks while it is sent. It never stands on a command line. It runs in `/`, with nothing to read, messages in English, the
/// umask 022, and the system's program folders on the PATH. When it does not end in time, all processes of its group are told
/// to end (SIGTERM), and killed 2 s later.
///
/// Assumptions: the host has a POSIX `sh`, and `timeout`, `flock`, `head`, `mv` and `sync` as GNU's coreutils and util-linux
/// bring them; an SSH user's login shell understands POSIX quoting.
///
/// Caveats: dropping a call's future, or killing Lifeboat, leaves the script running until its own limit. What a script leaves
/// running must have outputs of its own, since the script's are closed when it ends. A killed Lifeboat leaves an empty-handed
/// `ssh` for a minute, and its folder in the temporary directory.
#[derive(Clone, Debug)]
pub struct Host {
    name: Arc<str>,
    way: Way,
    lock: Arc<str>,
}

#[derive(Clone, Debug)]
enum Way {
    Local,
    Ssh(Arc<Remote>),
    #[cfg(any(test, feature = "simulated"))]
    Simulated(Arc<simulated::Root>),
}

/// A script that reads bytes, or writes them.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// What it is for, in a few words: "restoring etcd".
    pub what: &'a str,
    /// The script.
    pub script: &'a str,
    /// What it finds at its standard input.
    pub input: &'a [u8],
    /// The most that it may write to its standard output, in bytes.
    pub output_bytes_max: usize,
    /// How long it may take.
    pub limit: Duration,
    /// Whether it must be alone on the host.
    pub alone: bool,
}

impl Host {
    /// The machine that Lifeboat itself runs on; `name` is for errors.
    pub fn local(name: &str) -> Self {
        Self { name: name.into(), way: Way::Local, lock: LOCK.into() }
    }

    /// A machine behind SSH; `name` is for errors. Connects with the first call, and anew after the connection was lost.
    pub fn ssh(name: &str, address: IpAddr, settings: &SshSettings) -> Self {
        let remote = Remote::new(name, address, settings.clone());
        Self { way: Way::Ssh(Arc::new(remote)), ..Self::local(name) }
    }

    /// A simulated host, for tests (feature `simulated`): scripts are real, and run on this machine in the directory `root` as their
    /// file system. They see this machine's programs, its processes, and the directories in `shared`, under the same paths; what is
    /// in `root/opt/simulated/bin` stands in for programs. Needs root's rights and a merged `/usr`.
    #[cfg(any(test, feature = "simulated"))]
    pub fn simulated(name: &str, root: &std::path::Path, shared: &[&std::path::Path]) -> Self {
        let root = simulated::Root::new(root, shared);
        Self { way: Way::Simulated(Arc::new(root)), ..Self::local(name) }
    }

    /// Its name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the machine that Lifeboat itself runs on, whose files need not be carried.
    pub fn is_local(&self) -> bool {
        matches!(self.way, Way::Local)
    }

    /// Runs `script` with `sh -eu`, and returns what it wrote to its standard output, 1 MiB at most. `what` says in a few words
    /// what it is for: "restoring etcd".
    ///
    /// # Errors
    /// [`HostError::Failed`] with the end of what it wrote to its standard error, or, when that tells it, [`HostError::Missing`]
    /// or [`HostError::DiskFull`]; [`HostError::TimedOut`] when it did not end within `limit`; [`HostError::TooLarge`] when it
    /// wrote too much (it was carried out then); [`HostError::Denied`] when it was not begun; [`HostError::Unreachable`] when
    /// it was not, or when the connection was lost meanwhile, which the reason says.
    pub async fn run(&self, what: &str, script: &str, limit: Duration) -> Result<String, HostError> {
        self.text(Call::new(what, script, limit)).await
    }

    /// Like [`Host::run`], alone on the host: scripts hold `/run/lifeboat/host.lock` one after the other, whoever started them.
    /// So what a killed Lifeboat left running is waited for, up to `limit`, before the script's own time begins. A Lifeboat that
    /// is killed while it waits starts nothing.
    ///
    /// The lock is the file descriptor 9, and is held until every process that has it is gone. What the script leaves running
    /// must let go of it: `program </dev/null >/dev/null 2>&1 9>&- &`.
    ///
    /// # Errors
    /// As [`Host::run`], and [`HostError::Busy`] when the lock was not let go in time: the script was not begun then.
    pub async fn run_alone(&self, what: &str, script: &str, limit: Duration) -> Result<String, HostError> {
        self.text(Call { lock: &self.lock, ..Call::new(what, script, limit) }).await
    }

    /// Like [`Host::run_alone`], and `each` hears every line that it writes to either output, as it comes. Of an output longer than 1 MiB
    /// the end is returned.
    ///
    /// # Errors
    /// As [`Host::run_alone`].
    pub async fn watch(
        &self,
        what: &str,
        script: &str,
        limit: Duration,
        each: &(dyn Fn(&str) + Sync),
    ) -> Result<String, HostError> {
        let call = Call {
            lock: &self.lock,
            each: Some(each),
            ..Call::new(what, script, limit)
        };
        self.text(call).await
    }

    /// Carries out what `it` says: like [`Host::run`] or [`Host::run_alone`], for scripts that read or write bytes.
    ///
    /// # Errors
    /// As [`Host::run`] and, when it is to be alone, as [`Host::run_alone`].
    pub async fn exchange(&self, it: &Exchange<'_>) -> Result<Vec<u8>, HostError> {
        let lock = if it.alone { &*self.lock } else { "" };
        let call = Call {
            lock,
            max: it.output_bytes_max,
            ..Call::new(it.what, it.script, it.limit)
        };
        self.call(&call, Input::Bytes(it.input)).await?.output(&self.name, &call)
    }

    async fn text(&self, call: Call<'_>) -> Result<String, HostError> {
        let output = self.call(&call, Input::Nothing).await?.output(&self.name, &call)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    async fn call(&self, call: &Call<'_>, input: Input<'_>) -> Result<Outcome, HostError> {
        match &self.way {
            Way::Local => call.through(&self.name, local::open(&self.name)?, input).await,
            #[cfg(any(test, feature = "simulated"))]
            Way::Simulated(root) => call.through(&self.name, root.open(&self.name)?, input).await,
            Way::Ssh(remote) => {
                // Held to the end: it is what keeps the number of sessions within what an sshd grants.
                let (_place, channel) = remote.open().await?;
                call.through(&self.name, channel, input).await
            }
        }
    }
}

/// `text` as one word of a POSIX shell, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
