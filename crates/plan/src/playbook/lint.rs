//! What is wrong with a playbook, by name and place, and how to cure it. Start at [`of`].

use super::expression::{self, Scope};
use super::flat::{Flat, flatten};
use super::{Book, Books};
use crate::kinds::habits;
use estate::{Estate, FileError, Name, OnFailure, ParameterType, Place};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that is wrong with a playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Which of the rules it breaks.
    pub which: Which,
    /// The playbook.
    pub playbook: Name,
    /// What is wrong and where, with an excerpt.
    pub shown: FileError,
    /// What to do about it.
    pub cure: String,
}

/// The rules, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// A step moves traffic, and no fence comes before it.
    TrafficBeforeFence,
    /// Nobody can see whether a step worked.
    NoCheck,
    /// A step does not say how a person does it.
    NoHand,
    /// A secret stands in the text.
    SecretInText,
    /// A step needs the site that is lost.
    NeedsDeadSite,
    /// Steps or playbooks wait for themselves.
    Circle,
    /// A step that is never carried out.
    Unreachable,
    /// A name that leads nowhere.
    Link,
    /// A setting that its kind does not have, or cannot use.
    Settings,
    /// An expression that is none.
    Expression,
    /// A parameter that is missing, or of another type.
    Parameter,
    /// It is repeated by itself, and not known to be safe to repeat.
    BlindRetry,
}

impl Which {
    /// Whether nothing can be planned with it. The others are for a person to judge.
    pub fn is_error(self) -> bool {
        !matches!(self, Self::NoCheck | Self::NeedsDeadSite | Self::Unreachable)
    }

    /// As people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrafficBeforeFence => "traffic-before-fence",
            Self::NoCheck => "no-check",
            Self::NoHand => "no-hand",
            Self::SecretInText => "secret-in-text",
            Self::NeedsDeadSite => "needs-dead-site",
            Self::Circle => "circle",
            Self::Unreachable => "unreachable",
            Self::Link => "link",
            Self::Settings => "settings",
            Self::Expression => "expression",
            Self::Parameter => "parameter",
            Self::BlindRetry => "blind-retry",
        }
    }
}

/// `FILE:LINE:COLUMN: what is wrong (rule)`, the line, and the cure.
impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.shown.clone();
        shown.message = format!("{} ({})", shown.message, self.which.name());
        write!(f, "{shown}\n  cure: {}", self.cure)
    }
}

/// What is wrong with a playbook, before anything is known of the day on which it is run.
pub fn of(estate: &Estate, books: &Books, book: &Book) -> Vec<Lint> {
    let given = samples(book, estate);
    let flat = match flatten(books, book, &given, estate, &sample_scope(estate)) {
        Ok(flat) => flat,
        Err(lint) => return vec![*lint],
    };
    let mut lints = of_flat(&flat, estate);
    lints.sort_by_key(|lint| (lint.shown.line, lint.which));
    lints
}

