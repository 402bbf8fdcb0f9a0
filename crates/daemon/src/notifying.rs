//! Telling people who are not at a terminal: objectives that are missed, copies that are stale, whatever goes wrong; once, and again
//! when it is cured. Start at [`notify`]; what is a condition is decided by [`conditions`], purely.

use crate::board::Board;
use crate::disk;
use estate::{ChannelState, Copying, Duty, Estate, Name, Protection};
use jiff::Timestamp;
use notify::{Channel, Condition, Desk, Outbox, Rules, Urgency, deliver};
use plan::{AtRisk, missed_rpo};
use recovery::{Trouble, World};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// A copy of a repository that is behind by more is stale.
const STALE: Duration = Duration::from_mins(10);
/// A point that is older than so many intervals is late.
const LATE: u32 = 4;

/// What must survive a restart.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kept {
    desk: Desk,
    outbox: Outbox,
}

/// Tells for as long as it is not dropped. What was told is kept in `directory`.
pub(crate) async fn notify(world: Arc<World>, directory: PathBuf, board: Board, trouble: impl Fn(Option<String>)) {
    let path = directory.join("notify.json");
    let kept: Kept = tokio::fs::read(&path)
        .await
        .ok()
        .and_then(|it| serde_json::from_slice(&it).ok())
        .unwrap_or_default();
    let (mut desk, outbox) = (kept.desk, Arc::new(Mutex::new(kept.outbox)));
    let lock = || outbox.lock().unwrap_or_else(PoisonError::into_inner);
    lock().keep_only(|name| world.estate.notify.contains_key(name));
    let mut sending = JoinSet::new();
    let closed = Arc::new(Mutex::new(BTreeMap::new()));
    for name in world.estate.notify.keys() {
        sending.spawn(send(Arc::clone(&world), name.clone(), Arc::clone(&outbox), Arc::clone(&closed)));
    }
    loop {
        let (reports, copies, now) = (board.reports(), board.copying(), ambient::now());
        let current = conditions(&world.estate, &reports, &copies, now);
        let begun: BTreeSet<&Name> = reports
            .iter()
            .filter(|it| it.duty != Duty::Begins)
            .map(|it| &it.cluster)
            .collect();
        let judged = |about: &str| {
            about
                .split_once('/')
                .is_none_or(|(name, _)| begun.iter().any(|it| it.as_str() == name))
        };
        let messages = desk.round(&Rules::default(), now, &current, judged);
        for message in &messages {
            lock().push(message, world.estate.notify.iter().map(|(name, of)| (name, &**of)));
        }
        let troubles = lock().troubles();
        let states = world.estate.notify.keys().map(|name| ChannelState {
            name: name.clone(),
            waiting: u64::try_from(lock().waiting(name)).unwrap_or(u64::MAX),
            trouble: known(&closed).get(name).or(troubles.get(name)).cloned(),
        });
        board.set_channels(states.collect());
        let kept = Kept { desk: desk.clone(), outbox: lock().clone() };
        // What is wrong with a channel stands on the board.
        trouble(keep(&path, kept).await.err());
        ambient::sleep(ROUND).await;
    }
}

/// Why channels cannot be used at all, by their names.
type Closed = Mutex<BTreeMap<Name, String>>;

fn known(closed: &Closed) -> MutexGuard<'_, BTreeMap<Name, String>> {
    closed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what waits for one channel: a slow one holds up no other.
async fn send(world: Arc<World>, name: Name, outbox: Arc<Mutex<Outbox>>, closed: Arc<Closed>) {
    // Opened once at the beginning: that it cannot be is told before somebody waits for its first message.
    let mut looks = true;
    loop {
        // And anew each time: its secrets may have changed.
        if looks || outbox.lock().unwrap_or_else(PoisonError::into_inner).waiting(&name) > 0 {
            match open(&world, &name) {
                Ok(channel) => {
                    known(&closed).remove(&name);
                    deliver(&channel, &outbox).await;
                }
                Err(trouble) => drop(known(&closed).insert(name.clone(), trouble.to_string())),
            }
            looks = known(&closed).contains_key(&name);
        }
        ambient::sleep(ROUND).await;
    }
}

/// Opens a channel of the estate.
fn open(world: &World, name: &Name) -> Result<Channel, Trouble> {
    let of = world.estate.notify.get(name);
    let of =
        of.ok_or_else(|| Trouble::new("LB0202", estate::Kind::Invalid, format!("the estate has no channel {name}")))?;
    Channel::open(&world.estate.name, name, of, |it| world.secret(it), |path| world.content(path))
}

async fn keep(path: &Path, kept: Kept) -> Result<(), String> {
    let to = path.to_owned();
    let written = tokio::task::spawn_blocking(move || disk::write(&to, &kept)).await;
    let why = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(reason)) => reason.to_string(),
        Err(reason) => reason.to_string(),
    };
    Err(format!("{} cannot be written: {why}", path.display()))
}

/// What is worth a message now, by what it is about.
pub(crate) fn conditions(
    estate: &Estate,
    reports: &[Protection],
    copies: &[Copying],
    now: Timestamp,
) -> BTreeMap<String, Condition> {
    let mut all = BTreeMap::new();
    for report in reports {
        of_cluster(estate, report, now, &mut all);
    }
    for copy in copies {
        let behind = copy.lag.map_or(0, |lag| lag.seconds);
        if behind > STALE.as_secs() {
            let title = format!("copy {} of {} is stale", copy.repository, copy.of);
            let text = format!("It is {behind} s behind what it is a copy of.");
            all.insert(format!("{}/copy", copy.repository), alarm(title, text, Some("lifeboat status")));
        }
    }
    all
}

fn of_cluster(estate: &Estate, report: &Protection, now: Timestamp, all: &mut BTreeMap<String, Condition>) {
    let name = &report.cluster;
    let Some(of) = estate.clusters.get(name) else { return };
    for (about, told) in &report.troubles {
        let title = format!("{name}: {about}");
        all.insert(format!("{name}/{about}"), alarm(title, told.text.clone(), told.next.as_deref()));
    }
    // What whoever captures it has to say, others need not say too.
    if report.duty != Duty::Captures {
        return;
    }
    if let Some(text) = missed_rpo(estate, name, AtRisk::heard(report.at_risk_ms, report.silent_ms)) {
        let title = format!("{name}: its RPO is missed");
        let urgent = Condition {
            urgency: Urgency::Critical,
            ..alarm(title, text, Some("lifeboat status"))
        };
        all.insert(format!("{name}/rpo"), urgent);
    }
    let limit = *of.protect.every * LATE;
    let late = report.newest.as_ref().filter(|made| {
        Duration::try_from(now.duration_since(made.begun)).is_ok_and(|age| age > limit + Duration::from_secs(60))
    });
    if let Some(made) = late {
        let title = format!("{name}: no new recovery point");
        let text = format!("The newest is {}, and one is due every {:?}.", made.id, *of.protect.every);
        all.insert(format!("{name}/late"), alarm(title, text, Some("lifeboat points")));
    }
    if !report.lacks.is_empty() {
        let title = format!("{name}: its recovery set is not complete");
        all.insert(format!("{name}/set"), alarm(title, report.lacks.join("\n"), Some("lifeboat status")));
    }
}

fn alarm(title: String, text: String, next: Option<&str>) -> Condition {
    Condition {
        urgency: Urgency::Alarm,
        title,
        text,
        next: next.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
