use super::*;
use crate::history::name::Kept;
use proptest::prelude::*;

fn mark(n: u8) -> Mark {
    Mark([n; 8])
}

fn base(revision: u64, chain: u8) -> BaseName {
    BaseName { timeline: 1, revision, chain: mark(chain), link: mark(chain) }
}

/// A merged base: `link` is its own.
fn merged_base(revision: u64, chain: u8, link: u8) -> BaseName {
    BaseName { link: mark(link), ..base(revision, chain) }
}

fn seg(after: u64, through: u64, prev: u8, chain: u8) -> SegmentName {
    let (prev, chain) = (mark(prev), mark(chain));
    SegmentName {
        timeline: 1,
        after,
        through,
        prev,
        chain,
        link: chain,
        kept: Kept::Captured,
    }
}

fn made(kept: Kept, link: u8, of: SegmentName) -> SegmentName {
    SegmentName { kept, link: mark(link), ..of }
}

fn resolved(bases: &[BaseName], segments: &[SegmentName]) -> Timeline {
    let bases = bases.iter().copied().map(Name::Base);
    let names: Vec<Name> = bases.chain(segments.iter().copied().map(Name::Segment)).collect();
    let timelines = resolve(&names);
    assert_eq!(timelines.len(), 1);
    timelines.into_iter().next().unwrap_or_default()
}

/// The only stretch's bases and chain.
fn one(bases: &[BaseName], segments: &[SegmentName]) -> (Vec<BaseName>, Vec<SegmentName>) {
    let timeline = resolved(bases, segments);
    assert_eq!(timeline.stretches.len(), 1, "{timeline:?}");
    timeline
        .stretches
        .into_iter()
        .next()
        .map_or_else(Default::default, |it| (it.bases, it.chain))
}

#[test]
fn nothing_is_no_timeline() {
    assert_eq!(resolve(&[]), []);
}

#[test]
fn segments_follow_each_other_from_the_base() {
    let chain = [seg(10, 12, 1, 2), seg(12, 12, 2, 3), seg(12, 20, 3, 4)];
    assert_eq!(one(&[base(10, 1)], &chain), (vec![base(10, 1)], chain.to_vec()));
    assert_eq!(resolved(&[base(10, 1)], &chain).newest(), Some(20));
}

#[test]
fn what_came_before_what_it_follows_is_an_orphan() {
    // Several stores are in flight; the middle one did not make it.
    let chain = [seg(10, 12, 1, 2), seg(14, 20, 3, 4)];
    let timeline = resolved(&[base(10, 1)], &chain);
    assert_eq!(timeline.stretches[0].chain, chain[..1]);
    assert_eq!((timeline.orphans, timeline.spare), (chain[1..].to_vec(), vec![]));
}

#[test]
fn a_link_of_another_revision_is_not_followed() {
    let timeline = resolved(&[base(10, 1)], &[seg(11, 12, 1, 2), seg(10, 12, 9, 2)]);
    assert_eq!((timeline.stretches[0].chain.len(), timeline.orphans.len()), (0, 2));
}

#[test]
fn segments_without_a_base_are_orphans() {
    let timeline = resolved(&[], &[seg(10, 12, 1, 2)]);
    assert_eq!((timeline.stretches.len(), timeline.orphans.len(), timeline.newest()), (0, 1, None));
}

#[test]
fn a_merged_segment_wins_over_its_parts_whichever_of_them_are_left() {
    let parts = [seg(10, 12, 1, 2), seg(12, 14, 2, 3), seg(14, 20, 3, 4)];
    let (merged, next) = (made(Kept::Merged, 9, seg(10, 20, 1, 4)), seg(20, 21, 4, 5));
    for left in 0..8_u8 {
        let kept = (0..3).filter(|part| left >> part & 1 == 1).map(|part| parts[part]);
        let names: Vec<_> = kept.chain([merged, next]).collect();
        assert_eq!(one(&[base(10, 1)], &names).1, [merged, next], "{left}");
    }
}

#[test]
fn of_a_coalesced_one_and_its_parts_the_parts_win_while_they_are_all_there() {
    let (parts, next) = ([seg(10, 12, 1, 2), seg(12, 14, 2, 3)], seg(14, 15, 3, 4));
    let few = made(Kept::Coalesced, 9, seg(10, 14, 1, 3));
    assert_eq!(one(&[base(10, 1)], &[parts[0], parts[1], few, next]).1, [parts[0], parts[1], next]);
    assert_eq!(one(&[base(10, 1)], &[parts[0], few, next]).1, [few, next]);
    let timeline = resolved(&[base(10, 1)], &[parts[0], parts[1], few, next]);
    assert_eq!(timeline.spare, [few]);
}

#[test]
fn of_two_captures_at_once_the_one_that_leads_farther_wins() {
    let one_way = [seg(10, 12, 1, 2), seg(12, 18, 2, 3)];
    let other = [seg(10, 15, 1, 4), seg(15, 20, 4, 5)];
    let timeline = resolved(&[base(10, 1)], &[one_way, other].concat());
    assert_eq!(timeline.stretches[0].chain, other);
    assert_eq!(timeline.spare, one_way);
    // Also if it is fresher only: nothing has changed, and that is known for longer.
    let quiet = [seg(10, 20, 1, 2), seg(20, 20, 2, 3)];
    assert_eq!(one(&[base(10, 1)], &[quiet[0], quiet[1], seg(10, 20, 1, 4)]).1, quiet);
}

