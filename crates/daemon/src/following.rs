//! Keeping the newest state of a cluster's etcd ready on this host, as new as its history: no download and no restore on the day.
//! Start at [`follow`].

use crate::board::Board;
use crate::promoting::{self, Promote};
use estate::{Duty, Following, Name};
use etcd::follow::{Done, Follower};
use etcd::history::Shelf;
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::{Promoted, Trouble, World};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Between two looks at the history. Each lists it, which stores are paid for.
const LOOK: Duration = Duration::from_secs(2);
/// Before what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// After what was followed has become a member's data. The base is fetched anew then, and until a cluster has come up its host has other
/// things to do.
const AFTER: Duration = Duration::from_secs(120);

/// Somebody wants what is followed to become a member's data.
pub(crate) struct Asked {
    pub(crate) wanted: Promote,
    /// When somebody began to wait for it.
    pub(crate) at: Instant,
    /// Hears what came of it.
    pub(crate) told: oneshot::Sender<Result<Promoted, Trouble>>,
}

/// Where what is followed is, and who asks for it.
pub(crate) struct Follows {
    pub(crate) cluster: Name,
    pub(crate) directory: PathBuf,
    pub(crate) asked: mpsc::Receiver<Asked>,
}

/// Follows the history of a cluster, for as long as it is not dropped.
pub(crate) async fn follow(world: Arc<World>, mut it: Follows, board: Board) {
    loop {
        let ended = on_and_on(&world, &mut it, &board).await;
        board.trouble(&it.cluster, "follower", ended.as_ref().err());
        let until = ambient::monotonic() + ended.unwrap_or(AGAIN);
        // Who asks meanwhile is answered, too: what has become data is told again.
        loop {
            let left = until.saturating_duration_since(ambient::monotonic());
            tokio::select! {
                () = ambient::sleep(left) => break,
                Some(Asked { wanted, told, .. }) = it.asked.recv() => {
                    let directory = it.directory.clone();
                    // Who asked may be gone.
                    _ = told.send(apart(move || promoting::promote(&directory, &wanted)).await);
                }
            }
        }
    }
}

/// Follows until somebody has asked for it; then, how long it is left alone.
async fn on_and_on(world: &World, it: &mut Follows, board: &Board) -> Result<Duration, Trouble> {
    let cluster = &it.cluster;
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let shelf: Arc<dyn Shelf> = Arc::new(RepositoryShelf::new(&repository, cluster));
    if let Some(above) = it.directory.parent() {
        crate::guard::made(above).await?;
    }
    let path = it.directory.clone();
    let mut follower = apart(move || Ok(Follower::open(&path)?)).await?;
    if let Some(why) = follower.lost() {
        board.say(cluster, &format!("what was followed here is made anew: {why}"));
    }
    loop {
        let looks = Arc::clone(&shelf);
        let done;
        (follower, done) = apart(move || {
            let done = follower.advance(&looks);
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
        tokio::select! {
            () = ambient::sleep(LOOK) => {}
            Some(asked) = it.asked.recv() => return Ok(given(board, (follower, shelf), asked).await),
        }
    }
}

/// Gives what is followed to who asked for it; how long it is left alone then.
async fn given(board: &Board, (follower, shelf): (Follower, Arc<dyn Shelf>), asked: Asked) -> Duration {
    let Asked { wanted, at, told } = asked;
    let cluster = wanted.cluster.clone();
    let came = apart(move || promoting::newest(follower, &shelf, &wanted, at)).await;
    let is_gone = came.as_ref().is_ok_and(|it| it.made);
    if is_gone {
        board.change(&cluster, |entry| entry.following = None);
        board.say(&cluster, "what was followed here became a member's data, and is made anew later");
    }
    // Who asked may be gone.
    _ = told.send(came);
    if is_gone { AFTER } else { Duration::ZERO }
}

/// Does what blocks, apart from what must not be held up.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Trouble> + Send + 'static) -> Result<T, Trouble> {
    let broken = |reason: tokio::task::JoinError| Trouble::new("LB0099", estate::Kind::Bug, reason.to_string());
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}
