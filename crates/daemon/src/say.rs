//! What is said to whoever reads the log. Start at [`Line`].

use estate::Name;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it asks of its reader.
    pub level: Level,
    /// The cluster that it concerns, if one.
    pub cluster: Option<Name>,
    /// What of it: the same in every line about the same thing, such as a trouble and its end.
    pub about: Option<String>,
    /// What is so, without secrets.
    pub text: String,
}

/// How much a line asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something is not as it should be, and may become so by itself.
    Warn,
    /// Somebody has to do something.
    Error,
}

impl Line {
    /// A line that is good to know.
    pub fn info(text: impl Into<String>) -> Self {
        Self::new(Level::Info, text)
    }

    /// A line of something that is not as it should be.
    pub fn warn(text: impl Into<String>) -> Self {
        Self::new(Level::Warn, text)
    }

    /// A line of something that somebody has to do something about.
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(Level::Error, text)
    }

    fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, cluster: None, about: None, text: text.into() }
    }

    /// The same, of a cluster.
    #[must_use]
    pub fn of(mut self, cluster: &Name) -> Self {
        self.cluster = Some(cluster.clone());
        self
    }

    /// The same, about something.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::info(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::info(text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// As people read it: the cluster, what of it, and the text.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cluster) = &self.cluster {
            write!(f, "{cluster}: ")?;
        }
        if let Some(about) = &self.about {
            write!(f, "{about}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// Says something to whoever reads the log: a whole line by [`Say::line`], or a text alone by calling it like a function.
#[derive(Clone)]
pub struct Say {
    lines: Arc<dyn Fn(&Line) + Send + Sync>,
    texts: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Say {
    /// Hands each line to `write`.
    pub fn new(write: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        let lines = Arc::new(write);
        let to = lines.clone();
        Self { lines, texts: Arc::new(move |text| to(&text.into())) }
    }

    /// Says a line.
    pub fn line(&self, line: impl Into<Line>) {
        (self.lines)(&line.into());
    }
}

impl Deref for Say {
    type Target = dyn Fn(&str) + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.texts
    }
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Say")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_text_alone_is_a_line_too() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        let say = Say::new(move |line| notes.lock().unwrap().push(format!("{} {line}", line.level)));
        (say)("it begins");
        (say)(&format!("{} begin", 2));
        say.line("so does this");
        say.line(Line::warn("no answer").of(&"rancher".parse().unwrap()).about("etcd"));
        let heard = heard.lock().unwrap();
        assert_eq!(
            *heard,
            [
                "info it begins",
                "info 2 begin",
                "info so does this",
                "warn rancher: etcd: no answer"
            ]
        );
    }
}
