//! What is answered only while a plan is carried out: conditions and values that ask what came of earlier steps. Pure. Start at [`wanted`]
//! and [`action_now`].

use crate::playbook::expression::{self, Scope};
use crate::{Action, Plan, Step};
use serde_json::{Value, json};

/// What is known of the steps of a run: their outcomes, by id.
pub type Known = serde_json::Map<String, Value>;

/// Why a condition or a value cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expression} of step {step} cannot be answered: {why}")]
pub struct NotNow {
    /// The step's id.
    pub step: String,
    /// What was asked.
    pub expression: String,
    /// What is wrong with it.
    pub why: String,
}

fn scope(plan: &Plan, step: &Step, known: &Known) -> Scope {
    let mut scope = plan.scope.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    scope.insert("parameters".to_owned(), Value::Object(plan.parameters.clone()));
    // A step of a child playbook calls its neighbours by their own names.
    let prefix = step.of.rsplit_once('.').map(|(parent, _)| format!("{parent}."));
    let told = |other: &Step| {
        let outcome = known.get(&other.id);
        let mut told = outcome
            .filter(|outcome| outcome.is_object())
            .cloned()
            .unwrap_or_else(|| json!({}));
        told["done"] = json!(outcome.is_some());
        (other.id.clone(), told)
    };
    let out = plan.left_out.iter().map(|out| (out.step.clone(), json!({ "done": false })));
    let mut steps: serde_json::Map<String, Value> = plan.steps.iter().map(told).chain(out).collect();
    // A neighbour comes before what has its name elsewhere.
    let near = |(id, told): (&String, &Value)| Some((id.strip_prefix(prefix.as_deref()?)?.to_owned(), told.clone()));
    let near: Vec<(String, Value)> = steps.iter().filter_map(near).collect();
    steps.extend(near);
    scope.insert("steps".to_owned(), Value::Object(steps));
    scope
}

/// When a step is to be carried out, in words, as far as its condition asks what is not known when the plan is made; the condition itself
/// where there are no words for it.
pub(crate) fn condition(plan: &Plan, step: &Step) -> Option<String> {
    let when = step.when.as_ref()?;
    let scope = plan.scope.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let asked = when.split(" && ").filter(|term| expression::holds(term, &scope) != Ok(true));
    let words = asked.map(|term| {
        let (not, term) = term.strip_prefix('!').map_or(("", term), |term| ("not ", term));
        let id = term.strip_prefix("steps.")?.strip_suffix(".done")?;
        plan.step(id).map(|_| format!("step {id} was {not}done"))
    });
    let words: Option<Vec<String>> = words.collect();
    Some(words.map_or_else(|| format!("`{when}`"), |words| words.join(" and ")))
}

/// Whether a step is to be carried out, now that it is known what came of those before it.
///
/// # Errors
/// Its condition cannot be answered.
pub fn wanted(plan: &Plan, step: &Step, known: &Known) -> Result<bool, NotNow> {
    let Some(when) = &step.when else {
        return Ok(true);
    };
    expression::holds(when, &scope(plan, step, known)).map_err(|why| NotNow {
        step: step.id.clone(),
        expression: when.clone(),
        why,
    })
}

/// What a step does, with the values filled in that earlier steps brought.
///
/// # Errors
/// A value cannot be answered, or is none that can stand there.
pub fn action_now(plan: &Plan, step: &Step, known: &Known) -> Result<Action, NotNow> {
    let not_now = |expression: &str, why: String| NotNow {
        step: step.id.clone(),
        expression: expression.to_owned(),
        why,
    };
    let written = serde_json::to_value(&step.action).map_err(|error| not_now("the action", error.to_string()))?;
    if !written.to_string().contains("${{") {
        return Ok(step.action.clone());
    }
    let scope = scope(plan, step, known);
    let filled = expression::filled_all(&written, &scope, true).map_err(|why| not_now("a value", why))?;
    serde_json::from_value(filled).map_err(|error| not_now("a value", error.to_string()))
}
