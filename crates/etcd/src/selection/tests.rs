#![expect(clippy::unwrap_used, reason = "tests")]

use super::made::{Cuts, History, histories};
use super::model::{Model, sorted};
use super::*;
use crate::proof::hash_kv;
use proptest::prelude::*;
use proptest::sample::Index;

/// Compares a source with the model that it was made from, at a revision and a floor among those that it answers for.
pub(crate) fn same(source: &dyn Source, model: &Model, at: [Index; 2]) {
    let (first, last) = (source.compaction(), source.last_revision());
    assert_eq!(last, model.last.max(1));
    let mut at = at.map(|it| first + it.index((last - first + 1) as usize) as u64);
    at.sort_unstable();
    let [floor, revision] = at;
    let (mut live, mut since) = (Vec::new(), Vec::new());
    source.live_at(revision, &mut |it| Ok(live.push(it))).unwrap();
    source.since(floor, revision, &mut |it| Ok(since.push(it))).unwrap();
    assert_eq!(sorted(live), model.live(revision), "live at {revision}");
    assert_eq!(sorted(since), model.since(floor, revision), "at {revision}, compacted at {floor}");
    let theirs = hash_kv(model, revision, floor).unwrap();
    assert_eq!(hash_kv(source, revision, floor).unwrap(), theirs);
}

fn history() -> History {
    let txns = [
        (1, Some(3)),
        (2, Some(4)),
        (1, None),
        (1, Some(5)),
        (2, Some(6)),
        (3, Some(1)),
        (2, None),
        (1, Some(2)),
    ];
    let model = Model::of(&txns.map(|change| [change].into()));
    History::of(model, &Cuts { compaction: 2, base: 5, segments: [5, 7].into(), gap: None })
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let packs = history().packs;
    let refused = |floor, revision| packs.walk(floor, revision, &mut |_, _| Ok(())).unwrap_err().to_string();
    assert!(refused(1, 5).ends_with("holds not every version at revision 1, only from 2 on"));
    assert!(refused(5, 10).ends_with("ends at revision 9, before 10"));
}

#[test]
fn leases_are_the_bases_and_those_seen_since() {
    let leases = history().packs.leases().unwrap();
    assert_eq!(leases.get(&7), Some(&LeaseTtl { granted_s: 30, remaining_s: 20 }), "seen again at 7");
    assert_eq!(leases.keys().copied().collect::<Vec<_>>(), [5, 7, 9]);
    assert!(history().packs.others().unwrap().contains_key("alarm"));
}

#[test]
fn a_segment_that_follows_nothing_is_refused() {
    let packs = history().packs;
    let gap = Packs::new(packs.base().clone(), packs.segments()[1..].to_vec());
    assert!(gap.unwrap_err().to_string().contains("does not follow revision 5"));
    let segment = packs.segments()[0].clone();
    assert!(Packs::new(segment, vec![]).unwrap_err().to_string().contains("it is no base"));
}

#[test]
fn what_the_sink_returns_ends_the_walk() {
    let mut taken = 0;
    let ended = history().packs.live_at(9, &mut |_| {
        taken += 1;
        Err(FileError::damaged("the output", "byte 0", "full"))
    });
    assert!(matches!(ended, Err(SelectionError::File(_))));
    assert_eq!(taken, 1);
}

proptest! {
    #[test]
    fn any_moment_of_any_history_is_what_the_model_says(history in histories(), at: [Index; 2]) {
        same(&history.packs, &history.model, at);
    }
}
