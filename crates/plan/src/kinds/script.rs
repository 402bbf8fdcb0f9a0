//! `script`: a shell script on a host, or where the run is carried out.

use super::{At, Names};
use crate::action::{Action, Script};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use estate::Name;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The script, for `sh -eu`.
    run: String,
    /// The hosts; without this, where the run is carried out.
    on: Option<Names>,
    /// What it is given.
    #[serde(default)]
    inputs: Map<String, Value>,
    /// A script that succeeds when it worked.
    check: Option<String>,
    /// A script that undoes it.
    undo: Option<String>,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let settings: Settings = at.settings()?;
    for name in settings.inputs.keys() {
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message = format!("an input's name has letters, digits and _: {name:?}");
            return Err(at.wrong(Which::Settings, Some("inputs"), message, "rename it"));
        }
    }
    let hosts = settings.on.clone().map(Names::all);
    let Some(names) = hosts else {
        return Ok(vec![step(at, &settings, None, at.id().to_owned())]);
    };
    let mut steps = Vec::new();
    for name in &names {
        let host = at.host("on", name)?;
        let id = match names.len() {
            1 => at.id().to_owned(),
            _ => format!("{}-{host}", at.id()),
        };
        steps.push(step(at, &settings, Some(host), id));
    }
    Ok(steps)
}

fn step(at: &At<'_>, settings: &Settings, on: Option<Name>, id: String) -> Step {
    let typed = |script: &str| {
        let run = typed(script, &settings.inputs);
        match &on {
            Some(host) => ByHand::on(host, [run]),
            None => ByHand::here([run]),
        }
    };
    let action = Script {
        on: on.clone(),
        run: settings.run.clone(),
        inputs: settings.inputs.clone(),
        check: settings.check.clone(),
        undo: settings.undo.clone(),
    };
    let mut step = Step::new(id, Action::Script(action));
    step.what = at.what().to_owned();
    step.by_hand = typed(&settings.run);
    step.check = match &settings.check {
        Some(check) => Look::new(typed(check), "it ends without an error"),
        None => Look::only("the script ends without an error"),
    };
    step.undo = match &settings.undo {
        Some(undo) => Undo::Lines(typed(undo)),
        None => Undo::none("none that Lifeboat knows: the playbook gives no undo"),
    };
    step.timeout_s = 300;
    step.attempts = 1;
    step
}

/// A script as it is typed: inputs before it, and what has several lines between marks.
fn typed(script: &str, inputs: &Map<String, Value>) -> String {
    let script = script.trim_end();
    let inputs: Vec<String> = inputs
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("INPUT_{}={} ", name.to_uppercase(), quoted(&text))
        })
        .collect();
    match (inputs.is_empty(), script.contains('\n')) {
        (true, false) => script.to_owned(),
        _ => format!("{}sh -eu <<'LIFEBOAT'\n{script}\nLIFEBOAT", inputs.concat()),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
