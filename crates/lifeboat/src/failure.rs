//! The one form in which an error leaves Lifeboat: what, why, and the next command.
//!
//! Crates have errors of their own; each becomes a [`Failure`] by a `From` in this file, and [`crate::printer`] prints it.

use estate::Kind;
use objects::tame::{tamed, tamed_lines};
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::process::ExitCode;

/// An error as a person or a script reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    code: Cow<'static, str>,
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hint: String,
}

impl Failure {
    /// `code` has a page in `docs/errors`; `message` is the object and the reason, without its causes.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, kind: Kind, message: impl Into<String>) -> Self {
        // Every error names a next command; this one is always there.
        let code = code.into();
        let hint = format!("lifeboat explain {code}");
        Self {
            code,
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint,
        }
    }

    /// Adds `source` and, in order, whatever caused it.
    pub(crate) fn because(mut self, source: &dyn Error) -> Self {
        let mut next = Some(source);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// Says what to do next: a command where there is one. Several lines are several hints.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Fills in what the hint leaves open: `word`, as in `lifeboat etcd show HISTORY`.
    pub(crate) fn fill(mut self, word: &str, with: &str) -> Self {
        self.hint = self.hint.replace(word, with);
        self
    }

    /// What went wrong, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether something that was read is damaged, so that another may be sound.
    pub(crate) fn is_damage(&self) -> bool {
        self.kind == Kind::Damaged
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Unreachable | Kind::Conflict | Kind::Fenced | Kind::Bug => 1,
            Kind::Invalid => 2,
            Kind::Person => 3,
            Kind::Damaged => 4,
        })
    }

    /// The form for people. Styled: the stream takes the styles out where they are not wanted.
    pub(crate) fn text(&self) -> String {
        const ERROR: &str = "\x1b[1;31m";
        const HINT: &str = "\x1b[36m";
        const PLAIN: &str = "\x1b[0m";
        let mut text = format!("{ERROR}error[{}]{PLAIN}: {}\n", self.code, tamed_lines(&self.message));
        for cause in &self.causes {
            text += &format!("  because: {}\n", tamed_lines(cause));
        }
        for hint in self.hint.lines() {
            text += &format!("{HINT}hint{PLAIN}: {}\n", tamed(hint));
        }
        text
    }
}

impl From<dashboard::BindError> for Failure {
    fn from(error: dashboard::BindError) -> Self {
        let port = error.address.port();
        Self::new("LB0903", Kind::Person, error.to_string())
            .because(&error.reason)
            .hint(format!("ss -ltnp 'sport = :{port}'"))
    }
}

impl From<recovery::Trouble> for Failure {
    fn from(trouble: recovery::Trouble) -> Self {
        let mut failure = Self::new(trouble.code, trouble.kind, trouble.message);
        failure.causes = trouble.causes;
        match trouble.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(feature = "lab")]
impl From<lab::Error> for Failure {
    fn from(error: lab::Error) -> Self {
        let mut failure = Self::new(error.code(), error.kind(), error.to_string());
        if let Some(source) = error.source() {
            failure = failure.because(source);
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests;