#[test]
fn a_merged_base_stands_on_the_chain_and_carries_it_on_alone() {
    let chain = [seg(10, 12, 1, 2), seg(12, 14, 2, 3), seg(14, 20, 3, 4)];
    let (old, new) = (base(10, 1), merged_base(14, 3, 9));
    assert_eq!(one(&[old, new], &chain), (vec![old, new], chain.to_vec()));
    let timeline = resolved(&[old, new], &chain);
    assert_eq!((timeline.stretches[0].place(&old), timeline.stretches[0].place(&new)), (0, 2));
    assert_eq!(one(&[new], &chain[2..]), (vec![new], chain[2..].to_vec()));
    // The old one is removed, its segments not yet.
    let timeline = resolved(&[new], &chain);
    assert_eq!((timeline.stretches[0].chain.len(), timeline.orphans.len()), (1, 2));
}

#[test]
fn a_base_after_a_gap_is_a_stretch_of_its_own_until_a_synthetic_segment_leads_to_it() {
    let (before, after) = ([seg(10, 12, 1, 2)], [seg(50, 60, 5, 6)]);
    let (old, new) = (base(10, 1), base(50, 5));
    let segments = [before, after].concat();
    let timeline = resolved(&[old, new], &segments);
    let chains: Vec<_> = timeline.stretches.iter().map(|it| it.chain.clone()).collect();
    assert_eq!(chains, [before.to_vec(), after.to_vec()]);
    assert_eq!((timeline.newest(), timeline.newest_stretch().map(Stretch::first)), (Some(60), Some(50)));
    let bridge = made(Kept::Synthetic, 9, seg(12, 50, 2, 5));
    let all = [before[0], bridge, after[0]];
    assert_eq!(one(&[old, new], &all), (vec![old, new], all.to_vec()));
}

#[test]
fn timelines_are_apart() {
    let other = SegmentName { timeline: 2, ..seg(10, 12, 1, 2) };
    let names = [
        Name::Base(base(10, 1)),
        Name::Segment(other),
        Name::Base(BaseName { timeline: 2, ..base(3, 1) }),
    ];
    let timelines = resolve(&names);
    let told: Vec<_> = timelines.iter().map(|it| (it.number, it.newest(), it.orphans.len())).collect();
    assert_eq!(told, [(1, Some(10), 0), (2, Some(3), 1)]);
}

#[test]
fn ways_in_a_circle_end() {
    let circle = [
        seg(10, 10, 1, 2),
        seg(10, 10, 2, 1),
        seg(10, 10, 2, 2),
        seg(10, 11, 2, 3),
    ];
    let (_, chain) = one(&[base(10, 1)], &circle);
    assert_eq!(chain, [circle[0], circle[3]]);
}

#[test]
fn long_chains_take_neither_stack_nor_time() {
    let link = |n: u64| Mark(n.to_be_bytes());
    let next = |n: u64| SegmentName {
        prev: link(n),
        chain: link(n + 1),
        link: link(n + 1),
        ..seg(n, n + 1, 0, 0)
    };
    let segments: Vec<SegmentName> = (0..50_000).map(next).collect();
    let (_, chain) = one(&[BaseName { chain: link(0), ..base(0, 0) }], &segments);
    assert_eq!(chain, segments);
}

proptest! {
    /// Whatever lies on a shelf: a chain is one, nothing is lost, and nothing is counted twice.
    #[test]
    fn any_names_make_sound_timelines(
        bases in prop::collection::vec((0..6_u64, 0..5_u8), 0..4),
        segments in prop::collection::vec((0..6_u64, 0..4_u64, 0..5_u8, 0..5_u8, 0..4_u8), 0..14),
    ) {
        let kinds = [Kept::Captured, Kept::Merged, Kept::Coalesced, Kept::Synthetic];
        let bases: BTreeSet<_> = bases.into_iter().map(|(revision, link)| base(revision, link)).collect();
        let segments: BTreeSet<_> = segments.into_iter().enumerate().map(|(n, (after, more, prev, chain, kept))| {
            let kept = kinds[usize::from(kept)];
            let segment = seg(after, after + more, prev, chain);
            if kept == Kept::Captured { segment } else { made(kept, 100 + n as u8, segment) }
        }).collect();
        let names: Vec<Name> = bases.iter().copied().map(Name::Base).chain(segments.iter().copied().map(Name::Segment)).collect();
        for timeline in resolve(&names) {
            let mut told: Vec<Name> = timeline.used().into_iter().collect();
            for stretch in &timeline.stretches {
                let mut at = stretch.bases[0].point();
                for segment in &stretch.chain {
                    prop_assert_eq!(segment.begin(), at);
                    at = segment.end();
                }
                for base in &stretch.bases {
                    let place = stretch.place(base);
                    let point = place.checked_sub(1).map_or(stretch.bases[0].point(), |it| stretch.chain[it].end());
                    prop_assert_eq!(point, base.point());
                }
            }
            told.extend(timeline.spare.iter().chain(&timeline.orphans).copied().map(Name::Segment));
            told.sort();
            let mut all = names.clone();
            all.sort();
            prop_assert_eq!(told, all);
        }
    }
}
