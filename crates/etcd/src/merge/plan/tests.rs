use super::*;
use crate::history::{Kept, Mark};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn mark(n: u64) -> Mark {
    Mark(n.to_be_bytes())
}

fn base(revision: u64, at_ms: u64) -> BasePiece {
    let name = BaseName {
        timeline: 1,
        revision,
        chain: mark(revision),
        link: mark(revision),
    };
    BasePiece { name, at_ms, dictionaries: BTreeSet::new() }
}

/// The segment (after, through], whose links are revisions.
fn segment(after: u64, through: u64, kept: Kept) -> SegmentName {
    let link = if kept == Kept::Captured {
        mark(through)
    } else {
        mark(through + 1_000_000)
    };
    SegmentName {
        timeline: 1,
        after,
        through,
        prev: mark(after),
        chain: mark(through),
        link,
        kept,
    }
}

fn piece(after: u64, through: u64, last_ms: u64) -> Piece {
    Piece {
        name: segment(after, through, Kept::Captured),
        first_ms: last_ms,
        last_ms,
        bytes: 10,
        dictionaries: BTreeSet::new(),
    }
}

/// A base at revision 100 and time 0, then ten revisions every five minutes.
fn facts(count: u64) -> Facts {
    let chain = (0..count)
        .map(|n| piece(100 + n * 10, 110 + n * 10, (n + 1) * 5 * MINUTE - 1))
        .collect();
    let latest_ms = count * 5 * MINUTE;
    Facts {
        bases: vec![base(100, 0)],
        chain,
        latest_ms,
        ..Facts::default()
    }
}

fn named(facts: &Facts, range: std::ops::Range<usize>) -> Vec<SegmentName> {
    facts.chain[range].iter().map(|it| it.name).collect()
}

#[test]
fn what_is_young_is_left_alone() {
    assert_eq!(plan(&facts(3), &Policy::default(), 19 * MINUTE), []);
    assert_eq!(plan(&Facts::default(), &Policy::default(), DAY), []);
}

#[test]
fn segments_are_joined_by_stretches_of_time_that_have_passed() {
    let facts = facts(14);
    let expected = [named(&facts, 0..2), named(&facts, 2..4)].map(Action::Merge);
    assert_eq!(plan(&facts, &Policy::default(), 30 * MINUTE), expected);
    let hour = plan(&facts, &Policy::default(), 70 * MINUTE);
    assert_eq!(hour, [Action::Merge(named(&facts, 0..12))]);
    let small = Policy { segment_bytes: 60, ..Policy::default() };
    let expected = [named(&facts, 0..6), named(&facts, 6..12)].map(Action::Merge);
    assert_eq!(plan(&facts, &small, 70 * MINUTE), expected, "none becomes too large");
}

#[test]
fn nothing_is_joined_over_a_gap_or_a_base() {
    let mut facts = facts(12);
    facts.chain[4].name = segment(140, 150, Kept::Synthetic);
    facts.bases.push(base(180, 40 * MINUTE));
    let expected = [named(&facts, 0..4), named(&facts, 5..8), named(&facts, 8..12)].map(Action::Merge);
    assert_eq!(plan(&facts, &Policy::default(), 70 * MINUTE), expected);
}

#[test]
fn a_new_base_is_merged_where_a_day_ends() {
    let mut facts = facts(0);
    facts.chain = vec![
        piece(100, 200, DAY - MINUTE),
        piece(200, 300, 2 * DAY - MINUTE),
        piece(300, 310, 2 * DAY + MINUTE),
    ];
    let actions = plan(&facts, &Policy::default(), 2 * DAY + 20 * MINUTE);
    let expected = Action::Base { from: facts.bases[0].name, through: named(&facts, 0..2) };
    assert_eq!(actions, [expected]);
    facts.bases.push(base(300, 2 * DAY - MINUTE));
    assert_eq!(plan(&facts, &Policy::default(), 2 * DAY + 20 * MINUTE), []);
}