/// What is wrong with steps in their order.
pub(crate) fn of_flat(flat: &[Flat<'_>], estate: &Estate) -> Vec<Lint> {
    let by_id: BTreeMap<&str, &Flat<'_>> = flat.iter().map(|flat| (flat.id.as_str(), flat)).collect();
    if let Some(waiting) = circle(flat) {
        let message = format!("step {} waits for itself, by way of its after", waiting.id);
        return vec![lint(
            waiting,
            Which::Circle,
            waiting.step.place(),
            message,
            "take one after out",
        )];
    }
    let mut lints = Vec::new();
    for flat in flat {
        let before = ancestors(flat, &by_id);
        traffic(flat, &before, &by_id, &mut lints);
        dead_site(flat, &before, &by_id, estate, &mut lints);
        expressions(flat, &before, &mut lints);
        looked_at(flat, &mut lints);
        secrets(flat, &mut lints);
    }
    lints
}

fn kind<'a>(flat: &'a Flat<'_>) -> &'a str {
    flat.step.kind.as_ref().map_or("", |kind| kind.as_str())
}

fn lint(flat: &Flat<'_>, which: Which, place: Place, message: String, cure: &str) -> Lint {
    *flat.book.lint(which, place, message, cure)
}

/// All steps that are settled before one is begun.
fn ancestors(of: &Flat<'_>, by_id: &BTreeMap<&str, &Flat<'_>>) -> BTreeSet<String> {
    let (mut found, mut left) = (BTreeSet::new(), of.after.clone());
    while let Some(id) = left.pop() {
        if let Some(flat) = by_id.get(id.as_str())
            && found.insert(id)
        {
            left.extend(flat.after.iter().cloned());
        }
    }
    found
}

fn circle<'a, 'b>(flat: &'a [Flat<'b>]) -> Option<&'a Flat<'b>> {
    let mut left: Vec<&Flat<'_>> = flat.iter().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|flat| flat.after.iter().all(|id| done.contains(id.as_str())));
        match (ready.is_empty(), waiting.first()) {
            (_, None) => return None,
            (true, Some(waiting)) => return flat.iter().find(|flat| flat.id == waiting.id),
            (false, _) => done.extend(ready.iter().map(|flat| flat.id.as_str())),
        }
        left = waiting;
    }
}

/// Invariant: no run moves traffic to a site before the other is fenced.
fn traffic(flat: &Flat<'_>, before: &BTreeSet<String>, by_id: &BTreeMap<&str, &Flat<'_>>, lints: &mut Vec<Lint>) {
    let fenced = || {
        let mut before = before.iter().filter_map(|id| by_id.get(id.as_str()));
        before.any(|flat| kind(flat) == "fence" && flat.when.is_empty())
    };
    // A load balancer may lead to another server of the same site: only where a site is fenced at all, that comes first.
    let is_local = kind(flat) == "loadbalancer.switch" && by_id.values().all(|flat| kind(flat) != "fence");
    if habits(kind(flat)).moves_traffic && !is_local && !fenced() {
        let message = format!("step {} moves traffic, and no fence comes before it in every case", flat.id);
        let cure = "put a step of kind fence, without a condition, before it";
        lints.push(lint(flat, Which::TrafficBeforeFence, flat.step.place(), message, cure));
    }
}

/// What comes after the fence cannot count on the site that was fenced.
fn dead_site(
    flat: &Flat<'_>,
    before: &BTreeSet<String>,
    by_id: &BTreeMap<&str, &Flat<'_>>,
    estate: &Estate,
    lints: &mut Vec<Lint>,
) {
    let Some(dead) = estate.failover().and_then(|of| estate.site_of(of.primary)) else {
        return;
    };
    let is_fenced = before
        .iter()
        .filter_map(|id| by_id.get(id.as_str()))
        .any(|flat| kind(flat) == "fence");
    let goes_on = flat.step.on_failure.as_deref() == Some(&OnFailure::Continue);
    if !is_fenced || goes_on {
        return;
    }
    for (key, value) in flat
        .step
        .with
        .iter()
        .filter(|(key, _)| matches!(key.as_str(), "on" | "ready" | "command"))
    {
        let mut named: Vec<Name> = Vec::new();
        named_strings(value, &mut |inner, text| {
            if key == "on" || matches!(inner, "on" | "host") {
                named.extend(text.parse::<Name>().ok());
            }
        });
        if let Some(host) = named.into_iter().find(|host| estate.site_of_host(host) == Some(dead)) {
            let message = format!("step {} works on {host}, at the site that is fenced before it", flat.id);
            let cure = "onFailure: continue, if it may be gone; or put it before the fence";
            lints.push(lint(flat, Which::NeedsDeadSite, value.place(), message, cure));
        }
    }
}

