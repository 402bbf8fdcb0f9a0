//! What happens in a busy cluster, second by second of a simulated clock: [`Churn`] is an iterator that never ends.

use super::objects::{Kind, Object};
use bytes::Bytes;
use measure::Random;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// One write to etcd.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// A key gets a value, and hangs on a lease (0: on none).
    Put {
        /// Where.
        key: Bytes,
        /// What.
        value: Bytes,
        /// The lease.
        lease: i64,
    },
    /// A key goes.
    Delete {
        /// Where.
        key: Bytes,
    },
    /// A lease comes into being, for so many seconds.
    Grant {
        /// Its id.
        lease: i64,
        /// Its time to live, in seconds.
        ttl_s: i64,
    },
    /// A lease ends, and with it all keys that hang on it.
    Revoke {
        /// Its id.
        lease: i64,
    },
}

/// How much there is, and how much of it changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Keys at the start, events not counted.
    pub(crate) keys: u64,
    /// Nodes; each renews its lease every ten seconds.
    pub(crate) nodes: u64,
    /// Changes of other objects in a minute; one in seven replaces a pod.
    pub(crate) changes_a_minute: u64,
    /// New events in a minute; they stay for an hour.
    pub(crate) events_a_minute: u64,
}

/// The load of the experiments in which the formats were chosen: 50,000 keys, some 55 revisions a second.
pub(crate) const BUSY: Size = Size {
    keys: 50_000,
    nodes: 400,
    changes_a_minute: 500,
    events_a_minute: 300,
};

/// Where the simulated clock starts.
pub(crate) const START_MS: u64 = 1_785_000_000_000;
/// Seconds that an event stays, with the API server's margin.
const EVENT_TTL_S: i64 = 3_660;
/// The API server hangs events on one lease for a minute.
const MINUTE_MS: u64 = 60_000;
const MINUTES_THAT_EVENTS_STAY: u64 = 61;
/// Of a thousand objects; the rest are pods. The nodes' leases come on top.
const MIX: [(Kind, u64); 5] = [
    (Kind::ReplicaSet, 180),
    (Kind::Secret, 100),
    (Kind::ConfigMap, 80),
    (Kind::Custom, 120),
    (Kind::EndpointSlice, 72),
];
/// Of a hundred changes, those that meet the hot fifth of the objects.
const HOT: u64 = 80;
/// One secret in so many that a change meets is changed.
const SECRETS_STAY: u64 = 10;
const REPLACED_IN_A_HUNDRED: u64 = 15;

/// A cluster that lives.
pub(crate) struct Churn {
    seed: u64,
    size: Size,
    random: Random,
    counts: Vec<(Kind, u64)>,
    /// What was changed since the start.
    changed: HashMap<(Kind, u64), Object>,
    minute: u64,
    events: u64,
    waiting: VecDeque<(u64, Write)>,
}

impl Churn {
    /// A cluster as it is at [`START_MS`].
    pub(crate) fn new(seed: u64, size: Size) -> Self {
        let mut counts: Vec<_> = MIX.iter().map(|&(kind, share)| (kind, size.keys * share / 1000)).collect();
        let others = counts.iter().map(|(_, count)| count).sum::<u64>() + size.nodes;
        counts.push((Kind::Pod, size.keys.saturating_sub(others)));
        Self {
            seed,
            size,
            random: Random::of(seed, 0xc4, 0),
            counts,
            changed: HashMap::new(),
            minute: MINUTES_THAT_EVENTS_STAY,
            events: MINUTES_THAT_EVENTS_STAY * size.events_a_minute,
            waiting: VecDeque::new(),
        }
    }

    /// The writes that made it what it is at the start: every object once, then the events of the last hour with their leases.
    pub(crate) fn first(&self) -> impl Iterator<Item = Write> + use<> {
        let nodes = [(Kind::NodeLease, self.size.nodes)];
        let kinds = self.counts.clone().into_iter().chain(nodes);
        let objects = kinds.flat_map(|(kind, count)| (0..count).map(move |number| Object::new(kind, number, START_MS)));
        let (seed, each) = (self.seed, self.size.events_a_minute);
        // Written in an order of their own, as in life: neighbours in time are none by name.
        let total = self.size.keys.max(1);
        let objects: Vec<_> = objects.collect();
        let objects = (0..total).filter_map(move |i| objects.get((i * STRIDE % total) as usize).copied());
        let objects = objects.map(move |object| put(&object, seed, 0));
        let events = (0..MINUTES_THAT_EVENTS_STAY).flat_map(move |minute| {
            let at = START_MS + minute * MINUTE_MS - MINUTES_THAT_EVENTS_STAY * MINUTE_MS;
            let numbers = minute * each..(minute + 1) * each;
            let events = numbers.map(move |number| put(&Object::new(Kind::Event, number, at), seed, lease(minute)));
            std::iter::once(Write::Grant { lease: lease(minute), ttl_s: EVENT_TTL_S }).chain(events)
        });
        objects.chain(events)
    }

