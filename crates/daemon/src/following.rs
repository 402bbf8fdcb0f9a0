//! Keeping the newest state of a cluster's etcd ready on this host, as new as its history: no download and no restore on the day.
//! Start at [`follow`].

use crate::board::Board;
use estate::{Duty, Following, Name};
use etcd::follow::{Done, Follower};
use etcd::history::Shelf;
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::{Trouble, World};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at the history. Each lists it, which stores are paid for.
const LOOK: Duration = Duration::from_secs(2);
/// Before what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Follows the history of `cluster` into `directory`, for as long as it is not dropped.
pub(crate) async fn follow(world: Arc<World>, cluster: Name, directory: PathBuf, board: Board) {
    loop {
        let ended = on_and_on(&world, &cluster, &directory, &board).await;
        board.trouble(&cluster, "follower", ended.as_ref().err());
        ambient::sleep(AGAIN).await;
    }
}

async fn on_and_on(world: &World, cluster: &Name, directory: &Path, board: &Board) -> Result<(), Trouble> {
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let shelf: Arc<dyn Shelf> = Arc::new(RepositoryShelf::new(&repository, cluster));
    if let Some(above) = directory.parent() {
        crate::guard::made(above).await?;
    }
    let path = directory.to_owned();
    let mut follower = apart(move || Ok(Follower::open(&path)?)).await?;
    if let Some(why) = follower.lost() {
        board.say(cluster, &format!("what was followed here is made anew: {why}"));
    }
    loop {
        let shelf = Arc::clone(&shelf);
        let done;
        (follower, done) = apart(move || {
            let done = follower.advance(&shelf);
            Ok((follower, done))
        })
        .await?;
        if let Ok(Done::Built { instead: Some(why) }) = &done {
            board.say(cluster, &format!("what is followed here was made anew: {why}"));
        }
        let lag = follower.lag();
        let following = lag.own.as_ref().map(|own| Following {
            timeline: own.timeline,
            revision: own.revision,
            behind: lag.behind(),
            seen: i64::try_from(own.seen_ms)
                .ok()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        });
        board.change(cluster, |entry| {
            entry.following = following;
            // Where it is captured as well, whoever does that says so.
            if entry.duty == Duty::Begins {
                entry.duty = Duty::Follows;
            }
        });
        let done = done.map_err(Trouble::from);
        board.trouble(cluster, "follower", done.as_ref().err());
        ambient::sleep(LOOK).await;
    }
}

/// Does what blocks, apart from what must not be held up.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    let broken = |reason: tokio::task::JoinError| Trouble::new("LB0099", estate::Kind::Bug, reason.to_string());
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}
