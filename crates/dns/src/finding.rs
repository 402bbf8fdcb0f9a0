//! What a check finds, and how that is judged. Pure; start at [`Finding`].

use crate::{Error, Held, Right};
use estate::Kind;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// One thing that a check looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at.
    pub about: About,
    /// What it came to.
    pub verdict: Verdict,
    /// The object and the reason, in one sentence.
    pub says: String,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// What the provider holds of the name.
    Name,
    /// Whether the credential may change it.
    Right,
    /// Whether its TTL fits the RTO.
    Ttl,
    /// Whether the zone's parent leads to the provider's servers.
    Delegation,
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It was seen to be right.
    Proven,
    /// It may be right: nobody could be asked who knows.
    Unproven,
    /// A switch would fail, or be seen too late.
    Broken,
}

impl Finding {
    pub(crate) fn new(about: About, verdict: Verdict, says: String) -> Self {
        Self { about, verdict, says }
    }

    /// What an error says of it: one that may pass by itself proves nothing.
    pub(crate) fn failed(about: About, error: &Error) -> Self {
        let verdict = match error.kind() {
            Kind::Unreachable | Kind::Conflict => Verdict::Unproven,
            _ => Verdict::Broken,
        };
        Self::new(about, verdict, error.to_string())
    }
}

pub(crate) fn held(name: &str, place: &str, held: &Held) -> Finding {
    let verdict = match held.addresses().is_empty() {
        true => Verdict::Broken,
        false => Verdict::Proven,
    };
    Finding::new(About::Name, verdict, format!("{place} has {held} for {name}"))
}

pub(crate) fn right(name: &str, place: &str, outcome: Result<Right, Error>) -> Finding {
    match outcome {
        Ok(Right::Proven(how)) => {
            Finding::new(About::Right, Verdict::Proven, format!("{name} may be changed at {place}: {how}"))
        }
        Ok(Right::Unproven(why)) => Finding::new(
            About::Right,
            Verdict::Unproven,
            format!("whether {name} may be changed at {place} is unknown: {why}"),
        ),
        Err(error) => Finding::failed(About::Right, &error),
    }
}

/// Resolvers give the old answer for as long as its TTL after a switch: that is part of the time that a recovery takes.
pub(crate) fn ttl(name: &str, ttl_s: u32, rto: Duration) -> Finding {
    let rto_s = rto.as_secs();
    let says = format!("resolvers keep answers for {name} for up to {ttl_s} s, of an RTO of {rto_s} s");
    match u64::from(ttl_s) < rto_s {
        true => Finding::new(About::Ttl, Verdict::Proven, says),
        false => Finding::new(About::Ttl, Verdict::Broken, says),
    }
}

/// `ours` are the servers that the provider serves the zone with, `parent` those that the zone above leads to.
pub(crate) fn delegation(zone: &str, ours: &BTreeSet<String>, parent: Result<BTreeSet<String>, String>) -> Finding {
    let finding = |verdict, says| Finding::new(About::Delegation, verdict, says);
    let listed = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
    let parent = match parent {
        Ok(parent) => parent,
        Err(reason) => {
            let says = format!("who serves {zone} by the zone above it could not be asked: {reason}");
            return finding(Verdict::Unproven, says);
        }
    };
    if ours.is_empty() {
        let says = format!(
            "the zone above leads to {} for {zone}, and the provider does not say its servers",
            listed(&parent)
        );
        return finding(Verdict::Unproven, says);
    }
    if parent.is_empty() {
        return finding(Verdict::Broken, format!("the zone above leads nowhere for {zone}"));
    }
    let strangers: BTreeSet<String> = parent.difference(ours).cloned().collect();
    match (strangers.is_empty(), strangers.len() == parent.len()) {
        (true, _) => finding(Verdict::Proven, format!("the zone above leads to {} for {zone}", listed(&parent))),
        (false, false) => {
            let says = format!(
                "the zone above also leads to {} for {zone}, which the provider does not name",
                listed(&strangers)
            );
            finding(Verdict::Unproven, says)
        }
        (false, true) => {
            let says = format!(
                "the zone above leads to {} for {zone}, and not to {}: a switch there is seen by nobody",
                listed(&parent),
                listed(ours)
            );
            finding(Verdict::Broken, says)
        }
    }
}
