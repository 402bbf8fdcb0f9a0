//! How much there is, and what it will cost.

use super::clocked::Clocked;
use super::*;
use crate::layout::kind_of;
use crate::{Amount, HistoryLoad, Kind, Load, cost};
use estate::Keep;
use object_store::path::Path as Key;
use std::time::Duration;

#[test]
fn every_key_has_its_kind() {
    let point = id(1);
    for (key, scope, kind) in [
        ("lifeboat.json", "", Kind::Marker),
        ("probe/abc/object", "", Kind::Probe),
        ("probe/abc", "", Kind::Strange),
        ("shared/keys/0000000001", "shared", Kind::Keys),
        ("shared/writers/0000000001", "shared", Kind::Writers),
        ("shared/kit/0000000020", "shared", Kind::Kit),
        ("shared/kit/20", "", Kind::Strange),
        ("shared/runs/0000000001/0000000000", "shared", Kind::Runs),
        ("shared/runs/1/0000000000", "", Kind::Strange),
        ("shared/evidence/main/0000000001", "shared", Kind::Evidence),
        ("shared/evidence/Main/0000000001", "", Kind::Strange),
        ("shared/leases/serving/0000000001", "shared", Kind::Leases),
        ("shared/points/x", "", Kind::Strange),
        ("clusters/a/keys/0000000001", "clusters/a", Kind::Keys),
        ("clusters/a/leases/b/0000000001", "clusters/a", Kind::Leases),
        (&format!("clusters/a/points/{point}"), "clusters/a", Kind::Points),
        (&format!("clusters/a/points/{point}/deep"), "", Kind::Strange),
        (&format!("clusters/a/parts/{point}/etcd"), "clusters/a", Kind::Parts),
        (&format!("clusters/A/parts/{point}/etcd"), "", Kind::Strange),
        ("clusters/a/parts/loose", "", Kind::Strange),
        ("clusters/a/history/t0001-base-1", "clusters/a", Kind::History),
        ("clusters/a/files/data/ab/abcd", "clusters/a", Kind::Files),
        ("clusters/a/files/config", "clusters/a", Kind::Files),
        ("clusters/a/writers/0000000001", "", Kind::Strange),
        ("clusters/a", "", Kind::Strange),
        ("readme.txt", "", Kind::Strange),
    ] {
        let found = kind_of(&Key::from(key));
        assert_eq!(
            (found.0.map(|it| it.to_string()).unwrap_or_default(), found.1),
            (scope.to_owned(), kind),
            "{key}"
        );
    }
}

#[tokio::test]
async fn everything_is_counted_by_whose_and_what_it_is() {
    let store = Clocked::new("2026-11-22T10:00:00Z");
    let repository = on(store.clone(), &key()).await;
    for minute in [3, 1, 2] {
        store_point(&repository, &id(minute), b"0123456789").await;
    }
    repository.append(1, 0, b"begun").await.unwrap();
    store.write("readme.txt", "not ours").await;
    let stats = repository.stats().await.unwrap();
    let of = &stats.scopes[&Scope::Cluster(cluster())];
    assert_eq!((&of.newest, &of.oldest), (&Some(id(3)), &Some(id(1))));
    // 64 before the chunks, a tag after the one that there is.
    assert_eq!(of.kinds[&Kind::Parts], Amount { objects: 3, bytes: 3 * (64 + 10 + 16) });
    assert_eq!(of.kinds[&Kind::Points].objects, 3);
    assert_eq!((of.all.objects, of.kinds.len()), (7, 3));
    let shared = &stats.scopes[&Scope::Shared];
    assert_eq!((shared.all.objects, &shared.newest), (3, &None));
    assert_eq!(stats.others[&Kind::Strange], Amount { objects: 1, bytes: 8 });
    assert_eq!(stats.all.objects as usize, store.keys().await.len());
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["scopes"]["clusters/management"]["kinds"]["parts"]["objects"], 3);
}

const MINUTE: u64 = 60;

fn load() -> Load {
    Load {
        every: Duration::from_secs(15),
        parts: vec![40_000_000, 300_000],
        keep: Keep::default(),
        looks: Duration::from_secs(15),
        prunes: Duration::from_secs(10 * MINUTE),
        journals: Duration::from_secs(5),
        kits: Duration::from_secs(MINUTE),
        tellings: Duration::from_secs(MINUTE),
        locked: false,
        history: None,
    }
}

fn history() -> HistoryLoad {
    HistoryLoad {
        segment_every: Duration::from_millis(500),
        day_bytes: 500_000_000,
        base_bytes: 60_000_000,
        base_every: Duration::from_secs(24 * 60 * MINUTE),
        window: Duration::from_secs(7 * 24 * 60 * MINUTE),
        settle: Duration::from_secs(10 * MINUTE),
        levels: [10, 60, 24 * 60].map(|minutes| Duration::from_secs(minutes * MINUTE)).to_vec(),
    }
}

#[test]
fn a_month_costs_what_the_settings_ask_for() {
    let hourly = Load { every: Duration::from_secs(60 * MINUTE), ..load() };
    let with_history = Load { history: Some(history()), ..hourly.clone() };
    let slower = HistoryLoad { segment_every: Duration::from_secs(5), ..history() };
    let slower = Load { history: Some(slower), ..hourly.clone() };
    let locked = Load { locked: true, ..slower.clone() };
    let said: Vec<String> = [
        ("a point every 15 s", load()),
        ("a point every hour", hourly),
        ("a point every hour, and a history with a segment every 0.5 s", with_history),
        ("the same with a segment every 5 s", slower),
        ("the same, locked", locked),
    ]
    .iter()
    .map(|(what, load)| format!("{what}\n{}\n", cost(load)))
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn absurd_settings_cost_much_and_break_nothing() {
    let absurd = Load {
        every: Duration::ZERO,
        parts: vec![u64::MAX; 3],
        keep: Keep { within: Duration::MAX, last: u32::MAX, ..Keep::default() },
        looks: Duration::ZERO,
        prunes: Duration::ZERO,
        journals: Duration::ZERO,
        kits: Duration::ZERO,
        tellings: Duration::ZERO,
        locked: true,
        history: Some(HistoryLoad {
            segment_every: Duration::ZERO,
            day_bytes: u64::MAX,
            base_bytes: u64::MAX,
            base_every: Duration::ZERO,
            window: Duration::MAX,
            settle: Duration::MAX,
            levels: vec![Duration::ZERO, Duration::MAX],
        }),
    };
    assert_eq!(cost(&absurd).bytes, u64::MAX);
}
