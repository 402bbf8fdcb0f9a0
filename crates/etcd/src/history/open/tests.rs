mod damaged;
mod many;

use super::*;
use crate::history::{Dictionary, Hole, Link, Pack, Source};
use crate::{
    KeyValue, Record, Revision,
    history::{
        BaseHeader, BaseWriter, Began, Buckets, Directory, Kind, LeaseSeen, Role, Seen, SegmentHeader, SegmentName,
        Written, encode_segment,
    },
};
use bytes::Bytes;

/// A shelf with a history that grows by one object at a time.
struct Story {
    directory: tempfile::TempDir,
    timeline: u32,
    chain: Link,
    through: u64,
    dictionary: Option<Arc<Dictionary>>,
}

impl Story {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            directory,
            timeline: 1,
            chain: Link([0; 32]),
            through: 0,
            dictionary: None,
        }
    }

    fn shelf(&self) -> Arc<Directory> {
        Arc::new(Directory::open(self.directory.path()).unwrap())
    }

    fn history(&self) -> History {
        History::open(self.shelf()).unwrap()
    }

    /// A base of 2,000 keys at a revision, taken at the same second; later segments follow it.
    fn base(&mut self, revision: u64, compaction: u64) -> Written {
        self.base_for(revision, compaction, None)
    }

    fn base_for(&mut self, revision: u64, compaction: u64, stands_for: Option<Link>) -> Written {
        let mut writer = BaseWriter::new(Vec::new()).unwrap();
        for n in 0..2000 {
            writer.live(&put(1, &format!("/registry/{n:05}"))).unwrap();
        }
        let header = BaseHeader {
            timeline: self.timeline,
            revision,
            compaction,
            taken_ms: revision * 1000,
            source: Source { cluster_id: 1, ..Source::default() },
            etcd_version: String::new(),
            began: Began::First,
            note: String::new(),
            stands_for,
            live: 0,
            older: 0,
            raw: 0,
        };
        let (written, bytes) = writer.finish(header, &Buckets::new()).unwrap();
        self.store(&written, &bytes);
        let pack = Pack::open(&written.name, Arc::new(Bytes::from(bytes))).unwrap();
        self.dictionary = pack.dictionaries().unwrap().pop();
        self.go_on(&written, revision);
        written
    }

    fn store(&self, written: &Written, bytes: &[u8]) {
        self.shelf().create(&written.name, &mut &*bytes).unwrap();
    }

    fn go_on(&mut self, written: &Written, through: u64) {
        self.chain = written.chain;
        self.through = through;
    }

    /// A segment up to a revision, each of which was seen at the second of its number.
    fn segment(&mut self, through: u64) -> Written {
        self.segment_of(through, Kind::Captured)
    }

    fn segment_of(&mut self, through: u64, kind: Kind) -> Written {
        self.segment_with(through, kind, Vec::new())
    }

    /// A segment that says nothing but that a lease was looked up.
    fn quiet_with(&mut self, lease: LeaseSeen) -> Written {
        self.segment_with(self.through, Kind::Captured, vec![lease])
    }

    fn segment_with(&mut self, through: u64, kind: Kind, leases: Vec<LeaseSeen>) -> Written {
        let seen = |revision| Seen { revision, at_ms: revision * 1000 };
        let header = SegmentHeader {
            timeline: self.timeline,
            kind,
            prev: self.chain,
            after: self.through,
            through,
            count: 0,
            times: (self.through..=through).map(seen).collect(),
            leases,
            source: Source {
                cluster_id: 1,
                member_id: through,
                raft_term: 1,
                raft_index: 1,
            },
        };
        let records: Vec<_> = (self.through + 1..=through).map(|main| put(main, "/registry/00001")).collect();
        let (bytes, written) = encode_segment(header, &records, self.dictionary.as_ref()).unwrap();
        self.store(&written, &bytes);
        self.go_on(&written, through);
        written
    }
}

fn put(main: u64, key: &str) -> Record {
    let value = Bytes::from(format!("the value of {key} at {main}, in words that are always the same"));
    let key = Bytes::copy_from_slice(key.as_bytes());
    let it = KeyValue {
        key,
        create_revision: main,
        mod_revision: main,
        version: 1,
        value,
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &it)
}

