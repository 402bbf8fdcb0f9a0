//! Lifeboat itself on the lab's hosts: let run, or ended, as whoever keeps a host would do it with runit.
//!
//! Start at [`set`].

use crate::error::{Error, Result};
use crate::fault::process_state;
use crate::host;
use crate::lab::Lab;
use crate::parts::estate::{self, SERVICE};
use crate::topology::Host;
use futures::future::join_all;
use std::time::Duration;

/// What a host's supervisor gets to take note.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits for the supervisor of the service: a host that has just started may not have it yet, only what it left behind.
const SUPERVISED: &str = "for i in $(seq 100); do ! sv status . >/dev/null || break; sleep 0.05; done";

/// Starts or ends the service on the host of each site.
pub(crate) async fn set(lab: &Lab, on: bool) -> Result<()> {
    if lab.record.secrets.estate.is_none() {
        return Err(Error::Topology {
            object: format!("lab {}", lab.topology().name()),
            reason: "it has no estate that Lifeboat can protect: that takes the layout kubeadm, without pods".into(),
        });
    }
    // On each of them, whatever becomes of the others: a host may well be off.
    let hosts = estate::stands(lab.topology())?;
    let done = join_all(hosts.map(|host| set_on(lab, host, on))).await;
    done.into_iter().collect()
}

async fn set_on(lab: &Lab, host: &Host, on: bool) -> Result<()> {
    let directory = format!("/etc/sv/{SERVICE}");
    // The file first, and on disk: what decides at the next start must never be behind what runs now.
    let (purpose, script) = match on {
        true => (
            "starting lifeboat serve",
            format!("cd {directory}; rm -f down; sync .; {SUPERVISED}; sv up {SERVICE}"),
        ),
        false => (
            "ending lifeboat serve",
            format!(
                "cd {directory}; : > down; sync down .; {SUPERVISED}
                 sv -w 10 force-stop {SERVICE} || sv -w 5 down {SERVICE}"
            ),
        ),
    };
    host::run(&lab.place, host, purpose, &["sh", "-ec", &script]).await?;
    let deadline = ambient::monotonic() + LIMIT;
    loop {
        let state = process_state(&lab.place, lab.topology(), host)
            .into_iter()
            .find(|process| process.name == SERVICE);
        match state {
            Some(state) if state.wanted == on && (on || state.pid.is_none()) => return Ok(()),
            _ if ambient::monotonic() > deadline => {
                return Err(Error::NotReady {
                    object: format!("{SERVICE} on {}", host.name),
                    seconds: LIMIT.as_secs(),
                    last: "its supervisor has not taken note".into(),
                    log: format!("/var/log/{SERVICE}.log"),
                });
            }
            _ => ambient::sleep(Duration::from_millis(50)).await,
        }
    }
}
