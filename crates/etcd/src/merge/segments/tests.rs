use super::*;
use crate::selection::made::{histories, opened};
use crate::selection::tests::same;
use proptest::prelude::*;
use proptest::sample::Index;

fn seen(revision: u64, at_ms: u64) -> Seen {
    Seen { revision, at_ms }
}

#[test]
fn of_times_the_last_in_each_second_stays() {
    let times = [
        seen(5, 100),
        seen(6, 900),
        seen(7, 1000),
        seen(7, 1500),
        seen(7, 2500),
        seen(8, 3100),
        seen(8, 9000),
    ];
    let kept = a_second_each(times.into_iter());
    assert_eq!(kept, [seen(6, 900), seen(7, 1000), seen(8, 3100), seen(8, 9000)]);
    assert_eq!(
        a_second_each([seen(5, 900), seen(6, 300)].into_iter()),
        [seen(6, 900)],
        "a clock that went back"
    );
}

#[test]
fn what_does_not_hang_together_is_refused() {
    assert!(merge_segments(&[], None, Vec::new()).is_err());
    assert!(coalesce(&[], None, Path::new("/"), Vec::new()).is_err());
}

proptest! {
    #[test]
    fn a_merged_run_is_as_good_as_its_parts(history in histories(), ends: [Index; 2], at: [Index; 2]) {
        let segments = history.packs.segments();
        let mut ends = ends.map(|it| it.index(segments.len() + 1));
        ends.sort_unstable();
        let run = &segments[ends[0]..ends[1]];
        let complete = run.iter().all(|it| has_all(it.header().segment().unwrap()));
        prop_assume!(!run.is_empty() && complete);
        let merged = opened(merge_segments(run, None, Vec::new()).unwrap());
        let whole = [&segments[..ends[0]], &[merged], &segments[ends[1]..]].concat();
        same(&history.with(history.packs.base().clone(), whole).packs, &history.model, at);
    }

    #[test]
    fn a_coalesced_run_loses_only_what_is_within(history in histories(), ends: [Index; 2], at: [Index; 2]) {
        let segments = history.packs.segments();
        let mut ends = ends.map(|it| it.index(segments.len() + 1));
        ends.sort_unstable();
        let run = &segments[ends[0]..ends[1]];
        prop_assume!(!run.is_empty());
        let scratch = tempfile::tempdir().unwrap();
        let made = opened(coalesce(run, None, scratch.path(), Vec::new()).unwrap());
        let whole = [&segments[..ends[0]], std::slice::from_ref(&made), &segments[ends[1]..]].concat();
        let coalesced = history.with(history.packs.base().clone(), whole);
        if let Some(hole) = made.header().segment().unwrap().hole() {
            let refused = crate::selection::Source::compaction(&coalesced.packs);
            prop_assert!(refused >= hole.until, "moments within are refused");
        }
        same(&coalesced.packs, &history.model, at);
    }
}
