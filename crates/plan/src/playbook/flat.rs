//! A playbook laid out flat: included ones in their places, child playbooks with the name of their step before their own, and an order
//! for each step. Start at [`flatten`].

use super::expression::{self, Scope};
use super::lint::{Lint, Which};
use super::{Book, Books};
use estate::{Estate, Name, ParameterType, Place, PlaybookStep, nearest};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How deep playbooks may stand in each other.
const DEEPEST: usize = 8;

/// A step with all that decides where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Flat<'a> {
    /// Unique in all: that of a child playbook's step begins with its parent's and a dot.
    pub(crate) id: String,
    pub(crate) step: &'a PlaybookStep,
    /// The playbook that it stands in.
    pub(crate) book: &'a Book,
    /// The ids that it comes after.
    pub(crate) after: Vec<String>,
    /// What must hold: its own condition and those of what it stands in.
    pub(crate) when: Vec<&'a estate::Placed<String>>,
    /// What expressions of it may name.
    pub(crate) scope: Scope,
}

/// Lays a playbook out, with the parameters that were given.
///
/// # Errors
/// The first thing that is wrong with it or with them.
pub(crate) fn flatten<'a>(
    books: &'a Books,
    book: &'a Book,
    given: &Map<String, Value>,
    estate: &Estate,
    facts: &Scope,
) -> Result<Vec<Flat<'a>>, Box<Lint>> {
    let mut layout = Layout { books, estate, facts, flat: Vec::new(), within: Vec::new() };
    let parameters = parameters(book, given, estate)
        .map_err(|(place, message)| book.lint(Which::Parameter, place, message, "give it by --set NAME=VALUE"))?;
    layout.book(book, &parameters, "", &[], &[])?;
    Ok(layout.flat)
}

/// The parameters of a playbook: what was given, and the defaults of what was not.
pub(crate) fn parameters(
    book: &Book,
    given: &Map<String, Value>,
    estate: &Estate,
) -> Result<Map<String, Value>, (Place, String)> {
    let known = &book.playbook.parameters;
    if let Some(strange) = given.keys().find(|name| !known.contains_key(*name)) {
        let near = nearest(strange, known.keys().map(String::as_str));
        let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
        let message = format!("playbook {} has no parameter {strange:?}{near}", book.name);
        return Err((Place::NOWHERE, message));
    }
    let mut all = Map::new();
    for (name, parameter) in known {
        let value = match given.get(name).or(parameter.default.as_ref()) {
            Some(value) => value,
            None => {
                let message = format!("playbook {} needs the parameter {name}: {}", book.name, parameter.what);
                return Err((parameter.place(), message));
            }
        };
        let value = typed(value, parameter.kind, estate)
            .map_err(|why| (parameter.place(), format!("parameter {name} is {value}, and {why}")))?;
        all.insert(name.clone(), value);
    }
    Ok(all)
}

