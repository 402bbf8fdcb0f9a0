//! A store in memory that answers at once, and a clock that is set by hand.

use super::*;
use crate::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the store does with the next creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It carries it out, and does not answer.
    LosesAnswer,
    /// It does not carry it out, and does not answer.
    LosesRequest,
    /// It refuses.
    Refuses,
    /// It carries it out, and says that there was one.
    SaysTaken,
}

#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<Content>>);

#[derive(Default)]
pub(super) struct Content {
    pub(super) records: BTreeMap<u64, Vec<u8>>,
    pub(super) streams: BTreeMap<String, BTreeMap<u64, Entry>>,
    pub(super) floors: BTreeMap<String, u64>,
    pub(super) next: Vec<Next>,
    /// Entries that are held back until the gate is opened.
    pub(super) gate: Option<Arc<tokio::sync::Semaphore>>,
    pub(super) entries_read: BTreeSet<u64>,
}

#[derive(Clone, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(super) fn pass(&self, duration_ms: u64) {
        self.0.fetch_add(duration_ms, Ordering::SeqCst);
    }
}

impl Shelf {
    /// This store's lease as one host sees it. It lasts a second.
    pub(super) fn lease(&self, host: &str, clock: &Clock) -> Lease<Self, impl Fn() -> Duration + Sync + use<>> {
        let clock = clock.clone();
        let terms = Terms { holder: host.to_owned(), ttl: Duration::from_secs(1) };
        Lease::new(self.clone(), terms, move || clock.now()).unwrap()
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.with(|content| content.records.keys().copied().collect())
    }

    /// Puts an entry where it is, whatever was there.
    pub(super) fn plant(&self, stream: &str, number: u64, epoch: u64, content: &str) {
        let entry = Entry { number, epoch: Epoch(epoch), hash: hash(content.as_bytes()) };
        self.with(|all| all.streams.entry(stream.to_owned()).or_default().insert(number, entry));
    }

    fn outcome(&self, create: impl FnOnce(&mut Content) -> bool) -> Outcome {
        self.with(|content| match content.next.pop() {
            Some(Next::LosesRequest) => Outcome::Unknown(trouble()),
            Some(Next::Refuses) => Outcome::Impossible(Error::Refused {
                store: "memory".to_owned(),
                object: "it".to_owned(),
                reason: "no right to write".to_owned(),
            }),
            carried_out => match (carried_out, create(content)) {
                (None, true) => Outcome::Created,
                (Some(Next::LosesAnswer), _) => Outcome::Unknown(trouble()),
                _ => Outcome::Taken,
            },
        })
    }
}

fn trouble() -> Error {
    Error::Unreachable {
        store: "memory".to_owned(),
        object: "it".to_owned(),
        reason: "503".to_owned(),
    }
}

impl LeaseStore for Shelf {
    async fn create(&self, number: u64, bytes: Vec<u8>) -> Outcome {
        self.outcome(|content| {
            let free = !content.records.contains_key(&number);
            content.records.entry(number).or_insert(bytes);
            free
        })
    }

    async fn read(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.with(|content| content.records.get(&number).cloned()))
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        Ok(self.numbers())
    }

    async fn remove(&self, number: u64) -> Result<(), Error> {
        self.with(|content| content.records.remove(&number));
        Ok(())
    }

    async fn streams(&self) -> Result<Vec<String>, Error> {
        Ok(self.with(|content| content.streams.keys().cloned().collect()))
    }

    async fn entries(&self, stream: &str) -> Result<Numbers, Error> {
        Ok(self.with(|content| Numbers {
            floor: content.floors.get(stream).copied().unwrap_or(0),
            there: content
                .streams
                .get(stream)
                .into_iter()
                .flatten()
                .map(|(number, _)| *number)
                .collect(),
        }))
    }

    async fn entry(&self, stream: &str, number: u64) -> Result<Option<Entry>, Error> {
        Ok(self.with(|content| {
            content.entries_read.insert(number);
            content.streams.get(stream).and_then(|entries| entries.get(&number)).cloned()
        }))
    }

    async fn create_entry(&self, stream: &str, number: u64, epoch: Epoch, bytes: &[u8]) -> Outcome {
        let gate = self.with(|content| content.gate.take());
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let entry = Entry { number, epoch, hash: hash(bytes) };
        self.outcome(|content| {
            let entries = content.streams.entry(stream.to_owned()).or_default();
            let free = !entries.contains_key(&number);
            entries.entry(number).or_insert(entry);
            free
        })
    }
}
