//! The load is what it says, and the same every time.

use super::*;
use std::collections::BTreeSet;

const SMALL: Size = Size { keys: 2_000, ..BUSY };

#[test]
fn the_same_seed_gives_the_same_writes() {
    let writes = |seed| {
        let churn = Churn::new(seed, SMALL);
        let first: Vec<_> = churn.first().take(50).map(|write| format!("{write:?}")).collect();
        let then: Vec<_> = churn.take(500).map(|write| format!("{write:?}")).collect();
        (first, then)
    };
    assert_eq!(writes(1), writes(1));
    assert_ne!(writes(1), writes(2));
}

#[test]
fn there_are_as_many_keys_as_asked_for_and_all_differ() {
    let churn = Churn::new(7, SMALL);
    let keys: Vec<_> = churn
        .first()
        .filter_map(|write| match write {
            Write::Put { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    let events = 61 * SMALL.events_a_minute;
    assert_eq!(keys.len() as u64, SMALL.keys + events);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
}

#[test]
fn sizes_and_compression_are_those_of_real_objects() {
    let churn = Churn::new(1, Size { keys: 20_000, events_a_minute: 0, ..BUSY });
    let mut sorted: Vec<_> = churn
        .first()
        .filter_map(|write| match write {
            Write::Put { key, value, .. } => Some((key, value)),
            _ => None,
        })
        .collect();
    sorted.sort();
    let bytes: usize = sorted.iter().map(|(key, value)| key.len() + value.len()).sum();
    let mean = bytes / sorted.len();
    assert!((1_900..2_400).contains(&mean), "{mean} bytes a key");
    let text: Vec<u8> = sorted.into_iter().flat_map(|(_, value)| value).collect();
    let packed = zstd::bulk::compress(&text, 3).unwrap();
    let ratio = text.len() as f64 / packed.len() as f64;
    assert!((4.5..6.5).contains(&ratio), "zstd makes it {ratio} times smaller");
}

#[test]
fn revisions_and_versions_are_those_of_etcd() {
    let churn = Churn::new(3, SMALL);
    let mut store = Store::new();
    let mut last = etcd::Revision { main: 1, sub: 0 };
    let mut live = BTreeSet::new();
    let writes: Vec<_> = churn.first().chain(churn.take(20_000).map(|(_, write)| write)).collect();
    for record in writes.iter().flat_map(|write| store.apply(write)) {
        assert!(record.revision > last, "{record:?} after {last}");
        last = record.revision;
        let it = record.decode().unwrap();
        if record.tombstone {
            assert!(live.remove(&it.key), "{record:?} deletes what is not there");
        } else {
            assert_eq!(it.mod_revision, last.main);
            assert_eq!(live.insert(it.key), it.version == 1, "{record:?}");
        }
    }
    assert_eq!(live.len(), store.keys());
    assert_eq!(store.leases().count(), 61);
}

#[test]
fn an_hour_is_as_busy_as_it_says() {
    let hour = Churn::new(5, SMALL).take_while(|(ms, _)| *ms < START_MS + 3_600_000);
    let (mut leases, mut others, mut last) = (0, 0, 0);
    for (ms, write) in hour {
        assert!(ms >= last);
        last = ms;
        match write {
            Write::Put { key, .. } if key.starts_with(b"/registry/leases/") => leases += 1,
            Write::Put { .. } => others += 1,
            _ => {}
        }
    }
    assert_eq!(leases / 3600, 39.max(leases / 3600).min(40));
    let expected = 60 * (SMALL.changes_a_minute + SMALL.events_a_minute);
    assert!((expected - 300..expected + 10).contains(&others), "{others} of {expected}");
}
