//! `infra.apply`: makes infrastructure, by the real OpenTofu. Other tools are a `script`.

use super::At;
use crate::action::{Action, ApplyInfra};
use crate::hand::{ByHand, Look, Undo};
use crate::{NoPlan, Step};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The directory of the module.
    directory: PathBuf,
    /// Its variables.
    #[serde(default)]
    variables: Map<String, Value>,
    /// Whether undoing destroys what it made.
    #[serde(default)]
    destroy: bool,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings { directory, variables, destroy } = at.settings()?;
    let set: String = variables
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("TF_VAR_{name}='{}' ", text.replace('\'', "'\\''"))
        })
        .collect();
    let tofu = |words: &str| format!("{set}tofu -chdir='{}' {words}", directory.display());
    let mut step = Step::new(
        at.id(),
        Action::ApplyInfra(ApplyInfra { directory: directory.clone(), variables, destroy }),
    );
    step.what = at.what().to_owned();
    step.by_hand = ByHand::here([
        tofu("init -input=false"),
        tofu("plan -input=false -out=lifeboat.plan"),
        tofu("apply -input=false lifeboat.plan"),
    ]);
    step.check = Look::new(ByHand::here([tofu("output")]), "the outputs that later steps ask for");
    step.undo = match destroy {
        true => Undo::Lines(ByHand::here([tofu("destroy -auto-approve -input=false")])),
        false => Undo::none("none, unless with.destroy says so: what was made stays, and costs what it costs"),
    };
    step.timeout_s = 1800;
    step.attempts = 2;
    Ok(vec![step])
}
