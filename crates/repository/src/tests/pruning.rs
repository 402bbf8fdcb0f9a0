//! What is removed, what is left alone, and how a plan reads.

mod beside;
mod crashing;

use super::clocked::Clocked;
use super::*;
use crate::{Error, LockMode, Locks, PrunePlan, Pruning, Removed, Retention, Sightings, What};
use estate::Keep;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A point begun at `time` of the day of all tests.
fn at(time: &str) -> PointId {
    PointId::new(Epoch(1), format!("2026-11-22T{time}:00Z").parse().unwrap(), "k7xq").unwrap()
}

/// The newest two stay.
fn two() -> Keep {
    Keep {
        last: 2,
        within: Duration::ZERO,
        hourly: 0,
        daily: 0,
        weekly: 0,
        monthly: 0,
        yearly: 0,
    }
}

fn pruning(keep: Keep) -> Pruning {
    let retention = Retention { keep, ..Retention::default() };
    Pruning { clusters: [(cluster(), retention)].into(), shared: true }
}

/// A repository on a store whose clock shows 10:00.
async fn clocked() -> (Repository, Arc<Clocked>) {
    let store = Clocked::new("2026-11-22T10:00:00Z");
    let repository = on(store.clone(), &key()).await;
    (repository, store)
}

async fn planned(repository: &Repository, pruning: &Pruning, now: Timestamp) -> PrunePlan {
    repository.prune_plan_at(pruning, &mut Sightings::default(), now).await.unwrap()
}

async fn pruned(repository: &Repository, pruning: &Pruning, now: Timestamp) -> Removed {
    let plan = planned(repository, pruning, now).await;
    let removed = repository.prune(&plan, |_| {}).await.unwrap();
    if removed.locked.is_empty() && removed.spared.is_empty() {
        assert_eq!((removed.objects, removed.bytes), (plan.objects(), plan.bytes()));
    }
    removed
}

/// Points that are listed, and of which something is missing.
async fn harmed(repository: &Repository) -> Vec<PointId> {
    let mut harmed = Vec::new();
    for id in repository.points(&cluster()).await.unwrap().points {
        let whole = async {
            let point = repository.point(&cluster(), &id).await?;
            for part in &point.parts {
                let key = crate::layout::part(&cluster(), &id, &part.name.parse().unwrap());
                repository.shared.store.size(&key).await?;
            }
            Ok::<_, Error>(())
        };
        if whole.await.is_err() {
            harmed.push(id);
        }
    }
    harmed
}

/// Fills a repository with one of everything that is to go, and of everything that is not.
async fn filled() -> (Repository, Arc<Clocked>) {
    let (key, store) = (key(), Clocked::new("2026-11-22T06:00:00Z"));
    let repository = on(store.clone(), &key).await;
    store.write("probe/old/object", "left behind").await;
    store.write("probe/heart", "strange").await;
    repository
        .rewrap(&key.root(), &Scope::Cluster(cluster()), vec![key.recipient("safe")], true)
        .await
        .unwrap();
    repository.set_writers(&key.root(), vec![key.writer(&scopes())]).await.unwrap();
    // Their true bytes are some more or fewer each time.
    for at in ["clusters/management/keys/0000000001", "shared/writers/0000000001"] {
        store.write(at, "replaced").await;
    }
    store.is("2026-08-01T06:00:00Z");
    for number in 1..=103 {
        store
            .write(&format!("clusters/management/evidence/main/{number:010}"), "seen")
            .await;
    }
    for time in ["06:00", "06:30", "07:00", "07:30", "08:00"] {
        store.is(&format!("2026-11-22T{time}:00Z"));
        store_point(&repository, &at(time), time.as_bytes()).await;
        drop(store_part(&repository, &at(&time.replace(":", ":1")[..5]), b"never committed").await);
    }
    store.is("2026-11-22T08:50:00Z");
    store.write("probe/young/object", "a probe of now").await;
    drop(store_part(&repository, &at("08:50"), b"being stored").await);
    (repository, store)
}

async fn bytes_of(store: &Clocked, key: &str) -> object_store::PutPayload {
    let found = store.get_opts(&key.into(), Default::default()).await.unwrap();
    found.bytes().await.unwrap().into()
}

