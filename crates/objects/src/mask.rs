//! What is secret in an object, and is shown only when asked for. Start at [`Mask::of`].
//!
//! A Secret's data, what an annotation repeats of it, in custom resources (Rancher keeps tokens and passwords in some) every
//! text in a field whose name says that it is one, and of pods the variables whose names say so. Texts that a pod or a custom
//! resource has elsewhere are searched for what is known to be secret by its form ([`forms`]).

use crate::Object;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use std::ops::Range;

/// How a hidden text is shown.
fn hidden(text: &Value) -> Value {
    match text {
        Value::String(text) => format!("(masked, {} characters)", text.chars().count()).into(),
        _ => "(masked)".into(),
    }
}

/// Annotations of Secrets that tell about them, by how they begin; all others are hidden.
const PLAIN_ANNOTATIONS: [&str; 5] = [
    "cert-manager.io/",
    "field.cattle.io/",
    "helm.sh/",
    "kubernetes.io/",
    "meta.helm.sh/",
];

/// The last words of field names that hold something secret, without `-` and `_` and in lower case.
const SECRET_NAMES: [&str; 24] = [
    "connectionstring",
    "dsn",
    "encryptionkey",
    "password",
    "passwd",
    "passphrase",
    "psk",
    "pwd",
    "secretstring",
    "secretvalue",
    "signingkey",
    "tlskey",
    "webhookurl",
    "valuesyaml",
    "token",
    "secretkey",
    "secretaccesskey",
    "clientsecret",
    "apikey",
    "accesskey",
    "credential",
    "pass",
    "applicationsecret",
    "valuescontent",
];

/// Whole names that say so of a text, and not of what has further fields.
const TEXT_NAMES: [&str; 2] = ["authorization", "secret"];

/// Words in the names of variables and options that say so: `JWT_SECRET`, `DB_PW`, `--creds`.
const WORDS: [&str; 13] = [
    "auth",
    "cookie",
    "cred",
    "creds",
    "credentials",
    "jwt",
    "pass",
    "pat",
    "psk",
    "pw",
    "pwd",
    "salt",
    "secret",
];

/// How the text of a header begins that lets somebody in.
const SCHEMES: [&str; 2] = ["Basic ", "Bearer "];

/// Words that tell so wherever they stand in a name.
const SECRET_WORDS: [&str; 3] = ["kubeconfig", "privatekey", "sshkey"];

/// The commands that Rancher makes for new clusters and nodes have a token in them.
const RANCHER_COMMANDS: [&str; 7] = [
    "command",
    "insecurecommand",
    "nodecommand",
    "insecurenodecommand",
    "windowsnodecommand",
    "insecurewindowsnodecommand",
    "manifesturl",
];

/// Kinds with pods in them, whose variables may hold secrets.
const WITH_PODS: [&str; 10] = [
    "ControllerRevision",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "PodTemplate",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// What is hidden in objects of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Nothing.
    Nothing,
    /// All that makes up a Secret.
    Secret,
    /// Variables of pods by their names, and what an annotation repeats of them.
    Pods,
    /// What its name says that it is secret.
    ByName {
        /// Whether it is of Rancher's, whose commands have tokens in them.
        rancher: bool,
    },
}

