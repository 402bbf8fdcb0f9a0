//! `etcd.handover`: a cluster is moved while it lives, and its last change is shipped before anything else moves.

use super::At;
use super::onto::{PARKED, in_parentheses, park, unpark};
use crate::action::{Action, HandOverEtcd};
use crate::hand::{ByHand, Look, Undo};
use crate::{NoPlan, Step};
use estate::{Distribution, Name};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {}

/// All but etcd.
const WRITERS: &str = "kube-apiserver|kube-controller|kube-scheduler";

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings {} = at.settings()?;
    let scene = at.scene;
    let lacks = || at.lacks("a cluster that moves: a fence step after it, and a standby in the estate");
    let takeover = scene.takeover.as_ref().ok_or_else(lacks)?;
    let (host, manager) = ((*takeover.former_stand.host).clone(), takeover.of.manager);
    let beside = scene.of.hosts.iter().map(|host| &**host);
    let beside = beside.filter(|other| **other != host && scene.estate.site_of_host(other) == Some(&scene.from));
    let hosts: Vec<Name> = std::iter::once(&host).chain(beside).cloned().collect();
    let cluster = scene.cluster;

    let mut by_hand = ByHand::on(&host, [in_parentheses(&manager.stop)]);
    for one in &hosts {
        let drain = format!(
            "mkdir -p {PARKED} && find /etc/kubernetes/manifests -maxdepth 1 -name '*.yaml' ! -name etcd.yaml -exec mv -t {PARKED}/ {{}} +"
        );
        let gone = format!("while pgrep -x '{WRITERS}' >/dev/null 2>&1; do sleep 1; done");
        by_hand = by_hand.then_on(one, [drain, gone]);
    }
    by_hand = by_hand.then_on(
        &host,
        [format!(
            "until lifeboat etcd verify --cluster {cluster} --here --quick --complete; do sleep 2; done"
        )],
    );
    for one in &hosts {
        by_hand = by_hand.then_on(
            one,
            [
                park(),
                "while pgrep -x etcd >/dev/null 2>&1; do sleep 1; done".to_owned(),
            ],
        );
    }
    let mut undo = ByHand::default();
    for one in &hosts {
        undo = undo.then_on(one, [unpark(), "systemctl restart kubelet".to_owned()]);
    }
    let undo = undo.then_on(&host, [in_parentheses(&manager.start)]);
    Ok(vec![Step {
        id: at.id().to_owned(),
        what: format!(
            "Stop all who write at {}, see the last change of etcd in the history with the same hash, and stop etcd: nothing is lost.",
            scene.from
        ),
        by_hand,
        check: Look::new(
            ByHand::on(&host, [format!("pgrep -l -x 'etcd|{WRITERS}' 2>&1")]),
            "nothing; and the history ends where etcd ended",
        ),
        undo: Undo::Lines(undo),
        timeout_s: 300,
        attempts: 3,
        action: Action::HandOverEtcd(HandOverEtcd {
            cluster: cluster.clone(),
            host,
            hosts,
            distribution: match scene.distribution {
                Distribution::Other => Distribution::Kubeadm,
                said => said,
            },
            manager_stop: manager.stop.clone(),
            manager_start: manager.start.clone(),
        }),
        ..Step::blank()
    }])
}
