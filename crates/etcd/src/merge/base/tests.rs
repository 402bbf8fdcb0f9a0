use super::*;
use crate::history::Pack;
use crate::selection::made::{histories, opened};
use crate::selection::tests::same;
use proptest::prelude::*;
use proptest::sample::Index;

fn merged(packs: &Packs, floor: u64) -> Arc<Pack> {
    let scratch = tempfile::tempdir().unwrap();
    opened(merge_base(packs, floor, Vec::new(), scratch.path(), Vec::new()).unwrap())
}

proptest! {
    #[test]
    fn a_merged_base_is_as_good_as_what_it_is_made_of(
        history in histories(), end: Index, floor: Index, at: [Index; 2], again: [Index; 2],
    ) {
        let packs = &history.packs;
        let end = end.index(packs.segments().len() + 1);
        let before = Packs::new(packs.base().clone(), packs.segments()[..end].to_vec()).unwrap();
        let floor = floor.index(packs.last_revision() as usize + 2) as u64;
        let base = merged(&before, floor);
        let facts = base.header().base().unwrap().clone();
        let last = before.last_revision();
        prop_assert_eq!(facts.compaction, floor.clamp(before.compaction(), last));
        prop_assert_eq!((facts.revision, facts.began), (last, Began::Merged));
        let whole = history.with(base, packs.segments()[end..].to_vec());
        same(&whole.packs, &history.model, at);
        let twice = history.with(merged(&whole.packs, 0), Vec::new());
        same(&twice.packs, &history.model, again);
    }
}

#[test]
fn leases_go_when_nothing_hangs_on_them_and_their_time_is_over() {
    let ttl = |granted_s| LeaseTtl { granted_s, remaining_s: 0 };
    let (key, value) = entry(-2, LeaseTtl { granted_s: 300, remaining_s: 4 });
    assert_eq!(key.as_ref(), (-2_i64).to_be_bytes());
    assert_eq!(
        value.as_ref(),
        b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\xac\x02",
        "what was left, then, is not said"
    );
    assert!(is_needed(&HashSet::from([5]), 5, ttl(10), 0, 99_000));
    assert!(!is_needed(&HashSet::new(), 5, ttl(10), 0, 99_000));
    assert!(is_needed(&HashSet::new(), 5, ttl(10), 90_000, 99_000));
}
