//! Leases as they appear: a change names only the id of its lease, so each new one is looked up, once.

use super::cutter::{Arrival, SeenLease};
use crate::{Client, Error, Lease, Record};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// How many are looked up at the same time.
const AT_ONCE: usize = 4;
/// How many are remembered; beyond that, all are forgotten and looked up again when they appear.
const MOST: usize = 1 << 20;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

type Found = (i64, Result<Option<Lease>, Error>);

/// Which leases are known, and which are being looked up.
#[derive(Default)]
pub(super) struct Leases {
    /// Whether those that existed before were asked for.
    begun: bool,
    known: HashSet<i64>,
    waiting: VecDeque<i64>,
    asked: FuturesUnordered<BoxFuture<'static, Found>>,
}

impl Leases {
    /// Whether this is the first time: then all that the source has are looked up, since what was on its way when another
    /// process ended is nowhere.
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    /// A lease was named.
    pub(super) fn see(&mut self, id: i64) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        // Too many wait: it is looked up when it appears again.
        if id != 0 && self.waiting.len() < MOST && self.known.insert(id) {
            self.waiting.push_back(id);
        }
    }

    /// The leases that these records name.
    pub(super) fn see_all(&mut self, records: &[Record]) {
        for record in records.iter().filter(|record| !record.tombstone) {
            if let Ok(it) = record.decode() {
                self.see(it.lease);
            }
        }
    }

    /// Asks for those that wait.
    pub(super) fn look_up(&mut self, client: &Client) {
        while self.asked.len() < AT_ONCE
            && let Some(id) = self.waiting.pop_front()
        {
            let client = client.clone();
            self.asked.push(Box::pin(async move {
                let found = client.lease(id).await;
                if found.is_err() {
                    ambient::sleep(PAUSE).await;
                }
                (id, found)
            }));
        }
    }

    /// Waits for the next that was found. `None` when none is being looked up, or one was not found; giving up waiting loses nothing.
    pub(super) async fn next(&mut self) -> Option<SeenLease> {
        let (id, found) = self.asked.next().await?;
        match found {
            Ok(Some(lease)) => Some(SeenLease {
                id,
                granted_s: i64::try_from(lease.granted_ttl).unwrap_or(i64::MAX),
                remaining_s: i64::try_from(lease.remaining_ttl).unwrap_or(i64::MAX),
                wall_ms: Arrival::now().wall_ms,
            }),
            // It has ended already, and with it what hung on it.
            Ok(None) => None,
            Err(_) => {
                self.waiting.push_back(id);
                None
            }
        }
    }
}
