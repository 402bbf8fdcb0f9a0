//! What a history is, told from the names of its objects alone. Start at [`resolve`], which is pure.
//!
//! A base is a point `(revision, chain link)`, and a segment a way from `(after, prev)` to `(through, chain link)`. A timeline
//! is the ways that lead from its bases. Where several leave from one point (two captures at once, a merged segment beside
//! its parts), the one wins that leads farthest; then the one that keeps every version; then the one that covers more.

use super::name::{BaseName, Mark, Name, SegmentName};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One timeline of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Its number, from 1.
    pub number: u32,
    /// What hangs together, by the revision of its first base. There are several where a base was taken after a gap and no
    /// synthetic segment leads to it yet; they may overlap.
    pub stretches: Vec<Stretch>,
    /// Segments that lead from a base but are not used: others cover what they hold.
    pub spare: Vec<SegmentName>,
    /// Segments that no base leads to: what they follow is not there.
    pub orphans: Vec<SegmentName>,
}

/// Bases and the chain of segments that leads from the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first is where the chain begins; the others stand at points on it.
    pub bases: Vec<BaseName>,
    /// Each follows the one before it.
    pub chain: Vec<SegmentName>,
}

/// Where a segment can begin or end.
type Point = (u64, Mark);

/// How far one gets from a point: to which revision, and how many proofs that nothing changed come after it.
type Reach = (u64, u64);

/// The timelines of a history, by number. Timelines without a base have no stretch.
pub fn resolve(names: &[Name]) -> Vec<Timeline> {
    let mut timelines: BTreeMap<u32, (BTreeSet<BaseName>, BTreeSet<SegmentName>)> = BTreeMap::new();
    for name in names {
        let of = timelines.entry(name.timeline()).or_default();
        match *name {
            Name::Base(it) => of.0.insert(it),
            Name::Segment(it) => of.1.insert(it),
        };
    }
    timelines
        .into_iter()
        .map(|(number, (bases, segments))| timeline(number, bases, segments))
        .collect()
}

fn timeline(number: u32, bases: BTreeSet<BaseName>, segments: BTreeSet<SegmentName>) -> Timeline {
    let map = Map::new(segments);
    let mut left: BTreeSet<(u64, BaseName)> = bases.into_iter().map(|it| (it.revision, it)).collect();
    let mut stretches = Vec::new();
    let mut known = HashSet::new();
    while let Some((_, first)) = left.pop_first() {
        let chain = map.chain(first.point());
        let points: HashMap<Point, usize> = chain
            .iter()
            .enumerate()
            .map(|(place, it)| (it.end(), place + 1))
            .chain([(first.point(), 0)])
            .collect();
        let (on_it, rest) = left.into_iter().partition(|(_, base)| points.contains_key(&base.point()));
        left = rest;
        known.extend(map.reachable(first.point()));
        let on_it: BTreeSet<(u64, BaseName)> = on_it;
        let mut bases: Vec<BaseName> = [first].into_iter().chain(on_it.into_iter().map(|(_, it)| it)).collect();
        bases.sort_by_key(|it| points.get(&it.point()).copied());
        stretches.push(Stretch { bases, chain });
    }
    let used: HashSet<SegmentName> = stretches.iter().flat_map(|it| it.chain.iter().copied()).collect();
    let unused = map.segments().filter(|it| !used.contains(it));
    let (spare, orphans) = unused.partition(|it| known.contains(&it.begin()));
    Timeline { number, stretches, spare, orphans }
}

/// The segments of a timeline, by where they begin, and how far each leads.
struct Map {
    ways: HashMap<Point, Vec<SegmentName>>,
    reach: HashMap<Point, Reach>,
}

impl Map {
    fn new(segments: BTreeSet<SegmentName>) -> Self {
        let mut ways: HashMap<Point, Vec<SegmentName>> = HashMap::new();
        for segment in &segments {
            ways.entry(segment.begin()).or_default().push(*segment);
        }
        let mut map = Self { ways, reach: HashMap::new() };
        for segment in &segments {
            map.measure(segment.begin());
        }
        map
    }

    fn from(&self, point: Point) -> &[SegmentName] {
        self.ways.get(&point).map_or(&[], Vec::as_slice)
    }

