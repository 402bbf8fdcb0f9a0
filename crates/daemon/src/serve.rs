//! One host's Lifeboat. Start at [`serve()`]: it begins what this host has to do, changes that when the estate file changes, and ends it.

use crate::board::Board;
use crate::control::{self, Desk};
use crate::following::Follows;
use crate::guard::{Gate, Guard};
use crate::{Answer, Daemon, Say, copying, following, notifying, sealing};
use estate::{Cluster, Kind, Name};
use recovery::{Trouble, World};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a capture may take to store what has arrived, when it is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Where a Lifeboat that keeps what must survive it in `directory` follows a cluster.
pub fn followed(directory: &Path, cluster: &Name) -> PathBuf {
    directory.join("follow").join(cluster.as_str())
}

/// How a host's Lifeboat runs.
#[derive(Clone)]
pub struct Options {
    /// Where it keeps what must survive it.
    pub directory: PathBuf,
    /// Where it can be asked on its host.
    pub control: PathBuf,
    /// The clusters that it protects; without any, those that the estate gives to this host.
    pub clusters: Vec<Name>,
    /// Hears once, at the beginning, how to ask what is done here, as often as it likes.
    pub watch: Option<Watch>,
}

/// Hears how to ask what is done here.
pub type Watch = Arc<dyn Fn(Report) + Send + Sync>;

/// Asks what is done here. Waits for nothing.
pub type Report = Arc<dyn Fn() -> Answer + Send + Sync>;

/// Does what this host has to do for the estate until `stop` is done. Stopping it stops no cluster.
///
/// # Errors
/// There is nothing to do on this host; what it must have at the beginning is not there, such as its voter's record.
pub async fn serve(
    world: World,
    options: Options,
    say: Say,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Trouble> {
    // Two on one host with one directory would be in each other's way.
    let listener = control::listen(&options.control).map_err(|reason| {
        let message = format!("nobody can be answered at {}: {reason}", options.control.display());
        Trouble::new("LB0308", Kind::Person, message)
            .hint("--control PATH and --directory PATH, for a second one on this host")
    })?;
    let board = Board::new(say.clone());
    let site = site(&world, &options, &board, &say).await?;
    let world = Arc::new(world);
    let (newest, changed) = watch::channel(Arc::clone(&world));
    let desk = Desk::new(board.clone());
    let mut duties = Duties {
        site: site.clone(),
        options: options.clone(),
        desk: desk.clone(),
        say: say.clone(),
        doing: BTreeMap::new(),
    };
    duties.follow(&world).await;
    if site.is_none() && duties.doing.is_empty() {
        return Err(nothing(&world));
    }
    if let Some(watch) = &options.watch {
        let desk = desk.clone();
        watch(Arc::new(move || desk.report()));
    }
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn(control::answer(listener, desk.clone()));
    let note = |about: &'static str| {
        let (desk, say, site) = (desk.clone(), say.clone(), site.clone());
        move |trouble: Option<String>| {
            if let Some(site) = &site {
                site.state().trouble(about, trouble.clone());
            }
            desk.tell(&say, about, trouble);
        }
    };
    let must_seal = site.as_ref().is_some_and(|site| site.is_standby());
    beside.spawn(sealing::watch(Arc::clone(&world), newest, note("estate file")));
    // Where a cluster has a standby, that is the site whose kit counts.
    if site.is_none() || must_seal {
        beside.spawn(sealing::seal(changed.clone(), must_seal, say.clone(), note("recovery kit")));
    }
    let restart = note("estate file in force");
    let in_force = Arc::clone(&world);
    let watching = async {
        let mut changed = changed;
        while changed.changed().await.is_ok() {
            let newest = changed.borrow_and_update().clone();
            duties.follow(&newest).await;
            restart(due(&in_force, &newest, duties.site.is_some()));
        }
        // The file is watched for as long as this runs.
        std::future::pending::<()>().await;
    };
    let ended = match &site {
        Some(site) => {
            let run = Arc::clone(site).run(stop);
            tokio::select! { ended = run => ended, () = watching => Ok(()) }
        }
        None => {
            tokio::select! { () = stop => Ok(()), () = watching => Ok(()) }
        }
    };
    duties.end().await;
    ended
}