fn expressions(flat: &Flat<'_>, before: &BTreeSet<String>, lints: &mut Vec<Lint>) {
    let step = flat.step;
    for when in &flat.when {
        match expression::names(when) {
            Err(why) => {
                let message = format!("the condition of step {} is none: {why}", flat.id);
                lints.push(lint(flat, Which::Expression, when.place(), message, "write it in CEL"));
            }
            Ok(names) if names.is_empty() && expression::holds(when, &Scope::new()) == Ok(false) => {
                let message = format!("step {} is never carried out: its condition is never true", flat.id);
                lints.push(lint(flat, Which::Unreachable, when.place(), message, "take it out, or mend its when"));
            }
            Ok(_) => later(flat, (when, when.place()), before, lints),
        }
    }
    let texts = [&step.by_hand, &step.check, &step.undo];
    let texts = texts.into_iter().flatten().map(|text| (text.as_str(), text.place()));
    let mut settings = Vec::new();
    for value in step.with.values() {
        strings(value, &mut |text| settings.push((text.to_owned(), value.place())));
    }
    let settings = settings.iter().map(|(text, place)| (text.as_str(), *place));
    for (text, place) in texts.chain(settings) {
        let within = match expression::within(text) {
            Ok(within) => within,
            Err(why) => {
                lints.push(lint(flat, Which::Expression, place, why, "end it"));
                continue;
            }
        };
        for found in within {
            match expression::names(found) {
                Err(why) => {
                    let message = format!("{found} in step {} is no expression: {why}", flat.id);
                    lints.push(lint(flat, Which::Expression, place, message, "write it in CEL"));
                }
                Ok(_) => later(flat, (found, place), before, lints),
            }
        }
    }
}

/// What an expression asks of steps must be known by then.
fn later(flat: &Flat<'_>, (text, place): (&str, Place), before: &BTreeSet<String>, lints: &mut Vec<Lint>) {
    if expression::is_later(text) != Ok(true) {
        return;
    }
    let prefix = flat
        .id
        .rsplit_once('.')
        .map_or(String::new(), |(parent, _)| format!("{parent}."));
    for named in expression::steps_named(text) {
        let is_before =
            |id: &String| *id == named || *id == format!("{prefix}{named}") || named.starts_with(&format!("{id}-"));
        if !before.iter().any(is_before) {
            let message = format!("step {} asks what came of {named}, which does not come before it", flat.id);
            lints.push(lint(flat, Which::Link, place, message, "name it in after, or ask another one"));
        }
    }
}

fn looked_at(flat: &Flat<'_>, lints: &mut Vec<Lint>) {
    let step = flat.step;
    let is_script = kind(flat) == "script";
    let unseen = matches!(kind(flat), "manual" | "script") && step.check.is_none() && !step.with.contains_key("check");
    if unseen {
        let message = format!("nobody can see whether step {} worked", flat.id);
        let cure = if is_script {
            "give it a check, or with.check"
        } else {
            "give it a check"
        };
        lints.push(lint(flat, Which::NoCheck, step.place(), message, cure));
    }
    if kind(flat) == "manual" && step.by_hand.is_none() {
        let message = format!("step {} is done by a person, and does not say how", flat.id);
        lints.push(lint(flat, Which::NoHand, step.place(), message, "say it in byHand, line by line"));
    }
    let repeats = step.retries.as_ref().filter(|retries| ***retries > 0);
    let is_safe = step
        .idempotent
        .as_deref()
        .copied()
        .unwrap_or_else(|| habits(kind(flat)).idempotent);
    if let (Some(retries), false) = (repeats, is_safe) {
        let message = format!("step {} is tried again by itself, and nothing says that it may be repeated", flat.id);
        lints.push(lint(
            flat,
            Which::BlindRetry,
            retries.place(),
            message,
            "idempotent: true, if it is; or no retries",
        ));
    }
}

