//! Whether a host has what a recovery runs there: asked by the standby of itself, by `lifeboat check`, and before the fence.

use cluster::{Host, HostError, quoted};
use std::time::Duration;

/// What the steps run on the host.
const PROGRAMS: &str = "etcdutl kubeadm tar pgrep pkill flock";

/// What is missing on `host`, in words for people; nothing when it is fit. Changes nothing.
///
/// # Errors
/// The host cannot be entered.
pub async fn missing(host: &Host, kubeadm_config: &str) -> Result<Vec<String>, HostError> {
    let config = quoted(kubeadm_config);
    let script = format!(
        "for p in {PROGRAMS}; do command -v $p >/dev/null || echo \"$p is not installed\"; done
         [ -e {config} ] || echo {config} is not there"
    );
    let said = host.run("looking at the standby", &script, Duration::from_secs(20)).await?;
    Ok(said.lines().map(str::to_owned).collect())
}