/// The base's revision, and through which revisions the segments lead.
fn told(moment: &Moment) -> (u64, Vec<u64>) {
    let base = moment.base().header().base().unwrap().revision;
    (base, moment.segments().iter().map(|it| it.through).collect())
}

fn refused(history: &History, revision: u64) -> String {
    let refused = history.moment(1, revision).unwrap_err();
    assert!(matches!(refused, MomentError::NoMoment(_)));
    refused.to_string()
}

#[test]
fn a_moment_is_a_base_and_the_segments_up_to_it() {
    let mut story = Story::new();
    story.base(100, 90);
    story.segment(110);
    story.segment(110);
    story.segment(120);
    let history = story.history();
    let moments = [90, 100, 101, 110, 111, 120].map(|revision| told(&history.moment(1, revision).unwrap()));
    let all = vec![110, 110, 120];
    let quiet = vec![110, 110];
    let expected = [vec![], vec![], vec![110], quiet, all.clone(), all];
    assert_eq!(moments, expected.map(|segments| (100, segments)));
    assert_eq!(history.windows(1).unwrap(), [(90, 120)]);
    assert_eq!(
        refused(&history, 89),
        "revision 89 of timeline 1 cannot be rebuilt: the first that can is 90"
    );
    assert_eq!(
        refused(&history, 121),
        "revision 121 of timeline 1 cannot be rebuilt: the last that can is 120"
    );
    let nothing = history.moment(7, 100).unwrap_err().to_string();
    assert_eq!(
        nothing,
        "revision 100 of timeline 7 cannot be rebuilt: the history holds nothing of that timeline"
    );
}

#[test]
fn segments_are_read_with_the_dictionary_of_their_base() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(110);
    assert!(story.dictionary.is_some());
    let moment = story.history().moment(1, 105).unwrap();
    let segment = moment.segment(0).unwrap();
    assert!(segment.frames()[0].dictionary.is_some());
    let records: Vec<_> = segment.records(0).unwrap().map(|it| it.unwrap().revision.main).collect();
    assert_eq!(records, (101..=110).collect::<Vec<_>>());
    assert!(moment.segment(1).is_err());
    // Without it, the segment says what it lacks.
    let name = Name::Segment(moment.segments()[0]);
    let alone = Pack::open(&name, story.shelf().open(&name).unwrap()).unwrap();
    let lacks = alone.records(0).map(drop).unwrap_err();
    assert!(lacks.to_string().contains("no base holds its dictionary"), "{lacks}");
}

#[test]
fn of_several_bases_the_youngest_before_a_revision_is_taken() {
    let mut story = Story::new();
    story.base(100, 0);
    let last = story.segment(110).chain;
    story.base_for(110, 0, Some(last));
    assert_eq!(story.chain, last);
    story.segment(120);
    let history = story.history();
    assert_eq!(history.timelines()[0].stretches.len(), 1);
    assert_eq!(told(&history.moment(1, 109).unwrap()), (100, vec![110]));
    assert_eq!(told(&history.moment(1, 110).unwrap()), (110, vec![]));
    assert_eq!(told(&history.moment(1, 115).unwrap()), (110, vec![120]));
    assert!(history.moment(1, 115).unwrap().segment(0).is_ok());
}

#[test]
fn a_gap_is_a_hole_with_and_without_the_synthetic_segment() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(110);
    let (before, through) = (story.chain, story.through);
    let new = story.base(200, 150);
    story.segment(210);
    let (chain, end) = (story.chain, story.through);
    for bridged in [false, true] {
        let history = story.history();
        assert_eq!(history.timelines()[0].stretches.len(), if bridged { 1 } else { 2 });
        assert_eq!(history.windows(1).unwrap(), [(1, 110), (150, 210)]);
        assert_eq!(history.holes(1).unwrap(), [Hole { after: 110, until: 150 }]);
        let hole = refused(&history, 149);
        assert_eq!(
            hole,
            "revision 149 of timeline 1 cannot be rebuilt: it is in a hole between 110 and 150, which can"
        );
        let expected = if bridged { (100, vec![110, 200]) } else { (200, vec![]) };
        assert_eq!(told(&history.moment(1, 150).unwrap()), expected);
        assert_eq!(told(&history.moment(1, 205).unwrap()), (200, vec![210]));
        (story.chain, story.through) = (before, through);
        story.segment_of(200, Kind::Synthetic { compaction: 150, stands_for: new.chain });
        assert_eq!(story.chain, new.chain);
    }
    assert_eq!(story.history().tail().unwrap().map(|it| (it.link, it.through)), Some((chain, end)));
}

