use super::*;
use crate::Revision;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    every: Duration::from_millis(500),
    bytes: 1000,
    quiet: Duration::from_secs(60),
};

/// A put at `main`.`sub` with a value of `bytes`.
fn record(main: u64, sub: u32, bytes: usize) -> Record {
    Record {
        revision: Revision { main, sub },
        tombstone: false,
        value: vec![0; bytes].into(),
    }
}

fn records(mains: impl IntoIterator<Item = u64>) -> Vec<Record> {
    mains.into_iter().map(|main| record(main, 0, 10)).collect()
}

/// A cutter behind revision 10, and arrivals in milliseconds after its begin; the wall clock began at 5000.
fn begin() -> (Cutter, impl Fn(u64) -> Arrival) {
    let zero = ambient::monotonic();
    let arrival = move |ms| Arrival { wall_ms: 5000 + ms, at: zero + Duration::from_millis(ms) };
    (Cutter::new(10, 0, LIMITS, zero), arrival)
}

/// What matters of a cut: its bounds, its records, its times.
fn shown(cut: Option<Cut>) -> String {
    let Some(cut) = cut else { return "nothing".to_owned() };
    let revisions: Vec<_> = cut.records.iter().map(|r| r.revision.to_string()).collect();
    let times: Vec<_> = cut.times.iter().map(|(revision, ms)| format!("{revision}@{ms}")).collect();
    format!("({}, {}] {} seen {}", cut.after, cut.through, revisions.join(" "), times.join(" "))
}

#[test]
fn a_change_waits_no_longer_than_the_limit() {
    let (mut cutter, at) = begin();
    assert_eq!(cutter.due(), None);
    cutter.take(records([11]), false, at(100)).unwrap();
    cutter.take(records([12, 13]), false, at(450)).unwrap();
    assert_eq!(cutter.due(), Some(at(600).at));
    assert_eq!(shown(cutter.cut(at(600).at)), "(10, 13] 11.0 12.0 13.0 seen 11@5100 13@5450");
    assert_eq!((cutter.due(), shown(cutter.cut(at(600).at))), (None, "nothing".to_owned()));
}

#[test]
fn a_full_segment_is_due_at_once_and_divided_only_between_revisions() {
    let (mut cutter, at) = begin();
    let wide = (0..3).map(|sub| record(13, sub, 600));
    let many = [record(11, 0, 400), record(12, 0, 400)]
        .into_iter()
        .chain(wide)
        .chain([record(14, 0, 1)]);
    cutter.take(many.collect(), false, at(7)).unwrap();
    assert!(cutter.due().unwrap() <= at(7).at);
    assert_eq!(shown(cutter.cut(at(8).at)), "(10, 12] 11.0 12.0 seen 12@5007");
    // Larger than a segment, but one revision.
    assert_eq!(shown(cutter.cut(at(8).at)), "(12, 13] 13.0 13.1 13.2 seen 13@5007");
    assert_eq!(cutter.due(), Some(at(507).at));
    assert_eq!(shown(cutter.cut(at(8).at)), "(13, 14] 14.0 seen 14@5007");
    assert_eq!(cutter.bytes(), 0);
}

#[test]
fn the_last_revision_of_a_fragment_is_held_back() {
    let (mut cutter, at) = begin();
    cutter.take(vec![record(11, 0, 1), record(12, 0, 1)], true, at(0)).unwrap();
    assert_eq!((cutter.complete(), cutter.next(), cutter.bytes()), (11, 12, 2));
    assert_eq!(shown(cutter.cut(at(1).at)), "(10, 11] 11.0 seen 11@5000");
    cutter.take(vec![record(12, 1, 1)], true, at(2)).unwrap();
    assert_eq!(shown(cutter.cut(at(3).at)), "nothing");
    cutter.take(vec![record(12, 2, 1)], false, at(4)).unwrap();
    assert_eq!(shown(cutter.cut(at(5).at)), "(11, 12] 12.0 12.1 12.2 seen 12@5004");
}

#[test]
fn a_watch_that_breaks_within_a_revision_brings_it_again() {
    let (mut cutter, at) = begin();
    cutter.take(vec![record(11, 0, 1), record(12, 0, 1)], true, at(0)).unwrap();
    cutter.forget_open();
    assert_eq!(cutter.next(), 12);
    cutter.take(vec![record(12, 0, 1), record(12, 1, 1)], false, at(9)).unwrap();
    assert_eq!(shown(cutter.cut(at(9).at)), "(10, 12] 11.0 12.0 12.1 seen 12@5009");
}

#[test]
fn what_is_known_is_dropped_and_what_is_missing_is_noticed() {
    let (mut cutter, at) = begin();
    cutter.take(records([8, 9, 10, 11]), false, at(0)).unwrap();
    cutter.take(records([10, 11, 12]), false, at(0)).unwrap();
    let skipped = cutter.take(records([13, 15]), false, at(0)).unwrap_err();
    assert_eq!(skipped, Skipped { expected: 14, got: 15 });
    assert_eq!(skipped.to_string(), "the watch goes on at revision 15 where 14 was expected");
    cutter.forget_open();
    assert_eq!(cutter.next(), 13);
}

