//! Puts generated objects into a cluster.

use super::{Size, objects};
use cluster::{Client, Error, KindRef};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many requests [`fill`] usually has under way.
pub const PARALLEL: usize = 16;

/// How long a CustomResourceDefinition may take to be served, and how often that is asked.
const ESTABLISH_LIMIT: Duration = Duration::from_secs(30);
const ESTABLISH_POLL: Duration = Duration::from_millis(100);

/// How often a creation is tried, with waits of 0.1, 0.2, 0.4 s, then always 0.4 s in between: 6 s in all.
const ATTEMPTS: u32 = 17;

/// What [`fill`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Objects created, by kind.
    pub created: BTreeMap<String, usize>,
    /// Objects that were there already.
    pub existed: usize,
}

impl Filled {
    /// Objects created, of all kinds.
    pub fn total(&self) -> usize {
        self.created.values().sum()
    }

    fn count(&mut self, kind: &str, created: bool) {
        if created {
            *self.created.entry(kind.to_owned()).or_default() += 1;
        } else {
            self.existed += 1;
        }
    }
}

/// Creates the objects of `seed` and `size`, `parallel` at once ([`PARALLEL`] is a good number). What is there already stays
/// as it is, so it can be repeated after a failure.
///
/// # Errors
/// The first that is not overcome by trying for some seconds; what was created until then stays.
pub async fn fill(client: &Client, seed: u64, size: Size, parallel: usize) -> Result<Filled, Error> {
    let mut filled = Filled::default();
    let mut objects = objects(seed, size).peekable();
    // Namespaces and definitions come first and are few.
    for kind in ["Namespace", "CustomResourceDefinition"] {
        let mut stage = Vec::new();
        while let Some(object) = objects.next_if(|object| object["kind"] == kind) {
            stage.push(object);
        }
        let names: Vec<String> = stage
            .iter()
            .filter_map(|o| o["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        create_all(client, stage.into_iter(), parallel, &mut filled).await?;
        if kind == "CustomResourceDefinition" {
            for name in names {
                established(client, &name).await?;
            }
        }
    }
    create_all(client, objects, parallel, &mut filled).await?;
    Ok(filled)
}

async fn create_all(
    client: &Client,
    objects: impl Iterator<Item = Value>,
    parallel: usize,
    filled: &mut Filled,
) -> Result<(), Error> {
    stream::iter(objects)
        .map(|object| async move { Ok((create(client, &object).await?, object)) })
        .buffer_unordered(parallel.max(1))
        .try_for_each(|(created, object)| {
            filled.count(object["kind"].as_str().unwrap_or_default(), created);
            std::future::ready(Ok(()))
        })
        .await
}

/// Creates one object; `false` when it is there already.
pub(super) async fn create(client: &Client, object: &Value) -> Result<bool, Error> {
    let mut attempt = 0;
    loop {
        match client.create(object).await {
            Ok(_) => return Ok(true),
            Err(Error::AlreadyExists { .. }) => return Ok(false),
            // A new namespace or definition takes a moment to be known to every part of the API server.
            Err(Error::Unreachable { .. } | Error::NotFound { .. } | Error::UnknownKind { .. })
                if attempt + 1 < ATTEMPTS =>
            {
                ambient::sleep(Duration::from_millis(100 << attempt.min(2))).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the API server serves a CustomResourceDefinition.
pub(super) async fn established(client: &Client, name: &str) -> Result<(), Error> {
    let kind = KindRef::new("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    let begun = ambient::monotonic();
    loop {
        let definition = client.get(&kind, None, name).await?.unwrap_or_default();
        let conditions = definition["status"]["conditions"].as_array();
        if conditions
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Established" && c["status"] == "True")
        {
            return Ok(());
        }
        if begun.elapsed() > ESTABLISH_LIMIT {
            return Err(Error::Unreachable {
                server: client.server().to_owned(),
                subject: format!("CustomResourceDefinition {name}"),
                reason: format!("it is not established after {} s", ESTABLISH_LIMIT.as_secs()),
            });
        }
        ambient::sleep(ESTABLISH_POLL).await;
    }
}