/// This host's part in who serves the cluster that has a standby, if it has one.
async fn site(world: &World, options: &Options, board: &Board, say: &Say) -> Result<Option<Arc<Daemon>>, Trouble> {
    let votes = world
        .here
        .as_ref()
        .is_some_and(|here| world.estate.site_on(here.as_str()).is_some());
    if world.estate.failover().is_none() || !votes {
        return Ok(None);
    }
    let daemon = Daemon::open(world.clone(), options.directory.clone(), board.clone(), say.clone()).await?;
    Ok(Some(daemon))
}

/// Why a start is due, if it is: what decides on who serves is not changed while it runs.
fn due(in_force: &World, newest: &World, is_site: bool) -> Option<String> {
    let decides = |world: &World| {
        let estate = &world.estate;
        let voters: Vec<_> = estate.voters().map(|name| (name, estate.sites.get(name))).collect();
        format!(
            "{voters:?} {:?} {:?} {:?} {:?}",
            estate.peers,
            estate.monitor,
            estate.dns,
            estate.failover()
        )
    };
    let changed = is_site && decides(in_force) != decides(newest);
    changed.then(|| {
        format!(
            "{} has changed in what decides on who serves, and there the one before is in force until lifeboat serve is started again",
            in_force.file.display()
        )
    })
}

fn nothing(world: &World) -> Trouble {
    let here = world
        .here
        .as_ref()
        .map_or("this host, which the estate does not name,".to_owned(), ToString::to_string);
    let known: Vec<&str> = world.estate.hosts.keys().map(Name::as_str).collect();
    let message = format!(
        "{here} has nothing to do in the estate {}: it names {}",
        world.estate.name,
        known.join(", ")
    );
    Trouble::new("LB0204", Kind::Invalid, message)
        .hint("--host NAME, or clusters.NAME.protect.by, or --cluster NAME to protect one from here")
}

/// What is being done here, by what it is.
struct Duties {
    site: Option<Arc<Daemon>>,
    options: Options,
    desk: Desk,
    say: Say,
    doing: BTreeMap<Duty, Doing>,
}

/// Something that is done here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Duty {
    Notify,
    Guard(Name),
    Follow(Name),
    Copy(Name),
}