/// A value as its type has it; from the command line it is a text.
fn typed(value: &Value, kind: ParameterType, estate: &Estate) -> Result<Value, String> {
    let text = value.as_str();
    let one_of = |what: &str, known: Vec<&str>| match text.filter(|text| known.contains(text)) {
        Some(text) => Ok(json!(text)),
        None => {
            let near = text.and_then(|text| nearest(text, known.iter().copied()));
            let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
            Err(format!("the estate has no {what} of that name{near}"))
        }
    };
    let hosts = || estate.hosts.keys().map(Name::as_str).collect();
    match kind {
        ParameterType::Text => match value {
            Value::String(_) => Ok(value.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(json!(value.to_string())),
            _ => Err("a text is needed".to_owned()),
        },
        ParameterType::Integer => {
            let number = value.as_i64().or_else(|| text?.parse().ok());
            number
                .map(|number| json!(number))
                .ok_or_else(|| "a whole number is needed".to_owned())
        }
        ParameterType::Boolean => {
            let said = value.as_bool().or_else(|| text?.parse().ok());
            said.map(|said| json!(said)).ok_or_else(|| "true or false is needed".to_owned())
        }
        ParameterType::Duration => {
            let parsed = text.and_then(|text| text.parse::<jiff::SignedDuration>().ok());
            parsed
                .map(|_| value.clone())
                .ok_or_else(|| "a length of time is needed, like 90s".to_owned())
        }
        ParameterType::Address => {
            let parsed = text.and_then(|text| text.parse::<std::net::IpAddr>().ok());
            parsed
                .map(|_| value.clone())
                .ok_or_else(|| "an IP address is needed".to_owned())
        }
        ParameterType::Cluster => one_of("cluster", estate.clusters.keys().map(Name::as_str).collect()),
        ParameterType::Site => one_of("site", estate.sites.keys().map(Name::as_str).collect()),
        ParameterType::Host => one_of("host", hosts()),
        ParameterType::Hosts => {
            let words: Vec<&str> = match value {
                Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
                Value::String(text) => text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect(),
                _ => return Err("names of hosts are needed".to_owned()),
            };
            match words
                .iter()
                .find(|word| estate.hosts.keys().all(|host| host.as_str() != **word))
            {
                Some(strange) => Err(format!("the estate has no host {strange:?}")),
                None => Ok(json!(words)),
            }
        }
    }
}

struct Layout<'a, 'b> {
    books: &'a Books,
    estate: &'b Estate,
    facts: &'b Scope,
    flat: Vec<Flat<'a>>,
    /// The playbooks that the present one stands in.
    within: Vec<Name>,
}

impl<'a> Layout<'a, '_> {
    /// Lays the steps of `book` out: those that follow nothing come after `first`. Returns their ids.
    fn book(
        &mut self,
        book: &'a Book,
        parameters: &Map<String, Value>,
        prefix: &str,
        first: &[String],
        when: &[&'a estate::Placed<String>],
    ) -> Result<Vec<String>, Box<Lint>> {
        self.within.push(book.name.clone());
        let mut scope = self.facts.clone();
        scope.insert("parameters".to_owned(), Value::Object(parameters.clone()));
        // The ids of each entry, by its own; and what each entry comes to, in order.
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut priorities: Vec<(u8, Vec<String>)> = Vec::new();
        let mut all = Vec::new();
        let mut previous: Vec<String> = first.to_vec();
        let begin = self.flat.len();
        for step in &book.playbook.steps {
            let mut conditions = when.to_vec();
            conditions.extend(&step.when);
            let mut after = match &step.after {
                None => previous.clone(),
                Some(named) => {
                    let ids = named.iter().map(|id| format!("{prefix}{}", **id));
                    first.iter().cloned().chain(ids).collect()
                }
            };
            if let Some(priority) = &step.priority {
                let lower = priorities.iter().filter(|(other, _)| *other < **priority);
                after.extend(lower.flat_map(|(_, ids)| ids.clone()));
            }
            let ids = match (&step.include, &step.id) {
                (Some(include), _) => {
                    let (child, given) = self.child(book, (include, include.place()), step, &scope)?;
                    self.book(child, &given, prefix, &after, &conditions)?
                }
                (None, Some(id)) if step.kind.as_ref().is_some_and(|kind| kind.as_str() == "playbook") => {
                    let name = step.with.get("playbook").and_then(|name| name.as_str());
                    let named: Option<Name> = name.and_then(|name| name.parse().ok());
                    let Some(named) = named else {
                        let message = format!("step {id} does not say which playbook: with.playbook");
                        return Err(book.lint(Which::Settings, id.place(), message, "name it: with: {playbook: NAME}"));
                    };
                    let placed = step.with.get("playbook").map_or(id.place(), estate::Placed::place);
                    let (child, given) = self.child(book, (&named, placed), step, &scope)?;
                    let parent = format!("{prefix}{id}");
                    let ids = self.book(child, &given, &format!("{parent}."), &after, &conditions)?;
                    groups.insert(parent, ids.clone());
                    ids
                }
                (None, Some(id)) => {
                    let id = format!("{prefix}{id}");
                    self.flat.push(Flat {
                        id: id.clone(),
                        step,
                        book,
                        after,
                        when: conditions,
                        scope: scope.clone(),
                    });
                    vec![id]
                }
                (None, None) => Vec::new(),
            };
            if let Some(priority) = &step.priority {
                priorities.push((**priority, ids.clone()));
            }
            all.extend(ids.iter().cloned());
            if !ids.is_empty() {
                previous = ids;
            }
        }
        self.link(begin, &groups, book)?;
        self.within.pop();
        Ok(all)
    }

    /// Replaces the ids of child playbooks by those of their steps, and sees that all others are there.
    fn link(&mut self, begin: usize, groups: &BTreeMap<String, Vec<String>>, book: &Book) -> Result<(), Box<Lint>> {
        let known: Vec<String> = self.flat.iter().map(|flat| flat.id.clone()).collect();
        for flat in self.flat.iter_mut().skip(begin) {
            let mut after = Vec::new();
            for id in &flat.after {
                match groups.get(id) {
                    Some(ids) => after.extend(ids.iter().cloned()),
                    None if known.contains(id) => after.push(id.clone()),
                    None => {
                        let near = nearest(id, known.iter().map(String::as_str));
                        let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
                        let message = format!("step {} comes after {id:?}, which is no step{near}", flat.id);
                        return Err(book.lint(Which::Link, flat.step.place(), message, "name a step of this playbook"));
                    }
                }
            }
            after.sort();
            after.dedup();
            flat.after = after;
        }
        Ok(())
    }

    /// Another playbook, and the parameters that it is given here.
    fn child(
        &self,
        book: &Book,
        (name, place): (&Name, Place),
        step: &PlaybookStep,
        scope: &Scope,
    ) -> Result<(&'a Book, Map<String, Value>), Box<Lint>> {
        let Some(child) = self.books.get(name) else {
            let near = nearest(name.as_str(), self.books.names().map(Name::as_str));
            let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
            let message = format!("there is no playbook called {:?}{near}", name.as_str());
            return Err(book.lint(Which::Link, place, message, "lifeboat playbook list"));
        };
        if self.within.contains(name) || self.within.len() >= DEEPEST {
            let way: Vec<&str> = self.within.iter().chain([name]).map(Name::as_str).collect();
            let message = format!("playbook {name} stands in itself: {}", way.join(" > "));
            return Err(book.lint(Which::Circle, place, message, "take one of them out"));
        }
        let mut given = Map::new();
        for (key, value) in step.with.iter().filter(|(key, _)| *key != "playbook" || step.include.is_some()) {
            let filled = expression::filled_all(value, scope, false).map_err(|why| {
                book.lint(Which::Expression, value.place(), why, "see the names in lifeboat playbook show")
            })?;
            given.insert(key.clone(), filled);
        }
        let given = parameters(child, &given, self.estate)
            .map_err(|(_, message)| book.lint(Which::Parameter, place, message, "say it in with"))?;
        Ok((child, given))
    }
}
