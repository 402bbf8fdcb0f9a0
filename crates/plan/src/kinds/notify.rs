//! `notify`: tells people, by the channels of the estate.

use super::{At, Names};
use crate::action::{Action, Notify};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use estate::{Name, Severity, nearest};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The channels; without this, all of the estate.
    channel: Option<Names>,
    /// What they are told, in one line.
    title: String,
    /// And more of it.
    #[serde(default)]
    text: String,
    /// How bad it is.
    #[serde(default = "info")]
    severity: Severity,
}

fn info() -> Severity {
    Severity::Info
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let settings: Settings = at.settings()?;
    let known = &at.scene.estate.notify;
    let mut channels: Vec<Name> = Vec::new();
    match settings.channel.map(Names::all) {
        None => channels.extend(known.keys().cloned()),
        Some(names) => {
            for name in names {
                match name.parse().ok().filter(|name| known.contains_key(name)) {
                    Some(name) => channels.push(name),
                    None => {
                        let near = nearest(&name, known.keys().map(Name::as_str));
                        let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
                        let message = format!("the estate has no channel {name:?}{near}");
                        return Err(at.wrong(
                            Which::Settings,
                            Some("channel"),
                            message,
                            "name one of the estate's notify",
                        ));
                    }
                }
            }
        }
    }
    if channels.is_empty() {
        return Err(at.lacks("a channel: notify in the estate"));
    }
    let list: Vec<&str> = channels.iter().map(Name::as_str).collect();
    let told = format!("Tell {}: {}", list.join(", "), settings.title);
    let mut step = Step::new(
        at.id(),
        Action::Notify(Notify {
            channels: channels.clone(),
            title: settings.title,
            text: settings.text,
            severity: settings.severity,
        }),
    );
    step.what = at.what().to_owned();
    step.by_hand = ByHand::act(told);
    step.check = Look::only("each channel has taken it");
    step.undo = Undo::none("none: what was said is said");
    step.timeout_s = 60;
    step.attempts = 3;
    Ok(vec![step])
}
