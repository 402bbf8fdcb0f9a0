//! From what was found to the plan of a restore: a cluster comes back at the place where it serves, on hosts that a person names.

use crate::action::{Moment, Snapshot, Word};
use crate::make::{Chosen, Loss, Member, NoPlan};
use crate::steps::{BUMP, Onto};
use crate::{Plan, Step};
use estate::{Distribution, Estate, Name, Standing};
use jiff::Timestamp;

/// What was found before the plan of a restore is made.
#[derive(Clone, Debug)]
pub struct RestoreFacts {
    /// How the cluster was installed.
    pub distribution: Distribution,
    /// The copy.
    pub chosen: Chosen,
    /// The state of etcd that is wanted.
    pub etcd: State,
    /// Everything written before this, by the source's clock, is in it.
    pub begun: Timestamp,
    /// The hosts that the cluster is restored onto. The first that has an API server is the one that is asked.
    pub targets: Vec<Target>,
    /// The other hosts of its control plane: nothing of the former cluster may run there.
    pub stopped: Vec<Name>,
    /// By what right the cluster serves, where sites vote on that.
    pub standing: Option<Standing>,
    /// What is known of the loss.
    pub loss: Loss,
    /// The highest revision that its etcd is known to have had, after an earlier restore, too.
    pub highest: Option<u64>,
    /// The grounds: who asked for it.
    pub because: Vec<String>,
}

/// A state of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A moment of its history.
    Moment(Moment),
    /// A snapshot that others made.
    Snapshot(Snapshot),
}

impl State {
    fn revision(&self) -> u64 {
        match self {
            Self::Moment(moment) => moment.revision,
            Self::Snapshot(snapshot) => snapshot.revision,
        }
    }
}

/// A host that a cluster is restored onto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in the estate.
    pub host: Name,
    /// The name of its node.
    pub node: String,
    /// Its member of etcd; of k3s and RKE2 only the data directory counts, which is their own.
    pub member: Member,
    /// kubeadm's configuration there.
    pub kubeadm_config: String,
    /// Whether it has a member of etcd and nothing else.
    pub alone: bool,
    /// What has to be put there first, where there is no control plane.
    pub prepare: Option<Prepare>,
}

/// The files of a copied host, for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepare {
    /// The copied host.
    pub from: String,
    /// The name of its node.
    pub node: String,
    /// What its settings call by another name or address here.
    pub words: Vec<Word>,
}

/// Makes the plan of a restore of `cluster`.
///
/// # Errors
/// [`NoPlan`]: the estate has no such cluster or host, a host is at a site that may not serve, or the copy lacks what is needed.
pub fn restore(estate: &Estate, cluster: &Name, facts: &RestoreFacts, now: Timestamp) -> Result<Plan, NoPlan> {
    let unknown = || NoPlan::Estate(cluster.clone());
    let of = estate.clusters.get(cluster).ok_or_else(unknown)?;
    let serving = facts.targets.iter().find(|target| !target.alone).ok_or_else(unknown)?;
    let site = estate.site_of_host(&serving.host).ok_or_else(unknown)?;
    if let Some(standing) = facts.standing.as_ref().filter(|standing| standing.holder != *site) {
        return Err(NoPlan::ServesElsewhere {
            cluster: cluster.clone(),
            holder: standing.holder.clone(),
            host: serving.host.clone(),
        });
    }
    let point = &facts.chosen.point;
    if point.part("files").is_none() {
        let reason = "it has no part \"files\"".to_owned();
        return Err(NoPlan::Copy { point: point.id.to_string(), reason });
    }
    if !matches!(facts.distribution, Distribution::Kubeadm | Distribution::K3s | Distribution::Rke2) {
        return Err(NoPlan::Distribution { cluster: cluster.clone(), distribution: facts.distribution });
    }
    Ok(Plan {
        estate: estate.name.clone(),
        cluster: cluster.clone(),
        from: point.site.clone(),
        to: site.clone(),
        epoch: None,
        onto: facts.targets.iter().map(|target| target.host.clone()).collect(),
        made: now,
        because: facts.because.clone(),
        point: point.id.clone(),
        unsigned: facts.chosen.unsigned.clone(),
        point_begun: facts.begun,
        point_revision: i64::try_from(facts.etcd.revision()).unwrap_or(i64::MAX),
        loss: facts.loss.clone(),
        steps: steps(facts, cluster, &of.repository, &serving.host, now),
    })
}

fn steps(facts: &RestoreFacts, cluster: &Name, repository: &Name, asked: &Name, now: Timestamp) -> Vec<Step> {
    // Nothing of an earlier restore is taken for this one's.
    let label = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    // Watchers that have seen higher ones would take new revisions for what they know.
    let bump = facts
        .highest
        .unwrap_or(0)
        .saturating_sub(facts.etcd.revision())
        .saturating_add(BUMP);
    let members: Vec<String> = facts
        .targets
        .iter()
        .map(|it| format!("{}={}", it.member.name, it.member.peer_url))
        .collect();
    let several = facts.targets.len() + facts.stopped.len() > 1;
    let onto = |target: &'_ Target| {
        let suffix = if several {
            format!("-{}", target.host)
        } else {
            String::new()
        };
        (suffix, format!("/var/lib/lifeboat/restore-{label}"))
    };
    let hosts: Vec<Onto<'_>> = facts
        .targets
        .iter()
        .map(|target| {
            let (suffix, directory) = onto(target);
            Onto {
                cluster,
                repository,
                distribution: facts.distribution,
                host: &target.host,
                suffix,
                directory,
                label: label.clone(),
                member: &target.member,
                initial_cluster: members.join(","),
                kubeadm_config: &target.kubeadm_config,
                alone: target.alone,
                bump,
            }
        })
        .collect();
    let with = || hosts.iter().zip(&facts.targets);
    let mut steps: Vec<Step> = with()
        .map(|(on, target)| on.fetch(&facts.chosen, Some(&facts.etcd), target.prepare.is_some()))
        .collect();
    // Everything of the former cluster stands still before anything of the new one is there: a member that was forgotten would go on
    // serving its own state.
    if let Some(first) = hosts.first() {
        for host in &facts.stopped {
            let on = Onto {
                host,
                suffix: format!("-{host}"),
                initial_cluster: String::new(),
                directory: String::new(),
                label: label.clone(),
                ..*first
            };
            steps.push(on.stop(None));
        }
    }
    steps.extend(hosts.iter().map(|on| on.stop(None)));
    let is_kubeadm = facts.distribution == Distribution::Kubeadm;
    for (on, target) in with() {
        if let Some(prepare) = &target.prepare {
            steps.push(on.prepare(&prepare.from, &prepare.words));
        }
        match is_kubeadm {
            true => steps.extend([on.etcd(), on.files(), on.certificates()]),
            false => steps.push(on.reset()),
        }
    }
    // Members that serve nobody first: the API server waits for most of them.
    steps.extend(hosts.iter().filter(|on| on.alone).map(|on| on.start(None)));
    steps.extend(hosts.iter().filter(|on| !on.alone).map(|on| on.start(facts.standing.as_ref())));
    let nodes = facts.targets.iter().filter(|target| !target.alone).map(|target| Word {
        from: target
            .prepare
            .as_ref()
            .map_or_else(|| target.node.clone(), |prepare| prepare.node.clone()),
        to: target.node.clone(),
    });
    if let Some(on) = hosts.iter().find(|on| on.host == asked) {
        steps.push(on.join(nodes.collect()));
    }
    steps
}
