//! `approve`: a gate. The run stands still until enough people have said that it may go on, by name.

use super::{At, Names};
use crate::action::{Action, Approve};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// Whose word counts; without this, everybody's.
    by: Option<Names>,
    /// How many have to agree.
    #[serde(default = "one")]
    people: u32,
    /// Whether it stops an automatic run too.
    #[serde(default)]
    always: bool,
    /// How long it waits.
    within: Option<String>,
}

fn one() -> u32 {
    1
}

const DAY_S: u64 = 24 * 3600;

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let settings: Settings = at.settings()?;
    let by = settings.by.map(Names::all).unwrap_or_default();
    let enough = usize::try_from(settings.people).unwrap_or(usize::MAX);
    if settings.people == 0 || (!by.is_empty() && by.len() < enough) {
        let message = format!("{} people have to agree, and {} are named", settings.people, by.len());
        return Err(at.wrong(Which::Settings, Some("people"), message, "name more of them in by"));
    }
    let within = settings.within.map(|text| at.seconds("within", &text)).transpose()?;
    let who = match by.is_empty() {
        true => String::new(),
        false => format!(" of {}", by.join(", ")),
    };
    let mut step =
        Step::new(at.id(), Action::Approve(Approve { by, people: settings.people, always: settings.always }));
    step.what = at.what().to_owned();
    step.by_hand = ByHand::here([format!("lifeboat run approve NUMBER {} --because 'REASON'", at.id())]);
    step.check = Look::only(format!("{}{who} said so, by name, with a reason", settings.people));
    step.undo = Undo::none("none is needed: nothing is changed");
    step.timeout_s = within.unwrap_or(DAY_S);
    Ok(vec![step])
}
