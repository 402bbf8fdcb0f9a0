//! Probing the site that serves, from here.

use crate::Daemon;
use cluster::{ApiProbe, Manager};
use estate::{Name, Probe, Stand};
use failover::PROBE_ANSWER;
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The port of every API server that kubeadm makes, unless told otherwise.
const API_PORT: u16 = 6443;

/// Probes for as long as the daemon runs.
pub(crate) async fn observe(daemon: Arc<Daemon>) {
    let monitor = daemon.world.estate.monitor.clone();
    let mut of: Option<Name> = None;
    loop {
        let asked = ambient::uptime();
        let stand = daemon.serving_stand();
        let site = daemon.world.estate.site_of(stand).cloned();
        if site != of {
            daemon.state().forget_probes();
            of = site;
        }
        join_all(monitor.probes.iter().map(|probe| daemon.look_with(*probe, stand, asked))).await;
        let spent = ambient::uptime().saturating_sub(asked);
        ambient::sleep(monitor.every.saturating_sub(spent)).await;
    }
}

impl Daemon {
    /// Where the cluster serves, as far as this site knows.
    pub(crate) fn serving_stand(&self) -> &Stand {
        let holder = self.state().standing.as_ref().map(|standing| standing.holder.clone());
        let standby = &self.pair.standby;
        if holder.is_some() && self.world.estate.site_of(standby) == holder.as_ref() {
            standby
        } else {
            &self.pair.primary
        }
    }

    async fn look_with(&self, probe: Probe, stand: &Stand, asked: Duration) {
        let found = self.probe(probe, stand).await;
        self.state().probed(probe, found, asked);
    }

    async fn probe(&self, probe: Probe, stand: &Stand) -> Result<(), String> {
        match probe {
            Probe::Manager => {
                let manager: Manager = self
                    .world
                    .manager(&self.pair.manager, stand.address, false)
                    .map_err(|e| e.to_string())?;
                manager.ping(PROBE_ANSWER).await.map_err(|e| e.to_string())
            }
            Probe::Api => {
                let host = self
                    .world
                    .estate
                    .hosts
                    .get(&*stand.host)
                    .ok_or("its host is not in the estate")?;
                let address = SocketAddr::new(host.address, API_PORT);
                let probe = ApiProbe::new().map_err(|e| e.to_string())?;
                probe.api_ready(address, PROBE_ANSWER).await.map_err(|e| e.to_string())
            }
        }
    }
}
