//! `manual`: what only a person can do. The run stands still until somebody says that it is done.

use super::At;
use crate::action::{Action, Manual};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {}

/// As long as a person may take.
const DAY_S: u64 = 24 * 3600;

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings {} = at.settings()?;
    if at.flat.step.by_hand.is_none() {
        let message = format!("step {} is done by a person, and does not say how", at.id());
        return Err(at.wrong(Which::NoHand, None, message, "say it in byHand, line by line"));
    }
    let mut step = Step::new(at.id(), Action::Manual(Manual {}));
    step.what = at.what().to_owned();
    step.by_hand = ByHand::default();
    step.check = Look::only("whoever did it says so");
    step.undo = Undo::none("none that Lifeboat knows: a person did it");
    step.timeout_s = DAY_S;
    Ok(vec![step])
}