#[test]
fn what_is_left_of_a_merge_is_removed_oldest_first() {
    let mut facts = facts(6);
    let parts = named(&facts, 1..4);
    facts.chain.splice(
        1..4,
        [Piece {
            name: segment(110, 140, Kept::Merged),
            ..piece(110, 140, 20 * MINUTE)
        }],
    );
    // One in flight, at the same revision and on its own: nobody knows yet what it follows.
    let in_flight = SegmentName {
        prev: mark(77),
        chain: mark(78),
        link: mark(78),
        ..segment(140, 140, Kept::Captured)
    };
    facts.others = parts[1..].iter().copied().chain([in_flight]).collect();
    let names = parts[1..].iter().copied().map(Name::Segment).collect();
    let actions = plan(&facts, &Policy::default(), 29 * MINUTE);
    assert_eq!(actions[0], Action::Remove { names, why: Why::InMerged });
}

/// Twelve days, a base a day; the window begins in the fifth.
fn long() -> Facts {
    let chain: Vec<_> = (0..12)
        .map(|n| piece(100 + n * 100, 200 + n * 100, (n + 1) * DAY - MINUTE))
        .collect();
    let bases = (0..12).map(|n| base(100 + n * 100, (n * DAY).saturating_sub(MINUTE))).collect();
    Facts {
        bases,
        chain,
        latest_ms: 12 * DAY - MINUTE,
        ..Facts::default()
    }
}

#[test]
fn before_the_window_goes_what_no_kept_point_needs() {
    let (facts, now) = (long(), 12 * DAY);
    let bases =
        |range: std::ops::Range<usize>| facts.bases[range].iter().map(|it| Name::Base(it.name)).collect::<Vec<_>>();
    let segments = |range| named(&facts, range).into_iter().map(Name::Segment).collect::<Vec<_>>();
    let names = [bases(0..5), segments(0..5)].concat();
    assert_eq!(plan(&facts, &Policy::default(), now), [Action::Remove { names, why: Why::BeforeWindow }]);

    let keep = Policy { keep: [350, 400].into(), ..Policy::default() };
    let names = [bases(0..2), bases(3..5), segments(0..2)].concat();
    let remove = Action::Remove { names, why: Why::BeforeWindow };
    // No segment ends on 350: it needs the one that it is in.
    assert_eq!(plan(&facts, &keep, now), [remove, Action::Coalesce(named(&facts, 3..5))]);
}

#[test]
fn a_base_stays_while_its_dictionary_is_needed() {
    let mut facts = long();
    for (base, id) in facts.bases.iter_mut().zip([1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3]) {
        base.dictionaries.insert([id; 32]);
    }
    facts.chain[6].dictionaries = [[1; 32], [3; 32]].into();
    let Some(Action::Remove { names, .. }) = plan(&facts, &Policy::default(), 12 * DAY).into_iter().next() else {
        panic!("nothing is removed")
    };
    let bases = [0, 2, 3, 4].map(|at: usize| Name::Base(facts.bases[at].name));
    assert_eq!(names[..4], bases);
    assert!(matches!(names[4], Name::Segment(_)));
}

#[test]
fn a_stretch_that_is_over_goes_when_it_leaves_the_window() {
    let facts = Facts { has_ended: true, latest_ms: 8 * DAY, ..facts(2) };
    assert_eq!(plan(&facts, &Policy::default(), 7 * DAY), [Action::Merge(named(&facts, 0..2))]);
    let Some(Action::Remove { names, .. }) = plan(&facts, &Policy::default(), 8 * DAY).pop() else {
        panic!("nothing")
    };
    assert_eq!(names.len(), 3);
    assert_eq!(held(&facts, &Policy::default(), 8 * DAY), None);
    let keep = Policy { keep: [110].into(), ..Policy::default() };
    assert!(
        !plan(&facts, &keep, 8 * DAY)
            .iter()
            .any(|it| matches!(it, Action::Remove { .. }))
    );
}

