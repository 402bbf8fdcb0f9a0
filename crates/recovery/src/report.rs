//! What a run took and what was lost: computed from its journal alone, so the same whenever it is asked for. Start at [`Measured::of`];
//! `written` is the report that people keep.

mod written;

use crate::runs::Run;
use crate::steps::etcd_promote::Promoted;
use engine::{Ended, Event};
use jiff::Timestamp;
use plan::Action;
use serde::Serialize;
use std::time::Duration;

/// A runner writes a sign of life every few seconds, and another may take the run after 15 s without one. Twice that long, clocks may
/// differ and stores be slow.
const SILENT: Duration = Duration::from_secs(30);

/// A run, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The run's number.
    pub run: u64,
    /// The directory that its journal is in, if it is in none of a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<std::path::PathBuf>,
    /// `running`, `undoing`, `silent` when its runner has given no sign of life for 30 s, `stopped` at a failed step, `succeeded`, `cancelled`,
    /// `undone` or `failed`.
    pub state: &'static str,
    /// When its runner was last heard.
    pub heard: Timestamp,
    /// From and to which site.
    pub from: String,
    /// To which site.
    pub to: String,
    /// The cluster.
    pub cluster: String,
    /// The epoch that it took; none of a restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The hosts that it is restored onto, of a restore.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub onto: Vec<String>,
    /// The playbook; nothing of runs from before there were any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub playbook: String,
    /// The copy, if one is restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    /// The snapshot that others made, if etcd's state is of one; then the copy has only the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Why the copy is not to be trusted, if a person has accepted that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<String>,
    /// Everything written before this moment, by the source's clock, is in the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point_begun: Option<Timestamp>,
    /// The state of etcd that was taken, where it is newer than the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer: Option<Promoted>,
    /// When the site was last seen alive, if it was lost.
    pub lost_at: Option<Timestamp>,
    /// When the run began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Each step, as far as the run has come.
    pub steps: Vec<StepTime>,
    /// Seconds of writes that the copy lacks, for a site that was lost.
    pub seconds_lost: Option<i64>,
    /// Revisions of etcd that are known to have been written after the copy.
    pub revisions_lost: Option<i64>,
    /// How much may be lost, in seconds, if there is an objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo_s: Option<u64>,
    /// How long it may take, in seconds, if there is an objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto_s: Option<u64>,
    /// What went otherwise than the plan says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<String>,
    /// What stopped it, if a step failed.
    pub problem: Option<engine::Problem>,
    /// How a person would do the step that stopped it.
    pub by_hand: Option<String>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepTime {
    /// The step.
    pub step: String,
    /// When it was first begun; `None` if it was not.
    pub begun: Option<Timestamp>,
    /// When it was done; `None` if it is not.
    pub done: Option<Timestamp>,
    /// How often it was begun.
    pub attempts: u32,
    /// How long it took in earlier runs, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<u64>,
    /// Why it was left out, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// When it was undone, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Timestamp>,
    /// How it is undone, if it was begun and something was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// What is recorded of it.
    pub outcome: Option<serde_json::Value>,
}

impl Measured {
    /// How the run is named in a command: `7`, or `0 --journal DIRECTORY`.
    pub fn typed(&self) -> String {
        self.journal
            .as_ref()
            .map_or_else(|| self.run.to_string(), |journal| format!("0 --journal {}", journal.display()))
    }

    /// Measures `run`, as it is at `now`.
    pub fn of(run: &Run, now: Timestamp) -> Self {
        let plan = &run.plan;
        let begun = run.state.begun.unwrap_or(plan.made);
        let heard = run.entries.last().map_or(begun, |entry| entry.at);
        let is_silent = now.duration_since(heard).unsigned_abs() > SILENT && now > heard;
        let steps = plan.steps.iter().map(|step| {
            let first = |wanted: &dyn Fn(&Event) -> bool| run.entries.iter().find(|e| wanted(&e.event)).map(|e| e.at);
            StepTime {
                step: step.id.clone(),
                begun: first(&|event| matches!(event, Event::Intent { step: id, .. } if *id == step.id)),
                done: first(&|event| matches!(event, Event::Done { step: id, .. } if *id == step.id)),
                attempts: run.state.attempts.get(&step.id).copied().unwrap_or(0),
                expected_ms: step.expected_ms,
                left_out: run.state.skipped.get(&step.id).cloned(),
                undone: first(&|event| matches!(event, Event::Undone { step: id, .. } if *id == step.id)),
                undo: undo(run, step),
                outcome: run.state.outcome(&step.id).cloned(),
            }
        });
        let end = run.entries.iter().find(|entry| matches!(entry.event, Event::Ended { .. }));
        let (stopped, newer) = (run.state.stopped(), newer(run));
        Self {
            run: run.number,
            journal: run.directory.clone(),
            state: match (&run.state.ended, stopped) {
                (Some(Ended::Undone), _) => "undone",
                (Some(Ended::Succeeded), _) => "succeeded",
                (Some(Ended::Cancelled), _) => "cancelled",
                (Some(Ended::Failed { .. }), _) => "failed",
                (None, Some(_)) => "stopped",
                (None, None) if run.state.is_nobodys() => "stopped",
                (None, None) if is_silent => "silent",
                (None, None) if run.state.turned.is_some() => "undoing",
                (None, None) => "running",
            },
            heard,
            from: plan.from.to_string(),
            to: plan.to.to_string(),
            cluster: plan.cluster.to_string(),
            epoch: plan.epoch.map(|epoch| epoch.0),
            onto: plan.onto.iter().map(ToString::to_string).collect(),
            playbook: plan.playbook.clone(),
            point: plan.point.as_ref().map(ToString::to_string),
            snapshot: plan.snapshot().map(|it| it.name.clone()),
            unsigned: plan.unsigned.clone(),
            point_begun: plan.point_begun,
            lost_at: plan.loss.last_seen,
            begun,
            ended: end.map(|entry| entry.at),
            steps: steps.collect(),
            seconds_lost: match (&newer, plan.loss.last_seen, plan.point_begun) {
                // Of a quiet etcd the last change is older than the copy.
                (Some(newer), Some(lost), Some(begun)) => Some(
                    lost.duration_since(newer.seen.map_or(begun, |seen| seen.max(begun)))
                        .as_secs()
                        .max(0),
                ),
                _ => plan.seconds_lost(),
            },
            revisions_lost: match (&newer, plan.loss.last_revision) {
                (Some(newer), Some(last)) => i64::try_from(newer.revision).ok().map(|own| (last - own).max(0)),
                _ => plan.revisions_lost(),
            },
            newer,
            rpo_s: plan.rpo_s,
            rto_s: plan.rto_s,
            otherwise: otherwise(run),
            problem: stopped.map(|failed| coded(failed.problem.clone())),
            by_hand: stopped.and_then(|failed| {
                let step = plan.steps.iter().find(|step| step.id == failed.step)?;
                Some(step.by_hand.to_string())
            }),
        }
    }

