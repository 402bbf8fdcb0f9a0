//! What a repository will cost with the estate's settings: said when it is made.

use super::size;
use crate::commands::span;
use daemon::Stored;
use estate::Name;
use recovery::World;
use repository::{Cost, Repository};

/// The length of a point's files, in bytes, where there is none yet to go by.
const ASSUMED: [u64; 1] = [300_000];

/// The history of a middling management cluster: nobody knows what it will write.
const HISTORY: Stored = Stored { base_bytes: 60_000_000, day_bytes: 500_000_000 };

/// What each cluster's copies will cost, in words.
pub(super) async fn said(world: &World, name: &Name, repository: &Repository, locked: bool) -> Vec<String> {
    let mut said = Vec::new();
    for (cluster, of) in world.estate.clusters.iter().filter(|(_, of)| *of.repository == *name) {
        let measured = measured(repository, cluster).await;
        let every = span(i64::try_from(of.protect.every.as_secs()).unwrap_or(i64::MAX));
        let parts = measured.clone().unwrap_or(ASSUMED.to_vec());
        let bytes = size(parts.iter().sum());
        let by = match measured {
            Some(_) => "as large as the newest one",
            None => "assumed, since there is none yet",
        };
        let cost = repository::cost(&daemon::load(of, parts, HISTORY, locked));
        let history = format!("{} a day and bases of {} (assumed)", size(HISTORY.day_bytes), size(HISTORY.base_bytes));
        let what = format!("a point every {every} with files of {bytes} ({by}), and a history of {history}");
        said.push(text(cluster, &what, &cost));
    }
    said
}

fn text(cluster: &Name, what: &str, cost: &Cost) -> String {
    format!(
        "what the copies of {cluster} will cost, with {what}, every site\'s Lifeboat running and no failover:\n{cost}\n\
         further copies of the repository come on top"
    )
}

/// The lengths of the newest copy's parts, if there is one and it can be opened.
async fn measured(repository: &Repository, cluster: &Name) -> Option<Vec<u64>> {
    let newest = repository.points(cluster).await.ok()?.points.into_iter().next()?;
    let point = repository.point(cluster, &newest).await.ok()?;
    Some(point.parts.iter().map(|part| part.bytes).collect())
}
