//! What a person types, on which host, line by line: to do a step ([`ByHand`]), to see that it worked ([`Look`]), to undo it ([`Undo`]).

use estate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a person does, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct ByHand(pub Vec<Line>);

/// One thing that a person does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Line {
    /// Typed into a shell (bash), as root on a host.
    Run {
        /// The host; none: where the person is, with the estate file and an identity.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Name>,
        /// What is typed.
        run: String,
    },
    /// What cannot be typed.
    Act {
        /// In one sentence.
        act: String,
    },
}

/// Runs of before have one sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Lines(Vec<Line>),
    Sentence(String),
}

impl From<Form> for ByHand {
    fn from(form: Form) -> Self {
        match form {
            Form::Lines(lines) => Self(lines),
            Form::Sentence(act) => Self(vec![Line::Act { act }]),
        }
    }
}

impl ByHand {
    /// Lines as people write them: `HOST# command` for one of `hosts`, `$ command`, or a sentence. A line that ends in a backslash goes on
    /// in the next one.
    pub fn parse(text: &str, is_host: impl Fn(&Name) -> bool) -> Self {
        let mut lines: Vec<String> = Vec::new();
        let mut goes_on = false;
        for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
            match lines.last_mut().filter(|_| goes_on) {
                Some(last) => *last = format!("{last}\n{line}"),
                None => lines.push(line.trim_start().to_owned()),
            }
            goes_on = line.ends_with('\\');
        }
        let parsed = lines.into_iter().map(|line| {
            if let Some(run) = line.strip_prefix("$ ") {
                return Line::Run { on: None, run: run.trim_start().to_owned() };
            }
            let on_host = line.split_once("# ").and_then(|(host, run)| {
                let host: Name = host.parse().ok()?;
                is_host(&host).then(|| Line::Run { on: Some(host), run: run.trim_start().to_owned() })
            });
            on_host.unwrap_or(Line::Act { act: line })
        });
        Self(parsed.collect())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of it can be typed.
    pub fn is_typed(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|line| matches!(line, Line::Run { .. }))
    }

    /// What is typed on `host`.
    pub(crate) fn on(host: &Name, run: impl IntoIterator<Item = String>) -> Self {
        Self::default().then_on(host, run)
    }

    /// What is typed where the person is.
    pub(crate) fn here(run: impl IntoIterator<Item = String>) -> Self {
        Self(run.into_iter().map(|run| Line::Run { on: None, run }).collect())
    }

    /// What cannot be typed.
    pub(crate) fn act(act: impl Into<String>) -> Self {
        Self(vec![Line::Act { act: act.into() }])
    }

    /// This, and then what is typed on `host`.
    pub(crate) fn then_on(mut self, host: &Name, run: impl IntoIterator<Item = String>) -> Self {
        self.0
            .extend(run.into_iter().map(|run| Line::Run { on: Some(host.clone()), run }));
        self
    }

    /// This, and then that.
    pub(crate) fn then(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }
}

/// As a shell shows it: `HOST# ...` on a host, `$ ...` elsewhere.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { on: Some(host), run } => write!(f, "{host}# {run}"),
            Self::Run { on: None, run } => write!(f, "$ {run}"),
            Self::Act { act } => f.write_str(act),
        }
    }
}

/// A line each.
impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            line.fmt(f)?;
        }
        Ok(())
    }
}

/// How to see that a step worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LookForm")]
pub struct Look {
    /// What is typed, if anything is.
    #[serde(default, skip_serializing_if = "ByHand::is_empty")]
    pub run: ByHand,
    /// What is seen then.
    pub expect: String,
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "UndoForm", untagged)]
pub enum Undo {
    /// By these lines. Where all of them are typed, Lifeboat does just that.
    Lines(ByHand),
    /// It cannot be undone, or need not be: one sentence why.
    None {
        /// Why.
        none: String,
    },
}

/// Runs of before have one sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum LookForm {
    Look {
        #[serde(default)]
        run: ByHand,
        expect: String,
    },
    Sentence(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum UndoForm {
    None { none: String },
    Lines(Vec<Line>),
    Sentence(String),
}

impl From<LookForm> for Look {
    fn from(form: LookForm) -> Self {
        match form {
            LookForm::Look { run, expect } => Self { run, expect },
            LookForm::Sentence(expect) => Self { run: ByHand::default(), expect },
        }
    }
}

impl From<UndoForm> for Undo {
    fn from(form: UndoForm) -> Self {
        match form {
            UndoForm::None { none } => Self::None { none },
            UndoForm::Lines(lines) => Self::Lines(ByHand(lines)),
            UndoForm::Sentence(text) if text.starts_with("none") => Self::None { none: text },
            UndoForm::Sentence(text) => Self::Lines(ByHand::act(text)),
        }
    }
}

impl Look {
    pub(crate) fn new(run: ByHand, expect: impl Into<String>) -> Self {
        Self { run, expect: expect.into() }
    }

    /// What is seen without typing anything.
    pub(crate) fn only(expect: impl Into<String>) -> Self {
        Self::new(ByHand::default(), expect)
    }
}

impl Undo {
    pub(crate) fn none(why: impl Into<String>) -> Self {
        Self::None { none: why.into() }
    }

    /// What is typed on one host.
    pub(crate) fn on(host: &Name, run: impl IntoIterator<Item = String>) -> Self {
        Self::Lines(ByHand::on(host, run))
    }

    /// Whether there is something to do for it.
    pub fn is_some(&self) -> bool {
        matches!(self, Self::Lines(_))
    }
}

/// The lines, and what is seen.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run.is_empty() {
            true => f.write_str(&self.expect),
            false => write!(f, "{}\n{}", self.run, self.expect),
        }
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(lines) => lines.fmt(f),
            Self::None { none } => f.write_str(none),
        }
    }
}
