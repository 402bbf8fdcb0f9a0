//! `etcd.handover`: stops all who write, sees etcd's last change in the history with the same hash, and stops etcd.
//!
//! etcd deletes what a lease held when that runs out, with nobody asking: so what it had in the end is read from its file, once it has
//! stopped, and must be what was compared before.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane, elsewhere, gather};
use async_trait::async_trait;
use engine::{Event, Performed};
use estate::{Kind, Name};
use plan::{Action, HandOverEtcd};
use protect::manifest::{MANIFESTS, PARKED};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// All but etcd.
const WRITERS: &str = "kube-apiserver|kube-controller|kube-scheduler";
const PAUSE: Duration = Duration::from_secs(1);
/// What does not end by itself in this time is killed, since nobody is served meanwhile. etcd waits for its watchers in vain, and has
/// everything in its file after 100 ms; what it has left there is looked at.
const GRACE: Duration = Duration::from_secs(2);

/// The last moment of an etcd that was handed over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HandedOver {
    pub(crate) timeline: u32,
    pub(crate) revision: u64,
    pub(crate) compaction: u64,
    /// What every member and the history have there, by etcd's own `HashKV`.
    pub(crate) hash: u32,
    /// The members that were compared.
    pub(crate) members: Vec<String>,
}

/// What `lifeboat etcd verify --output json` says, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    timeline: Option<u32>,
    revision: u64,
    compaction: u64,
    hash_kv: u32,
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    member: String,
    finding: String,
    newest: Option<u64>,
    hash: Option<u32>,
    note: String,
}

impl HandedOver {
    /// What came of the step called `step`.
    pub(crate) fn of(context: &Context<'_>, step: &str) -> Result<Self, Trouble> {
        let told = context.known.get(step).cloned().unwrap_or_default();
        serde_json::from_value(told).map_err(|_| {
            let message = format!("step {step} has not handed etcd over, so nobody knows its last moment");
            Trouble::new("LB0711", Kind::Invalid, message).hint(format!("lifeboat run show {}", context.typed))
        })
    }
}

#[async_trait]
impl Carry for HandOverEtcd {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let mut still = Vec::new();
        for name in &self.hosts {
            let script = format!("pgrep -l -x 'etcd|{WRITERS}' 2>/dev/null || true");
            let host = context.world.host(name)?;
            let said = host.run("looking what runs", &script, Duration::from_secs(30)).await?;
            still.extend(said.lines().map(|line| format!("{line} on {name}")));
        }
        match still.is_empty() {
            true => Ok(format!(
                "nothing writes on {}",
                self.hosts.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
            )),
            false => {
                let message = format!("these still run: {}", still.join(", "));
                Err(Trouble::new("LB0803", Kind::Person, message))
            }
        }
    }

    /// Lets the site serve again, unless the run has come to the fence: a site that was fenced starts nothing.
    async fn undo(&self, context: &Context<'_>, _done: Option<&Value>) -> Result<Value, Trouble> {
        let fences = context.plan.steps.iter().filter(|step| matches!(step.action, Action::Fence(_)));
        let fences: Vec<&str> = fences.map(|step| step.id.as_str()).collect();
        let entries = context.journal.entries().await.map_err(|reason| {
            let message = format!("the journal does not say whether {} was fenced: {reason}", context.plan.from);
            Trouble::new("LB0703", Kind::Unreachable, message)
        })?;
        let is_fence = |event: &Event| matches!(event, Event::Intent { step, .. } if fences.contains(&step.as_str()));
        if entries.iter().any(|entry| is_fence(&entry.event)) {
            return Ok(json!({ "none": format!("{} was fenced, and stays down", context.plan.from) }));
        }
        for name in &self.hosts {
            let host = context.world.host(name)?;
            control_plane::start(&host, self.distribution, *name != self.host, context.limit).await?;
        }
        let host = context.world.host(&self.host)?;
        control_plane::start_manager(&host, &self.manager_start, context.limit).await?;
        Ok(json!({ "serves": self.host }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let now = verified(self, context).await?;
        let behind = now.members.iter().filter_map(|it| it.newest).max().unwrap_or(now.revision);
        Ok(vec![format!(
            "the history has revision {} of {behind}, and its hash is that of {}",
            now.revision,
            now.members.iter().map(|it| it.member.as_str()).collect::<Vec<_>>().join(", ")
        )])
    }

    fn hosts(&self) -> Vec<&Name> {
        self.hosts.iter().collect()
    }
}

async fn perform(it: &HandOverEtcd, context: &Context<'_>) -> Result<HandedOver, Trouble> {
    let host = context.world.host(&it.host)?;
    let stop = format!("( {}\n) 9>&- >&2", it.manager_stop);
    host.run_alone("stopping the manager", &stop, context.limit).await?;
    context.inside.point();
    for name in &it.hosts {
        // One that was broken off here has etcd stopped, and what it had is still to be compared.
        let script = format!(
            "mkdir -p -m 700 {PARKED}
             for f in {MANIFESTS}/*; do case $f in */etcd.yaml) ;; *) [ ! -f \"$f\" ] || mv -f \"$f\" {PARKED}/ ;; esac; done
             [ ! -f {PARKED}/etcd.yaml ] || mv -f {PARKED}/etcd.yaml {MANIFESTS}/
             tries={tries}
             while pgrep -x '{WRITERS}' >/dev/null && [ $tries -gt 0 ]; do tries=$((tries-1)); sleep 0.1; done
             pkill -KILL -x '{WRITERS}' || true
             sync -f {PARKED}",
            tries = GRACE.as_millis() / 100,
        );
        let host = context.world.host(name)?;
        host.run_alone("stopping who writes", &script, context.limit).await?;
    }
    context.inside.say("nobody writes any more");
    context.inside.point();
    let moment = until(context.limit / 2, PAUSE, || whole(it, context)).await?;
    context.inside.say(&format!(
        "the history ends where etcd does, at revision {}, with the same hash",
        moment.revision
    ));
    context.inside.point();
    let limits = control_plane::Limits { grace: GRACE, all: context.limit, alone: true };
    for name in &it.hosts {
        control_plane::stop(&context.world.host(name)?, it.distribution, None, limits).await?;
    }
    context.inside.point();
    let left = left_behind(it, context).await?;
    if left != moment.revision {
        let message = format!(
            "etcd on {} stopped at revision {left}, and revision {} was handed over: a lease has run out in between",
            it.host, moment.revision
        );
        // Another attempt lets it start, and compares again.
        return Err(Trouble::new("LB0818", Kind::Unreachable, message));
    }
    Ok(moment)
}

