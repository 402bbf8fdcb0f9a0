//! Keeping repositories as copies of others, all the time, where the estate says that they stand at this site.

use crate::board::Board;
use estate::Name;
use recovery::{Trouble, World};
use repository::{CopyOptions, Followed};
use std::sync::Arc;
use std::time::Duration;

/// Before what could not be copied at all is tried again: a person has to do something about it.
const AGAIN: Duration = Duration::from_secs(60);

/// Keeps `copy` as a copy of `of` until it is dropped.
pub(crate) async fn copy(world: Arc<World>, board: Board, copy: Name, of: Name) {
    board.copy(&copy, &of, |_| {});
    loop {
        let ended = follow(&world, &board, &copy, &of).await;
        board.copy_trouble(&copy, &of, ended.err().map(|trouble| trouble.to_string()));
        ambient::sleep(AGAIN).await;
    }
}

async fn follow(world: &World, board: &Board, copy: &Name, of: &Name) -> Result<(), Trouble> {
    let (from, to) = (world.repository(of)?, world.repository(copy)?);
    let every = *world.repository_of(copy)?.copy_every;
    // What is no longer in the repository goes from the copy too, unless the repository seems to have been set back.
    let options = CopyOptions { remove: true, ..CopyOptions::default() };
    let report = |round: &Followed| {
        if let Some(lag) = round.lag {
            let ago = ambient::now().duration_since(round.at);
            let at = ambient::uptime().saturating_sub(Duration::try_from(ago).unwrap_or_default());
            board.copy(copy, of, |copied| copied.lag = Some((lag, at)));
        }
        if round.copied.is_some() || round.error.is_some() {
            board.copy_trouble(copy, of, trouble(round));
        }
    };
    repository::follow(&from, &to, &options, every, std::future::pending(), &report).await?;
    Ok(())
}

/// What is wrong after a round, if anything.
fn trouble(round: &Followed) -> Option<String> {
    let copied = round.copied.as_ref();
    let differing = copied.map_or(0, |copied| copied.differing.len());
    if let Some(error) = &round.error {
        return Some(error.clone());
    }
    if differing > 0 {
        return Some(format!(
            "{differing} of its objects are others than in what it is a copy of: lifeboat repository check --read-data, on both"
        ));
    }
    let damaged = copied.map_or(0, |copied| copied.damaged.len());
    if damaged > 0 {
        return Some(format!(
            "{damaged} objects of what it is a copy of are damaged and were not copied: lifeboat repository check --read-data there"
        ));
    }
    let held = copied.map(|copied| copied.held_back.as_slice()).unwrap_or_default();
    (!held.is_empty()).then(|| format!("nothing is removed from it: {}", held.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use repository::Copied;

    #[test]
    fn what_is_wrong_with_a_copy_is_told_and_a_good_round_tells_nothing() {
        let round = |change: &dyn Fn(&mut Copied)| {
            let mut copied = Copied { objects: 3, ..Copied::default() };
            change(&mut copied);
            let at = "2026-11-22T10:00:00Z".parse().unwrap();
            Followed { at, lag: None, copied: Some(copied), error: None }
        };
        assert_eq!(trouble(&round(&|_| {})), None);
        let differing = trouble(&round(&|it| it.differing = vec!["a".to_owned()])).unwrap();
        assert!(differing.starts_with("1 of its objects are others"), "{differing}");
        let damaged = trouble(&round(&|it| drop(it.damaged.insert("a".to_owned(), "it is empty".to_owned()))));
        assert!(damaged.unwrap().starts_with("1 objects of what it is a copy of are damaged"));
        let held = trouble(&round(&|it| {
            it.held_back = vec!["shared: the copy has kit 4, and FROM does not".to_owned()]
        }));
        assert!(held.unwrap().ends_with("kit 4, and FROM does not"));
        let broken = Followed {
            error: Some("no answer".to_owned()),
            copied: None,
            ..round(&|_| {})
        };
        assert_eq!(trouble(&broken).unwrap(), "no answer");
    }
}
