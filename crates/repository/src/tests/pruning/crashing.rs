//! Pruning that is broken off: after any operation, done or not, what is kept is whole, and the next prune ends what was begun.

use super::*;
use crate::tests::clocked::Fault;

/// Prunes, and says whether it came to its end.
async fn attempt(repository: &Repository, pruning: &Pruning, now: Timestamp) -> bool {
    match repository.prune_plan_at(pruning, &mut Sightings::default(), now).await {
        Ok(plan) => repository.prune(&plan, |_| {}).await.is_ok(),
        Err(_) => false,
    }
}

/// Two hours later, when nothing that is left behind can be of use any more.
async fn later(repository: &Repository, store: &Clocked, pruning: &Pruning) -> Vec<String> {
    store.pass(120);
    store.write("probe/young/object", "a probe of now").await;
    pruned(repository, pruning, store.now()).await;
    store.keys().await
}

#[tokio::test]
async fn a_prune_can_be_broken_off_at_every_operation() {
    let (repository, store) = filled().await;
    let (pruning, now) = (pruning(two()), store.now());
    let kept = [at("08:00"), at("07:30")];
    let saved = store.save();
    store.begin(None, vec![]);
    assert!(attempt(&repository, &pruning, now).await);
    let (operations, _) = store.end();
    assert!(operations > 40, "{operations}");
    let wanted = later(&repository, &store, &pruning).await;
    let orphan = |key: &&String| key.contains("/parts/") && !kept.iter().any(|id| key.contains(id.as_str()));
    assert_eq!(wanted.iter().find(orphan), None);

    let mut broken_off = 0;
    for number in 0..operations {
        for fault in [Fault::Lost, Fault::Unheard] {
            store.put_back(&saved);
            store.begin(Some((number, fault)), vec![]);
            // Keys that are known already need not be read anew.
            broken_off += usize::from(!attempt(&repository, &pruning, now).await);
            store.end();
            assert_eq!(harmed(&repository).await, [], "{number} {fault:?}");
            let points = repository.points(&cluster()).await.unwrap().points;
            assert!(points.starts_with(&kept), "{number} {fault:?}");
            assert_eq!(later(&repository, &store, &pruning).await, wanted, "{number} {fault:?}");
        }
    }
    assert!(broken_off > operations, "{broken_off} of {operations} twice");
}
