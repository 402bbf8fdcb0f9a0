//! What is different between two states of an object. Start at [`between`].

use crate::mask::{self, Mask};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where, as in `spec.containers[name=web].image`.
    pub path: String,
    /// What was there; nothing if it came. Hidden where it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now; nothing if it went. Hidden where it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// By these, in this order, the items of a list are recognized again, where each has its own.
const NAMES: [&str; 6] = ["name", "type", "key", "mountPath", "uid", "ip"];

/// What changed, in the order of names. What `mask` hides is compared, and not shown; with `None` all is shown.
pub fn between(before: &Map<String, Value>, after: &Map<String, Value>, mask: Option<Mask>) -> Vec<Change> {
    let mut walk = Walk {
        mask: mask.unwrap_or(Mask::Nothing),
        path: Vec::new(),
        shown: String::new(),
        found: Vec::new(),
    };
    walk.maps(before, after);
    walk.found
}

struct Walk<'a> {
    mask: Mask,
    /// Names of fields alone.
    path: Vec<&'a str>,
    shown: String,
    found: Vec<Change>,
}

impl<'a> Walk<'a> {
    fn maps(&mut self, before: &'a Map<String, Value>, after: &'a Map<String, Value>) {
        let mut names: Vec<&String> = before
            .keys()
            .chain(after.keys().filter(|it| !before.contains_key(*it)))
            .collect();
        names.sort();
        for name in names {
            let dot = if self.shown.is_empty() { "" } else { "." };
            let step = if name.contains(['.', '/']) {
                format!("[{name}]")
            } else {
                format!("{dot}{name}")
            };
            let length = self.path.len();
            let named = if before.contains_key("name") { before } else { after };
            mask::step(&mut self.path, name, named);
            self.step(&step, before.get(name), after.get(name));
            self.path.truncate(length);
        }
    }

    fn step(&mut self, step: &str, before: Option<&'a Value>, after: Option<&'a Value>) {
        let length = self.shown.len();
        self.shown.push_str(step);
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => self.maps(before, after),
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.lists(before, after),
            (before, after) => self.note(before, after),
        }
        self.shown.truncate(length);
    }

    fn lists(&mut self, before: &'a [Value], after: &'a [Value]) {
        let Some(by) = NAMES.iter().find(|by| named(before, by) && named(after, by)) else {
            for number in 0..before.len().max(after.len()) {
                let length = self.path.len();
                let option = mask::follows(after, number).chain(mask::follows(before, number)).take(2);
                self.path.extend(option);
                self.step(&format!("[{number}]"), before.get(number), after.get(number));
                self.path.truncate(length);
            }
            return;
        };
        // What an item is recognized by may be secret itself.
        let mut inside = self.path.clone();
        inside.push(by);
        let hidden = self.mask.hides(&inside);
        let of = |item: &Value| item.get(by).map(text).unwrap_or_default();
        let name = |item: &Value| if hidden { "(masked)".to_owned() } else { of(item) };
        let found = self.found.len();
        let index = |items: &'a [Value]| items.iter().map(|it| (of(it), it)).collect::<HashMap<_, _>>();
        let (was, is) = (index(before), index(after));
        for item in before {
            let other = is.get(&of(item)).copied();
            self.step(&format!("[{by}={}]", name(item)), Some(item), other);
        }
        for item in after.iter().filter(|it| !was.contains_key(&of(it))) {
            self.step(&format!("[{by}={}]", name(item)), None, Some(item));
        }
        if self.found.len() == found {
            // Nothing but their order.
            let order = |items: &[Value]| Value::Array(items.iter().map(|it| name(it).into()).collect());
            self.found.push(Change {
                path: self.shown.clone(),
                before: Some(order(before)),
                after: Some(order(after)),
            });
        }
    }

    fn note(&mut self, before: Option<&'a Value>, after: Option<&'a Value>) {
        let mask = self.mask;
        let mut shown = |value: &'a Value| mask.value(value, &mut self.path);
        let (before, after) = (before.map(&mut shown), after.map(&mut shown));
        self.found.push(Change { path: self.shown.clone(), before, after });
    }
}

/// Whether every item has a name of its own.
fn named(items: &[Value], by: &str) -> bool {
    let mut names: Vec<String> = items.iter().filter_map(|it| it.get(by)).map(text).collect();
    let all = names.len() == items.len();
    names.sort();
    names.dedup();
    all && names.len() == items.len()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
