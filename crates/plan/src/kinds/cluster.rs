//! The kinds by which a cluster comes up: on each host that it comes up on, and at the site. What they do stands in `onto.rs`, and here for
//! those that only a move to another site has.

use super::At;
use super::fetch::{EtcdState, Wanted};
use super::onto::in_parentheses;
use crate::action::{Action, AwaitAgents, CopyPart, Elsewhere, Fence, LowerDns, StartManager, SwitchDns};
use crate::facts::Target;
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::scene::{Takeover, Toward};
use crate::text::list;
use crate::{NoPlan, Step};
use estate::{Distribution, DnsProvider, Name, SecretRef, TsigKey};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// For so many seconds a name that is about to move is kept.
const LOW: u64 = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {}

/// Of `copy.fetch`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fetched {
    /// The step that handed etcd over.
    handover: Option<String>,
    /// What of it is laid ready.
    #[serde(default)]
    part: CopyPart,
    /// Whether what is followed there becomes etcd's data, if that can be.
    #[serde(default)]
    followed: bool,
}

/// Of `fence`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fenced {
    /// Which of its two sites the cluster moves to.
    #[serde(default)]
    to: Toward,
}

/// Of `dns.lower`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Lowered {
    /// The TTL.
    ttl: Option<String>,
}

/// Of `agents.await`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Awaited {
    /// The one that is awaited, as the manager calls it.
    cluster: Option<String>,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    if at.kind() == "agents.await" {
        return Ok(vec![agents(at, at.settings()?)?]);
    }
    match at.kind() {
        "fence" => {
            let (Fenced { to }, takeover) = (at.settings()?, takeover(at)?);
            // Whereto is read before anything is filled in, and of the first fence.
            if to != takeover.toward {
                let message = format!("step {} leads to another site than the playbook", at.id());
                let cure = "write to: primary or to: standby plainly, the same in every fence";
                return Err(at.wrong(Which::Settings, Some("to"), message, cure));
            }
            return Ok(vec![fence(at, takeover)]);
        }
        "dns.lower" => return Ok(vec![lower(at, takeover(at)?, at.settings()?)?]),
        "copy.fetch" => return on_hosts(at, &at.settings()?),
        _ => {}
    }
    let Settings {} = at.settings()?;
    match at.kind() {
        "manager.start" => Ok(vec![manager(at, takeover(at)?)]),
        "dns.switch" => Ok(vec![dns(at, takeover(at)?)]),
        "nodes.join" => nodes(at),
        "controlplane.stop" => stop(at),
        _ => on_hosts(at, &Fetched::default()),
    }
}

fn takeover<'a>(at: &'a At<'_>) -> Result<&'a Takeover<'a>, NoPlan> {
    let lacks = || at.lacks("a cluster that moves to its standby: a fence step before it, and a standby in the estate");
    at.scene.takeover.as_ref().ok_or_else(lacks)
}

/// Those for which the step's condition holds there.
fn targets<'a>(at: &'a At<'_>) -> Result<Vec<&'a Target>, NoPlan> {
    let all = &at.scene.facts.targets;
    if all.is_empty() {
        return Err(at.lacks("hosts that the cluster comes up on"));
    }
    let mut wanted = Vec::new();
    for target in all {
        if at.holds_on(target)? {
            wanted.push(target);
        }
    }
    Ok(wanted)
}

