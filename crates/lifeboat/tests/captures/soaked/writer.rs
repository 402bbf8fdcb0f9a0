//! Somebody who writes to etcd all the time, and remembers what etcd acknowledged: [`Writer`].

use super::super::server::Server;
use etcd::{Client, Connection};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What it writes to.
pub(super) const PREFIX: &str = "/registry/soak/";
/// How many keys.
const KEYS: u64 = 50;
/// Between two writes.
const PAUSE: Duration = Duration::from_millis(25);

/// A write that etcd acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) revision: u64,
    pub(super) key: String,
    pub(super) value: String,
    at: Instant,
}

/// It writes for as long as this is there.
pub(super) struct Writer {
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    writing: JoinHandle<()>,
}

impl Writer {
    /// Begins to write, to whichever member answers.
    pub(super) fn begin(members: &[Server]) -> Self {
        let connections: Vec<Connection> = members.iter().map(|it| it.connection.clone()).collect();
        let acknowledged = Arc::default();
        let writing = tokio::spawn(write(connections, Arc::clone(&acknowledged)));
        Self { acknowledged, writing }
    }

    /// The newest revision that was acknowledged up to a moment; 0 for none.
    pub(super) fn by(&self, at: Instant) -> u64 {
        let acknowledged = self.acknowledged.lock().unwrap();
        let count = acknowledged.partition_point(|it| it.at <= at);
        count.checked_sub(1).map_or(0, |last| acknowledged[last].revision)
    }

    /// Waits for a write that begins and is acknowledged after this is called: its revision.
    pub(super) async fn next(&self) -> u64 {
        let now = ambient::monotonic();
        loop {
            let newer = {
                let acknowledged = self.acknowledged.lock().unwrap();
                let newer = &acknowledged[acknowledged.partition_point(|it| it.at <= now)..];
                // The first may have begun before.
                newer.get(1).map(|it| it.revision)
            };
            if let Some(revision) = newer {
                return revision;
            }
            ambient::sleep(PAUSE).await;
        }
    }

    /// Ends it: all that was acknowledged, by revision.
    pub(super) fn end(&self) -> BTreeMap<u64, Acknowledged> {
        self.writing.abort();
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.iter().map(|it| (it.revision, it.clone())).collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

async fn write(connections: Vec<Connection>, acknowledged: Arc<Mutex<Vec<Acknowledged>>>) {
    let (mut member, mut client): (usize, Option<Client>) = (0, None);
    for number in 0_u64.. {
        let (key, value) = (format!("{PREFIX}{}", number % KEYS), format!("write {number}"));
        if client.is_none() {
            client = Client::connect(&connections[member % connections.len()]).await.ok();
        }
        let put = match &client {
            Some(client) => client.put(key.clone(), value.clone(), 0).await.ok(),
            None => None,
        };
        match put {
            Some(header) => {
                let at = ambient::monotonic();
                acknowledged
                    .lock()
                    .unwrap()
                    .push(Acknowledged { revision: header.revision, key, value, at });
            }
            // Whether it was written nobody knows; another member may do better.
            None => (member, client) = (member + 1, None),
        }
        ambient::sleep(PAUSE).await;
    }
}
