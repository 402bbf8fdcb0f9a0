//! `service`: starts or stops what a distribution runs on its hosts, by its own means, or any service of theirs.

use super::{At, Names};
use crate::action::{Action, Service, ServiceAct};
use crate::hand::{ByHand, Look, Undo};
use crate::{NoPlan, Step};
use estate::{Distribution, Name};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The hosts; without this, those of the cluster.
    on: Option<Names>,
    /// What becomes of it.
    act: ServiceAct,
    /// Its name; without this, that of the distribution.
    name: Option<String>,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let settings: Settings = at.settings()?;
    let own = match at.scene.distribution {
        Distribution::K3s => "k3s",
        Distribution::Rke2 => "rke2-server",
        _ => "kubelet",
    };
    let service = settings.name.unwrap_or_else(|| own.to_owned());
    let mut hosts: Vec<Name> = Vec::new();
    match settings.on.map(Names::all) {
        Some(names) => {
            for name in names {
                hosts.push(at.host("on", &name)?);
            }
        }
        None => hosts.extend(at.scene.of.hosts.iter().map(|host| (**host).clone())),
    }
    if hosts.is_empty() {
        return Err(at.lacks("a host: on, or hosts of the cluster"));
    }
    let several = hosts.len() > 1;
    let steps = hosts.into_iter().map(|host| {
        let (act, back) = (settings.act, settings.act.back());
        let id = match several {
            true => format!("{}-{host}", at.id()),
            false => at.id().to_owned(),
        };
        let typed = |act: ServiceAct| format!("systemctl {} {service}", act.word());
        let mut step = Step::new(id, Action::Service(Service { host: host.clone(), service: service.clone(), act }));
        step.what = format!("{} {service} on {host}.", act.title());
        step.by_hand = ByHand::on(&host, [typed(act)]);
        let (look, expect) = match act {
            ServiceAct::Stop => ("is-active", "inactive"),
            _ => ("is-active", "active"),
        };
        step.check = Look::new(ByHand::on(&host, [format!("systemctl {look} {service}")]), expect);
        step.undo = match back {
            Some(back) => Undo::on(&host, [typed(back)]),
            None => Undo::none("none is needed: it runs, as before"),
        };
        step.timeout_s = 120;
        step.attempts = 2;
        step
    });
    Ok(steps.collect())
}
