//! The log of `lifeboat serve`: a line each time something is worth it, for people or for programs. Start at [`written`].

use crate::printer::shown;
use daemon::Line;
use jiff::Timestamp;
use serde::Serialize;

/// How the log is written.
// The values have no doc comments, as those of `Output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Log {
    #[default]
    Text,
    Json,
}

/// A line as a program reads it. Fields may be added.
#[derive(Serialize)]
struct Entry<'a> {
    time: String,
    level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    text: String,
}

/// A line of the log. What comes from outside in it can neither do anything to a terminal nor begin a line of its own.
pub(crate) fn written(log: Log, at: Timestamp, line: &Line) -> String {
    let time = at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let text = format!("{time} {}", shown(&line.to_string()));
    if log == Log::Text {
        return text;
    }
    let entry = Entry {
        time,
        level: line.level.to_string(),
        cluster: line.cluster.as_ref().map(estate::Name::as_str),
        about: line.about.as_deref().map(shown),
        text: shown(&line.text),
    };
    // Texts can always be written.
    serde_json::to_string(&entry).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_or_json() {
        let at = "2026-11-23T02:41:07.0625Z".parse().unwrap();
        let lines = [
            Line::info("site main of estate example listens at 10.1.1.1:7445"),
            Line::warn("the store says \"no\"\n2026-11-23 forged \u{1b}[2J \u{202e}")
                .of(&"rancher".parse().unwrap())
                .about("repository"),
            Line::error("a person has to look").about("voter"),
        ];
        let all = [Log::Text, Log::Json].map(|log| lines.each_ref().map(|line| written(log, at, line)).join("\n"));
        insta::assert_snapshot!(all.join("\n"));
    }
}
