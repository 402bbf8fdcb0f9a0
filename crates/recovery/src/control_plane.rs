//! Stopping and starting a control plane on its host.
//!
//! kubelet starts what has a manifest and stops what has none, so a control plane is stopped by parking its manifests. What
//! does not go by itself in time is killed: etcd and the API server are made for that, and a lease does not wait. k3s and RKE2 are
//! stopped and started as the services that they are.

use crate::{Trouble, World};
use cluster::{Client, Host, quoted};
use estate::{Distribution, Epoch, Kind, Name};
use protect::manifest::{MANIFESTS, PARKED};
use std::net::IpAddr;
use std::time::Duration;

/// Programs that write to the cluster's state or serve it.
const PROGRAMS: &str = "etcd|kube-apiserver|kube-controller|kube-scheduler";

/// How stopping goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What has not gone by itself after this is killed.
    pub grace: Duration,
    /// How long it may take in all.
    pub all: Duration,
    /// Whether to wait for what else Lifeboat does on that host. A lease does not.
    pub alone: bool,
}

/// Stops the control plane and the manager, and returns when nothing of the control plane runs: the rest can change nothing
/// without it. Returns what people should know if the manager's own command failed.
///
/// # Errors
/// The host cannot be entered, or something could not be stopped.
pub async fn stop(
    host: &Host,
    distribution: Distribution,
    manager_stop: Option<&str>,
    limits: Limits,
) -> Result<Option<String>, Trouble> {
    let first = match distribution {
        Distribution::Kubeadm => park(),
        _ => {
            let service = service(distribution)?;
            // What the service leaves running is ended by the script that it was installed with.
            format!(
                "{SERVICE}\n service {service} stop || failed=' {service}'
                 for s in $(command -v {distribution}-killall.sh || true); do \"$s\" >/dev/null 2>&1 9>&- || true; done"
            )
        }
    };
    let manager_stop = manager_stop.unwrap_or(":");
    // Whatever the disk says to parking, all is killed: a file system that is full or read-only keeps nobody serving. What
    // could not be parked is started again by kubelet, so then it is an error, and the caller comes back.
    let script = format!(
        "failed=
         {first}
         ( {manager_stop}
         ) >/dev/null 2>&1 9>&- & manager=$!
         tries={tries}
         while pgrep -x '{PROGRAMS}' >/dev/null && [ $tries -gt 0 ]; do tries=$((tries-1)); sleep 0.1; done
         pkill -KILL -x '{PROGRAMS}' || true
         tries=50
         while pgrep -x '{PROGRAMS}' >/dev/null; do
           [ $tries -gt 0 ] || {{ echo 'these still run:' $(pgrep -l -x '{PROGRAMS}') >&2; exit 1; }}
           tries=$((tries-1)); sleep 0.1; pkill -KILL -x '{PROGRAMS}' || true
         done
         wait $manager || echo 'the command that stops the manager has failed'
         [ -z \"$failed\" ] || {{ echo \"these cannot be stopped, and will be started again:$failed\" >&2; exit 1; }}
         [ ! -d {PARKED} ] || sync -f {PARKED} || true",
        tries = limits.grace.as_millis() / 100,
    );
    let what = "stopping the control plane";
    let said = match limits.alone {
        true => host.run_alone(what, &script, limits.all).await?,
        false => host.run(what, &script, limits.all).await?,
    };
    Ok(Some(said.trim().to_owned()).filter(|said| !said.is_empty()))
}

/// What is noted of a host on which there was nothing to stop.
pub const NOTHING_RAN: &str = "nothing of a control plane ran there";

/// Moves manifests to where nothing starts them.
fn park() -> String {
    format!(
        "[ -n \"$(ls {MANIFESTS} 2>/dev/null)\" ] || pgrep -x '{PROGRAMS}' >/dev/null || echo '{NOTHING_RAN}'
         mkdir -p -m 700 {PARKED} || failed=' {PARKED}'
         for f in {MANIFESTS}/*; do
           [ ! -f \"$f\" ] || mv -f \"$f\" {PARKED}/ || failed=\"$failed $f\"
         done"
    )
}

/// `service NAME stop|start|restart`, by whatever starts services there. It does not wait until one is ready: RKE2's takes minutes.
pub(crate) const SERVICE: &str = r#"service() {
  if [ -d /run/systemd/system ] && systemctl cat "$1" >/dev/null 2>&1; then
    case $2 in stop) systemctl stop "$1" ;; *) systemctl --no-block "$2" "$1" ;; esac
  elif command -v rc-service >/dev/null && rc-service -e "$1"; then rc-service "$1" "$2" >/dev/null
  elif command -v sv >/dev/null && sv status "$1" >/dev/null 2>&1; then sv -w 60 "$2" "$1" >/dev/null
  else echo "there is no service $1" >&2; return 1; fi
}"#;

fn service(distribution: Distribution) -> Result<&'static str, Trouble> {
    match distribution {
        Distribution::Rke2 => Ok("rke2-server"),
        Distribution::K3s => Ok("k3s"),
        Distribution::Kubeadm | Distribution::Rke1 | Distribution::Other => {
            let message = format!("control planes of {distribution} cannot be stopped and started yet");
            Err(Trouble::new("LB0202", Kind::Invalid, message))
        }
    }
}

/// Lets the control plane be started again, of which the host may have a member of etcd `alone`. Does not wait for it.
///
/// # Errors
/// The host cannot be entered, or there is nothing to start.
pub async fn start(host: &Host, distribution: Distribution, alone: bool, limit: Duration) -> Result<(), Trouble> {
    let script = match distribution {
        Distribution::Kubeadm => {
            let needed = if alone { "etcd" } else { "kube-apiserver" };
            format!(
                "mkdir -p {MANIFESTS}
                 for f in {PARKED}/*; do [ ! -f \"$f\" ] || mv -f \"$f\" {MANIFESTS}/; done
                 [ -e {MANIFESTS}/{needed}.yaml ] || {{ echo 'there is no {MANIFESTS}/{needed}.yaml' >&2; exit 1; }}
                 sync -f {MANIFESTS}"
            )
        }
        _ => format!("{SERVICE}\n service {} start", service(distribution)?),
    };
    host.run_alone("starting the control plane", &script, limit).await?;
    Ok(())
}

/// Whether a kubelet runs on a host: k3s has it in itself.
///
/// # Errors
/// The host cannot be entered.
pub async fn has_kubelet(host: &Host) -> Result<bool, Trouble> {
    let script = "pgrep -x 'kubelet|k3s-server' >/dev/null && echo yes || true";
    let said = host.run("looking for a kubelet", script, Duration::from_secs(20)).await?;
    Ok(said.trim() == "yes")
}

/// A client with the administrator's rights, from the kubeconfig on the host.
///
/// # Errors
/// The host cannot be entered, or has none.
pub async fn client(world: &World, name: &Name, distribution: Distribution) -> Result<Client, Trouble> {
    let text = kubeconfig(world, name, distribution).await?;
    Ok(Client::from_kubeconfig_text(&text).await?)
}

/// The kubeconfig of the administrator on a host, as it serves from here.
///
/// # Errors
/// The host cannot be entered, or has none.
pub async fn kubeconfig(world: &World, name: &Name, distribution: Distribution) -> Result<String, Trouble> {
    let host = world.host(name)?;
    let places: &[&str] = match distribution {
        Distribution::K3s => &["/etc/rancher/k3s/k3s.yaml"],
        Distribution::Rke2 => &["/etc/rancher/rke2/rke2.yaml"],
        _ => &["/etc/kubernetes/super-admin.conf", "/etc/kubernetes/admin.conf"],
    };
    for path in places {
        let Some(bytes) = host.read(path, 1 << 20).await? else {
            continue;
        };
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        // k3s and RKE2 write it for who is on the host.
        if let (false, Some(of)) = (host.is_local(), world.estate.hosts.get(name)) {
            text = text.replace("https://127.0.0.1:", &format!("https://{}:", bracketed(of.address)));
        }
        return Ok(text);
    }
    let message = format!("host {name} has no {}", places.first().copied().unwrap_or_default());
    Err(Trouble::new("LB0404", Kind::Invalid, message).hint(format!("ls -l {}, on that host", places.join(" "))))
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
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

/// In which epoch `cluster` was started on this host last; `None` if never. Blocks on the disk.
///
/// # Errors
/// The file cannot be read or is damaged: then nothing may be started.
pub fn served_here(cluster: &Name) -> Result<Option<Epoch>, Trouble> {
    let path = served_file(cluster);
    let bad = |reason: String| {
        let message = format!("{path} does not say in which epoch {cluster} was started here: {reason}");
        Trouble::new("LB0605", Kind::Fenced, message).hint("lifeboat status")
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => text
            .trim()
            .parse()
            .map(|epoch| Some(Epoch(epoch)))
            .map_err(|_| bad("it holds no number".to_owned())),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(bad(reason.to_string())),
    }
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
