//! How a person does a step: what is typed, on which host, line by line. Start at [`ByHand`].

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
