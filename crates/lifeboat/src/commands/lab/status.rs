//! `lifeboat lab status`: what there is and how it does.

use super::{Which, saying};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use lab::Status;
use serde::Serialize;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Wait until all is ready, at most this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: Option<u64>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Status);

impl Report for Shown {
    fn text(&self) -> String {
        let status = &self.0;
        let yes = |good: bool, reason: &str| if good { "ready".to_owned() } else { reason.to_owned() };
        let hosts = status.hosts.iter().map(|host| {
            let ill = host.processes.iter().filter(|p| p.wanted && !p.healthy);
            let ill: Vec<String> = ill.map(|p| format!("{}: {}", p.name, p.reason)).collect();
            let health = match (host.on, ill.is_empty()) {
                (false, _) => "off".to_owned(),
                (true, true) => "ready".to_owned(),
                (true, false) => ill.join("; "),
            };
            let processes = host.processes.iter().map(|p| {
                let mark = if p.wanted { "" } else { " (down)" };
                format!("{}{mark}", p.name)
            });
            let processes: Vec<String> = processes.collect();
            [
                host.site.to_string(),
                host.name.to_string(),
                host.address.to_string(),
                host.pid.map_or_else(String::new, |pid| pid.to_string()),
                format!("{} MiB", host.memory_mib),
                health,
                processes.join(" "),
            ]
        });
        let clusters = status.clusters.iter().map(|c| {
            [
                c.name.to_string(),
                c.role.to_string(),
                c.server.clone(),
                yes(c.ready, &c.reason),
                c.kubeconfig.display().to_string(),
            ]
        });
        let agents = status.agents.iter().map(|a| {
            let state = if a.connected { "connected" } else { "disconnected" };
            let condition = a.condition.clone().unwrap_or_else(|| "not known".into());
            [
                a.cluster.to_string(),
                a.id.clone(),
                state.to_owned(),
                a.since.clone(),
                condition,
                a.reason.clone(),
            ]
        });
        let names = status.names.iter().map(|n| {
            let answer = if n.answer.is_empty() {
                "no answer".to_owned()
            } else {
                n.answer.clone()
            };
            [n.name.clone(), n.server.to_string(), n.address.to_string(), answer]
        });
        let mut text = format!(
            "{}\n\n{}\n\n{}\n\n{}\n",
            table(["SITE", "HOST", "ADDRESS", "PID", "MEMORY", "HEALTH", "PROCESSES"], hosts),
            table(["CLUSTER", "ROLE", "SERVER", "HEALTH", "KUBECONFIG"], clusters),
            table(["AGENT", "ID", "STATE", "SINCE", "CONDITION AT MANAGER", "REASON"], agents),
            table(["NAME", "ASKED", "ADDRESS", "ANSWER"], names)
        );
        if status.faults.is_empty() {
            text.push_str("\nno faults in force\n");
        } else {
            let faults = status.faults.iter().map(|f| [f.id.to_string(), f.what.clone()]);
            text.push_str(&format!("\n{}\n", table(["FAULT", "WHAT"], faults)));
        }
        text
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let lab = args.which.open()?;
    if let Some(seconds) = args.wait {
        saying(printer, async |say| lab.wait_ready(Duration::from_secs(seconds), say).await).await?;
    }
    printer.show(&Shown(lab.status().await?))
}
