//! Making points: on a schedule, when the hosts' files have changed, and when somebody asks.

use super::{Guard, Running, Wanted, noticing};
use cluster::Host;
use estate::{Made, Name, Point, PointId};
use etcd::Client;
use protect::files::Settings;
use protect::{Source, Taken};
use recovery::Trouble;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_millis(500);

/// Makes points for as long as the capture goes on.
pub(super) async fn point(guard: Arc<Guard>, running: Arc<Running>) {
    let every = *guard.of.protect.every;
    let (mut due, changed) = (Duration::ZERO, Arc::new(Notify::new()));
    // Ends with this future.
    let mut noticing = JoinSet::new();
    noticing.spawn(noticing::notice(Arc::clone(&guard), Arc::clone(&running), Arc::clone(&changed)));
    // Nobody else takes from it: one capture at a time.
    let mut wanted = guard.wanted.lock().await;
    loop {
        let asked = tokio::select! {
            asked = wanted.recv() => asked,
            () = changed.notified() => {
                due = Duration::ZERO;
                None
            }
            () = ambient::sleep(LOOK) => None,
        };
        running.tell_revision(&guard);
        let is_heard = running.behind.borrow().heard.is_some();
        let now = ambient::uptime();
        if asked.is_none() && (now < due || !is_heard) {
            continue;
        }
        due = now + every;
        let made = guard.make(&running, asked.as_ref()).await;
        guard.board.trouble(&guard.cluster, "points", made.as_ref().err());
        let made = match made {
            Ok(Taken { point, files }) => {
                guard.note(&running, &point).await;
                running.files.send_replace(Some(Arc::new(files)));
                Ok(point.id)
            }
            Err(trouble) => Err(trouble),
        };
        if let Some(asked) = asked {
            let told = match made {
                Ok(id) if asked.hold => guard.hold(&running, id, &asked.reason).await,
                made => made,
            };
            // Whoever asked may be gone.
            _ = asked.told.send(told);
        }
    }
}

impl Running {
    /// The newest revision, so that others can tell what was lost.
    fn tell_revision(&self, guard: &Guard) {
        if let super::Gate::Site(daemon) = &guard.gate {
            let source = self.behind.borrow().source;
            daemon.state().revision = i64::try_from(source).ok().filter(|it| *it > 0);
        }
    }
}

impl Guard {
    async fn make(&self, running: &Running, asked: Option<&Wanted>) -> Result<Taken, Trouble> {
        let here = self.here()?;
        let client = self.client(running).await?;
        let home = self
            .world
            .estate
            .site_of_host(&here)
            .or_else(|| self.world.estate.home_of(&self.of));
        let site = home.ok_or_else(|| {
            Trouble::new(
                "LB0202",
                estate::Kind::Invalid,
                format!("the estate does not say where {} stands", self.cluster),
            )
        })?;
        let (proof, lacks, untested) = self.board.change(&self.cluster, |entry| {
            (entry.proof.clone(), entry.judged.map(|_| entry.lacks.clone()), entry.untested.clone())
        });
        let source = Source {
            cluster: &self.cluster,
            distribution: running.distribution,
            site,
            epoch: running.epoch,
            host: &here,
            hosts: &self.hosts(),
            settings: &self.settings(),
            etcd: &client,
            behind: running.behind.clone(),
            proof,
            lacks,
            untested,
            reason: asked.map(|asked| asked.reason.clone()),
        };
        Ok(protect::take(source, &running.repository, &self.directory.join("points")).await?)
    }

    /// Holds a point that was made; what is in the way names the point, which is there.
    async fn hold(&self, running: &Running, id: PointId, reason: &str) -> Result<PointId, Trouble> {
        match running.repository.hold(&self.cluster, &id, Some(reason)).await {
            Ok(_) => Ok(id),
            Err(error) => {
                let mut trouble = Trouble::from(error);
                trouble.causes.insert(0, std::mem::take(&mut trouble.message));
                trouble.message = format!("point {id} was made, and is not held");
                Err(trouble.hint(format!("lifeboat points hold {} {id}", self.cluster)))
            }
        }
    }

    async fn note(&self, running: &Running, point: &Point) {
        let made = Made {
            id: point.id.clone(),
            begun: point.begun,
            revision: point.revision,
        };
        self.board.change(&self.cluster, |entry| entry.newest = Some(made));
        if let super::Gate::Site(daemon) = &self.gate {
            daemon.state().copied = Some(point.id.clone());
        }
        self.lock_new(&running.repository, point).await;
    }

    /// A member that answers.
    async fn client(&self, running: &Running) -> Result<Client, Trouble> {
        let mut last = None;
        for connection in &running.connections {
            match Client::connect(connection).await {
                Ok(client) => return Ok(client),
                Err(error) => last = Some(error),
            }
        }
        let none = || Trouble::new("LB0411", estate::Kind::Invalid, format!("no etcd of {} is known", self.cluster));
        Err(last.map_or_else(none, Trouble::from))
    }

    /// The hosts whose files are copied, as far as they can be entered from here.
    pub(super) fn hosts(&self) -> Vec<(Name, Host)> {
        let of_failover = [&self.of.primary, &self.of.standby].into_iter().flatten();
        let here = self.world.here.as_ref();
        // Of a cluster that moves, those of where it serves, which is here.
        let moved = of_failover.map(|stand| &*stand.host).find(|host| Some(*host) == here);
        let named: Vec<&Name> = match moved {
            Some(host) => vec![host],
            None => self.of.hosts.iter().map(|host| &**host).collect(),
        };
        let entered = named
            .into_iter()
            .filter_map(|name| Some((name.clone(), self.world.host(name).ok()?)));
        let mut hosts: Vec<(Name, Host)> = entered.collect();
        // A cluster that names no hosts is found on this one.
        if let (true, None, Some(here)) = (hosts.is_empty(), &self.of.etcd, here) {
            hosts.push((here.clone(), Host::local(here.as_str())));
        }
        hosts
    }

    /// Which files are copied.
    pub(super) fn settings(&self) -> Settings {
        let of = &self.of.protect.files;
        Settings {
            kubeadm_config: of.kubeadm_config.clone(),
            paths: of.paths.iter().map(|path| (**path).clone()).collect(),
            ..Settings::default()
        }
    }

    /// This host's name in points.
    fn here(&self) -> Result<Name, Trouble> {
        let named = self.world.here.clone();
        named.ok_or_else(|| {
            let message = "the estate does not name this host, and points say where they were made".to_owned();
            Trouble::new("LB0204", estate::Kind::Invalid, message).hint("add this host to hosts, or --host NAME")
        })
    }
}
