//! What is asked of the Lifeboats on other hosts, and what lies there that others made: by SSH, and only ever read.
//!
//! Start at [`lifeboat`], which gives a command to the `lifeboat` of another host, or at [`snapshots`].

use crate::{Trouble, World};
use estate::{Distribution, Name, SnapshotPlace, StoreUrl};
use protect::snapshots::{self, Listing, Place};
use repository::foreign::Foreign;
use std::time::Duration;

/// Gives the command `words` to the `lifeboat` on `host`, and returns what it writes to its standard output. A command that fails and
/// says so there has answered, too.
///
/// Caveat: `limit` is for the command; entering the host may take longer.
///
/// # Errors
/// The estate does not say how the host is entered, it does not let itself be entered, has no `lifeboat`, or that takes too long.
pub async fn lifeboat(world: &World, host: &Name, words: &[&str], limit: Duration) -> Result<String, Trouble> {
    let entered = world.host(host)?;
    let words: String = words.iter().map(|word| format!(" {}", cluster::quoted(word))).collect();
    // Its errors are told on its standard output as well, in the form that was asked for.
    let script = format!("lifeboat{words} 2>/dev/null || [ $? -lt 126 ]");
    Ok(entered.run("asking its Lifeboat", &script, limit).await?)
}

/// Where the estate says that snapshots of others lie.
///
/// # Errors
/// A secret cannot be read, or a host be entered.
pub async fn place(world: &World, of: &SnapshotPlace, distribution: Distribution) -> Result<Place, Trouble> {
    if let Some(url) = &of.url {
        return bucket(world, of, url);
    }
    let host = match &of.host {
        Some(host) => world.host(host)?,
        None => cluster::Host::local(world.here.as_ref().map_or("this host", Name::as_str)),
    };
    let path = match &of.directory {
        Some(directory) => world.path(directory).display().to_string(),
        None => snapshots::default_directory(&host, distribution).await?,
    };
    Ok(Place::Directory { host, path })
}

/// The snapshots of others in a place that the estate names, for a cluster of `distribution`, whose nodes are its hosts.
///
/// # Errors
/// As [`place`], and what lies there cannot be listed.
pub async fn snapshots(
    world: &World,
    of: &SnapshotPlace,
    distribution: Distribution,
    nodes: &[String],
) -> Result<Listing, Trouble> {
    let place = place(world, of, distribution).await?;
    Ok(snapshots::look(&place, distribution, nodes).await?)
}

fn bucket(world: &World, of: &SnapshotPlace, url: &StoreUrl) -> Result<Place, Trouble> {
    let (endpoint, region) = (of.endpoint.as_ref().map(|it| it.as_str()), of.region.as_ref().map(|it| it.as_str()));
    let mut settings = crate::store_settings(&url.to_string(), endpoint, region)?;
    if let repository::StoreSettings::Cloud(repository::Cloud::S3 { key, .. }) = &mut settings {
        let secret = |secret: Option<&estate::SecretRef>| secret.map(|it| world.secret(it)).transpose();
        let both = secret(of.access_key.as_deref())?.zip(secret(of.secret_key.as_deref())?);
        *key = both.map(|(id, secret)| repository::AccessKey { id, secret });
    }
    Ok(Place::Bucket(Foreign::open(settings)?))
}
