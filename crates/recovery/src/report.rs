//! What a run took and what was lost: computed from its journal alone, so the same whenever it is asked for.

use crate::runs::Run;
use engine::{Ended, Event};
use jiff::Timestamp;
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
    /// `running`, `silent` when its runner has given no sign of life for 30 s, `stopped` at a failed step, `succeeded`, `cancelled`,
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
    /// The copy.
    pub point: String,
    /// The snapshot that others made, if etcd's state is of one; then the copy has only the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Why the copy is not to be trusted, if a person has accepted that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<String>,
    /// Everything written before this moment, by the source's clock, is in the copy.
    pub point_begun: Timestamp,
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
    /// How it is undone, if it was begun and something was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// What is recorded of it.
    pub outcome: Option<serde_json::Value>,
}

impl Measured {
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
                undo: undo(run, step),
                outcome: run.state.outcome(&step.id).cloned(),
            }
        });
        let end = run.entries.iter().find(|entry| matches!(entry.event, Event::Ended { .. }));
        let stopped = run.state.stopped();
        Self {
            run: run.number,
            state: match (&run.state.ended, stopped) {
                (Some(Ended::Undone), _) => "undone",
                (Some(Ended::Succeeded), _) => "succeeded",
                (Some(Ended::Cancelled), _) => "cancelled",
                (Some(Ended::Failed { .. }), _) => "failed",
                (None, Some(_)) => "stopped",
                (None, None) if is_silent => "silent",
                (None, None) => "running",
            },
            heard,
            from: plan.from.to_string(),
            to: plan.to.to_string(),
            cluster: plan.cluster.to_string(),
            epoch: plan.epoch.map(|epoch| epoch.0),
            onto: plan.onto.iter().map(ToString::to_string).collect(),
            point: plan.point.to_string(),
            snapshot: plan.snapshot().map(|it| it.name.clone()),
            unsigned: plan.unsigned.clone(),
            point_begun: plan.point_begun,
            lost_at: plan.loss.last_seen,
            begun,
            ended: end.map(|entry| entry.at),
            steps: steps.collect(),
            seconds_lost: plan.seconds_lost(),
            revisions_lost: plan.revisions_lost(),
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

/// How a step is undone. One that found nothing to stop has nothing that could be started again.
fn undo(run: &Run, step: &plan::Step) -> Option<String> {
    let attempts = run.state.attempts.get(&step.id).copied().unwrap_or(0);
    let note = run.state.outcome(&step.id).and_then(|outcome| outcome["note"].as_str());
    let did_nothing = attempts == 1 && note.is_some_and(|note| note.contains(crate::control_plane::NOTHING_RAN));
    // Some need none, and say why.
    let needs_some = !step.undo.starts_with("none");
    (attempts > 0 && needs_some && !did_nothing).then(|| step.undo.clone())
}

/// The engine's own problems, a step that did not end in time and one that was broken off, have words for codes.
fn coded(problem: engine::Problem) -> engine::Problem {
    if problem.code.starts_with("LB") {
        return problem;
    }
    engine::Problem { code: "LB0704".to_owned(), ..problem }
}
