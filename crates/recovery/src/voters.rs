//! Asking the voters. Start at [`ask`].

use crate::{Trouble, World};
use estate::Name;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A site, and its answer or why there is none.
pub type Answer<A> = (Name, Result<A, Trouble>);

/// Asks every site in `of` the same, all at once; their answers come in the order in which they arrive. Who has heard enough need not wait for the rest: a dead site answers last.
///
/// # Errors
/// The peers' key cannot be read: then nobody can be asked.
pub fn ask<'a, Q: Serialize + Sync, A: DeserializeOwned + Send + 'a>(
    world: &'a World,
    me: &str,
    of: impl IntoIterator<Item = &'a Name>,
    path: &'a str,
    question: &'a Q,
    limit: Duration,
) -> Result<FuturesUnordered<BoxFuture<'a, Answer<A>>>, Trouble> {
    let client = world.peers(me)?;
    let sites: Vec<Name> = of.into_iter().cloned().collect();
    Ok(sites
        .into_iter()
        .map(|site| one(world, client.clone(), site, path, question, limit).boxed())
        .collect())
}

async fn one<Q: Serialize + Sync, A: DeserializeOwned + Send>(
    world: &World,
    client: peers::Client,
    site: Name,
    path: &str,
    question: &Q,
    limit: Duration,
) -> Answer<A> {
    let answer = match world.peer(&site) {
        Ok(peer) => client.call(&peer, path, question, limit).await.map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    (site, answer)
}

/// Asks one site.
///
/// # Errors
/// It does not answer, or the peers' key cannot be read.
pub async fn ask_one<Q: Serialize + Sync, A: DeserializeOwned + Send>(
    world: &World,
    me: &str,
    site: &Name,
    path: &str,
    question: &Q,
    limit: Duration,
) -> Result<A, Trouble> {
    one(world, world.peers(me)?, site.clone(), path, question, limit).await.1
}