    /// What times are counted from: the loss, or the beginning when nothing was lost.
    pub fn zero(&self) -> Timestamp {
        self.lost_at.unwrap_or(self.begun)
    }
}

/// What was taken of etcd, where it is newer than the copy: promoted, or restored in its place.
fn newer(run: &Run) -> Option<Promoted> {
    let is_newer = |step: &&plan::Step| match &step.action {
        Action::PromoteEtcd(_) => true,
        Action::FetchCopy(it) => it.newest,
        _ => false,
    };
    let steps = run.plan.steps.iter().filter(is_newer);
    steps.filter_map(|step| Promoted::of(run.state.outcome(&step.id))).next_back()
}

/// What went otherwise than the plan says: what failed, was repeated, left out, done by a person, undone, or took much longer.
fn otherwise(run: &Run) -> Vec<String> {
    let mut told = Vec::new();
    let mut begun: std::collections::BTreeMap<&str, Timestamp> = std::collections::BTreeMap::new();
    let mut runners: Vec<&str> = Vec::new();
    for entry in &run.entries {
        match &entry.event {
            Event::Claimed {} if !runners.contains(&entry.runner.as_str()) => runners.push(&entry.runner),
            Event::Intent { step, attempt } => {
                begun.entry(step).or_insert(entry.at);
                if *attempt > 1 {
                    told.push(format!("{step} was begun again, attempt {attempt}"));
                }
            }
            Event::Failed { step, attempt, error, .. } => {
                told.push(format!("{step} failed at attempt {attempt}: {}", error.message));
            }
            Event::Skipped { step, reason } => told.push(format!("{step} was left out: {reason}")),
            Event::Done { step, outcome, .. } => {
                if let (Some(true), Some(by)) = (outcome["byHand"].as_bool(), outcome["by"].as_str()) {
                    told.push(format!("{step} was done by {by}, by hand"));
                }
                let expected = run.plan.step(step).and_then(|step| step.expected_ms);
                let took = begun
                    .get(step.as_str())
                    .map(|begun| entry.at.duration_since(*begun).as_millis());
                if let (Some(expected), Some(took)) = (expected, took.and_then(|took| u64::try_from(took).ok()))
                    && took > expected.saturating_mul(2).saturating_add(5000)
                {
                    told.push(format!("{step} took {} s, and {} s was expected", took / 1000, expected / 1000));
                }
            }
            Event::Word { step, word } => {
                let because = if word.because.is_empty() {
                    String::new()
                } else {
                    format!(": {}", word.because)
                };
                told.push(format!("{} said {} about {step}{because}", word.by, word.word));
            }
            Event::TurnedBack { to } => {
                let to = to.as_deref().unwrap_or("its beginning");
                told.push(format!("the run was turned back to {to}"));
            }
            Event::Undone { step, outcome, .. } => {
                let how = match (outcome["none"].as_str(), outcome["left"].as_str()) {
                    (Some(none), _) => format!(" is not undone: {none}"),
                    (_, Some(left)) => format!(" was left as it is: {left}"),
                    _ => " was undone".to_owned(),
                };
                told.push(format!("{step}{how}"));
            }
            Event::UndoFailed { step, attempt, error, .. } => {
                told.push(format!("undoing {step} failed at attempt {attempt}: {}", error.message));
            }
            _ => {}
        }
    }
    if let [first, others @ ..] = &runners[..]
        && !others.is_empty()
    {
        told.push(format!("it was begun by {first} and carried on by {}", others.join(", ")));
    }
    told
}

/// How a step is undone. One that found nothing to stop has nothing that could be started again.
fn undo(run: &Run, step: &plan::Step) -> Option<String> {
    let attempts = run.state.attempts.get(&step.id).copied().unwrap_or(0);
    let note = run.state.outcome(&step.id).and_then(|outcome| outcome["note"].as_str());
    let did_nothing = attempts == 1 && note.is_some_and(|note| note.contains(crate::control_plane::NOTHING_RAN));
    let is_undone = run.state.undone.contains(&step.id);
    (attempts > 0 && step.undo.is_some() && !did_nothing && !is_undone).then(|| step.undo.to_string())
}

/// The engine's own problems, a step that did not end in time and one that was broken off, have words for codes.
fn coded(problem: engine::Problem) -> engine::Problem {
    if problem.code.starts_with("LB") {
        return problem;
    }
    engine::Problem { code: "LB0704".to_owned(), ..problem }
}
