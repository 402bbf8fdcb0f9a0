//! Pruning beside a writer: whatever happens in which order, what was committed is whole.

use super::*;
use crate::NewPoint;
use crate::tests::clocked::Happening;
use futures::FutureExt;
use tokio::sync::Mutex;

/// Operations of a prune here, at most: what comes after them all comes after the prune.
const MOST: usize = 17;

/// A point that is being stored.
struct Writing {
    new: Mutex<(NewPoint, Vec<Part>)>,
    store: Arc<Clocked>,
    /// Minutes that pass before each part but the first, and before the manifest.
    pause: i64,
}

impl Writing {
    fn begin(repository: &Repository, store: &Arc<Clocked>, pause: i64) -> Arc<Self> {
        let new = Mutex::new((repository.begin(&cluster(), &at("10:00")), Vec::new()));
        Arc::new(Self { new, store: store.clone(), pause })
    }

    async fn part(&self, name: &str) {
        let (files, mut new) = (Files::new(), self.new.lock().await);
        let part = new.0.part(name, &files.with(name, b"x")).await.unwrap();
        new.1.push(part);
    }

    async fn commit(&self) {
        let mut new = self.new.lock().await;
        let point = point(&at("10:00"), new.1.clone());
        new.0.commit(&point).await.unwrap();
    }

    /// Time passes, and somebody else writes something, so that it shows.
    async fn pause(&self) {
        self.store.pass(self.pause);
        self.store.write("clusters/management/evidence/main/0000000001", "beat").await;
    }

    /// What it does after its first part, in order. That time has passed shows before what it does then.
    fn steps(self: &Arc<Self>) -> [Happening; 3] {
        let [one, two, three] = [self.clone(), self.clone(), self.clone()];
        let second = async move {
            two.part("files").await;
            two.pause().await;
        };
        let last = async move {
            three.commit().await;
            for _ in 0..4 {
                three.pause().await;
            }
        };
        [
            Box::new(|| async move { one.pause().await }.boxed()),
            Box::new(|| second.boxed()),
            Box::new(|| last.boxed()),
        ]
    }
}

/// The points that are harmed when a writer with these pauses does its steps before each operation of a prune in turn, and how
/// many orders there were.
async fn harmed_by(pause: i64) -> (usize, usize) {
    let (repository, store) = clocked().await;
    let (mut seen, pruning) = (Sightings::default(), Pruning { shared: false, ..pruning(two()) });
    for time in ["07:00", "08:00", "09:00"] {
        store_point(&repository, &at(time), time.as_bytes()).await;
    }
    // The pruner's own clock is a day ahead: it must not matter.
    let now = store.now() + SignedDuration::from_hours(24);
    repository.prune_plan_at(&pruning, &mut seen, now).await.unwrap();
    let saved = store.save();
    let (mut orders, mut harm) = (0, 0);
    let third = |a: usize, b: usize| (b..=MOST).map(move |c| [a, b, c]);
    for order in (0..=MOST).flat_map(|a| (a..=MOST).flat_map(move |b| third(a, b))) {
        store.put_back(&saved);
        let writing = Writing::begin(&repository, &store, pause);
        writing.part("etcd").await;
        store.begin(None, order.into_iter().zip(writing.steps()).collect());
        let plan = repository.prune_plan_at(&pruning, &mut seen, now).await.unwrap();
        repository.prune(&plan, |_| {}).await.unwrap();
        let (count, left) = store.end();
        for step in left {
            step().await;
        }
        assert!(count <= MOST, "{count} operations");
        orders += 1;
        harm += usize::from(!harmed(&repository).await.is_empty());
        // Then it is a point as any other.
        assert!(repository.points(&cluster()).await.unwrap().points.contains(&at("10:00")), "{order:?}");
    }
    (orders, harm)
}

#[tokio::test]
async fn a_point_that_is_being_stored_keeps_its_parts() {
    let (orders, harm) = harmed_by(44).await;
    assert!(orders > 100, "{orders}");
    assert_eq!(harm, 0);
}

#[tokio::test]
async fn a_writer_that_were_slower_than_it_may_be_would_lose_some() {
    let (_, harm) = harmed_by(61).await;
    assert!(harm > 0);
}

#[tokio::test]
async fn two_may_prune_at_once() {
    let (repository, store) = filled().await;
    let other = repository.clone();
    let (one, more) = (pruning(two()), pruning(Keep { last: 3, ..two() }));
    let (now, mut seen) = (store.now(), [Sightings::default(), Sightings::default()]);
    let [first, second] = &mut seen;
    let plans = futures::join!(repository.prune_plan_at(&one, first, now), other.prune_plan_at(&more, second, now));
    let (one_plan, two_plan) = (plans.0.unwrap(), plans.1.unwrap());
    let done = futures::join!(repository.prune(&one_plan, |_| {}), other.prune(&two_plan, |_| {}));
    done.0.and(done.1).unwrap();
    assert_eq!(harmed(&repository).await, []);
    let left = [at("08:00"), at("07:30")];
    assert_eq!(repository.points(&cluster()).await.unwrap().points, left);
    assert_eq!(planned(&repository, &one, now).await.removals, []);
}
