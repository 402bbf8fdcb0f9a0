//! Which points stay, and why. Pure.
//!
//! The rules are those of [`Keep`], in restic's meaning. They count points whose manifest is sound and whose time has come: what
//! somebody planted, or took with a clock that was ahead, must not take the place of a copy that is worth keeping. Nothing is
//! counted back from the time of who asks, so that a wrong clock removes nothing.

use crate::periods::Period;
use estate::{Keep, PointId};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is known of a cluster's points.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// All of them.
    pub points: BTreeSet<PointId>,
    /// Those whose manifest is damaged, planted, or of a newer format.
    pub unsound: BTreeSet<PointId>,
    /// Those that were opened as a recovery would. The newest of them stays.
    pub proven: BTreeSet<PointId>,
    /// Those that whoever prunes asks to keep, this time. All of them stay.
    pub asked: BTreeSet<PointId>,
    /// Those that somebody holds. All of them stay.
    pub held: BTreeSet<PointId>,
    /// Of a point, those others without which it cannot be recovered.
    pub needs: BTreeMap<PointId, BTreeSet<PointId>>,
}

/// A point, and why it stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The point.
    pub point: PointId,
    /// Every reason for which it stays; without any it goes.
    pub kept: BTreeSet<Reason>,
}

/// Why a point stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// It is one of the newest.
    Last,
    /// It is not much older than the newest.
    Within,
    /// It is the newest of its hour.
    Hourly,
    /// It is the newest of its day.
    Daily,
    /// It is the newest of its ISO week.
    Weekly,
    /// It is the newest of its month.
    Monthly,
    /// It is the newest of its year.
    Yearly,
    /// It is the newest that was proven.
    Proven,
    /// Somebody asked for it.
    Asked,
    /// Somebody holds it, until it is released.
    Held,
    /// A point that stays needs it.
    NeededBy(PointId),
    /// Its id is no date: nobody can tell its age.
    NoTime,
    /// It is of a time that has not come: a clock was wrong, and nobody can tell its age.
    Ahead,
    /// Its manifest is not sound: that is for people to look at.
    Unsound,
}

impl Judgement {
    /// Whether no rule keeps it.
    pub fn goes(&self) -> bool {
        self.kept.is_empty()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Last => "last",
            Self::Within => "within",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Proven => "newest proven",
            Self::Asked => "asked for",
            Self::Held => "held",
            Self::NeededBy(point) => return write!(f, "needed by {point}"),
            Self::NoTime => "its time cannot be told",
            Self::Ahead => "its time has not come",
            Self::Unsound => "its manifest is not sound",
        })
    }
}

/// Says for every point why it stays, or that it goes: newest first.
pub fn retain(known: &Known, keep: &Keep, now: Timestamp) -> Vec<Judgement> {
    let mut kept: BTreeMap<&PointId, BTreeSet<Reason>> = known.points.iter().map(|id| (id, BTreeSet::new())).collect();
    let mut counted: Vec<(&PointId, Timestamp)> = Vec::new();
    for (id, reasons) in &mut kept {
        match id.at() {
            _ if known.unsound.contains(*id) => drop(reasons.insert(Reason::Unsound)),
            None => drop(reasons.insert(Reason::NoTime)),
            Some(at) if at > now => drop(reasons.insert(Reason::Ahead)),
            Some(at) => counted.push((*id, at)),
        }
    }
    for (id, reason) in ruled(&counted, keep) {
        kept.entry(id).or_default().insert(reason);
    }
    let proven = counted.iter().rev().find(|(id, _)| known.proven.contains(*id));
    if let Some((id, _)) = proven {
        kept.entry(id).or_default().insert(Reason::Proven);
    }
    for (id, reasons) in &mut kept {
        if known.asked.contains(*id) {
            reasons.insert(Reason::Asked);
        }
        if known.held.contains(*id) {
            reasons.insert(Reason::Held);
        }
    }
    keep_needed(&mut kept, known);
    let judged = kept.into_iter().rev();
    judged.map(|(id, kept)| Judgement { point: id.clone(), kept }).collect()
}

/// What the rules keep of `counted`, which is in the order of ids: by epoch, then by time. A point of a later epoch is the newer
/// one, whatever the clocks of its site said.
fn ruled<'a>(counted: &[(&'a PointId, Timestamp)], keep: &Keep) -> Vec<(&'a PointId, Reason)> {
    let newest_first = || counted.iter().rev();
    // Without any, nothing could be recovered.
    let last = newest_first()
        .take(keep.last.max(1) as usize)
        .map(|(id, _)| (*id, Reason::Last));
    let mut ruled: Vec<(&PointId, Reason)> = last.collect();
    if let Some(newest) = counted.iter().map(|(_, at)| *at).max().filter(|_| !keep.within.is_zero()) {
        let within = SignedDuration::try_from(keep.within).unwrap_or(SignedDuration::MAX);
        let young = newest_first().filter(|(_, at)| newest.duration_since(*at) <= within);
        ruled.extend(young.map(|(id, _)| (*id, Reason::Within)));
    }
    for period in Period::ALL {
        let (number, reason) = rule(period, keep);
        let mut newest_of: BTreeMap<i64, &PointId> = BTreeMap::new();
        for (id, at) in newest_first() {
            newest_of.entry(period.number(*at)).or_insert(id);
        }
        let newest = newest_of.into_values().rev().take(number as usize);
        ruled.extend(newest.map(|id| (id, reason.clone())));
    }
    ruled
}

/// Of how many of these periods the newest point stays, and what that reason is called.
pub(crate) fn rule(period: Period, keep: &Keep) -> (u32, Reason) {
    match period {
        Period::Hour => (keep.hourly, Reason::Hourly),
        Period::Day => (keep.daily, Reason::Daily),
        Period::Week => (keep.weekly, Reason::Weekly),
        Period::Month => (keep.monthly, Reason::Monthly),
        Period::Year => (keep.yearly, Reason::Yearly),
    }
}

/// What a point that stays needs stays, and what that needs, too.
fn keep_needed<'a>(kept: &mut BTreeMap<&'a PointId, BTreeSet<Reason>>, known: &'a Known) {
    let staying = kept.iter().filter(|(_, reasons)| !reasons.is_empty());
    let mut next: Vec<&PointId> = staying.map(|(id, _)| *id).collect();
    while let Some(id) = next.pop() {
        let needed = known.needs.get(id).into_iter().flatten();
        for needed in needed.filter_map(|needed| known.points.get(needed)) {
            let reasons = kept.entry(needed).or_default();
            if reasons.is_empty() {
                next.push(needed);
            }
            reasons.insert(Reason::NeededBy(id.clone()));
        }
    }
}
