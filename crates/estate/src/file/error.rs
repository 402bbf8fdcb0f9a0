//! What is wrong with an estate file, and where.

use super::check::Wrong;
use super::notify::NO_URL;
use super::place::Place;
use super::reference::NO_SECRETS;
use super::store::NO_CREDENTIALS;
use std::fmt;

/// What is wrong with an estate file: the place, the reason, and the line in question, unless it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// What the file is called.
    pub name: String,
    /// From 1; 0 when it concerns no line.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The line, with a mark below the column.
    pub excerpt: Option<String>,
}

impl FileError {
    /// Something wrong at a place of `text`, which people call `name`.
    pub fn new(name: &str, text: &str, place: Place, message: String) -> Self {
        Self {
            name: name.to_owned(),
            line: place.line,
            column: place.column,
            excerpt: excerpt(text, place),
            message,
        }
    }

    pub(super) fn of_rule(name: &str, text: &str, wrong: Wrong) -> Self {
        let mut error = Self::new(name, text, wrong.place, wrong.message);
        error.excerpt = error.excerpt.filter(|_| !wrong.hide);
        error
    }

    pub(super) fn of_yaml(name: &str, text: &str, error: &serde_saphyr::Error) -> Self {
        let place = error
            .location()
            .map_or(Place { line: 0, column: 0 }, |at| Place { line: at.line(), column: at.column() });
        let said = error.without_snippet().to_string();
        let message = match error.without_snippet() {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
            // It ends with the place, which is told apart from it.
            _ => said.split(" at line ").next().unwrap_or(&said).to_owned(),
        };
        let mut wrong = Self::new(name, text, place, message);
        for hidden in [NO_SECRETS, NO_CREDENTIALS, NO_URL] {
            if wrong.message.contains(hidden) {
                hidden.clone_into(&mut wrong.message);
                wrong.excerpt = None;
            }
        }
        wrong
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.excerpt {
            Some(excerpt) => write!(f, "\n{excerpt}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FileError {}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let listed = known.join(", ");
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("there is no key {key:?} here; is it {near:?}? Known: {listed}"),
        None => format!("there is no key {key:?} here. Known: {listed}"),
    }
}

/// The known word that needs the fewest changes, if they are few enough for a typing error.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = known.map(|candidate| (distance(word, candidate), candidate)).min()?;
    (ranked.0 <= 2.max(word.chars().count() / 3)).then_some(ranked.1)
}

/// How many letters have to be added, dropped or changed (Levenshtein), case aside.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn excerpt(text: &str, place: Place) -> Option<String> {
    let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let line: String = text.lines().nth(index)?.chars().take(120).collect();
    let before = usize::try_from(place.column).ok()?.saturating_sub(1);
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!("{margin} |\n{number} | {line}\n{margin} | {}^", " ".repeat(before)))
}