struct Doing {
    /// What it was begun with: when that is otherwise, it is begun anew.
    with: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Duties {
    /// Does what the estate says now: what is new begins, what is otherwise begins anew, what is gone ends. Nothing else notices.
    async fn follow(&mut self, world: &Arc<World>) {
        let wanted = wanted(world, &self.options.clusters);
        let gone: Vec<Duty> = self
            .doing
            .iter()
            .filter(|(duty, doing)| wanted.get(duty) != Some(&doing.with))
            .map(|(duty, _)| duty.clone())
            .collect();
        let ending = gone.iter().filter_map(|duty| self.doing.remove(duty)).map(Doing::end);
        // At once: one that takes its time holds up no other.
        futures::future::join_all(ending.collect::<Vec<_>>()).await;
        for duty in gone {
            if let Duty::Guard(cluster) | Duty::Follow(cluster) = &duty {
                match &duty {
                    Duty::Follow(_) => self.desk.follower(cluster, None),
                    _ => self.desk.guard(cluster, None),
                }
                if !wanted
                    .keys()
                    .any(|it| matches!(it, Duty::Guard(it) | Duty::Follow(it) if it == cluster))
                {
                    self.desk.board.forget(cluster);
                }
            }
        }
        for (duty, with) in wanted {
            if !self.doing.contains_key(&duty) {
                let doing = self.begin(&duty, with, world);
                self.doing.extend(doing.map(|doing| (duty, doing)));
            }
        }
    }

    fn begin(&self, duty: &Duty, with: String, world: &Arc<World>) -> Option<Doing> {
        let (stop, stopped) = watch::channel(false);
        let (world, board) = (Arc::clone(world), self.desk.board.clone());
        let task = match duty {
            Duty::Guard(name) => {
                let of = world.estate.clusters.get(name)?.clone();
                let gate = match &self.site {
                    Some(site) if of.standby.is_some() => Gate::Site(Arc::clone(site)),
                    _ => Gate::Open,
                };
                let directory = self.options.directory.join("clusters").join(name.as_str());
                let (guard, ask) = Guard::new(world, (name.clone(), of), directory, board, gate);
                self.desk.guard(name, Some(ask));
                tokio::spawn(guard.run(stopped))
            }
            Duty::Notify => {
                let (desk, say) = (self.desk.clone(), self.say.clone());
                let note = move |trouble: Option<String>| desk.tell(&say, "notify", trouble);
                let notifying = notifying::notify(world, self.options.directory.clone(), board, note);
                tokio::spawn(until(stopped, notifying))
            }
            Duty::Follow(name) => {
                let directory = followed(&self.options.directory, name);
                let (ask, asked) = mpsc::channel(1);
                self.desk.follower(name, Some(ask));
                let follows = Follows { cluster: name.clone(), directory, asked };
                let following = following::follow(world, follows, board);
                tokio::spawn(until(stopped, following))
            }
            Duty::Copy(name) => {
                let of = world.estate.repositories.get(name)?.copy_of.as_deref()?.clone();
                tokio::spawn(until(stopped, copying::copy(world, board, name.clone(), of)))
            }
        };
        Some(Doing { with, stop, task })
    }

    async fn end(self) {
        futures::future::join_all(self.doing.into_values().map(Doing::end)).await;
    }
}

impl Doing {
    async fn end(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(FAREWELL, &mut self.task).await.is_err() {
            // Nothing is lost that a kill would not lose either.
            self.task.abort();
        }
    }
}

/// What is never done with, until it is told to stop.
async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! { () = work => {} _ = stopped.wait_for(|stop| *stop) => {} }
}

/// What the estate gives to this host, each with all that it depends on.
fn wanted(world: &World, only: &[Name]) -> BTreeMap<Duty, String> {
    let (estate, here) = (&world.estate, world.here.as_ref());
    let repository = |name: &Name| format!("{:?} {:?}", name, estate.repositories.get(name));
    let with = |of: &Cluster| format!("{of:?} {} {:?}", repository(&of.repository), estate.hosts);
    let mut wanted = BTreeMap::new();
    let chosen = |name: &Name| only.is_empty() || only.contains(name);
    let given: Vec<_> = match only {
        [] => estate.protected_on(here).collect(),
        only => estate.clusters.iter().filter(|(name, _)| only.contains(name)).collect(),
    };
    for (name, of) in given {
        wanted.insert(Duty::Guard(name.clone()), with(of));
    }
    let Some(here) = here else { return wanted };
    for (name, of) in estate.clusters.iter().filter(|(name, _)| chosen(name)) {
        if estate.follows(name, here) {
            wanted.insert(Duty::Follow(name.clone()), with(of));
        }
    }
    let votes = estate.site_on(here.as_str());
    if !estate.notify.is_empty() && !wanted.is_empty() {
        wanted.insert(Duty::Notify, format!("{:?} {:?} {:?}", estate.notify, estate.objectives, estate.clusters));
    }
    let site = votes.or_else(|| estate.site_of_host(here));
    for (name, of) in estate.repositories.iter().filter(|(_, of)| Some(&*of.site) == site) {
        // At a site that votes, the host that does.
        let is_its = estate
            .sites
            .get(&*of.site)
            .is_none_or(|site| site.host.is_none() || votes.is_some());
        if let Some(original) = of.copy_of.as_deref().filter(|_| is_its && only.is_empty()) {
            wanted.insert(Duty::Copy(name.clone()), format!("{} {}", repository(name), repository(original)));
        }
    }
    wanted
}

#[cfg(test)]
mod tests;
