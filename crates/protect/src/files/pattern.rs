//! A path on a host, or a glob of paths: `*`, `?` and `[...]` within one name, as a shell expands them there.

use globset::{GlobBuilder, GlobMatcher};
use std::fmt;

/// A path from the root, of which each name may be a glob. `*` and `?` do not stand for a dot that begins a name, and nothing
/// stands for `/`.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    matcher: Option<GlobMatcher>,
}

/// A text that is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path of files on a host: {why}")]
pub struct BadPattern {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// It does not begin at the root, names the root itself, has `.` or `..` in it, `**`, or an odd `[...]`.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = |why| BadPattern { text: text.to_owned(), why };
        let Some(names) = text.strip_prefix('/') else {
            return Err(bad("it must begin with \"/\""));
        };
        let names = names.strip_suffix('/').unwrap_or(names);
        if names.is_empty() {
            return Err(bad("it must name something below \"/\""));
        }
        if !names.split('/').all(plain) || text.contains('\0') {
            return Err(bad("\"//\", \"/./\" and \"/../\" do not belong into it"));
        }
        let text_of = format!("/{names}");
        if !text_of.contains(['*', '?', '[']) {
            return Ok(Self { text: text_of, matcher: None });
        }
        if names.contains("**") {
            return Err(bad("\"**\" is not known; a directory is taken with all that is in it"));
        }
        if !classes_are_plain(names) {
            return Err(bad("between \"[\" and \"]\" only letters, digits and . _ - ! may stand"));
        }
        // What is special to the library, and is not to a shell.
        let escaped = text_of.replace('\\', r"\\").replace('{', r"\{").replace('}', r"\}");
        let glob = GlobBuilder::new(&escaped)
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        let glob = glob.map_err(|_syntax| bad("it is no glob"))?;
        Ok(Self { text: text_of, matcher: Some(glob.compile_matcher()) })
    }

    /// A path that is known to be one, whatever signs are in it.
    pub(super) fn exactly(path: &str) -> Self {
        Self { text: path.to_owned(), matcher: None }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it can stand for more than one path.
    pub fn is_glob(&self) -> bool {
        self.matcher.is_some()
    }

    /// Whether it stands for `path`.
    pub fn matches(&self, path: &str) -> bool {
        let Some(matcher) = &self.matcher else {
            return self.text == path;
        };
        let dots = self.text.split('/').zip(path.split('/'));
        matcher.is_match(path)
            && dots
                .into_iter()
                .all(|(glob, name)| !name.starts_with('.') || glob.starts_with('.'))
    }

    /// Whether it stands for `path`, or for a directory above it.
    pub fn covers(&self, path: &str) -> bool {
        self.matches(path) || above(path).any(|directory| self.matches(directory))
    }

    /// The path up to the first glob: a directory, or the whole of it.
    pub(super) fn fixed(&self) -> &str {
        match self.text.find(['*', '?', '[']).filter(|_| self.is_glob()) {
            Some(first) => self.text[..first].rsplit_once('/').map_or("", |(directory, _)| directory),
            None => &self.text,
        }
    }

    /// The same below another directory, in the place of `fixed`, which it begins with.
    pub(super) fn moved(&self, fixed: &str, to: &str) -> Result<Self, BadPattern> {
        Self::new(&format!("{to}{}", self.text.strip_prefix(fixed).unwrap_or(&self.text)))
    }

    /// For a shell, which makes paths of it.
    pub(super) fn for_shell(&self) -> String {
        if !self.is_glob() {
            return cluster::quoted(&self.text);
        }
        let (mut words, mut rest) = (String::new(), self.text.as_str());
        while let Some(at) = rest.find(['*', '?', '[']) {
            let end = match rest.as_bytes()[at] {
                b'[' => rest[at..].find(']').map_or(rest.len(), |length| at + length + 1),
                _ => at + 1,
            };
            words += &cluster::quoted(&rest[..at]);
            words += &rest[at..end];
            rest = &rest[end..];
        }
        words + &cluster::quoted(rest)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// Whether it is a name of a file: nothing that leads elsewhere.
pub(super) fn plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

/// The directories above a path, the nearest first, without the root.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(directory, _)| directory))
        .skip(1)
        .filter(|directory| !directory.is_empty())
}

fn classes_are_plain(names: &str) -> bool {
    let mut rest = names;
    while let Some(at) = rest.find('[') {
        let inside = &rest[at + 1..];
        let Some(end) = inside.find(']').filter(|end| *end > 0) else {
            return false;
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '!');
        if !inside[..end].chars().all(allowed) {
            return false;
        }
        rest = &inside[end + 1..];
    }
    true
}
