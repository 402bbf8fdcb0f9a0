//! Plans and what came of them, for people.

use super::{Locked, PrunePlan, Removal, Removed, What};
use crate::Judgement;
use crate::units::{of, size};
use std::fmt;

impl fmt::Display for PrunePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (cluster, points) in &self.points {
            let gone = points.iter().filter(|judged| judged.goes()).count();
            writeln!(f, "{cluster}: {}, {gone} of them no longer needed", of(points.len() as u64, "point"))?;
            for judged in points {
                writeln!(f, "  {judged}")?;
            }
        }
        for removal in &self.removals {
            writeln!(f, "remove {removal}")?;
        }
        for it in &self.waiting {
            let much = size(it.bytes);
            writeln!(f, "leave parts of {} of {} ({much}): they may still get a manifest", it.point, it.cluster)?;
        }
        write!(f, "{} to remove, {}", of(self.objects(), "object"), size(self.bytes()))
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept: Vec<String> = self.kept.iter().map(ToString::to_string).collect();
        let kept = if kept.is_empty() {
            "goes".to_owned()
        } else {
            kept.join(", ")
        };
        write!(f, "{}  {kept}", self.point)
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let much = format!("{}, {}", of(self.objects.len() as u64, "object"), size(self.bytes()));
        write!(f, "{} ({much})", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point { cluster, point } => write!(f, "point {point} of {cluster}: no rule keeps it"),
            Self::Orphan { cluster, point } => write!(f, "parts of {point} of {cluster}: they never got a manifest"),
            Self::Keyrings { scope, newest } => write!(f, "keyrings of {scope}: number {newest} has replaced them"),
            Self::Writers { newest } => write!(f, "lists of writers: number {newest} has replaced them"),
            Self::Kits { newest } => write!(f, "kits: number {newest} is the newest, and enough older ones stay"),
            Self::Evidence { scope, writer, first } => {
                write!(f, "evidence of {writer} about {scope} before number {first}: it is old")
            }
            Self::Probes => write!(f, "what probes of the store have left"),
            Self::Unfinished { before } => write!(f, "what was begun before {before} and never ended"),
        }
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} removed, {}", of(self.objects, "object"), size(self.bytes))?;
        for point in &self.spared {
            write!(f, "\n{point} stays: it has its manifest by now")?;
        }
        for point in &self.held {
            write!(f, "\n{point} stays: it is held by now")?;
        }
        for locked in &self.locked {
            write!(f, "\n{locked}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} is locked until {until}", self.object),
            None => write!(f, "{} stays, the store does not let it go: {}", self.object, self.reason),
        }
    }
}
