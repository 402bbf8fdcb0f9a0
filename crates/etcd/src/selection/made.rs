//! Packs made from a [`Model`]: bases and segments as capture would have made them. Start at [`History`]; [`histories`] makes
//! random ones.

use super::Packs;
use super::model::{Model, models, sorted};
use crate::Record;
use crate::history::{
    BaseHeader, BaseWriter, Began, Buckets, Kind, LeaseSeen, Link, Name, Pack, Seen, SegmentHeader, SegmentWriter,
    Source, Written,
};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A model, and what was captured of it.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) model: Model,
    pub(crate) packs: Packs,
    pub(crate) objects: Objects,
}

/// The packs as they lie on a shelf.
#[derive(Clone, Default)]
pub(crate) struct Objects(pub(crate) Vec<(Name, Bytes)>);

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} objects", self.0.len())
    }
}

impl Objects {
    fn open(&mut self, (written, bytes): (Written, Vec<u8>)) -> Arc<Pack> {
        self.0.push((written.name, bytes.clone().into()));
        opened((written, bytes))
    }
}

/// Where a base is taken and segments are cut.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    pub(crate) compaction: u64,
    pub(crate) base: u64,
    pub(crate) segments: BTreeSet<u64>,
    /// Capture was away from the first until compaction had passed the second, and saw the cluster again at the third.
    pub(crate) gap: Option<(u64, u64, u64)>,
}

impl History {
    pub(crate) fn of(model: Model, cuts: &Cuts) -> Self {
        let mut objects = Objects::default();
        let base = objects.open(base(&model, cuts.compaction, cuts.base));
        let (mut segments, mut at, mut prev) = (Vec::new(), cuts.base, base.chain());
        let ends = cuts.segments.iter().copied().chain([model.last]);
        let (away, back) = cuts.gap.map_or((u64::MAX, 0), |gap| (gap.0, gap.2));
        for end in ends.filter(|&it| it >= cuts.base && (it <= away || it >= back)) {
            if let Some(gap) = cuts.gap.filter(|gap| at == gap.0 && end > at) {
                let made = objects.open(synthetic(&model, prev, gap));
                (at, prev) = (gap.2, made.chain());
                segments.push(made);
            }
            let made = objects.open(segment(&model, prev, at, end));
            (at, prev) = (end, made.chain());
            segments.push(made);
        }
        let packs = Packs::new(base, segments).unwrap();
        Self { model, packs, objects }
    }

    /// The same with other packs.
    pub(crate) fn with(&self, base: Arc<Pack>, segments: Vec<Arc<Pack>>) -> Self {
        Self { packs: Packs::new(base, segments).unwrap(), ..self.clone() }
    }
}

/// The pack that was written.
pub(crate) fn opened((written, bytes): (Written, Vec<u8>)) -> Arc<Pack> {
    Arc::new(Pack::open(&written.name, Arc::new(Bytes::from(bytes))).unwrap())
}

pub(crate) fn header(revision: u64, compaction: u64) -> BaseHeader {
    BaseHeader {
        timeline: 1,
        revision,
        compaction,
        taken_ms: revision * 1000,
        source: Source { cluster_id: 0xc1, ..Source::default() },
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    }
}

/// A base as it is taken from an etcd that was compacted; of later ones, which leave a deletion at the compaction where it is.
fn base(model: &Model, compaction: u64, revision: u64) -> (Written, Vec<u8>) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    let mut live = model.live(revision);
    let left = in_database(model, compaction, revision);
    left.iter()
        .filter(|it| !live.contains(it))
        .for_each(|it| writer.older(it).unwrap());
    live.sort_by_key(|it| it.key().unwrap());
    live.iter().for_each(|it| writer.live(it).unwrap());
    let lease = (Bytes::copy_from_slice(&7_i64.to_be_bytes()), Bytes::from_static(&[8, 7, 16, 60]));
    let others = Buckets::from([("alarm".to_owned(), vec![]), ("lease".to_owned(), vec![lease])]);
    writer.finish(header(revision, compaction), &others).unwrap()
}

fn in_database(model: &Model, compaction: u64, revision: u64) -> Vec<Record> {
    let deletions = model.records.iter().filter(|it| it.tombstone && it.revision.main == compaction);
    sorted(
        model
            .since(compaction, revision)
            .into_iter()
            .chain(deletions.cloned())
            .collect(),
    )
}

fn segment_header(kind: Kind, prev: Link, after: u64, through: u64) -> SegmentHeader {
    let lease = LeaseSeen {
        id: through as i64,
        granted_s: 30,
        remaining_s: 20,
        at_ms: through * 1000,
    };
    SegmentHeader {
        timeline: 1,
        kind,
        prev,
        after,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: through * 1000 }],
        leases: vec![lease],
        source: Source::default(),
    }
}

fn segment(model: &Model, prev: Link, after: u64, through: u64) -> (Written, Vec<u8>) {
    let mut writer = SegmentWriter::new(Vec::new(), segment_header(Kind::Captured, prev, after, through), None);
    let within = model
        .records
        .iter()
        .filter(|it| it.revision.main > after && it.revision.main <= through);
    within.for_each(|it| writer.record(it).unwrap());
    writer.finish().unwrap()
}

fn synthetic(model: &Model, prev: Link, (after, compaction, through): (u64, u64, u64)) -> (Written, Vec<u8>) {
    let stands_for = Link([7; 32]);
    let header = segment_header(Kind::Synthetic { compaction, stands_for }, prev, after, through);
    let mut writer = SegmentWriter::new(Vec::new(), header, None);
    let left = in_database(model, compaction, through);
    left.iter()
        .filter(|it| it.revision.main > after)
        .for_each(|it| writer.record(it).unwrap());
    let keys = |records: &[Record]| records.iter().map(|it| it.key().unwrap()).collect::<BTreeSet<_>>();
    let (before, then) = (keys(&model.live(after)), keys(&model.live(compaction)));
    before.difference(&then).for_each(|it| writer.gone(it).unwrap());
    writer.finish().unwrap()
}

/// Random histories: a base somewhere, cuts somewhere, and a gap in one of three.
pub(crate) fn histories() -> impl Strategy<Value = History> {
    let cuts = prop::collection::vec(any::<Index>(), 0..6);
    (models(), any::<[Index; 5]>(), cuts, 0..3_u8).prop_map(|(model, at, cuts, gap)| {
        let count = model.last as usize + 1;
        let mut points = at.map(|it| it.index(count) as u64);
        points.sort_unstable();
        let [compaction, base, away, compacted, back] = points;
        let gap = (gap == 0 && away < back && compacted > away).then_some((away, compacted, back));
        let segments = cuts.iter().map(|it| it.index(count) as u64).chain(gap.map(|it| it.0)).collect();
        History::of(model, &Cuts { compaction, base: base.max(1), segments, gap })
    })
}
