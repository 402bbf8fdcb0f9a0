//! Conditions and values in playbooks, in CEL, the language that Kubernetes' own admission policies are written in. Start at [`holds`] and
//! [`filled`].
//!
//! The crate has no limits of its own, so there are some here: a playbook may be anybody's.

use cel::{Context, Program};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What an expression may name.
pub(crate) type Scope = Map<String, Value>;

/// The longest expression, in bytes. None that a person reads at night is longer.
const LONGEST: usize = 500;

/// The deepest nesting of brackets: the parser calls itself for each.
const DEEPEST: usize = 20;

/// The name by which steps' outcomes are known, once there are any.
const LATER: &str = "steps";

/// Begins and ends a value in a text: `${{ parameters.name }}`. Unlike `${...}`, no shell knows it.
const BEGIN: &str = "${{";
const END: &str = "}}";

fn compiled(text: &str) -> Result<Program, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let (mut depth, mut deepest, mut prefixes) = (0_usize, 0, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'!' | b'-' | b'?' => prefixes += 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST || prefixes > 4 * DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} deep"));
    }
    Program::compile(text).map_err(|error| {
        let said = error.to_string();
        // It ends with the expression and a mark below, on lines of their own.
        said.lines().next().unwrap_or_default().trim_start_matches("ERROR: ").to_owned()
    })
}

/// The names that an expression refers to.
///
/// # Errors
/// Why it is none.
pub(crate) fn names(text: &str) -> Result<BTreeSet<String>, String> {
    let program = compiled(text)?;
    Ok(program.references().variables().into_iter().map(str::to_owned).collect())
}

/// Whether an expression can only be answered when steps have been done.
///
/// # Errors
/// Why it is none.
pub(crate) fn is_later(text: &str) -> Result<bool, String> {
    Ok(names(text)?.contains(LATER))
}

/// What an expression comes to.
///
/// # Errors
/// Why it is none, or comes to nothing.
pub(crate) fn value(text: &str, scope: &Scope) -> Result<Value, String> {
    let program = compiled(text)?;
    let mut context = Context::default();
    for (name, value) in scope {
        context.add_variable_from_value(name.as_str(), told(value));
    }
    let found = program.execute(&context).map_err(|error| error.to_string())?;
    found
        .json()
        .map_err(|_| "it comes to something that has no written form".to_owned())
}

/// A value as CEL has it. All whole numbers are signed: two kinds of them cannot be added or compared.
fn told(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(it) => cel::Value::Bool(*it),
        Value::Number(it) => match it.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(it.as_f64().unwrap_or_default()),
        },
        Value::String(it) => cel::Value::String(it.clone().into()),
        Value::Array(all) => cel::Value::List(all.iter().map(told).collect::<Vec<_>>().into()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), told(value)));
            cel::Value::Map(fields.collect::<std::collections::HashMap<_, _>>().into())
        }
    }
}

/// Whether a condition holds.
///
/// # Errors
/// Why it is none, or neither true nor false.
pub(crate) fn holds(text: &str, scope: &Scope) -> Result<bool, String> {
    match value(text, scope)? {
        Value::Bool(holds) => Ok(holds),
        other => Err(format!("it is neither true nor false, but {other}")),
    }
}

/// The expressions in a text.
pub(crate) fn within(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((expression, after)) = after.split_once(END) else {
            return Err(format!("{BEGIN} is not ended by {END}"));
        };
        found.push(expression.trim());
        rest = after;
    }
    Ok(found)
}

