//! `wait`: lets time pass.

use super::At;
use crate::action::{Action, Wait};
use crate::hand::{ByHand, Look, Undo};
use crate::{NoPlan, Step};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// How long.
    r#for: String,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let settings: Settings = at.settings()?;
    let seconds = at.seconds("for", &settings.r#for)?;
    let mut step = Step::new(at.id(), Action::Wait(Wait { seconds }));
    step.what = at.what().to_owned();
    step.by_hand = ByHand::here([format!("sleep {seconds}")]);
    step.check = Look::only("the time is over");
    step.undo = Undo::none("none is needed: nothing is changed");
    step.timeout_s = seconds + 30;
    Ok(vec![step])
}