    fn segments(&self) -> impl Iterator<Item = SegmentName> {
        let mut all: Vec<_> = self.ways.values().flatten().copied().collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// How far one gets from a point; depth first, without recursion: chains are long.
    fn measure(&mut self, from: Point) {
        let mut open = HashSet::new();
        let mut stack = vec![from];
        while let Some(&point) = stack.last() {
            if self.reach.contains_key(&point) {
                stack.pop();
                continue;
            }
            let ends = self.from(point).iter().map(SegmentName::end);
            // Only hostile names lead in a circle; such a way leads nowhere.
            let unknown: Vec<Point> = ends.filter(|it| !self.reach.contains_key(it) && !open.contains(it)).collect();
            if open.insert(point) && !unknown.is_empty() {
                stack.extend(unknown);
                continue;
            }
            let best = self.from(point).iter().filter_map(|it| self.reach_by(it)).max();
            self.reach.insert(point, best.unwrap_or_default().max((point.0, 0)));
            stack.pop();
        }
    }

    fn reach_by(&self, way: &SegmentName) -> Option<Reach> {
        let (revision, quiet) = *self.reach.get(&way.end())?;
        Some((revision, quiet + u64::from(way.after == way.through && revision == way.through)))
    }

    fn chain(&self, from: Point) -> Vec<SegmentName> {
        let mut chain = Vec::new();
        let mut seen = HashSet::from([from]);
        let mut at = from;
        loop {
            let ways = self.from(at).iter().filter(|it| !seen.contains(&it.end()));
            let best = ways.max_by_key(|it| (self.reach_by(it), it.is_complete(), it.through, **it));
            let Some(&best) = best else { return chain };
            at = best.end();
            seen.insert(at);
            chain.push(best);
        }
    }

    fn reachable(&self, from: Point) -> HashSet<Point> {
        let mut seen = HashSet::from([from]);
        let mut stack = vec![from];
        while let Some(point) = stack.pop() {
            stack.extend(self.from(point).iter().map(SegmentName::end).filter(|&it| seen.insert(it)));
        }
        seen
    }
}

impl Timeline {
    /// The newest revision that it leads to.
    pub fn newest(&self) -> Option<u64> {
        self.newest_stretch().map(Stretch::newest)
    }

    /// The stretch that leads farthest; of several the one with the youngest base.
    pub fn newest_stretch(&self) -> Option<&Stretch> {
        self.stretches.iter().max_by_key(|it| (it.newest(), it.first()))
    }

    /// All names that it uses.
    pub fn used(&self) -> BTreeSet<Name> {
        let bases = self.stretches.iter().flat_map(|it| it.bases.iter().copied().map(Name::Base));
        let chains = self.stretches.iter().flat_map(|it| it.chain.iter().copied().map(Name::Segment));
        bases.chain(chains).collect()
    }
}

impl Stretch {
    /// The newest revision that it leads to.
    pub fn newest(&self) -> u64 {
        self.chain.last().map_or(self.first(), |it| it.through)
    }

    /// The revision of its first base.
    pub fn first(&self) -> u64 {
        self.bases.first().map_or(0, |it| it.revision)
    }

    /// The segments that lead from a base to a revision; with those behind it that say only that nothing changed, since they know
    /// its leases best.
    pub(super) fn way(&self, base: &BaseName, revision: u64) -> impl Iterator<Item = &SegmentName> {
        let chain = self.chain.get(self.place(base)..).unwrap_or_default();
        chain
            .iter()
            .take_while(move |it| it.after < revision || it.is_quiet_at(revision))
    }

    /// Where on the chain a base stands: the number of segments that come before it.
    pub fn place(&self, base: &BaseName) -> usize {
        let before = self.chain.iter().position(|it| it.end() == base.point());
        before.map_or(0, |it| it + 1)
    }
}

impl BaseName {
    fn point(&self) -> Point {
        (self.revision, self.chain)
    }
}

impl SegmentName {
    /// Whether it says only that nothing changed after a revision.
    pub(super) fn is_quiet_at(&self, revision: u64) -> bool {
        self.after == revision && self.through == revision && self.is_complete()
    }

    fn begin(&self) -> Point {
        (self.after, self.prev)
    }

    fn end(&self) -> Point {
        (self.through, self.chain)
    }
}

#[cfg(test)]
mod tests;