#[test]
fn a_coalesced_part_can_be_left_at_its_ends_only() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment_of(150, Kind::Coalesced { stands_for: Link([5; 32]) });
    story.segment(160);
    let history = story.history();
    assert_eq!(history.windows(1).unwrap(), [(1, 100), (150, 160)]);
    assert!(refused(&history, 101).contains("a hole between 100 and 150"));
    assert_eq!(told(&history.moment(1, 150).unwrap()), (100, vec![150]));
    // What follows a segment that stands for another follows the other.
    let moment = history.moment(1, 151).unwrap();
    assert!(moment.segment(1).is_ok());
}

#[test]
fn times_lead_to_revisions_and_back() {
    let mut story = Story::new();
    story.base(100, 0);
    for through in [110, 110, 120, 130] {
        story.segment(through);
    }
    let history = story.history();
    let at = |ms| history.revision_at(1, ms).unwrap();
    assert_eq!([at(99_999), at(100_000), at(100_999)], [None, Some(100), Some(100)]);
    assert_eq!(
        [at(110_500), at(119_999), at(125_000), at(u64::MAX)],
        [Some(110), Some(119), Some(125), Some(130)]
    );
    let seen = |revision| history.seen_at(1, revision).unwrap();
    assert_eq!(
        [seen(50), seen(101), seen(115), seen(130), seen(131)],
        [Some(100_000), Some(101_000), Some(115_000), Some(130_000), None,]
    );
    assert_eq!(history.newest_at(125_000).unwrap(), Some((1, 125)));
    assert_eq!(history.newest_at(5).unwrap(), None);
}

#[test]
fn a_new_timeline_is_the_newest_from_when_it_began() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(200);
    story.timeline = story.history().next_timeline();
    story.base(150, 0);
    let history = story.history();
    assert_eq!(history.newest().map(|it| it.number), Some(2));
    assert_eq!(history.newest_at(140_000).unwrap(), Some((1, 140)));
    assert_eq!(history.newest_at(190_000).unwrap(), Some((2, 150)));
    assert_eq!(history.tail().unwrap().map(|it| (it.timeline, it.through)), Some((2, 150)));
}

#[test]
fn the_tail_says_what_is_needed_to_go_on() {
    let mut story = Story::new();
    assert!(story.history().tail().unwrap().is_none());
    assert_eq!(story.history().next_timeline(), 1);
    let base = story.base(100, 0);
    let tail = story.history().tail().unwrap().unwrap();
    assert_eq!((tail.link, tail.through, tail.seen_ms), (base.link, 100, 100_000));
    let last = story.segment(120);
    let tail = story.history().tail().unwrap().unwrap();
    assert_eq!(
        (tail.link, tail.through, tail.seen_ms, tail.source.member_id),
        (last.link, 120, 120_000, 120)
    );
    assert_eq!(tail.dictionary.map(|it| it.id()), story.dictionary.as_ref().map(|it| it.id()));
}

#[test]
fn a_segment_that_follows_another_than_its_name_says_is_found_out() {
    let mut story = Story::new();
    let base = story.base(100, 0);
    // The same first eight bytes, as somebody could make them who wants to slip in a segment of his own.
    let mut forged = base.link;
    forged.0[31] ^= 1;
    story.chain = forged;
    story.segment(110);
    let moment = story.history().moment(1, 110).unwrap();
    let refused = moment.segment(0).unwrap_err();
    assert!(refused.to_string().contains("it follows"), "{refused}");
}

#[test]
fn what_is_not_used_is_told() {
    let mut story = Story::new();
    story.base(100, 0);
    story.chain = Link([3; 32]);
    let Name::Segment(SegmentName { after, .. }) = story.segment(110).name else {
        panic!("no segment")
    };
    assert_eq!(after, 100);
    assert_eq!(story.history().unused().len(), 1);
    assert_eq!(story.history().moment(1, 100).unwrap().base().frames_of(Role::Dictionary).len(), 1);
}