impl Mask {
    /// That of a kind.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, kind) {
            ("", "Secret") => Self::Secret,
            // Kubernetes' own kinds refer to secrets by name.
            (group, kind) if is_own(group, kind) && WITH_PODS.contains(&kind) => Self::Pods,
            (group, kind) if is_own(group, kind) => Self::Nothing,
            (group, _) => Self::ByName { rancher: group.ends_with("cattle.io") },
        }
    }

    /// Whether what stands at this path is hidden. Before `value`, the `name` beside it is part of the path.
    pub fn hides(self, path: &[&str]) -> bool {
        let annotation = path
            .strip_prefix(&["metadata", "annotations"])
            .and_then(|rest| rest.first().copied());
        match (self, annotation) {
            (Self::Nothing, _) => false,
            // Many tools repeat a whole Secret in an annotation of their own, also compressed.
            (Self::Secret, Some(name)) => !PLAIN_ANNOTATIONS.iter().any(|it| name.starts_with(it)),
            (Self::Secret, None) => matches!(path.first(), Some(&("data" | "stringData"))) && path.len() > 1,
            (Self::Pods | Self::ByName { .. }, Some(name)) => {
                let tail = name.rsplit('/').next().unwrap_or_default();
                ["applied", "original", "last-handled"].iter().any(|it| tail.contains(it)) || is_secret(tail, false)
            }
            (Self::Pods, None) => match path {
                [.., name, "value"] => is_variable(name),
                [.., "annotations", name] => is_secret(name, false),
                _ => false,
            },
            (Self::ByName { rancher }, None) => {
                path.first() != Some(&"metadata")
                    && (path.iter().any(|name| is_secret(name, rancher))
                        || path.last().is_some_and(|name| is_text_name(name))
                        || matches!(path, [.., name, "value"] if is_variable(name))
                        || is_embedded(path)
                        || is_listed(path))
            }
        }
    }

    /// A text that others wrote about an object, without what is hidden in any of its states: an API server quotes what it does not
    /// take, of what is there as well as of what comes, and whole or cut.
    pub fn scrub<'a>(self, states: impl IntoIterator<Item = &'a Map<String, Value>>, text: &str) -> String {
        let mut secrets = Vec::new();
        for fields in states {
            self.collect_fields(fields, &mut Vec::new(), &mut secrets);
        }
        let mut written: Vec<String> = secrets.iter().flat_map(|it| ways(it)).collect();
        // What is part of something longer comes after it.
        written.sort_by_key(|it| std::cmp::Reverse(it.len()));
        let scrubbed = written.iter().fold(text.to_owned(), |text, secret| {
            let hidden = if secret.starts_with('"') {
                "\"(masked)\""
            } else {
                "(masked)"
            };
            text.replace(secret.as_str(), hidden)
        });
        without_cut(scrubbed, &written)
    }

    fn collect_fields<'a>(self, fields: &'a Map<String, Value>, path: &mut Vec<&'a str>, secrets: &mut Vec<String>) {
        for (name, value) in fields {
            let length = path.len();
            step(path, name, fields);
            self.collect(value, path, secrets);
            path.truncate(length);
        }
    }

    fn collect<'a>(self, value: &'a Value, path: &mut Vec<&'a str>, secrets: &mut Vec<String>) {
        match value {
            Value::Object(fields) => self.collect_fields(fields, path, secrets),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let length = path.len();
                    path.extend(follows(items, number));
                    self.collect(item, path, secrets);
                    path.truncate(length);
                }
            }
            Value::String(text) if self.hides(path) => {
                let plain = BASE64_STANDARD.decode(text).ok().and_then(|it| String::from_utf8(it).ok());
                secrets.push(text.clone());
                secrets.extend(plain.filter(|_| self == Self::Secret));
            }
            Value::String(text) => {
                secrets.extend(self.parts(text).into_iter().map(|it| text[it].to_owned()));
            }
            Value::Number(number) if self.hides(path) => secrets.push(number.to_string()),
            _ => {}
        }
    }

    /// The object with everything hidden that has to be.
    pub fn apply(self, object: &Object) -> Map<String, Value> {
        let mut path = Vec::new();
        match self.value(&Value::Object(object.fields.clone()), &mut path) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// A value that stands at a path.
    pub fn value<'a>(self, value: &'a Value, path: &mut Vec<&'a str>) -> Value {
        match value {
            Value::Object(fields) => {
                let mut out = Map::new();
                for (name, value) in fields {
                    let length = path.len();
                    step(path, name, fields);
                    out.insert(name.clone(), self.value(value, path));
                    path.truncate(length);
                }
                Value::Object(out)
            }
            Value::Array(items) => {
                let item = |(number, item): (usize, &'a Value)| {
                    let length = path.len();
                    path.extend(follows(items, number));
                    let shown = self.value(item, path);
                    path.truncate(length);
                    shown
                };
                Value::Array(items.iter().enumerate().map(item).collect())
            }
            Value::Null | Value::Bool(_) => value.clone(),
            _ if self.hides(path) => hidden(value),
            Value::String(text) => {
                let mut shown = text.clone();
                for part in self.parts(text).into_iter().rev() {
                    shown.replace_range(part, "(masked)");
                }
                shown.into()
            }
            Value::Number(_) => value.clone(),
        }
    }

    /// What is secret in a text that is shown otherwise.
    fn parts(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Pods | Self::ByName { .. } => forms(text),
            Self::Nothing | Self::Secret => Vec::new(),
        }
    }
}