#[tokio::test]
async fn a_plan_says_what_goes_and_why_everything_else_stays() {
    let (repository, store) = filled().await;
    let keep = Keep { hourly: 2, ..two() };
    let before = store.keys().await;
    let mut pruning = pruning(keep);
    pruning.clusters.get_mut(&cluster()).unwrap().proven = [at("06:30")].into();
    let plan = planned(&repository, &pruning, store.now()).await;
    insta::assert_snapshot!(plan);
    assert_eq!(store.keys().await, before);
    let json = serde_json::to_value(&plan.removals[0]).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());

    let mut told = 0;
    let removed = repository.prune(&plan, |_| told += 1).await.unwrap();
    assert_eq!(
        (removed.objects, removed.bytes, told),
        (plan.objects(), plan.bytes(), plan.removals.len())
    );
    insta::assert_snapshot!(removed);
    let left = store.keys().await;
    let gone: Vec<_> = before.into_iter().filter(|key| !left.contains(key)).collect();
    insta::assert_snapshot!(gone.join("\n"));
    assert_eq!(planned(&repository, &pruning, store.now()).await.removals, []);
    assert_eq!(harmed(&repository).await, []);
}

#[tokio::test]
async fn a_wrong_clock_alone_loses_nothing() {
    let (repository, store) = clocked().await;
    let (mut new, part) = store_part(&repository, &at("10:00"), b"x").await;
    store_point(&repository, &at("09:00"), b"x").await;
    let (day, now) = (SignedDuration::from_hours(24), store.now());
    for now in [now, now + day, now - day] {
        assert_eq!(planned(&repository, &pruning(two()), now).await.removals, [], "{now}");
    }
    // The store's is ahead.
    store.pass(24 * 60);
    store_point(&repository, &at("09:30"), b"x").await;
    assert_eq!(planned(&repository, &pruning(two()), now).await.removals, []);
    // The source's is behind, and nothing says how late it is.
    drop(store_part(&repository, &id(1), b"x").await);
    let days_ago = PointId::new(Epoch(1), now - day * 3, "k7xq").unwrap();
    drop(store_part(&repository, &days_ago, b"x").await);
    let plan = planned(&repository, &pruning(two()), store.now()).await;
    let going: Vec<_> = plan.removals.iter().map(|removal| &removal.what).collect();
    let what = What::Orphan { cluster: cluster(), point: at("10:00") };
    assert_eq!(going, [&what]);

    // What got its manifest after the plan stays.
    new.commit(&point(&at("10:00"), vec![part])).await.unwrap();
    let removed = repository.prune(&plan, |_| {}).await.unwrap();
    assert_eq!((removed.objects, removed.spared), (0, vec![at("10:00")]));
}

#[tokio::test]
async fn planted_manifests_push_nothing_out() {
    let (repository, store) = clocked().await;
    for time in ["07:00", "08:00", "09:00"] {
        store_point(&repository, &at(time), time.as_bytes()).await;
    }
    let sealed = bytes_of(&store, &format!("clusters/management/points/{}", at("09:00"))).await;
    for (minute, bytes) in (0..30).zip(["not sealed".into(), sealed].iter().cycle()) {
        let key = format!("clusters/management/points/{}", at(&format!("09:{:02}", minute + 10)));
        store.put_opts(&key.into(), bytes.clone(), Default::default()).await.unwrap();
    }
    let plan = planned(&repository, &pruning(two()), store.now()).await;
    let going: Vec<_> = plan.removals.iter().map(|removal| &removal.what).collect();
    assert_eq!(going, [&What::Point { cluster: cluster(), point: at("07:00") }]);

    // Whoever cannot open manifests cannot tell, and removes nothing.
    let blind = Settings { identity: None, ..settings(Path::new("/"), &key()) };
    let blind = Repository::on(Store::on(store.clone(), "memory"), &Settings { root: None, ..blind }).unwrap();
    let refused = blind.prune_plan(&pruning(two()), &mut Sightings::default()).await.unwrap_err();
    assert!(matches!(refused, Error::NoIdentity { .. }), "{refused}");
}