fn on_hosts(at: &At<'_>, fetched: &Fetched) -> Result<Vec<Step>, NoPlan> {
    let (scene, distribution) = (at.scene, at.scene.distribution);
    let is_kubeadm = distribution == Distribution::Kubeadm;
    let is_rancher = matches!(distribution, Distribution::K3s | Distribution::Rke2);
    let is_known = is_kubeadm || is_rancher;
    let chosen = scene.chosen()?.ok_or_else(|| at.lacks("a copy"))?;
    // A failover looks at the host itself: its own settings are kubeadm's.
    if !is_known && scene.takeover.is_none() {
        return Err(NoPlan::Distribution { cluster: scene.cluster.clone(), distribution });
    }
    let etcd = scene.facts.etcd.as_ref();
    let standing = match &scene.takeover {
        Some(takeover) => Some(&takeover.standing),
        None => scene.facts.standing.as_ref(),
    };
    // A step of a child playbook calls its neighbours by their own names.
    let handover = fetched.handover.as_ref().map(|step| match at.id().rsplit_once('.') {
        Some((parent, _)) => format!("{parent}.{step}"),
        None => step.clone(),
    });
    let mut steps = Vec::new();
    for target in targets(at)? {
        let on = scene.onto(target, at.id());
        let step = match (at.kind(), &target.prepare) {
            ("host.await", _) => on.await_host(&target.node),
            ("copy.fetch", prepare) => {
                let newest = scene.facts.follows && fetched.part == CopyPart::Etcd;
                let state = match (&handover, etcd) {
                    (Some(step), _) => EtcdState::HandedOver(step),
                    (None, Some(state)) => EtcdState::Of(state),
                    (None, None) if newest => EtcdState::Newest,
                    (None, None) => EtcdState::Own,
                };
                if fetched.followed {
                    is_followed(at)?;
                }
                let wanted = Wanted {
                    part: fetched.part,
                    etcd: state,
                    is_followed: fetched.followed,
                };
                on.fetch(chosen, wanted, prepare.is_some())
            }
            ("host.prepare", Some(prepare)) => on.prepare(&prepare.from, &prepare.words),
            ("host.prepare", None) => continue,
            ("etcd.promote", _) if is_rancher => {
                return Err(NoPlan::Distribution { cluster: scene.cluster.clone(), distribution });
            }
            ("etcd.promote", _) => {
                is_followed(at)?;
                on.promote(&chosen.point)
            }
            ("etcd.restore", _) if is_rancher => on.reset(),
            ("etcd.restore", _) => on.etcd(),
            ("files.restore", _) => on.files(),
            ("certificates.issue", _) => on.certificates(),
            ("controlplane.start", _) => on.start(standing.filter(|_| !target.alone)),
            // The estate's form lets no other kind through.
            _ => continue,
        };
        steps.push(step);
    }
    Ok(steps)
}

/// That the newest state is wanted, and one host has it: another's would be another one, and members of one etcd have the same.
fn is_followed(at: &At<'_>) -> Result<(), NoPlan> {
    let facts = at.scene.facts;
    match facts.follows && facts.etcd.is_none() && facts.targets.len() == 1 {
        true => Ok(()),
        false => Err(at.lacks(
            "the newest state to be wanted, and one host to come up on, which follows it: `when: follows` leaves it out where that is not so",
        )),
    }
}

/// On hosts that it comes up on, and on those that stand still.
fn stop(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let scene = at.scene;
    let manager_stop = scene.takeover.as_ref().map(|takeover| takeover.of.manager.stop.as_str());
    let Some(first) = scene.facts.targets.first() else {
        return Err(at.lacks("hosts that the cluster comes up on"));
    };
    let still = scene.facts.stopped.iter().map(|host| {
        let on = scene.onto(first, at.id());
        super::onto::Onto { host, id: scene.id_on(at.id(), host), ..on }.stop(None)
    });
    let onto = scene
        .facts
        .targets
        .iter()
        .map(|target| scene.onto(target, at.id()).stop(manager_stop));
    Ok(still.chain(onto).collect())
}

fn nodes(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let targets = &at.scene.facts.targets;
    let Some(asked) = targets.iter().find(|target| !target.alone) else {
        return Err(at.lacks("a host with an API server"));
    };
    let nodes = targets.iter().filter(|target| !target.alone).map(|target| crate::Word {
        from: target
            .prepare
            .as_ref()
            .map_or_else(|| target.node.clone(), |prepare| prepare.node.clone()),
        to: target.node.clone(),
    });
    let mut step = at.scene.onto(asked, at.id()).join(nodes.collect());
    at.id().clone_into(&mut step.id);
    Ok(vec![step])
}

fn fence(at: &At<'_>, takeover: &Takeover<'_>) -> Step {
    let (standing, former) = (&takeover.standing, &at.scene.from);
    let voters: Vec<Name> = at.scene.estate.voters().cloned().collect();
    Step {
        id: at.id().to_owned(),
        what: format!(
            "Take epoch {} for {} and wait until {former} cannot serve any more: two managers at once would part the estate.",
            standing.epoch, standing.holder
        ),
        by_hand: ByHand::act(format!(
            "Make sure that {former} is off, or cut off: switch off its power, or block its address. Keep it so."
        ))
        .then(ByHand::here([format!("lifeboat run fence --cluster {} --yes", at.scene.cluster)])),
        check: Look::only(format!(
            "two of {} have promised the epoch, and the lease of {former} is over",
            list(&voters)
        )),
        undo: Undo::none("none: whoever has promised an epoch refuses older ones for ever"),
        timeout_s: 180,
        attempts: 3,
        action: Action::Fence(Fence {
            cluster: at.scene.cluster.clone(),
            standing: standing.clone(),
            former: former.clone(),
            voters,
            unless_alive: at.scene.facts.automatic,
        }),
        ..Step::blank()
    }
}

