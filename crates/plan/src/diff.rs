//! How two plans differ, for people and programs. Start at [`Difference::between`].

use crate::{Plan, Step};
use serde::Serialize;
use std::fmt::Write as _;

/// What is other in one plan than in another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What is said of the plan as a whole: what, before, after.
    pub plan: Vec<Change>,
    /// Steps that only the later plan has.
    pub added: Vec<String>,
    /// Steps that only the earlier plan has.
    pub removed: Vec<String>,
    /// Steps that both have, and that are not the same.
    pub changed: Vec<StepChange>,
}

/// One thing that is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What.
    pub what: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// What is other in a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepChange {
    /// Its id.
    pub step: String,
    /// What is another.
    pub changes: Vec<Change>,
}

impl Difference {
    /// What is other in `after` than in `before`. Times at which they were made do not count, nor what was expected of each step.
    pub fn between(before: &Plan, after: &Plan) -> Self {
        let mut plan = Vec::new();
        let point = |plan: &Plan| plan.point.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let epoch = |plan: &Plan| plan.epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string());
        let onto = |plan: &Plan| crate::text::list(&plan.onto);
        let parameters = |plan: &Plan| serde_json::Value::Object(plan.parameters.clone()).to_string();
        let mut differ = |what: &str, of: &dyn Fn(&Plan) -> String| {
            if let Some(change) = change(what, of(before), of(after)) {
                plan.push(change);
            }
        };
        differ("playbook", &|plan| plan.playbook.clone());
        differ("parameters", &parameters);
        differ("cluster", &|plan| plan.cluster.to_string());
        differ("from", &|plan| plan.from.to_string());
        differ("to", &|plan| plan.to.to_string());
        differ("epoch", &epoch);
        differ("onto", &onto);
        differ("copy", &point);
        differ("losing", &Plan::losing);
        let has = |plan: &Plan, id: &str| plan.steps.iter().any(|step| step.id == id);
        let only = |one: &Plan, other: &Plan| {
            let steps = one.steps.iter().map(|step| step.id.clone());
            steps.filter(|id| !has(other, id)).collect()
        };
        let changed = before.steps.iter().filter_map(|step| {
            let now = after.step(&step.id)?;
            let changes = changes(step, now);
            (!changes.is_empty()).then(|| StepChange { step: step.id.clone(), changes })
        });
        Self {
            plan,
            added: only(after, before),
            removed: only(before, after),
            changed: changed.collect(),
        }
    }

    /// Whether they say the same.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty() && self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// As people read it: `-` what was, `+` what is.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for change in &self.plan {
            _ = writeln!(text, "{}\n  - {}\n  + {}", change.what, change.before, change.after);
        }
        for id in &self.removed {
            _ = writeln!(text, "- step {id}");
        }
        for id in &self.added {
            _ = writeln!(text, "+ step {id}");
        }
        for step in &self.changed {
            _ = writeln!(text, "step {}", step.step);
            for change in &step.changes {
                _ = writeln!(text, "  {}\n    - {}\n    + {}", change.what, change.before, change.after);
            }
        }
        text
    }
}

fn change(what: &str, before: String, after: String) -> Option<Change> {
    (before != after).then(|| Change { what: what.to_owned(), before, after })
}

fn changes(before: &Step, after: &Step) -> Vec<Change> {
    let mut all = Vec::new();
    let mut differ = |what: &str, of: &dyn Fn(&Step) -> String| all.extend(change(what, of(before), of(after)));
    differ("what", &|step| step.what.clone());
    differ("after", &|step| step.after.join(", "));
    differ("when", &|step| step.when.clone().unwrap_or_else(|| "always".to_owned()));
    differ("by hand", &|step| step.by_hand.to_string());
    differ("check", &|step| step.check.to_string());
    differ("undo", &|step| step.undo.to_string());
    differ("timeout", &|step| format!("{} s", step.timeout_s));
    differ("attempts", &|step| step.attempts.to_string());
    differ("on failure", &|step| format!("{:?}", step.on_failure).to_lowercase());
    // What it does, as far as no line says it.
    differ("does", &|step| serde_json::to_string(&step.action).unwrap_or_default());
    all
}