/// Goes into a field. The name of a value that has one, as a variable has, comes before it in the path: it says whether it is secret.
pub(crate) fn step<'a>(path: &mut Vec<&'a str>, field: &'a str, of: &'a Map<String, Value>) {
    if field == "value" {
        path.extend(of.get("name").and_then(Value::as_str));
    }
    path.push(field);
}

/// What an item of a list of arguments is the value of, if the one before is an option whose name says that it is secret: as a path.
pub(crate) fn follows(items: &[Value], number: usize) -> impl Iterator<Item = &str> {
    let before = number.checked_sub(1).and_then(|it| items.get(it)?.as_str());
    let option = before.filter(|it| is_option(it)).map(|it| it.trim_start_matches('-'));
    let takes = items.get(number).and_then(Value::as_str).is_some_and(|it| !it.starts_with('-'));
    option.filter(|_| takes).map(|name| [name, "value"]).into_iter().flatten()
}

/// Whether it is an option that takes the next argument, and whose name says that this is secret.
fn is_option(text: &str) -> bool {
    text.starts_with('-') && !text.contains(['=', ' ']) && is_variable(text)
}

/// How a secret text may stand in a message: as it is, quoted as Go and JSON do, in one line, and each of its lines.
fn ways(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let go = quoted_in_go(secret);
    let inner = |quoted: &String| quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let one_line = secret.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|it| secret.contains('\n') && it.len() >= 8);
    let mut ways: Vec<String> = lines.map(str::to_owned).collect();
    // Shorter ones stand in every text; in quotes they are meant.
    let bare = [secret.to_owned(), inner(&json), inner(&go), one_line];
    ways.extend(bare.into_iter().filter(|it| it.len() >= 4));
    ways.extend([json, go].into_iter().filter(|_| !secret.is_empty()));
    ways
}

/// As `%q` of Go has it. Source: Go's `strconv.Quote`.
fn quoted_in_go(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            // One character stays one if it can be printed, in Go as here.
            c if c == '\'' || c.escape_debug().count() == 1 => out.push(c),
            c if c.is_ascii() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A text was shortened before it came here: what is left of a secret at its end goes as well.
fn without_cut(mut text: String, secrets: &[String]) -> String {
    let begun = |secret: &String| {
        let lengths = (4..secret.len()).rev().filter(|it| secret.is_char_boundary(*it));
        lengths.map(|it| &secret[..it]).find(|it| text.ends_with(it)).map(str::len)
    };
    if let Some(length) = secrets.iter().filter_map(begun).max() {
        text.truncate(text.len() - length);
        text.push_str("(masked)");
    }
    text
}

/// What is secret in a text by its form: the password of an address; what an option or a variable in a command line is set to whose name
/// says so, or a field in JSON or YAML; and what follows `Basic` or `Bearer`.
fn forms(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for scheme in SCHEMES {
        for (at, _) in text.match_indices(scheme) {
            let from = at + scheme.len();
            let rest = text.get(from..).unwrap_or_default();
            found.push(from..from + rest.find(ends_value).unwrap_or(rest.len()));
        }
    }
    let (mut at, mut option) = (0, false);
    for word in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';')) {
        let plain = word.trim_end_matches(ends_value);
        if plain.is_empty() {
            at += word.len();
            continue;
        }
        if option && !plain.starts_with('-') {
            found.push(at..at + plain.len());
        }
        option = is_option(plain);
        if let Some((scheme, rest)) = plain.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if let Some((user, _)) = authority.rsplit_once('@')
                && let Some((name, password)) = user.split_once(':')
                && !password.is_empty()
            {
                let from = at + scheme.len() + 3 + name.len() + 1;
                found.push(from..from + password.len());
            }
        } else if let Some((user, _)) = plain.split_once("@tcp(").or_else(|| plain.split_once("@unix("))
            && let Some((name, password)) = user.split_once(':')
        {
            let from = at + name.len() + 1;
            found.push(from..from + password.len());
        }
        for (equals, _) in plain.match_indices('=') {
            let (before, value) =
                (plain.get(..equals).unwrap_or_default(), plain.get(equals + 1..).unwrap_or_default());
            let name = before.rsplit(['=', '?', '&', '.']).next().unwrap_or_default();
            if is_variable(name) && !value.is_empty() {
                let from = at + equals + 1;
                found.push(from..from + value.find('&').unwrap_or(value.len()));
            }
        }
        at += word.len();
    }
    found.extend(fields(text));
    merged(found)
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';')
}

