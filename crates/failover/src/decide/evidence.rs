//! What a verdict is made from, and the verdict. Start at [`Evidence`].

use estate::{Mode, Monitor, Name, Probe, Proven, Report, Standing};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How a site is judged, from the estate file's `monitor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who declares.
    pub mode: Mode,
    /// What is asked. A site is lost only while all of them fail.
    pub probes: Vec<Probe>,
    /// Time from one round of probes to the next.
    pub every: Duration,
    /// How long all of them must have failed.
    pub declare_after: Duration,
    /// How long the site that serves may go on after it was confirmed last.
    pub lease: Duration,
    /// How old the newest proven copy may be for a failover that no person asked for.
    pub maximum_loss: Duration,
}

/// What is known at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// The cluster.
    pub cluster: Name,
    /// The highest epoch that any voter has said.
    pub standing: Option<Standing>,
    /// The site that the probes ask: the one that serves, and may be lost.
    pub serves: Name,
    /// The site that would take over, and observes.
    pub standby: Name,
    /// The third site, which only observes.
    pub witness: Name,
    /// The newest report of the standby.
    pub from_standby: Option<Arrived>,
    /// The newest report of the witness.
    pub from_witness: Option<Arrived>,
    /// The newest report of the Lifeboat at the site that serves, if anybody hears it.
    pub from_inside: Option<Arrived>,
    /// The newest proven copy that the standby could start from.
    pub proven: Option<Proven>,
    /// The run under way, if there is one.
    pub run: Option<String>,
}

/// A report, and its age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Arrived {
    /// The report.
    pub report: Report,
    /// How long ago it arrived, by the monotonic clock of whoever decides. When it came through somebody else, the time that
    /// it lay there counts too.
    pub age_ms: u64,
}

/// What should be done, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// Nothing.
    Stay,
    /// Something is wrong that is no reason for a failover.
    Warn,
    /// The site is lost, and a person has to declare it.
    Propose,
    /// The site is lost: fail over now.
    Declare,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stay => "stay",
            Self::Warn => "warn",
            Self::Propose => "propose a failover: a person decides",
            Self::Declare => "fail over now",
        })
    }
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verdict {
    /// What should be done.
    pub kind: Call,
    /// Why, in sentences for people; never empty.
    pub reasons: Vec<String>,
    /// How long both observers have seen every probe fail, in milliseconds; `None` unless all of them do.
    pub lost_for_ms: Option<u64>,
}

impl From<&Monitor> for Policy {
    fn from(monitor: &Monitor) -> Self {
        Self {
            mode: monitor.mode,
            probes: monitor.probes.clone(),
            every: *monitor.every,
            declare_after: *monitor.declare_after,
            lease: *monitor.lease,
            maximum_loss: *monitor.maximum_loss,
        }
    }
}

impl Policy {
    /// How old what an observer saw may be: three rounds, the time that a silent host is waited for, and a second for the way.
    pub(super) fn stale_after_ms(&self) -> u64 {
        millis(self.every).saturating_mul(3).saturating_add(3000)
    }

    pub(super) fn declare_after_ms(&self) -> u64 {
        millis(self.declare_after)
    }
}

impl Arrived {
    pub(super) fn fresh(&self, policy: &Policy) -> bool {
        self.age_ms <= policy.stale_after_ms()
    }
}

impl Verdict {
    pub(super) fn of(kind: Call, reasons: impl Into<Vec<String>>) -> Self {
        Self { kind, reasons: reasons.into(), lost_for_ms: None }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