fn secrets(flat: &Flat<'_>, lints: &mut Vec<Lint>) {
    let step = flat.step;
    let mut found: Vec<Place> = Vec::new();
    for (key, value) in &step.with {
        let mut hit = is_secret_key(key) && is_literal(value);
        named_strings(value, &mut |key, text| {
            hit |= looks_secret(text) || (is_secret_key(key) && is_literal(&Value::from(text)));
        });
        if hit {
            found.push(value.place());
        }
    }
    let texts = [&step.by_hand, &step.check, &step.undo];
    found.extend(
        texts
            .into_iter()
            .flatten()
            .filter(|text| looks_secret(text))
            .map(|text| text.place()),
    );
    for place in found {
        let message = format!("step {} holds what looks like a secret in clear text", flat.id);
        let cure = "put it into a file that only root reads, and let the script read that";
        let mut lint = lint(flat, Which::SecretInText, place, message, cure);
        // Never shown: it may well be the secret.
        lint.shown.excerpt = None;
        lints.push(lint);
    }
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '-'], "");
    [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
    ]
    .iter()
    .any(|word| key.ends_with(word))
}

/// Whether it is the value itself, and not where it is found.
fn is_literal(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        let text = text.trim();
        !text.is_empty() && !text.starts_with("file:") && !text.starts_with('/') && !text.starts_with('$')
    })
}

/// Forms that nothing else has.
fn looks_secret(text: &str) -> bool {
    let words = || text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '='));
    let has_url = words().any(|word| {
        let rest = word
            .split_once("://")
            .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let user = rest
            .and_then(|host| host.rsplit_once('@'))
            .and_then(|(user, _)| user.split_once(':'));
        user.is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    });
    let is_long = |word: &str, least: usize| {
        word.len() >= least && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let mut before = "";
    let mut bearer = false;
    for word in words() {
        bearer |= before.eq_ignore_ascii_case("bearer") && is_long(word, 20);
        before = word;
    }
    let is_access_key = |word: &str| word.len() == 20 && word.starts_with("AKIA");
    let is_rancher_token = |word: &str| {
        word.strip_prefix("token-")
            .is_some_and(|rest| rest.contains(':') && rest.len() > 30)
    };
    has_url
        || bearer
        || text.contains("PRIVATE KEY-----")
        || text.contains("AGE-SECRET-KEY-")
        || words().any(|word| is_access_key(word) || is_rancher_token(word) || word.starts_with("ghp_"))
}

fn strings(value: &Value, each: &mut dyn FnMut(&str)) {
    named_strings(value, &mut |_, text| each(text));
}

fn named_strings(value: &Value, each: &mut dyn FnMut(&str, &str)) {
    fn walk(key: &str, value: &Value, each: &mut dyn FnMut(&str, &str)) {
        match value {
            Value::String(text) => each(key, text),
            Value::Array(all) => all.iter().for_each(|value| walk(key, value, each)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(key, value, each)),
            _ => {}
        }
    }
    walk("", value, each);
}

/// Values for parameters that have no default, so that a playbook can be looked at before it is run.
fn samples(book: &Book, estate: &Estate) -> Map<String, Value> {
    let first = |names: Option<&Name>| json!(names.map_or("", Name::as_str));
    let needed = book
        .playbook
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.default.is_none());
    needed
        .map(|(name, parameter)| {
            let value = match parameter.kind {
                ParameterType::Text => json!(name.to_uppercase()),
                ParameterType::Integer => json!(1),
                ParameterType::Boolean => json!(false),
                ParameterType::Duration => json!("1s"),
                ParameterType::Address => json!("192.0.2.1"),
                ParameterType::Cluster => first(estate.clusters.keys().next()),
                ParameterType::Site => first(estate.sites.keys().next()),
                ParameterType::Host => first(estate.hosts.keys().next()),
                ParameterType::Hosts => json!([]),
            };
            (name.clone(), value)
        })
        .collect()
}

/// Enough for parameters of child playbooks, which may be given the cluster or a site.
fn sample_scope(estate: &Estate) -> Scope {
    let Some((name, of)) = estate.clusters.iter().next() else {
        return Scope::new();
    };
    let facts = crate::Facts::default();
    let scene = crate::scene::Scene::new(estate, name, &facts, None, jiff::Timestamp::UNIX_EPOCH);
    let _ = of;
    scene.map(|scene| scene.scope()).unwrap_or_default()
}