/// A text with its expressions replaced by what they come to. Those that can only be answered later stay, unless `later` says that it is
/// later. A text that is one expression and nothing else becomes its value, whatever that is.
///
/// # Errors
/// The expression, and why it comes to nothing.
pub(crate) fn filled(text: &str, scope: &Scope, later: bool) -> Result<Value, String> {
    let told = |expression: &str, why: String| format!("{expression}: {why}");
    let expressions = within(text)?;
    if let [only] = expressions[..]
        && text.trim().starts_with(BEGIN)
        && text.trim().ends_with(END)
    {
        return match !later && is_later(only).map_err(|why| told(only, why))? {
            true => Ok(Value::String(text.to_owned())),
            false => value(only, scope).map_err(|why| told(only, why)),
        };
    }
    let mut whole = String::new();
    let mut rest = text;
    for expression in expressions {
        let Some((before, after)) = rest.split_once(BEGIN) else {
            break;
        };
        let Some((_, after)) = after.split_once(END) else { break };
        whole += before;
        if !later && is_later(expression).map_err(|why| told(expression, why))? {
            whole += &format!("{BEGIN} {expression} {END}");
        } else {
            match value(expression, scope).map_err(|why| told(expression, why))? {
                Value::String(text) => whole += &text,
                Value::Null => {}
                Value::Array(all) => {
                    let words: Vec<String> = all.iter().map(plain).collect();
                    whole += &words.join(" ");
                }
                other => whole += &other.to_string(),
            }
        }
        rest = after;
    }
    Ok(Value::String(whole + rest))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The same for every text in a value.
///
/// # Errors
/// As [`filled`].
pub(crate) fn filled_all(value: &Value, scope: &Scope, later: bool) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) if text.contains(BEGIN) => filled(text, scope, later)?,
        Value::Array(all) => all
            .iter()
            .map(|value| filled_all(value, scope, later))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| Ok((key.clone(), filled_all(value, scope, later)?)))
            .collect::<Result<_, String>>()?,
        other => other.clone(),
    })
}

/// The step ids that expressions of `text` name by `steps.ID` or `steps["ID"]`, as far as that can be read off.
pub(crate) fn steps_named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(LATER) {
        let id: String = match after.strip_prefix('.') {
            Some(after) => after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect(),
            None => after
                .strip_prefix("[\"")
                .or_else(|| after.strip_prefix("['"))
                .map(|after| after.chars().take_while(|c| !matches!(c, '"' | '\'')).collect())
                .unwrap_or_default(),
        };
        if !id.is_empty() {
            named.insert(id);
        }
        rest = after;
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn scope() -> Scope {
        let scope = json!({
            "host": {"name": "cp-1", "alone": false},
            "parameters": {"names": ["a", "b"], "count": 3},
        });
        scope.as_object().cloned().unwrap()
    }

    #[test]
    fn values_are_filled_in() {
        let filled = |text: &str| filled(text, &scope(), false);
        assert_eq!(filled("on ${{ host.name }}: ${HOME}"), Ok(json!("on cp-1: ${HOME}")));
        assert_eq!(filled("${{ parameters.names }}"), Ok(json!(["a", "b"])));
        assert_eq!(filled("all of ${{ parameters.names }}"), Ok(json!("all of a b")));
        assert_eq!(filled("${{ parameters.count + 1 }}"), Ok(json!(4)));
        assert_eq!(
            filled("at ${{ steps.infra.outputs.address }} of ${{ host.name }}"),
            Ok(json!("at ${{ steps.infra.outputs.address }} of cp-1"))
        );
        assert_eq!(filled("${{ nobody }}"), Err("nobody: Undeclared reference to 'nobody'".to_owned()));
        assert_eq!(filled("${{ host.name"), Err("${{ is not ended by }}".to_owned()));
        assert_eq!(
            filled_all(&json!({"a": ["${{host.name}}", 1]}), &scope(), false),
            Ok(json!({"a": ["cp-1", 1]}))
        );
    }

    #[test]
    fn a_condition_is_true_or_false() {
        assert_eq!(holds("!host.alone && size(parameters.names) > 1", &scope()), Ok(true));
        assert_eq!(holds("has(host.empty)", &scope()), Ok(false));
        assert_eq!(holds("host.name", &scope()), Err("it is neither true nor false, but \"cp-1\"".to_owned()));
        assert!(holds("host.name ==", &scope()).unwrap_err().contains("Syntax error"));
        assert_eq!(is_later("steps.dns.changed"), Ok(true));
        assert_eq!(
            steps_named("steps.dns.changed && steps[\"copy-b\"].bytes > 0"),
            ["copy-b", "dns"].map(str::to_owned).into()
        );
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_refused_before_it_is_parsed() {
        for text in [
            "(".repeat(400),
            "!".repeat(400),
            "-".repeat(300),
            "a".repeat(501),
            "[".repeat(499),
        ] {
            assert!(names(&text).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[a-z0-9(){}\\[\\]!?:.,<>=&|\"' +*/%-]{0,120}") {
            _ = value(&text, &scope());
            _ = filled(&format!("${{{{ {text} }}}}"), &scope(), false);
        }
    }
}