/// What fields of JSON or YAML in a text are set to whose names say that it is secret.
fn fields(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for part in text.split_inclusive(['\n', ',', '{', '}']) {
        let plain = part.trim_end_matches(['\n', ',', '{', '}']);
        if let Some((name, value)) = plain.split_once(':')
            && !value.starts_with("//")
        {
            let name = name.trim().trim_matches(['"', '\'', '-', ' ']);
            let trimmed = value.trim().trim_matches(['"', '\'']);
            let begins = value.find(trimmed).filter(|_| !trimmed.is_empty());
            if let Some(begins) = begins.filter(|_| !name.contains(' ') && is_variable(name)) {
                let from = at + plain.len() - value.len() + begins;
                found.push(from..from + trimmed.len());
            }
        }
        at += part.len();
    }
    found
}

/// In order, and none over another.
fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.retain(|it| !it.is_empty());
    found.sort_by_key(|it| it.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for it in found {
        match out.last_mut().filter(|last| it.start < last.end) {
            Some(last) => last.end = last.end.max(it.end),
            None => out.push(it),
        }
    }
    out
}

/// Whether it is the data of a Secret that a custom resource holds to make it elsewhere.
fn is_embedded(path: &[&str]) -> bool {
    path.contains(&"stringData") || path.iter().skip(1).any(|it| *it == "data")
}

/// Whether it is one of many named values, or a key among keys: the name beside it may say that it is secret.
fn is_listed(path: &[&str]) -> bool {
    let among = |words: &[&str]| {
        path.iter()
            .any(|it| words.iter().any(|word| it.to_ascii_lowercase().contains(word)))
    };
    match path.last() {
        Some(&"value") => among(&["env", "parameters", "vars"]),
        Some(&"secret") => among(&["keys"]),
        _ => false,
    }
}

fn is_secret(name: &str, rancher: bool) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let one = plain.strip_suffix('s').unwrap_or(&plain);
    SECRET_NAMES.iter().any(|it| plain.ends_with(it) || one.ends_with(it))
        || SECRET_WORDS.iter().any(|it| plain.contains(it))
        || rancher && RANCHER_COMMANDS.contains(&plain.as_str())
}

/// Whether the name of a variable or an option says that its value is secret.
fn is_variable(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    is_secret(name, false) || is_text_name(name) || words.any(|word| WORDS.contains(&word))
}

/// Whether objects of a built-in resource have pods in them, whose variables may hold secrets.
pub fn is_with_pods(resource: &str) -> bool {
    WITH_PODS
        .iter()
        .any(|kind| resource == format!("{}s", kind.to_ascii_lowercase()))
}

fn is_text_name(name: &str) -> bool {
    TEXT_NAMES.iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// Whether a kind is Kubernetes' own. Groups of custom resources may end as those of Kubernetes do.
fn is_own(group: &str, kind: &str) -> bool {
    !group.contains('.') || crate::schema::Schema::kubernetes().has(group, kind)
}

#[cfg(test)]
mod tests;
