//! A capture that runs on while a person changes who can open its cluster: it takes the new keys at once, and says so.

use super::opened::Place;
use crate::progress::Progress;
use repository::Scope;
use std::time::Duration;

/// How often it is looked, a request each: as long as a capture's lease lasts.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Looks for ever. A store that does not answer is told by whoever stores.
pub(super) async fn told(place: Place, progress: Progress) {
    let Place::Repository { repository, cluster, .. } = place else {
        return;
    };
    let scope = Scope::Cluster(cluster.clone());
    let mut known = None;
    loop {
        match known {
            None => known = repository.keyring_info(&scope).await.ok().map(|it| it.number),
            Some(number) => {
                if let Ok(Some(newer)) = repository.keyring_after(&scope, number).await {
                    known = Some(newer);
                    progress.talk(&format!(
                        "{:.0} the keys of cluster {cluster} have changed: keyring {newer} counts from now on",
                        ambient::now()
                    ));
                }
            }
        }
        ambient::sleep(LOOK_EVERY).await;
    }
}
