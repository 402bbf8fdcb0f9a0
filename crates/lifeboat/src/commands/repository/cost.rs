//! What a repository will cost with the estate's settings: said when it is made.

use super::size;
use crate::commands::span;
use estate::Name;
use recovery::World;
use repository::{Cost, Repository};

/// The lengths of a copy's parts, in bytes, where there is none yet to go by: etcd of a middling management cluster, and its
/// keys.
const ASSUMED: [u64; 2] = [100_000_000, 300_000];

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
        let cost = repository::cost(&daemon::load(of, parts, locked));
        said.push(text(cluster, &format!("a copy every {every} of {bytes} ({by})"), &cost));
    }
    said
}

fn text(cluster: &Name, what: &str, cost: &Cost) -> String {
    format!(
        "what the copies of {cluster} will cost, with {what}, every site\'s Lifeboat running and no failover:\n{cost}\n\
         a history (lifeboat etcd capture) and further copies of the repository come on top"
    )
}

/// The lengths of the newest copy's parts, if there is one and it can be opened.
async fn measured(repository: &Repository, cluster: &Name) -> Option<Vec<u64>> {
    let newest = repository.points(cluster).await.ok()?.points.into_iter().next()?;
    let point = repository.point(cluster, &newest).await.ok()?;
    Some(point.parts.iter().map(|part| part.bytes).collect())
}
