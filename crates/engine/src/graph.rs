//! The steps as a graph: whether they can be run at all, and which come next. Pure. Start at [`Graph::new`].

use crate::{Error, State, StepPlan};
use std::collections::{BTreeMap, BTreeSet};

/// Steps whose order is sound.
pub(crate) struct Graph<'a> {
    pub(crate) steps: &'a [StepPlan],
}

impl<'a> Graph<'a> {
    /// Checks that each step has a name of its own, comes after steps that there are, and does not wait for itself.
    pub(crate) fn new(steps: &'a [StepPlan]) -> Result<Self, Error> {
        let mut ids = BTreeSet::new();
        for step in steps {
            let reason = if step.id.is_empty() {
                "a step has no id".to_owned()
            } else if !ids.insert(step.id.as_str()) {
                format!("two steps are called {}", step.id)
            } else if step.attempts == 0 {
                format!("step {} has no attempts", step.id)
            } else {
                continue;
            };
            return Err(Error::Steps { reason });
        }
        for step in steps {
            if let Some(strange) = step.after.iter().find(|id| !ids.contains(id.as_str())) {
                let reason = format!("step {} comes after {strange}, which is no step", step.id);
                return Err(Error::Steps { reason });
            }
        }
        match waits_for_itself(steps) {
            Some(step) => Err(Error::Steps { reason: format!("step {step} waits for itself") }),
            None => Ok(Self { steps }),
        }
    }

    /// Whether a journal can be one of these steps: going on with others would leave out or repeat some.
    pub(crate) fn check(&self, state: &State) -> Result<(), Error> {
        let known: BTreeMap<&str, &StepPlan> = self.steps.iter().map(|step| (step.id.as_str(), step)).collect();
        let begun = state.begun_at.keys().chain(state.skipped.keys()).chain(&state.undone);
        for id in begun {
            if !known.contains_key(id.as_str()) {
                return Err(Error::Steps {
                    reason: format!("the journal has a step {id}, which is not among those given"),
                });
            }
        }
        // While a run goes back, what was left out is thought over again: the steps that came after it are still to be undone.
        for id in state.begun_at.keys().filter(|_| state.turned.is_none()) {
            let mut after = known.get(id.as_str()).into_iter().flat_map(|step| &step.after);
            if let Some(before) = after.find(|before| !state.is_settled(before)) {
                let reason = format!("by the journal, {id} was begun before {before} was done, and it comes after it");
                return Err(Error::Steps { reason });
            }
        }
        let left = self.steps.iter().find(|step| !state.is_settled(&step.id));
        match (&state.ended, left) {
            (Some(crate::Ended::Succeeded), Some(step)) => Err(Error::Steps {
                reason: format!("the run has succeeded without step {}", step.id),
            }),
            _ => Ok(()),
        }
    }

    /// Whether all that a step comes after is settled.
    pub(crate) fn is_free(&self, index: usize, state: &State) -> bool {
        let step = self.steps.get(index);
        step.is_some_and(|step| step.after.iter().all(|before| state.is_settled(before)))
    }

    /// The gate that was done last, if any is done.
    pub(crate) fn last_gate(&self, state: &State) -> Option<String> {
        let gates = self.steps.iter().filter(|step| step.gate && state.outcome(&step.id).is_some());
        let last = gates.max_by_key(|step| state.settled_at.get(&step.id).copied());
        last.map(|step| step.id.clone())
    }

    /// A step that was begun before and may not simply be begun again: nobody has said that it may.
    pub(crate) fn unsure(&self, state: &State) -> Option<(String, u32)> {
        let begun =
            |step: &&StepPlan| !step.repeatable && state.begun_at.contains_key(&step.id) && !state.is_settled(&step.id);
        let asked = self.steps.iter().filter(begun);
        let unsaid = asked.filter(|step| state.word(&step.id, crate::Word::REPEAT).is_none());
        let mut unsaid = unsaid.map(|step| (step.id.clone(), state.attempts.get(&step.id).copied().unwrap_or(0)));
        unsaid.next()
    }
}

/// A step of a circle, if there is one. What can be done, is done, again and again; what is left waits for itself.
fn waits_for_itself(steps: &[StepPlan]) -> Option<&str> {
    let mut left: Vec<&StepPlan> = steps.iter().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|step| step.after.iter().all(|id| done.contains(id.as_str())));
        match (ready.is_empty(), waiting.first()) {
            (_, None) => return None,
            (true, Some(step)) => return Some(&step.id),
            (false, _) => done.extend(ready.iter().map(|step| step.id.as_str())),
        }
        left = waiting;
    }
}
