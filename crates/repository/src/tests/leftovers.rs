//! What killed writers leave in a directory, and what a loss of power brings back: named, and removed when it is old.

use super::checking::kit;
use super::*;
use crate::{CheckOptions, CheckReport, Flaw, PrunePlan, Pruning, Retention, Severity, Sightings, What};
use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

async fn checked(repository: &Repository) -> CheckReport {
    repository.check(&CheckOptions::default(), &|_| {}).await.unwrap()
}

async fn planned(repository: &Repository, pruning: &Pruning) -> PrunePlan {
    repository.prune_plan(pruning, &mut Sightings::default()).await.unwrap()
}

/// A file as it is left behind, last written to at a time.
fn left(root: &Path, name: &str, at: SystemTime) {
    fs::write(root.join(name), "half of it").unwrap();
    let file = File::options().write(true).open(root.join(name)).unwrap();
    file.set_times(FileTimes::new().set_modified(at)).unwrap();
}

/// Files that a plan removes.
fn going(plan: &PrunePlan) -> Vec<String> {
    let of = plan.removals.iter().filter(|it| matches!(it.what, What::Unfinished { .. }));
    of.flat_map(|it| &it.objects).map(|it| it.key().to_owned()).collect()
}

#[tokio::test]
async fn what_was_begun_and_never_ended_is_named_and_goes_after_an_hour() {
    let (place, key) = (tempfile::tempdir().unwrap(), key());
    let root = place.path();
    let repository = Repository::open(settings(root, &key)).unwrap();
    found(&repository, &key).await.unwrap();
    store_point(&repository, &id(1), b"whole").await;
    repository.put_kit(&kit("one")).await.unwrap();
    let part = format!("clusters/management/parts/{}/etcd", id(1));
    let manifest = format!("clusters/management/points/{}", id(1));
    // The store's clock is that of the newest file.
    let now = fs::metadata(root.join("shared/kit/0000000001")).unwrap().modified().unwrap();
    left(root, &format!("{part}#1"), now - HOUR * 2);
    left(root, &format!("{part}#2"), now - HOUR / 2);
    left(root, "shared/kit/0000000002#1", now - HOUR * 3);
    left(root, "somebodys#1", now - HOUR * 3);
    // Brought back: another name of an object.
    fs::hard_link(root.join(&manifest), root.join(format!("{manifest}#1"))).unwrap();

    let named = checked(&repository)
        .await
        .faults
        .into_iter()
        .filter(|it| it.flaw == Flaw::Leftover);
    let named: Vec<_> = named.map(|it| (it.object, it.severity)).collect();
    let all = [&part, &part, &manifest]
        .into_iter()
        .zip([1, 2, 1])
        .map(|(key, number)| format!("{key}#{number}"));
    let all = all.chain(["shared/kit/0000000002#1".to_owned()]);
    assert_eq!(named, all.map(|key| (key, Severity::Note)).collect::<Vec<_>>());

    let retention = [(cluster(), Retention::default())];
    let everything = Pruning { clusters: retention.clone().into(), shared: true };
    let plan = planned(&repository, &everything).await;
    assert_eq!(going(&plan), [format!("{part}#1"), "shared/kit/0000000002#1".to_owned()]);
    let shown = plan.to_string();
    assert!(
        shown.contains("remove what was begun before ") && shown.contains(" and never ended (2 objects, 20 B)"),
        "{shown}"
    );
    let of_one = planned(&repository, &Pruning { clusters: retention.into(), shared: false }).await;
    assert_eq!(going(&of_one), [format!("{part}#1")]);

    // By the time that it is carried out, another writer has begun under that name.
    left(root, "shared/kit/0000000002#1", now);
    let removed = repository.prune(&plan, |_| {}).await.unwrap();
    assert_eq!((removed.objects, removed.bytes), (1, 10));
    let there = |name: &str| root.join(name).exists();
    assert_eq!([format!("{part}#1"), format!("{part}#2")].map(|name| there(&name)), [false, true]);
    assert!(there("shared/kit/0000000002#1") && there("somebodys#1") && there(&format!("{manifest}#1")));
    assert_eq!(going(&planned(&repository, &everything).await), [""; 0]);
    assert!(checked(&repository).await.sound());
}

#[tokio::test]
async fn in_other_stores_nothing_is_looked_for() {
    let (repository, _) = in_memory().await;
    let pruning = Pruning { shared: true, ..Pruning::default() };
    assert_eq!(planned(&repository, &pruning).await.removals, []);
    assert_eq!(repository.shared.store.unfinished(&Default::default()).await.unwrap(), []);
}
