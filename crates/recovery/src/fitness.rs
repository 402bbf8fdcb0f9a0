//! Whether what a recovery needs is as it must be: what `lifeboat check` tries, what the standby asks of itself, and what is looked at
//! before the fence.
//!
//! A file a subject, each with what is gathered, `look`, and what is said of it, `judge`, purely. Nothing here changes anything that
//! serves. A [`Finding`] is one line: what, how it is, and what to do. [`missing`] says what a host lacks that a recovery runs there.

pub mod api;
pub mod certificates;
pub mod etcd;
mod finding;
pub mod host;
pub mod set;
pub mod store;

pub use finding::{Finding, State};

use crate::Trouble;
use cluster::{Host, HostError, quoted};
use estate::Kind;
use futures::future::{Either, select};
use std::pin::pin;
use std::time::Duration;

/// What the steps of a failover run on the standby's host.
pub const PROGRAMS: [&str; 6] = ["etcdutl", "kubeadm", "tar", "pgrep", "pkill", "flock"];

/// Which of `programs` and `files` are missing on `host`, in words for people; nothing when it is fit. Changes nothing.
///
/// # Errors
/// The host cannot be entered.
pub async fn missing(
    host: &Host,
    programs: &[impl AsRef<str>],
    files: &[impl AsRef<str>],
) -> Result<Vec<String>, HostError> {
    let all = |words: &mut dyn Iterator<Item = &str>| words.map(quoted).collect::<Vec<_>>().join(" ");
    let programs = all(&mut programs.iter().map(AsRef::as_ref));
    let files = all(&mut files.iter().map(AsRef::as_ref));
    let script = format!(
        "for p in {programs}; do command -v $p >/dev/null || echo \"$p is not installed\"; done
         for f in {files}; do [ -e \"$f\" ] || echo \"$f is not there\"; done"
    );
    let said = host.run("looking at the standby", &script, Duration::from_secs(20)).await?;
    Ok(said.lines().map(str::to_owned).collect())
}

/// What `work` finds about `what`, or that it took longer than `limit`: one that hangs must not hide the others.
pub async fn within<T>(
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    match select(pin!(work), pin!(ambient::sleep(limit))).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => {
            let message = format!("{what}: no answer within {} s", limit.as_secs());
            Err(Trouble::new("LB0804", Kind::Unreachable, message).hint("try again; if it stays so, look at it there"))
        }
    }
}

/// Bytes as people say them.
fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let unit = UNITS.iter().find(|(_, size)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| format!("{:.1} {unit}", bytes as f64 / *size as f64),
    )
}

#[cfg(test)]
mod tests;
