//! From what there is to what goes. Pure.

use super::facts::{Found, FoundCluster, Replaced, Stream};
use super::{Doomed, PrunePlan, Pruning, Removal, Retention, Waiting, What};
use crate::retain::{Known, retain};
use crate::store::Listed;
use estate::Name;
use jiff::{SignedDuration, Timestamp};

/// Parts without a manifest that are as old as this will not get one: their writer would not store it any more.
pub(crate) const ORPHAN: SignedDuration = SignedDuration::from_hours(1);

/// How long evidence is kept.
pub(super) const EVIDENCE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// So much of each writer's evidence is kept, however old: where nobody writes any more, it is the last that is known.
pub(super) const EVIDENCE_KEPT: usize = 100;

pub(super) fn decide(found: &Found, pruning: &Pruning, now: Timestamp) -> PrunePlan {
    let mut plan = PrunePlan {
        made: now,
        points: Default::default(),
        removals: Vec::new(),
        waiting: Vec::new(),
    };
    for (cluster, of) in &found.clusters {
        if let Some(retention) = pruning.clusters.get(cluster) {
            plan.points(cluster, of, retention);
        }
        plan.orphans(cluster, of, found.clock);
    }
    plan.removals.extend(found.replaced.iter().map(replaced));
    for ((scope, writer), seen) in &found.evidence {
        let (first, objects) = old_evidence(seen, found.clock);
        let what = What::Evidence { scope: scope.clone(), writer: writer.clone(), first };
        plan.removals.push(Removal { what, objects });
    }
    let probes = found.probes.iter().filter(|it| is_older(it.written, found.clock, ORPHAN));
    plan.removals
        .push(Removal { what: What::Probes, objects: probes.map(doomed).collect() });
    if let Some(before) = found.clock.and_then(|clock| clock.checked_sub(ORPHAN).ok()) {
        let mut unfinished: Vec<_> = found.unfinished.iter().filter(|it| it.written < before).collect();
        unfinished.sort_by(|a, b| a.key.cmp(&b.key));
        let objects = unfinished.into_iter().map(doomed).collect();
        plan.removals.push(Removal { what: What::Unfinished { before }, objects });
    }
    plan.removals.retain(|removal| !removal.objects.is_empty());
    plan
}

impl PrunePlan {
    fn points(&mut self, cluster: &Name, of: &FoundCluster, retention: &Retention) {
        let unsound = of.points.iter().filter(|(_, point)| !point.sound);
        let known = Known {
            points: of.points.keys().cloned().collect(),
            unsound: unsound.map(|(id, _)| id.clone()).collect(),
            proven: retention.proven.clone(),
            asked: retention.asked.clone(),
            held: of.held.clone(),
            needs: retention.needs.clone(),
        };
        let judged = retain(&known, &retention.keep, self.made);
        // The oldest first: what a prune that is broken off leaves is then as little in the way as can be.
        for judgement in judged.iter().rev().filter(|judgement| judgement.goes()) {
            if let Some(point) = of.points.get(&judgement.point) {
                // First what makes the parts count.
                let objects = std::iter::once(&point.manifest).chain(&point.parts).map(doomed).collect();
                let what = What::Point { cluster: cluster.clone(), point: judgement.point.clone() };
                self.removals.push(Removal { what, objects });
            }
        }
        self.points.insert(cluster.clone(), judged);
    }

    fn orphans(&mut self, cluster: &Name, of: &FoundCluster, clock: Option<Timestamp>) {
        for (id, parts) in &of.orphans {
            // A date that is none tells no age; `check` names such parts.
            let begun_long_ago = id.at().is_some_and(|at| is_older(at, Some(self.made), ORPHAN));
            let (cluster, point) = (cluster.clone(), id.clone());
            // One that is held has lost its manifest, which may be had from elsewhere.
            let is_held = of.held.contains(id);
            if !is_held && begun_long_ago && parts.iter().all(|part| is_older(part.written, clock, ORPHAN)) {
                let objects = parts.iter().map(doomed).collect();
                self.removals.push(Removal { what: What::Orphan { cluster, point }, objects });
            } else {
                let bytes = parts.iter().map(|part| part.bytes).sum();
                self.waiting.push(Waiting { cluster, point, bytes });
            }
        }
    }
}

fn replaced(of: &Replaced) -> Removal {
    let newest = of.newest;
    let what = match of.stream.clone() {
        Stream::Keyrings(scope) => What::Keyrings { scope, newest },
        Stream::Writers => What::Writers { newest },
        Stream::Kits => What::Kits { newest },
    };
    let earlier = of.objects.iter().filter(|(number, _)| *number < of.first);
    Removal { what, objects: earlier.map(|(_, it)| doomed(it)).collect() }
}

/// The number of the first that stays, and what goes before it: evidence must have no holes.
fn old_evidence(seen: &[(u64, Listed)], clock: Option<Timestamp>) -> (u64, Vec<Doomed>) {
    let most = seen.len().saturating_sub(EVIDENCE_KEPT);
    let old = seen
        .iter()
        .take(most)
        .take_while(|(_, it)| is_older(it.written, clock, EVIDENCE));
    let old: Vec<Doomed> = old.map(|(_, it)| doomed(it)).collect();
    let first = seen.get(old.len()).map_or(0, |(number, _)| *number);
    (first, old)
}

fn is_older(at: Timestamp, clock: Option<Timestamp>, than: SignedDuration) -> bool {
    clock.is_some_and(|clock| clock.duration_since(at) > than)
}

fn doomed(listed: &Listed) -> Doomed {
    Doomed { key: listed.key.clone(), bytes: listed.bytes }
}
