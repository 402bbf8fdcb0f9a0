use super::*;
use proptest::prelude::*;

fn frame() -> wire::Frame {
    wire::Frame {
        role: wire::Role::Changes.into(),
        offset: 8,
        stored: 100,
        raw: 200,
        count: 3,
        hash: vec![1; 32],
        first_revision: 5,
        last_revision: 10,
        ..wire::Frame::default()
    }
}

fn segment() -> wire::Segment {
    wire::Segment {
        kind: wire::Kind::Captured.into(),
        prev: vec![2; 32],
        after: 4,
        through: 10,
        count: 3,
        times: vec![wire::Seen { revision: 10, at_ms: 1 }],
        ..wire::Segment::default()
    }
}

fn base() -> wire::Base {
    wire::Base {
        revision: 10,
        compaction: 3,
        reason: wire::Reason::First.into(),
        ..wire::Base::default()
    }
}

fn told(what: wire::index::What, frames: Vec<wire::Frame>) -> Result<(Header, Vec<StoredFrame>), FileError> {
    let end = frames.iter().fold(8, |at: u64, it| at.saturating_add(it.stored));
    let index = wire::Index { format: 1, timeline: 1, what: Some(what), frames };
    read("it", &index.encode_to_vec(), end)
}

fn of_segment(change: impl FnOnce(&mut wire::Segment)) -> Result<(Header, Vec<StoredFrame>), FileError> {
    let mut it = segment();
    change(&mut it);
    told(wire::index::What::Segment(it), vec![frame()])
}

fn of_frame(change: impl FnOnce(&mut wire::Frame)) -> Result<(Header, Vec<StoredFrame>), FileError> {
    let mut it = frame();
    change(&mut it);
    told(wire::index::What::Segment(segment()), vec![it])
}

#[test]
fn a_sound_index_is_read_and_written_back() {
    let (header, frames) = of_segment(|_| {}).unwrap();
    let end = 108;
    assert_eq!(read("it", &write(&header, &frames), end).unwrap(), (header, frames));
    let (header, frames) = told(wire::index::What::Base(base()), vec![]).unwrap();
    assert_eq!(read("it", &write(&header, &frames), 8).unwrap(), (header, frames));
}

#[test]
fn hostile_segments_are_refused() {
    type Change = fn(&mut wire::Segment);
    let changes: [(&str, Change); 12] = [
        ("no kind", |it| it.kind = 0),
        ("a kind of later", |it| it.kind = 17),
        ("a short link", |it| it.prev.truncate(31)),
        ("ends before it begins", |it| it.after = 11),
        ("a revision without end", |it| it.through = u64::MAX),
        ("another count", |it| it.count = 4),
        ("no time", |it| it.times.clear()),
        ("a time of another", |it| it.times[0].revision = 11),
        ("times going back", |it| it.times.push(wire::Seen { revision: 10, at_ms: 0 })),
        ("merged for nothing", |it| it.kind = wire::Kind::MergedRun.into()),
        ("a compaction before it", |it| {
            (it.kind, it.stands_for) = (wire::Kind::Synthetic.into(), vec![3; 32]);
        }),
        ("frames of other revisions", |it| it.after = 5),
    ];
    for (why, change) in changes {
        assert!(of_segment(change).is_err(), "{why}");
    }
}

#[test]
fn hostile_frames_are_refused() {
    type Change = fn(&mut wire::Frame);
    let changes: [(&str, Change); 12] = [
        ("no role", |it| it.role = 0),
        ("a base's role", |it| it.role = wire::Role::Live.into()),
        ("keys that are gone from what was captured", |it| it.role = wire::Role::Gone.into()),
        ("a gap", |it| it.offset = 9),
        ("no end", |it| it.stored = u64::MAX),
        ("large", |it| it.raw = MAX_RAW + 1),
        ("larger stored than not", |it| it.stored = 2000),
        ("more records than bytes", |it| it.count = 201),
        ("a short hash", |it| it.hash.truncate(20)),
        ("revisions going back", |it| it.first_revision = 11),
        ("revisions beyond", |it| it.last_revision = 11),
        ("a long key", |it| it.last_key = vec![1; 1025]),
    ];
    for (why, change) in changes {
        assert!(of_frame(change).is_err(), "{why}");
    }
}

#[test]
fn hostile_bases_are_refused() {
    type Change = fn(&mut wire::Base);
    let changes: [(&str, Change); 4] = [
        ("no reason", |it| it.reason = 0),
        ("compacted beyond itself", |it| it.compaction = 11),
        ("counts that are not there", |it| it.live = 1),
        ("a short link", |it| it.stands_for = vec![1; 8]),
    ];
    for (why, change) in changes {
        let mut it = base();
        change(&mut it);
        assert!(told(wire::index::What::Base(it), vec![]).is_err(), "{why}");
    }
    let live = |first: &[u8], last: &[u8], offset| wire::Frame {
        role: wire::Role::Live.into(),
        first_key: first.to_vec(),
        last_key: last.to_vec(),
        offset,
        ..frame()
    };
    let two = |first: wire::Frame, next: wire::Frame| {
        told(wire::index::What::Base(wire::Base { live: 6, raw: 400, ..base() }), vec![first, next])
    };
    assert!(two(live(b"a", b"b", 8), live(b"c", b"d", 108)).is_ok());
    assert!(two(live(b"a", b"b", 8), live(b"b", b"d", 108)).is_err());
    assert!(two(live(b"b", b"a", 8), live(b"c", b"d", 108)).is_err());
}

#[test]
fn many_empty_lines_are_refused_before_they_take_memory() {
    let mut bytes = vec![8, 1, 16, 1];
    bytes.extend([checks::FRAME_TAG as u8, 0].repeat(1 << 20));
    let refused = read("it", &bytes, 8).unwrap_err();
    assert!(refused.to_string().contains("it is no index"), "{refused}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), end in any::<u64>()) {
        let _ = read("it", &bytes, end);
    }

    #[test]
    fn no_change_panics(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (header, frames) = of_segment(|_| {}).unwrap();
        let mut bytes = write(&header, &frames);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = read("it", &bytes, 108);
    }
}
