//! Playbooks as a whole: those that an estate has, those that Lifeboat brings, and what is said of each when it is loaded. Start at
//! [`Books`].

pub(crate) mod expression;
pub(crate) mod flat;
pub(crate) mod lint;

use estate::{Estate, FileError, Name, Place, Playbook};
pub use lint::{Lint, Which};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The playbooks that Lifeboat brings, as they are written.
const BUILTIN: [(&str, &str); 6] = [
    ("cluster-failover", include_str!("playbook/builtin/cluster-failover.yaml")),
    ("failback", include_str!("playbook/builtin/failback.yaml")),
    ("fence", include_str!("playbook/builtin/fence.yaml")),
    ("management-failover", include_str!("playbook/builtin/management-failover.yaml")),
    ("rebuild-cluster", include_str!("playbook/builtin/rebuild-cluster.yaml")),
    ("switchover", include_str!("playbook/builtin/switchover.yaml")),
];

/// A playbook and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// What it is called.
    pub name: Name,
    /// What people call its text: a path, or `built-in NAME`.
    pub source: String,
    /// The text that it stands in: the estate file's, or its own.
    pub text: String,
    /// It.
    pub playbook: Playbook,
    /// Whether Lifeboat brought it.
    pub is_builtin: bool,
}

/// All playbooks that can be named: an estate's own stand in for those that Lifeboat brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Books(BTreeMap<Name, Book>);

impl Book {
    pub(crate) fn lint(
        &self,
        which: Which,
        place: Place,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Box<Lint> {
        let shown = FileError::new(&self.source, &self.text, place, message.into());
        let playbook = self.name.clone();
        Box::new(Lint { which, playbook, shown, cure: cure.into() })
    }
}

impl Books {
    /// The playbooks of an estate whose text is `text`, read from what people call `source`. `read` brings a file beside it.
    ///
    /// # Errors
    /// A file cannot be read, or has no playbook; or one is not sound in its form.
    pub fn of(
        estate: &Estate,
        (source, text): (&str, &str),
        read: impl Fn(&Path) -> Result<String, String>,
    ) -> Result<Self, FileError> {
        let mut books = Self::builtin()?;
        for name in estate.playbooks.keys() {
            books.add(estate, name, (source, text), &read)?;
        }
        Ok(books)
    }

    /// Lifeboat's own, with that of the estate called `name` and those in it: on the day, another one that is broken or gone is in nobody's
    /// way.
    ///
    /// # Errors
    /// As [`Books::of`], of those.
    pub fn for_one(
        estate: &Estate,
        (source, text): (&str, &str),
        read: impl Fn(&Path) -> Result<String, String>,
        name: &Name,
    ) -> Result<Self, FileError> {
        let mut books = Self::builtin()?;
        let (mut seen, mut left) = (BTreeSet::new(), vec![name.clone()]);
        while let Some(name) = left.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            books.add(estate, &name, (source, text), &read)?;
            let Some(book) = books.get(&name) else { continue };
            for step in &book.playbook.steps {
                left.extend(step.include.as_deref().cloned());
                let child = step.with.get("playbook").and_then(|child| child.as_str());
                match child.map(str::parse) {
                    Some(Ok(child)) => left.push(child),
                    // Which one is meant is not known yet.
                    Some(Err(_)) => return Self::of(estate, (source, text), read),
                    None => {}
                }
            }
        }
        Ok(books)
    }

    /// Adds the estate's own playbook of a name, if it has one.
    fn add(
        &mut self,
        estate: &Estate,
        name: &Name,
        (source, text): (&str, &str),
        read: &impl Fn(&Path) -> Result<String, String>,
    ) -> Result<(), FileError> {
        let Some(placed) = estate.playbooks.get(name) else {
            return Ok(());
        };
        let book = match &placed.file {
            None => Book {
                name: name.clone(),
                source: source.to_owned(),
                text: text.to_owned(),
                playbook: (**placed).clone(),
                is_builtin: false,
            },
            Some(file) => {
                let shown = file.display().to_string();
                let own = read(file).map_err(|why| {
                    FileError::new(source, text, file.place(), format!("playbook {name} cannot be read: {why}"))
                })?;
                Book {
                    name: name.clone(),
                    playbook: Playbook::parse(&shown, &own)?,
                    source: shown,
                    text: own,
                    is_builtin: false,
                }
            }
        };
        self.0.insert(name.clone(), book);
        Ok(())
    }

    /// Those that Lifeboat brings.
    ///
    /// # Errors
    /// One of them is not sound, which a test would have found.
    pub fn builtin() -> Result<Self, FileError> {
        let mut books = BTreeMap::new();
        for (name, text) in BUILTIN {
            let source = format!("built-in {name}");
            let playbook = Playbook::parse(&source, text)?;
            let Ok(name) = name.parse::<Name>() else { continue };
            let book = Book {
                name: name.clone(),
                source,
                text: text.to_owned(),
                playbook,
                is_builtin: true,
            };
            books.insert(name, book);
        }
        Ok(Self(books))
    }

    /// A playbook by its name.
    pub fn get(&self, name: &Name) -> Option<&Book> {
        self.0.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }

    /// All playbooks.
    pub fn iter(&self) -> impl Iterator<Item = &Book> {
        self.0.values()
    }

    /// Whether one of Lifeboat's own playbooks says this sentence: then what a step says of itself has it in its own words.
    pub(crate) fn says(sentence: &str) -> bool {
        BUILTIN.iter().any(|(_, text)| text.contains(sentence))
    }

    /// How Lifeboat's own playbook of a name is written.
    pub fn builtin_text(name: &Name) -> Option<&'static str> {
        BUILTIN.iter().find(|(known, _)| *known == name.as_str()).map(|(_, text)| *text)
    }
}