#[test]
fn a_fresh_etcd_begins_at_revision_two() {
    let (_, at) = begin();
    let mut cutter = Cutter::new(0, 0, LIMITS, at(0).at);
    cutter.progress(1, at(0));
    cutter.take(records([2]), false, at(1000)).unwrap();
    assert_eq!(shown(cutter.cut(at(1000).at)), "(0, 2] 2.0 seen 0@5000 2@6000");
}

#[test]
fn when_nothing_happens_that_is_said_from_time_to_time() {
    let (mut cutter, at) = begin();
    for second in 1..=61 {
        assert_ne!(cutter.due(), Some(at(60_000).at).filter(|_| second == 1));
        cutter.progress(10, at(second * 1000));
    }
    assert_eq!(cutter.due(), Some(at(60_000).at));
    assert_eq!(shown(cutter.cut(at(61_000).at)), "(10, 10]  seen 10@66000");
    assert_eq!(cutter.due(), None);
    // What is not known here is not proven: a later revision, or one that is behind.
    for revision in [9, 11] {
        cutter.progress(revision, at(70_000));
    }
    assert_eq!(shown(cutter.cut(at(71_000).at)), "nothing");
}

#[test]
fn a_pause_within_a_segment_is_seen_at_both_ends() {
    let (mut cutter, at) = begin();
    cutter.progress(10, at(0));
    cutter.progress(10, at(1000));
    cutter.take(records([11]), false, at(1500)).unwrap();
    for ms in [2000, 3000, 4000] {
        cutter.progress(11, at(ms));
    }
    cutter.take(records([12]), false, at(4500)).unwrap();
    assert_eq!(shown(cutter.cut(at(4500).at)), "(10, 12] 11.0 12.0 seen 10@6000 11@6500 11@9000 12@9500");
}

#[test]
fn times_never_run_backwards_and_are_no_finer_than_needed() {
    let (mut cutter, at) = begin();
    for (revision, ms) in [(11, 310), (12, 320), (13, 330), (14, 450), (15, 20), (16, 460)] {
        cutter.take(records([revision]), false, at(ms)).unwrap();
    }
    assert_eq!(
        shown(cutter.cut(at(500).at)),
        "(10, 16] 11.0 12.0 13.0 14.0 15.0 16.0 seen 13@5330 16@5460"
    );
}

#[test]
fn a_lease_alone_is_worth_a_segment() {
    let (mut cutter, at) = begin();
    let lease = SeenLease { id: 7, granted_s: 60, remaining_s: 59, wall_ms: 5000 };
    cutter.lease(lease, at(0).at);
    assert_eq!(cutter.due(), Some(at(500).at));
    let cut = cutter.cut(at(500).at).unwrap();
    assert_eq!((cut.after, cut.through, cut.leases), (10, 10, vec![lease]));
    assert_eq!(cut.times, [(10, 5000)]);
    assert_eq!((cutter.due(), shown(cutter.cut(at(600).at))), (None, "nothing".to_owned()));
}

proptest! {
    /// However responses are divided, repeated and cut: every change once, in order, and segments that follow each other.
    #[test]
    fn nothing_is_lost_or_doubled(
        sizes in proptest::collection::vec((1_u32..5, 1_usize..400), 1..40),
        pieces in proptest::collection::vec((1_usize..7, any::<bool>(), any::<bool>()), 1..200),
    ) {
        let revisions = sizes.iter().zip(11_u64..);
        let all: Vec<_> = revisions
            .flat_map(|(&(subs, bytes), main)| (0..subs).map(move |sub| record(main, sub, bytes)))
            .collect();
        let (mut cutter, at) = begin();
        let (mut done, mut cuts) = (0, Vec::new());
        for (step, (length, cut, breaks)) in pieces.into_iter().enumerate() {
            let end = (done + length).min(all.len());
            // A response that ends within a revision is a fragment.
            let whole = all.get(end).is_none_or(|next| next.revision.main != all[end - 1].revision.main);
            cutter.take(all[done..end].to_vec(), !whole, at(step as u64 * 40)).unwrap();
            done = end;
            if breaks {
                cutter.forget_open();
                done = all.iter().take_while(|r| r.revision.main < cutter.next()).count();
            }
            if cut {
                cuts.extend(cutter.cut(at(step as u64 * 40).at));
            }
        }
        cutter.take(all[done..].to_vec(), false, at(100_000)).unwrap();
        while let Some(cut) = cutter.cut(at(100_000).at) {
            cuts.push(cut);
        }
        let mut after = 10;
        for cut in &cuts {
            prop_assert_eq!(cut.after, after);
            prop_assert!(cut.records.iter().all(|r| r.revision.main > after && r.revision.main <= cut.through));
            prop_assert!(cut.times.is_sorted());
            prop_assert!(cut.times.iter().all(|time| time.0 >= after && time.0 <= cut.through));
            prop_assert_eq!(cut.times.last().map(|time| time.0), Some(cut.through));
            let one_revision = cut.through == after + 1;
            prop_assert!(cut.bytes <= LIMITS.bytes || one_revision);
            after = cut.through;
        }
        let got: Vec<_> = cuts.into_iter().flat_map(|cut| cut.records).collect();
        prop_assert_eq!(got, all);
        prop_assert_eq!(cutter.bytes(), 0);
    }
}
