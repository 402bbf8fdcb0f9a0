//! What is to be said now: once when something is wrong, again when it is cured, and not at every flicker. Start at
//! [`Desk::round`].

use crate::Message;
use estate::Severity;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon something is worth a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Urgency {
    /// Good to know, once it has lasted; nobody is reminded of it.
    Info,
    /// Somebody has to look, once it has lasted.
    Alarm,
    /// Somebody has to look now: it is not waited whether it lasts.
    Critical,
}

/// Something that is so at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// How soon it is worth a message.
    pub urgency: Urgency,
    /// In a line; it stands in the cure's message, too.
    pub title: String,
    /// In sentences.
    pub text: String,
    /// The next command, where there is one.
    pub next: Option<String>,
}

/// How patient the desk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long something must last before it is said, and be away before it is called cured.
    pub hold: Duration,
    /// After how long an alarm is said again that is not cured.
    pub remind: Duration,
    /// What comes back within this time after its cure is flapping: each time, its cure is waited for twice as long.
    pub memory: Duration,
    /// The longest such wait.
    pub hold_max: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(30),
            remind: Duration::from_hours(24),
            memory: Duration::from_hours(1),
            hold_max: Duration::from_mins(30),
        }
    }
}

/// What has been said of what. Kept on disk by whoever has it, so that a restart says nothing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Desk {
    known: BTreeMap<String, Known>,
}

/// A condition that is there, or was lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    /// As it was seen last.
    condition: Condition,
    /// When it began.
    since: Timestamp,
    /// Since when it is away.
    gone: Option<Timestamp>,
    /// As what it was said, and when last.
    told: Option<(Urgency, Timestamp)>,
    /// When its cure was said; it is remembered for a while.
    cured: Option<Timestamp>,
    /// How often it has come back soon after a cure.
    returns: u32,
}

impl Desk {
    /// What is to be said at `now`, when `current` is what is so, by what it is about. `judged` says of something that is not in
    /// `current` whether that means that it is well: after a start, much is not known yet.
    ///
    /// Call it every few seconds; what it leaves is to be kept before the messages are sent.
    #[must_use = "what is not sent is said nowhere"]
    pub fn round(
        &mut self,
        rules: &Rules,
        now: Timestamp,
        current: &BTreeMap<String, Condition>,
        judged: impl Fn(&str) -> bool,
    ) -> Vec<Message> {
        for (about, condition) in current {
            let known = self.known.entry(about.clone()).or_insert_with(|| Known::new(condition, now));
            known.seen(condition, now);
        }
        let mut messages = Vec::new();
        self.known.retain(|about, known| {
            known.mend_clock(now);
            if !current.contains_key(about) {
                known.missed(now, judged(about));
            }
            let (message, stays) = known.decide(rules, now);
            messages.extend(message.map(|said| said.of(about, known, now)));
            stays
        });
        messages
    }

    /// What has been said and is not cured, by what it is about, with its title.
    pub fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = self.known.iter().filter(|(_, known)| known.told.is_some());
        told.map(|(about, known)| (about.as_str(), known.condition.title.as_str()))
    }
}

/// What is to be said of a condition.
enum Said {
    New,
    Again,
    Cured,
}

impl Known {
    fn new(condition: &Condition, now: Timestamp) -> Self {
        Self {
            condition: condition.clone(),
            since: now,
            gone: None,
            told: None,
            cured: None,
            returns: 0,
        }
    }

    fn seen(&mut self, condition: &Condition, now: Timestamp) {
        if self.cured.take().is_some() {
            self.since = now;
            self.returns = self.returns.saturating_add(1);
        }
        self.gone = None;
        self.condition.clone_from(condition);
    }

    fn missed(&mut self, now: Timestamp, judged: bool) {
        if !judged {
            self.gone = None;
        } else if self.cured.is_none() && self.gone.is_none() {
            self.gone = Some(now);
        }
    }

    /// A clock that went back must not delay anything by as much.
    fn mend_clock(&mut self, now: Timestamp) {
        self.since = self.since.min(now);
        self.gone = self.gone.map(|at| at.min(now));
        self.cured = self.cured.map(|at| at.min(now));
        self.told = self.told.map(|(urgency, at)| (urgency, at.min(now)));
    }

    /// What is to be said, and whether it is worth remembering further.
    fn decide(&mut self, rules: &Rules, now: Timestamp) -> (Option<Said>, bool) {
        let lasted = |since: Timestamp, long: Duration| since.duration_until(now).unsigned_abs() >= long;
        if let Some(at) = self.cured {
            return (None, !lasted(at, rules.memory));
        }
        let urgency = self.condition.urgency;
        match (self.told, self.gone) {
            (None, None) if urgency == Urgency::Critical || lasted(self.since, rules.hold) => {
                self.told = Some((urgency, now));
                (Some(Said::New), true)
            }
            (Some((said, _)), None) if urgency > said => {
                self.told = Some((urgency, now));
                (Some(Said::New), true)
            }
            (Some((said, at)), None) if said > Urgency::Info && lasted(at, rules.remind) => {
                self.told = Some((said, now));
                (Some(Said::Again), true)
            }
            (Some(_), Some(gone)) if lasted(gone, self.patience(rules)) => {
                self.told = None;
                self.cured = Some(now);
                (Some(Said::Cured), true)
            }
            // It has never been said, so its going is no news.
            (None, Some(gone)) if lasted(gone, rules.hold) => {
                self.cured = (self.returns > 0).then_some(now);
                (None, self.returns > 0)
            }
            _ => (None, true),
        }
    }

    /// How long it must be away to be called cured.
    fn patience(&self, rules: &Rules) -> Duration {
        let times = 1_u32.checked_shl(self.returns).unwrap_or(u32::MAX);
        rules.hold.saturating_mul(times).min(rules.hold_max.max(rules.hold))
    }
}

impl Said {
    fn of(self, about: &str, known: &Known, now: Timestamp) -> Message {
        let condition = &known.condition;
        let ended = known.gone.unwrap_or(now);
        let long = |until: Timestamp| SignedDuration::from_secs(known.since.duration_until(until).as_secs());
        let begun = known.since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let (severity, text, next) = match self {
            Self::Cured => {
                let text = format!("All is well again. It lasted {:#}, from {begun}.", long(ended));
                (Severity::Cured, text, None)
            }
            Self::Again => {
                let text = format!("It has been so for {:#}, since {begun}. {}", long(now), condition.text);
                (severity_of(condition.urgency), text, condition.next.clone())
            }
            Self::New => (severity_of(condition.urgency), condition.text.clone(), condition.next.clone()),
        };
        Message {
            about: about.to_owned(),
            severity,
            title: condition.title.clone(),
            text,
            next,
            at: now,
        }
    }
}

fn severity_of(urgency: Urgency) -> Severity {
    match urgency {
        Urgency::Info => Severity::Info,
        Urgency::Alarm | Urgency::Critical => Severity::Alarm,
    }
}

#[cfg(test)]
mod tests;
