//! Whether a host has what a recovery runs there: asked by the standby of itself, by `lifeboat check`, and before the fence.

use cluster::{Host, HostError, quoted};
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
