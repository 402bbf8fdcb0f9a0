//! Opening copies where the cluster could be recovered: only what was opened and found sound counts.

mod candidates;

use crate::Daemon;
use crate::looking::Looks;
use candidates::Candidates;
use estate::{Point, PointId, Proven, Serving};
use recovery::{Trouble, fitness};
use repository::Repository;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time to list the copies.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at the standby's own fitness.
const FITNESS: Duration = Duration::from_secs(20);

/// Proves copies for as long as the daemon runs.
pub(crate) async fn prove(daemon: Arc<Daemon>) {
    let mut repository: Option<Repository> = None;
    let mut candidates = Candidates::default();
    let mut fitness_due = Duration::ZERO;
    let (mut looks, every) = (Looks::default(), *daemon.of.protect.every);
    loop {
        let now = ambient::uptime();
        let (named, silent) = daemon.expected(now);
        if looks.is_due(now, every, named.as_ref(), silent) {
            looks.looked(now, named);
            let proved = daemon.look_for_newer(&mut repository, &mut candidates).await;
            if let Err(trouble) = &proved {
                if !trouble.is_of_the_copy() {
                    repository = None;
                }
                looks.again();
            }
            daemon.trouble("proof", proved.err().map(|trouble| trouble.to_string()));
        }
        if now >= fitness_due {
            fitness_due = now + FITNESS;
            let unfit = daemon.unfit().await;
            daemon.state().unfit = Some(unfit);
        }
        ambient::sleep(LOOK).await;
    }
}

impl Daemon {
    /// The newest copy that any site says it has taken, and for how long the primary has not been heard.
    fn expected(&self, now: Duration) -> (Option<PointId>, Option<Duration>) {
        let state = self.state();
        let primary = self.world.estate.site_of(&self.pair.primary);
        let heard = primary.and_then(|primary| state.heard.get(primary));
        (state.named(), heard.map(|(_, at)| now.saturating_sub(*at)))
    }

    async fn look_for_newer(
        &self,
        opened: &mut Option<Repository>,
        candidates: &mut Candidates,
    ) -> Result<(), Trouble> {
        let repository = match opened {
            Some(repository) => repository,
            None => opened.insert(self.world.repository(&self.of.repository)?),
        };
        let points = repository.points(&self.cluster).await?.points;
        let known = self.state().proven.as_ref().map(|(proven, _)| proven.id.clone());
        if let Some(id) = candidates.next(&points, known.as_ref()) {
            let point = self
                .prove(repository, id)
                .await
                .inspect_err(|trouble| candidates.failed(id, trouble))?;
            let proven = Proven {
                id: point.id,
                begun: point.begun,
                revision: point.revision,
                ago_ms: 0,
            };
            self.state().proven = Some((proven, ambient::uptime()));
        }
        candidates.of_newest(&points).map_or(Ok(()), |trouble| Err(trouble.clone()))
    }

    /// Opens all of a copy, once, as a recovery would.
    async fn prove(&self, repository: &Repository, id: &PointId) -> Result<Point, Trouble> {
        let point = repository.point(&self.cluster, id).await?;
        let place = self.directory.join("proof");
        let spool = |reason: std::io::Error| {
            let message = format!("{} cannot be written: {reason}", place.display());
            Trouble::new("LB0308", estate::Kind::Person, message)
        };
        tokio::fs::create_dir_all(&place).await.map_err(spool)?;
        for part in &point.parts {
            let file = place.join(&part.name);
            let fetched = repository.fetch(&self.cluster, &point, &part.name, &file).await;
            _ = tokio::fs::remove_file(&file).await;
            fetched?;
        }
        // Where the cluster serves, nobody takes over by what was followed, and that is made anew.
        if !matches!(self.state().serving.0, Serving::Serving { .. }) {
            self.is_followed(&point)?;
        }
        Ok(point)
    }

    /// Whether the state that is kept ready here, every change of which was opened and added, has come past a point.
    fn is_followed(&self, point: &Point) -> Result<(), Trouble> {
        let (following, why, is_strange) = self.board.change(&self.cluster, |entry| {
            let trouble = entry.trouble("follower");
            (
                entry.following.clone(),
                trouble.map(|told| told.text.clone()),
                trouble.is_some_and(|it| it.code == "LB0413"),
            )
        });
        let revision = u64::try_from(point.revision).unwrap_or(0);
        // The same numbers of another cluster prove nothing.
        let has_passed = !is_strange
            && following
                .as_ref()
                .is_some_and(|own| own.timeline == point.timeline && own.revision >= revision);
        if has_passed {
            return Ok(());
        }
        let far = following.map_or_else(
            || "nothing is followed yet".to_owned(),
            |own| format!("what is followed stands at revision {} of timeline {}", own.revision, own.timeline),
        );
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let message = format!(
            "{} is not proven: it has revision {revision} of timeline {}, and {far}{why}",
            point.id, point.timeline
        );
        Err(Trouble::new("LB0414", estate::Kind::Unreachable, message).hint("lifeboat status"))
    }

    /// What stands in the way of taking over here.
    async fn unfit(&self) -> Vec<String> {
        if matches!(self.state().serving.0, Serving::Serving { .. }) {
            return Vec::new();
        }
        let mut unfit = Vec::new();
        let repository = self.world.estate.repositories.get(&*self.of.repository);
        let wanted = [
            Some(&self.pair.manager.token),
            repository.map(|repository| &repository.identity),
        ];
        let wanted = wanted.into_iter().flatten().chain(&self.pair.dns_secrets);
        for secret in wanted.filter(|secret| !self.world.has(secret)) {
            unfit.push(format!("{secret} is not here, and a recovery needs it"));
        }
        match self.here() {
            Ok(host) => match fitness::missing(&host, &fitness::PROGRAMS, &[&self.pair.standby.kubeadm_config]).await {
                Ok(missing) => unfit.extend(missing),
                Err(error) => unfit.push(error.to_string()),
            },
            Err(trouble) => unfit.push(trouble.to_string()),
        }
        unfit
    }
}
