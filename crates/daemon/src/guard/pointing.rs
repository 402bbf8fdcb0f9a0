//! Making points: on a schedule, when the hosts' files have changed, and when somebody asks.

use super::{Guard, Running, Wanted};
use cluster::Host;
use estate::{Made, Name, Point};
use etcd::Client;
use protect::Source;
use recovery::Trouble;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_millis(500);

/// Makes points for as long as the capture goes on.
pub(super) async fn point(guard: Arc<Guard>, running: Arc<Running>) {
    let every = *guard.of.protect.every;
    let mut due = Duration::ZERO;
    // Nobody else takes from it: one capture at a time.
    let mut wanted = guard.wanted.lock().await;
    loop {
        let asked = tokio::select! {
            asked = wanted.recv() => asked,
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
        if let Ok(point) = &made {
            guard.note(&running, point).await;
        }
        if let Some(asked) = asked {
            // Whoever asked may be gone.
            _ = asked.told.send(made.map(|point| point.id));
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
    async fn make(&self, running: &Running, asked: Option<&Wanted>) -> Result<Point, Trouble> {
        let here = self.here()?;
        let host = Host::local(here.as_str());
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
        let source = Source {
            cluster: &self.cluster,
            distribution: running.distribution,
            site,
            epoch: running.epoch,
            host: &host,
            host_name: &here,
            etcd: &client,
            behind: running.behind.clone(),
            proof: self.board.change(&self.cluster, |entry| entry.proof.clone()),
            reason: asked.map(|asked| asked.reason.clone()),
        };
        Ok(protect::take(source, &running.repository, &self.directory.join("points")).await?)
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

    /// This host's name in points.
    fn here(&self) -> Result<Name, Trouble> {
        let named = self.world.here.clone();
        named.ok_or_else(|| {
            let message = "the estate does not name this host, and points say where they were made".to_owned();
            Trouble::new("LB0204", estate::Kind::Invalid, message).hint("add this host to hosts, or --host NAME")
        })
    }
}
