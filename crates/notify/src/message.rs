//! What is said, and the forms in which channels take it. The forms are written down in `docs/notify.md`.

use estate::{Form, Name, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Longer titles are cut, in characters.
const TITLE_MAX: usize = 200;
/// Longer texts are cut, in characters: Slack takes 40,000 and shows 4,000.
const TEXT_MAX: usize = 3000;

/// Something that people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What it is about, the same from an alarm to its cure: `rancher/rpo`.
    pub about: String,
    /// What it asks of its reader.
    pub severity: Severity,
    /// In a line.
    pub title: String,
    /// In sentences.
    pub text: String,
    /// The next command, where there is one.
    pub next: Option<String>,
    /// When it was decided.
    pub at: Timestamp,
}

impl Message {
    /// What tells it from all others, and is the same when it is sent again: 32 hexadecimal digits.
    pub fn id(&self, estate: &Name) -> String {
        hash(&[
            estate.as_str(),
            &self.about,
            &self.severity.to_string(),
            &self.at.to_string(),
        ])
    }

    /// What is the same for all messages of one estate about one thing.
    pub(crate) fn thread(&self, estate: &Name) -> String {
        hash(&[estate.as_str(), &self.about])
    }

    /// As a webhook gets it.
    pub(crate) fn body(&self, estate: &Name, form: Form) -> Value {
        match form {
            Form::Json => json!({
                "version": 1,
                "id": self.id(estate),
                "estate": estate,
                "about": self.about,
                "severity": self.severity,
                "title": cut(&self.title, TITLE_MAX),
                "text": cut(&self.text, TEXT_MAX),
                "next": self.next,
                "at": self.at,
            }),
            Form::Slack => json!({ "text": self.slack(estate) }),
        }
    }

    /// In a line, with the estate that it concerns.
    pub(crate) fn subject(&self, estate: &Name) -> String {
        let word = match self.severity {
            Severity::Alarm => "ALARM",
            Severity::Cured => "cured",
            Severity::Info => "info",
        };
        let title = one_line(&cut(&self.title, TITLE_MAX));
        format!("[{estate}] {word}: {title}")
    }

    /// As a mail has it.
    pub(crate) fn letter(&self, estate: &Name) -> String {
        let next = self.next.as_ref().map(|next| format!("Next: {next}\n\n"));
        format!(
            "{}\n\n{}About {} of estate {estate}, at {}.\n",
            cut(&self.text, TEXT_MAX),
            next.unwrap_or_default(),
            self.about,
            self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    }

    fn slack(&self, estate: &Name) -> String {
        let next = self.next.as_ref().map(|next| format!("Next: `{}`\n", escaped(next)));
        format!(
            "*{}*\n{}\n{}{}, {}",
            escaped(&self.subject(estate)),
            escaped(&cut(&self.text, TEXT_MAX)),
            next.unwrap_or_default(),
            escaped(&self.about),
            self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    }
}

/// What would otherwise be a link or a mention. Source: Slack's reference, "Formatting text for app surfaces", "Escaping text".
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests;