    /// What happens up to a moment.
    pub(crate) fn take_until(&mut self, end_ms: u64) -> impl Iterator<Item = (u64, Write)> {
        std::iter::from_fn(move || {
            while self.waiting.is_empty() {
                self.live();
            }
            self.waiting.pop_front_if(|(ms, _)| *ms < end_ms)
        })
    }

    /// Simulates one more minute.
    fn live(&mut self) {
        let start = START_MS + (self.minute - MINUTES_THAT_EVENTS_STAY) * MINUTE_MS;
        let mut now: BTreeMap<(u64, u64), Vec<Write>> = BTreeMap::new();
        let mut order = 0;
        let mut at = |ms: u64, writes: Vec<Write>| {
            order += 1;
            now.insert((ms, order), writes);
        };
        at(start, vec![Write::Revoke { lease: lease(self.minute - MINUTES_THAT_EVENTS_STAY) }]);
        at(start, vec![Write::Grant { lease: lease(self.minute), ttl_s: EVENT_TTL_S }]);
        for tick in 0..6 {
            for node in 0..self.size.nodes {
                let ms = start + tick * 10_000 + node * 10_000 / self.size.nodes.max(1) + self.random.below(20);
                at(ms, vec![self.change(Kind::NodeLease, node, ms)]);
            }
        }
        for _ in 0..self.size.changes_a_minute {
            let ms = start + self.random.below(MINUTE_MS);
            let (kind, number) = self.choose();
            let replaces = kind == Kind::Pod && self.random.below(100) < REPLACED_IN_A_HUNDRED;
            at(
                ms,
                if replaces {
                    self.replace(number, ms)
                } else {
                    vec![self.change(kind, number, ms)]
                },
            );
        }
        for _ in 0..self.size.events_a_minute {
            let ms = start + self.random.below(MINUTE_MS);
            at(
                ms,
                vec![put(
                    &Object::new(Kind::Event, self.events, ms),
                    self.seed,
                    lease(self.minute),
                )],
            );
            self.events += 1;
        }
        self.minute += 1;
        let writes = now
            .into_iter()
            .flat_map(|((ms, _), writes)| writes.into_iter().map(move |write| (ms, write)));
        self.waiting.extend(writes);
    }

    /// An object to change: mostly one of the fifth that changes all the time.
    fn choose(&mut self) -> (Kind, u64) {
        let total: u64 = self.counts.iter().map(|(_, count)| count).sum();
        let mut place = self.random.below(total);
        if self.random.below(100) < HOT {
            place -= place % 5;
        }
        for &(kind, count) in &self.counts {
            if place < count {
                // Keys and certificates stay as they are for months.
                let rare = kind == Kind::Secret && self.random.below(SECRETS_STAY) > 0;
                return if rare { self.choose() } else { (kind, place) };
            }
            place -= count;
        }
        (Kind::NodeLease, 0)
    }

    fn change(&mut self, kind: Kind, number: u64, at_ms: u64) -> Write {
        let object = self
            .changed
            .entry((kind, number))
            .or_insert_with(|| Object::new(kind, number, at_ms));
        object.changed += 1;
        object.at_ms = at_ms;
        put(object, self.seed, 0)
    }

    fn replace(&mut self, number: u64, at_ms: u64) -> Vec<Write> {
        let seed = self.seed;
        let object = self
            .changed
            .entry((Kind::Pod, number))
            .or_insert_with(|| Object::new(Kind::Pod, number, at_ms));
        let gone = Write::Delete { key: object.key(seed).into() };
        *object = Object { replaced: object.replaced + 1, changed: 0, at_ms, ..*object };
        vec![gone, put(object, seed, 0)]
    }
}

/// Prime, and so no divisor of any number of keys in use.
const STRIDE: u64 = 1_000_003;

fn lease(minute: u64) -> i64 {
    (0x0694_0000_0000_0000 + minute * 0x1_0001).cast_signed()
}

fn put(object: &Object, seed: u64, lease: i64) -> Write {
    Write::Put {
        key: object.key(seed).into(),
        value: object.value(seed).into(),
        lease,
    }
}

/// Each write with its moment, in Unix milliseconds.
impl Iterator for Churn {
    type Item = (u64, Write);

    fn next(&mut self) -> Option<Self::Item> {
        while self.waiting.is_empty() {
            self.live();
        }
        self.waiting.pop_front()
    }
}