#[test]
fn of_a_timeline_that_ended_the_last_moment_stays() {
    let mut ended = Facts {
        has_ended: true,
        ends_timeline: true,
        latest_ms: 30 * DAY,
        ..long()
    };
    let now = 30 * DAY;
    let actions = plan(&ended, &Policy::default(), now);
    // The last base is at the beginning of the last day.
    let names = ended.bases[..11].iter().map(|it| Name::Base(it.name));
    let names: Vec<_> = names.chain(named(&ended, 0..11).into_iter().map(Name::Segment)).collect();
    let remove = Action::Remove { names, why: Why::BeforeWindow };
    assert_eq!(actions, [remove, Action::Coalesce(named(&ended, 11..12))]);
    assert_eq!(held(&ended, &Policy::default(), now), Some(Held::Ended { timeline: 1 }));

    let forget = Policy { forget_ended: true, ..Policy::default() };
    let names = ended.all();
    assert_eq!(plan(&ended, &forget, now), [Action::Remove { names, why: Why::BeforeWindow }]);
    assert_eq!(held(&ended, &forget, now), None);

    // When all that is done, there is nothing left to do.
    ended.bases.drain(..11);
    ended.chain.drain(..11);
    ended.chain[0].name.kept = Kept::Coalesced;
    assert_eq!(plan(&ended, &Policy::default(), now), []);
}

#[test]
fn a_clock_that_is_ahead_of_the_history_removes_nothing() {
    let facts = long();
    let takes_away = |now_ms| {
        let actions = plan(&facts, &Policy::default(), now_ms);
        actions.iter().any(|it| !matches!(it, Action::Merge(_) | Action::Base { .. }))
    };
    let (doubt, held) = (facts.latest_ms + 7 * DAY / 10, |now_ms| held(&facts, &Policy::default(), now_ms));
    assert!(takes_away(doubt));
    assert_eq!(held(doubt), None);
    for now_ms in [doubt + 1, 100 * DAY, u64::MAX] {
        assert!(!takes_away(now_ms), "{now_ms}");
        assert_eq!(held(now_ms), Some(Held::Clock { latest_ms: facts.latest_ms }));
    }
    // Whoever keeps little is held to an hour.
    let minute = Policy { window_ms: MINUTE, ..Policy::default() };
    assert!(
        plan(&facts, &minute, facts.latest_ms + 60 * MINUTE)
            .iter()
            .any(|it| matches!(it, Action::Remove { .. }))
    );
    // A timeline that ended goes by the time of the one that goes on.
    let ended = Facts { has_ended: true, latest_ms: 30 * DAY, ..long() };
    assert_eq!(plan(&ended, &Policy::default(), 30 * DAY).len(), 1);
    assert!(
        !plan(&ended, &Policy::default(), 60 * DAY)
            .iter()
            .any(|it| matches!(it, Action::Remove { .. }))
    );
}

#[test]
fn a_merged_segment_goes_when_its_parts_are_before_the_window_and_stay() {
    // The last part says only that nothing changed, and so the parts are preferred; a kept point in the first keeps that one whole.
    let whole = segment(100, 110, Kept::Merged);
    let quiet = SegmentName { prev: mark(105), ..segment(110, 110, Kept::Captured) };
    let first = SegmentName {
        chain: mark(105),
        link: mark(105),
        ..segment(100, 110, Kept::Captured)
    };
    let part = |name| Piece { name, ..piece(100, 110, MINUTE) };
    let facts = Facts {
        bases: vec![base(100, 0), base(110, MINUTE)],
        chain: vec![part(first), part(quiet)],
        others: vec![whole],
        latest_ms: MINUTE,
        ..Facts::default()
    };
    let keep = Policy { keep: [104].into(), ..soon() };
    let removed = Action::Remove { names: vec![Name::Segment(whole)], why: Why::BeforeWindow };
    assert_eq!(plan(&facts, &keep, 30 * MINUTE), [removed.clone(), Action::Coalesce(vec![quiet])]);
    // Not where it alone still holds a point that is kept.
    let lost = Facts {
        chain: vec![part(SegmentName { kept: Kept::Coalesced, ..first }), part(quiet)],
        ..facts
    };
    assert!(!plan(&lost, &keep, 30 * MINUTE).contains(&removed));
}

/// With a window of a quarter of an hour.
fn soon() -> Policy {
    Policy { window_ms: 15 * MINUTE, ..Policy::default() }
}