fn manager(at: &At<'_>, takeover: &Takeover<'_>) -> Step {
    let (manager, stand) = (takeover.of.manager, takeover.stand);
    let (host, address) = (&*stand.host, stand.address);
    let name = manager.name.trim_end_matches('.').to_owned();
    Step {
        id: at.id().to_owned(),
        what: format!(
            "Start the manager on {host} and see that {address} answers as {name}, with the certificate that agents pin."
        ),
        by_hand: ByHand::on(host, [in_parentheses(&manager.start)]),
        check: Look::new(
            ByHand::here([format!(
                "curl -sS --cacert {} --resolve {name}:{}:{address} https://{name}:{}/ping",
                manager.ca.display(),
                manager.port,
                manager.port
            )]),
            "pong",
        ),
        undo: Undo::on(host, [in_parentheses(&manager.stop)]),
        timeout_s: 180,
        attempts: 2,
        action: Action::StartManager(StartManager {
            cluster: at.scene.cluster.clone(),
            host: host.clone(),
            start: manager.start.clone(),
            name,
            address,
        }),
        ..Step::blank()
    }
}

fn dns(at: &At<'_>, takeover: &Takeover<'_>) -> Step {
    let (dns, address) = (takeover.of.dns, takeover.stand.address);
    let former = takeover.former_stand.address;
    let name = takeover.of.manager.name.trim_end_matches('.').to_owned();
    let (by_hand, back) = match (dns.provider(), &at.scene.facts.names_by_hand) {
        (DnsProvider::Rfc2136(server, key), _) => {
            let update = |to: IpAddr| ByHand::here([update(server, key, (&name, dns.ttl), to)]);
            (update(address), update(former))
        }
        (_, Some((to, back))) => (lines(to), lines(back)),
        (_, None) => (
            ByHand::act(format!("Let {name} lead to {address}, and to nothing else.")),
            ByHand::act(format!("Let {name} lead to {former} again.")),
        ),
    };
    let asked = dns.servers().chain(&dns.resolvers);
    let asked: Vec<String> = asked
        .map(|at| format!("dig +short -p {} @{} {name}", at.port(), at.ip()))
        .collect();
    let asked = match asked.is_empty() {
        true => vec![format!("dig +short {name}")],
        false => asked,
    };
    Step {
        id: at.id().to_owned(),
        what: format!(
            "Let {name} lead to {address}, and see the new answer at the name server and through a resolver."
        ),
        by_hand,
        check: Look::new(ByHand::here(asked), format!("{address}")),
        undo: Undo::Lines(back),
        // A person takes as long as a person takes.
        timeout_s: match dns.provider() {
            DnsProvider::Manual(_) => 24 * 3600,
            _ => 60 + u64::from(dns.ttl),
        },
        attempts: 3,
        action: Action::SwitchDns(SwitchDns {
            name,
            zone: dns.zone.trim_end_matches('.').to_owned(),
            server: dns.server,
            to: address,
            former: Some(former),
            ttl: dns.ttl,
            secondaries: dns.secondaries.clone(),
            resolvers: dns.resolvers.clone(),
        }),
        ..Step::blank()
    }
}

/// What a planned move does before it begins.
fn lower(at: &At<'_>, takeover: &Takeover<'_>, settings: Lowered) -> Result<Step, NoPlan> {
    let (dns, former) = (takeover.of.dns, takeover.former_stand.address);
    let name = takeover.of.manager.name.trim_end_matches('.').to_owned();
    let wanted = settings.ttl.map(|ttl| at.seconds("ttl", &ttl)).transpose()?.unwrap_or(LOW);
    let ttl = u32::try_from(wanted).unwrap_or(dns.ttl).min(dns.ttl);
    let typed = |ttl: u32| match dns.provider() {
        DnsProvider::Rfc2136(server, key) => ByHand::here([update(server, key, (&name, ttl), former)]),
        _ => ByHand::act(format!("Set the TTL of {name} to {ttl} s, where it is a record.")),
    };
    Ok(Step {
        id: at.id().to_owned(),
        what: format!(
            "Let nobody keep where {name} leads for longer than {ttl} s, and wait until what was told before is forgotten."
        ),
        by_hand: typed(ttl).then(ByHand::act("Wait until the former TTL is over.".to_owned())),
        check: Look::new(ByHand::here([format!("dig +noall +answer {name}")]), format!("a TTL of {ttl} or less")),
        undo: Undo::Lines(typed(dns.ttl)),
        // The former TTL may be an hour.
        timeout_s: 2 * 3600,
        attempts: 3,
        action: Action::LowerDns(LowerDns { name, ttl, usual: dns.ttl }),
        ..Step::blank()
    })
}

