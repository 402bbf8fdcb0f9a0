//! Objects as text: YAML with sorted fields, as `kubectl get -o yaml` writes them. Start at [`written`].

use crate::tame::is_obeyed;
use serde_json::{Map, Value};

/// Characters that YAML has no text for, and that the writer therefore writes out, with how it does that.
const MARKS: [(char, &str); 2] = [('\u{fffe}', "\\uFFFE"), ('\u{ffff}', "\\uFFFF")];

/// An object as YAML. Fields are sorted by name. What a terminal would obey is written out, so that it reads back as the same.
///
/// # Errors
/// What the writer of YAML could not write.
pub fn written(fields: &Map<String, Value>) -> Result<String, String> {
    let sorted = sorted(&Value::Object(fields.clone()));
    let plain = |value: &Value| serde_saphyr::to_string(value).map_err(|why| why.to_string());
    // The writer itself writes out control characters, and not what turns the direction of text.
    if !any_text(&sorted, &|text| text.contains(missed)) {
        return plain(&sorted);
    }
    let taken =
        |(mark, written): &(char, &str)| any_text(&sorted, &|text| text.contains(*mark) || text.contains(*written));
    let Some((mark, written)) = MARKS.into_iter().find(|it| !taken(it)) else {
        return Err("it has characters that are no text".to_owned());
    };
    let marked = marked(&sorted, mark);
    // The mark is in quotes, and the four digits behind it are the character's.
    Ok(plain(&marked)?.replace(written, "\\u"))
}

/// Whether a character is obeyed, and the writer of YAML writes it as it is.
fn missed(c: char) -> bool {
    is_obeyed(c) && !c.is_control()
}

/// Whether any text in a value, names of fields too, is such a one.
fn any_text(value: &Value, is: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is(text),
        Value::Array(items) => items.iter().any(|it| any_text(it, is)),
        Value::Object(fields) => fields.iter().any(|(name, it)| is(name) || any_text(it, is)),
        _ => false,
    }
}

/// The same with a mark and its number for each character that would be missed.
fn marked(value: &Value, mark: char) -> Value {
    let text = |text: &str| {
        let one = |c: char| match missed(c) {
            true => format!("{mark}{:04X}", u32::from(c)),
            false => c.to_string(),
        };
        text.chars().map(one).collect::<String>()
    };
    match value {
        Value::String(it) => Value::String(text(it)),
        Value::Array(items) => Value::Array(items.iter().map(|it| marked(it, mark)).collect()),
        Value::Object(fields) => fields.iter().map(|(name, it)| (text(name), marked(it, mark))).collect(),
        other => other.clone(),
    }
}

/// The same with the fields of all objects in it sorted by name.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_by_key(|(name, _)| *name);
            Value::Object(names.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