#[tokio::test]
async fn a_list_that_lacks_something_removes_nothing() {
    for hidden in ["/points/", "/parts/", "/keys/", "/writers/"] {
        let (repository, store) = filled().await;
        let before = store.keys().await;
        let whole = planned(&repository, &pruning(two()), store.now()).await;
        store.hides(hidden);
        let Ok(plan) = repository
            .prune_plan_at(&pruning(two()), &mut Sightings::default(), store.now())
            .await
        else {
            continue;
        };
        let objects = |plan: &PrunePlan| -> Vec<String> {
            let all = plan.removals.iter().flat_map(|removal| &removal.objects);
            all.map(|it| it.key().to_owned()).collect()
        };
        let whole = objects(&whole);
        assert!(objects(&plan).iter().all(|it| whole.contains(it)), "{hidden}");
        repository.prune(&plan, |_| {}).await.unwrap();
        store.hides("nothing");
        assert_eq!(harmed(&repository).await, [], "{hidden}");
        assert!(store.keys().await.len() >= before.len() - whole.len());
    }
}

#[tokio::test]
async fn what_is_locked_stays_with_what_must_not_go_before_it() {
    let (repository, store) = filled().await;
    let first = at("06:00").to_string();
    store.locks(&first, "it cannot be deleted until 2026-12-01T00:00:00+01:00.");
    let removed = pruned(&repository, &pruning(two()), store.now()).await;
    insta::assert_snapshot!(removed);
    let left = store.keys().await;
    assert_eq!(left.iter().filter(|key| key.contains(&first)).count(), 2);

    // Parts alone: the point is gone, and they go when they may.
    store.locks(&format!("parts/{first}"), "AccessDenied: object protected by object lock");
    let removed = pruned(&repository, &pruning(two()), store.now()).await;
    insta::assert_snapshot!(removed);
    let again = pruned(&repository, &pruning(two()), store.now()).await;
    assert_eq!((again.objects, again.locked.len()), (0, 1));
    store.locks("nothing", "");
    assert_eq!(pruned(&repository, &pruning(two()), store.now()).await.objects, 1);

    let evidence = |number| format!("clusters/management/evidence/main/{number:010}");
    let (repository, store) = filled().await;
    store.locks(&evidence(2), "no");
    pruned(&repository, &pruning(two()), store.now()).await;
    let left = store.keys().await;
    assert_eq!([1, 2, 3].map(|number| left.contains(&evidence(number))), [false, true, true]);
}

#[tokio::test]
async fn a_plan_says_until_when_what_stays_is_to_be_locked() {
    let (repository, store) = clocked().await;
    for time in ["07:00", "08:00", "09:00", "09:30"] {
        store_point(&repository, &at(time), time.as_bytes()).await;
    }
    let keep = Keep { within: Duration::from_secs(2 * 3600), hourly: 3, ..two() };
    let pruning = pruning(keep);
    let locks = planned(&repository, &pruning, store.now()).await.locks(&pruning);
    let said: Vec<_> = locks.iter().map(|lock| (lock.point.clone(), lock.until.to_string())).collect();
    // The first of them may go now, for all that is known.
    let expected = [("09:30", "12:00"), ("09:00", "11:00"), ("08:00", "11:00")];
    assert_eq!(said, expected.map(|(time, until)| (at(time), format!("2026-11-22T{until}:00Z"))));

    let mut known = Locks::default();
    let refused = repository.lock_points(locks.clone(), LockMode::Governance, &mut known).await;
    assert!(matches!(refused, Err(Error::Settings { .. })), "{refused:?}");
    // What is known to be locked is not asked for.
    locks.iter().for_each(|lock| known.learn(lock));
    let made = repository.lock_points(locks, LockMode::Governance, &mut known).await.unwrap();
    assert_eq!(made, []);
}

#[tokio::test]
async fn manifests_are_read_once() {
    let (repository, store) = clocked().await;
    for time in ["07:00", "08:00", "09:00"] {
        store_point(&repository, &at(time), time.as_bytes()).await;
    }
    let (mut seen, pruning) = (Sightings::default(), pruning(two()));
    let going = [What::Point { cluster: cluster(), point: at("07:00") }];
    let newest = object_store::path::Path::from(format!("clusters/management/points/{}", at("09:00")));
    let length = bytes_of(&store, newest.as_ref()).await.content_length();
    let mut plan = async || {
        let plan = repository.prune_plan_at(&pruning, &mut seen, store.now()).await.unwrap();
        plan.removals.into_iter().map(|removal| removal.what).collect::<Vec<_>>()
    };
    assert_eq!(plan().await, going);
    // In the list it is the same object still, then another one, which is read.
    for going in [&going[..], &[]] {
        store
            .put_opts(&newest, vec![0; length].into(), Default::default())
            .await
            .unwrap();
        assert_eq!(plan().await, going);
        store.pass(1);
    }
}