/// A secret as a shell reads it from where the estate has it.
fn shown(secret: &SecretRef) -> String {
    match secret {
        SecretRef::File(path) => format!("$(cat {})", path.display()),
        SecretRef::Env(name) => format!("${name}"),
    }
}

/// Each line is typed, unless it is a sentence.
fn lines(all: &[String]) -> ByHand {
    let each = all.iter().map(|line| match line.strip_prefix("$ ") {
        Some(run) => ByHand::here([run.to_owned()]),
        None => ByHand::act(line.clone()),
    });
    each.fold(ByHand::default(), ByHand::then)
}

/// An update as it is typed, with the key where the estate has it.
fn update(server: SocketAddr, key: &TsigKey, (name, ttl): (&str, u32), to: IpAddr) -> String {
    let kind = if to.is_ipv4() { "A" } else { "AAAA" };
    let secret = shown(&key.secret);
    format!(
        "printf 'server {} {}\\nupdate delete {name} {kind}\\nupdate add {name} {ttl} {kind} {to}\\nsend\\n' | nsupdate -k <(printf 'key \"%s\" {{ algorithm {}; secret \"%s\"; }};\\n' {} \"{secret}\")",
        server.ip(),
        server.port(),
        key.algorithm.word(),
        key.name
    )
}

fn agents(at: &At<'_>, settings: Awaited) -> Result<Step, NoPlan> {
    let estate = at.scene.estate;
    let lacks = || at.lacks("a manager: a management cluster with a standby, and its manager, in the estate");
    let of = estate.failover().ok_or_else(lacks)?;
    let (stand, other) = match &at.scene.takeover {
        Some(takeover) => (takeover.stand, None),
        // Nobody asks now at which site it serves: that may change until then.
        None => (of.primary, Some(of.standby)),
    };
    // A cluster that is brought up by itself is awaited by itself.
    let own = (at.scene.takeover.is_none() && at.scene.cluster != of.name).then(|| at.scene.cluster.to_string());
    let only = settings.cluster.or(own);
    let manager = of.manager;
    let name = manager.name.trim_end_matches('.').to_owned();
    let way = at.scene.way(&stand.host);
    let listed = format!(
        "{ssh} {at} kubectl --kubeconfig /etc/kubernetes/admin.conf get clusters.management.cattle.io",
        ssh = way.ssh(),
        at = way.at,
    );
    let ids = match &only {
        None => format!("{listed} -o jsonpath='{{.items[*].metadata.name}}'"),
        // A shell at either end takes quotes away.
        Some(only) => format!(
            "{listed} --no-headers -o custom-columns=:.metadata.name,:.spec.displayName | awk '$1 == \"{only}\" || $2 == \"{only}\" {{ print $1 }}'"
        ),
    };
    let step = Step {
        id: at.id().to_owned(),
        what: match &only {
            None => {
                "See every downstream cluster back: its own API server answers through the manager's tunnel.".to_owned()
            }
            Some(only) => {
                format!("See {only} back under its old name: its own API server answers through the manager's tunnel.")
            }
        },
        by_hand: ByHand::here([format!(
            "for id in $({ids}); do [ $id = local ] || {{ echo $id; curl -sS --cacert {ca} --resolve {name}:{port}:{address} -H \"Authorization: Bearer {token}\" https://{name}:{port}/k8s/clusters/$id/version; }}; done",
            ca = manager.ca.display(),
            port = manager.port,
            address = stand.address,
            token = shown(&manager.token),
        )]),
        check: Look::only(match &only {
            None => "each cluster answers with its gitVersion; agents notice a silent death only after a minute",
            Some(_) => "it answers with its gitVersion",
        }),
        undo: Undo::none("none is needed: nothing is changed"),
        timeout_s: manager.agents_within.as_secs(),
        attempts: 1,
        action: Action::AwaitAgents(AwaitAgents {
            cluster: of.name.clone(),
            host: (*stand.host).clone(),
            name,
            address: stand.address,
            elsewhere: other.map(|stand| Elsewhere { host: (*stand.host).clone(), address: stand.address }),
            only,
        }),
        ..Step::blank()
    };
    Ok(step)
}
