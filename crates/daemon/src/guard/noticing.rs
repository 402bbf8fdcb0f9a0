//! Noticing that files of the hosts have changed: on this host at once, on others by comparing now and then.

use super::{Guard, Running};
use cluster::Host;
use protect::files::{Watch, wanted};
use recovery::Trouble;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Between two comparisons, where changes are not told.
const COMPARE: Duration = Duration::from_secs(30);
/// After a change: what is changed together should be seen together.
const SETTLE: Duration = Duration::from_secs(2);
/// Before a watch that broke off is begun anew.
const AGAIN: Duration = Duration::from_secs(30);

/// Notices for as long as the capture goes on, and says so to `changed`.
pub(super) async fn notice(guard: Arc<Guard>, running: Arc<Running>, changed: Arc<Notify>) {
    let mut watching = JoinSet::new();
    for (_, host) in guard.hosts() {
        watching.spawn(on(Arc::clone(&guard), Arc::clone(&running), host, Arc::clone(&changed)));
    }
    while watching.join_next().await.is_some() {}
}

async fn on(guard: Arc<Guard>, running: Arc<Running>, host: Host, changed: Arc<Notify>) {
    let about = format!("files of {}", host.name());
    loop {
        let ended = watch(&guard, &running, &host, &changed).await;
        guard.board.trouble(&guard.cluster, &about, ended.as_ref().err());
        ambient::sleep(AGAIN).await;
    }
}

async fn watch(guard: &Guard, running: &Running, host: &Host, changed: &Notify) -> Result<(), Trouble> {
    let settings = guard.settings();
    let wanted = wanted(host, running.distribution, &settings).await?;
    let mut watch = Watch::new(host, &wanted, COMPARE).await?;
    guard.board.trouble(&guard.cluster, &format!("files of {}", host.name()), None);
    loop {
        let paths = watch.changed().await?;
        let (first, more) = (paths.first().map_or("something", String::as_str), paths.len().saturating_sub(1));
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        guard
            .board
            .say(&guard.cluster, &format!("{first}{more} has changed on {}", host.name()));
        ambient::sleep(SETTLE).await;
        changed.notify_one();
    }
}
