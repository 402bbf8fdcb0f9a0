//! Stopping and starting a control plane on its host.
//!
//! kubelet starts what has a manifest and stops what has none, so a control plane is stopped by parking its manifests. What
//! does not go by itself in time is killed: etcd and the API server are made for that, and a lease does not wait.

use crate::Trouble;
use cluster::{Host, quoted};
use estate::{Distribution, Epoch, Kind, Name};
use protect::manifest::{MANIFESTS, PARKED};
use std::time::Duration;

/// Programs that write to the cluster's state or serve it.
const PROGRAMS: &str = "etcd|kube-apiserver|kube-controller|kube-scheduler";

/// Stops the manager and the control plane, and returns when none of it runs. What has not gone after `grace` is killed.
///
/// # Errors
/// The host cannot be entered, or something could not be stopped.
pub async fn stop(
    host: &Host,
    distribution: Distribution,
    manager_stop: &str,
    grace: Duration,
    limit: Duration,
) -> Result<(), Trouble> {
    known(distribution)?;
    // The control plane first: without it the manager can change nothing, and the manager may take its time.
    let script = format!(
        "mkdir -p -m 700 {PARKED}
         for f in {MANIFESTS}/*.yaml; do [ ! -e \"$f\" ] || mv \"$f\" {PARKED}/; done
         sync -f {PARKED}
         ( {manager_stop}
         ) >/dev/null 2>&1 9>&- & manager=$!
         tries={tries}
         while pgrep -x '{PROGRAMS}' >/dev/null && [ $tries -gt 0 ]; do tries=$((tries-1)); sleep 0.1; done
         pkill -KILL -x '{PROGRAMS}' || true
         tries=50
         while pgrep -x '{PROGRAMS}' >/dev/null; do
           [ $tries -gt 0 ] || {{ echo 'these still run:' $(pgrep -l -x '{PROGRAMS}') >&2; exit 1; }}
           tries=$((tries-1)); sleep 0.1
         done
         wait $manager || {{ echo 'the manager could not be stopped by the command of the estate' >&2; exit 1; }}",
        tries = grace.as_millis() / 100,
    );
    host.run_alone("stopping the control plane", &script, limit).await?;
    Ok(())
}

/// Lets the control plane be started again. Does not wait for it.
///
/// # Errors
/// The host cannot be entered, or there is nothing to start.
pub async fn start(host: &Host, distribution: Distribution, limit: Duration) -> Result<(), Trouble> {
    known(distribution)?;
    let script = format!(
        "for f in {PARKED}/*.yaml; do [ ! -e \"$f\" ] || mv \"$f\" {MANIFESTS}/; done
         [ -e {MANIFESTS}/kube-apiserver.yaml ] || {{ echo 'there is no {MANIFESTS}/kube-apiserver.yaml' >&2; exit 1; }}
         sync -f {MANIFESTS}"
    );
    host.run_alone("starting the control plane", &script, limit).await?;
    Ok(())
}

/// Starts the manager as the estate says.
///
/// # Errors
/// The host cannot be entered, or the command failed.
pub async fn start_manager(host: &Host, command: &str, limit: Duration) -> Result<(), Trouble> {
    let script = format!("( {command}\n) 9>&- >&2");
    host.run_alone("starting the manager", &script, limit).await?;
    Ok(())
}

/// The file on a host that says in which epoch `cluster` was started there last.
fn served_file(cluster: &Name) -> String {
    format!("/var/lib/lifeboat/served-{cluster}")
}

/// In which epoch `cluster` was started on `host` last; `None` if never.
///
/// # Errors
/// The host cannot be entered, or the file is damaged: then nothing may be started.
pub async fn served(host: &Host, cluster: &Name) -> Result<Option<Epoch>, Trouble> {
    let path = served_file(cluster);
    let Some(bytes) = host.read(&path, 100).await? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let epoch = text.trim().parse().map_err(|_| {
        let message = format!("{path} on {} does not hold the number of an epoch", host.name());
        Trouble::new("LB0605", Kind::Fenced, message).hint("lifeboat status")
    })?;
    Ok(Some(Epoch(epoch)))
}

/// Writes down, durably, that `cluster` is about to be started on `host` in `epoch`. From then on its keeper asks for
/// confirmations, and stops it without them.
///
/// # Errors
/// The host cannot be entered or its disk is full.
pub async fn note_served(host: &Host, cluster: &Name, epoch: Epoch) -> Result<(), Trouble> {
    let path = served_file(cluster);
    let make = format!("mkdir -p -m 700 {}", quoted("/var/lib/lifeboat"));
    host.run("making Lifeboat's directory", &make, Duration::from_secs(20)).await?;
    host.write(&path, format!("{epoch}\n").as_bytes(), 0o600).await?;
    Ok(())
}

fn known(distribution: Distribution) -> Result<(), Trouble> {
    match distribution {
        Distribution::Kubeadm => Ok(()),
        Distribution::Rke2 => {
            let message = format!("control planes of {distribution} cannot be stopped and started yet");
            Err(Trouble::new("LB0202", Kind::Invalid, message))
        }
    }
}