/// The history's end, if it is etcd's too and every member has the same there.
async fn whole(it: &HandOverEtcd, context: &Context<'_>) -> Result<HandedOver, Trouble> {
    let now = verified(it, context).await?;
    let timeline = now.timeline.unwrap_or_default();
    if let Some(differs) = now.members.iter().find(|member| member.finding == "differs") {
        let message = format!("member {} holds other content than the history: {}", differs.member, differs.note);
        return Err(Trouble::new("LB0409", Kind::Damaged, message)
            .hint(format!("on {}: lifeboat etcd verify --cluster {} --here", it.host, it.cluster)));
    }
    let is_whole = |member: &Member| {
        member.finding == "equal" && member.newest == Some(now.revision) && member.hash == Some(now.hash_kv)
    };
    if now.members.is_empty() || !now.members.iter().all(is_whole) {
        let newest = now.members.iter().filter_map(|member| member.newest).max().unwrap_or_default();
        let message = format!("the history has revision {} of {}, and etcd has {newest}", now.revision, it.cluster);
        return Err(Trouble::new("LB0818", Kind::Unreachable, message).hint(format!(
            "on {}: does lifeboat serve run there, and does it reach the repository?",
            it.host
        )));
    }
    Ok(HandedOver {
        timeline,
        revision: now.revision,
        compaction: now.compaction,
        hash: now.hash_kv,
        members: now.members.into_iter().map(|member| member.member).collect(),
    })
}

/// Compares the newest moment of the history with every member, on the host that has the keys.
async fn verified(it: &HandOverEtcd, context: &Context<'_>) -> Result<Verified, Trouble> {
    let words = ["--cluster", it.cluster.as_str(), "--here", "--quick"];
    asked(it, context, &words).await
}

/// The revision that a stopped member has left in its file.
async fn left_behind(it: &HandOverEtcd, context: &Context<'_>) -> Result<u64, Trouble> {
    #[derive(Deserialize)]
    struct Left {
        revision: u64,
    }
    let data_dir = gather::member(&context.world.host(&it.host)?).await?.data_dir;
    let file = format!("{data_dir}/member/snap/db");
    let left: Left = asked(it, context, &[&file]).await?;
    Ok(left.revision)
}

/// What `lifeboat etcd verify` with these words says there. One that says nothing may do so later: an etcd that has only just been started
/// does not answer yet.
async fn asked<T: DeserializeOwned>(it: &HandOverEtcd, context: &Context<'_>, words: &[&str]) -> Result<T, Trouble> {
    let all = [&["etcd", "verify"], words, &["--output", "json"]].concat();
    let said = elsewhere::lifeboat(context.world, &it.host, &all, context.limit).await?;
    serde_json::from_str(&said).map_err(|reason| {
        let message = format!("lifeboat etcd verify on {} gives no answer: {reason}", it.host);
        Trouble::new("LB0818", Kind::Unreachable, message).hint(format!(
            "on {}: lifeboat etcd verify {}",
            it.host,
            words.join(" ")
        ))
    })
}
