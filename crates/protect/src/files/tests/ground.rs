//! A folder for what a test does with files on a host, and values made by hand.

use crate::files::{Entry, Files, Limits, Places, Settings, Tree, Wanted, What};
use cluster::Host;
use estate::Distribution;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

pub(super) struct Ground {
    pub(super) host: Host,
    directory: TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        Self::on(Host::local("main-1"))
    }

    pub(super) fn on(host: Host) -> Self {
        Self {
            host,
            directory: TempDir::with_prefix("it's a lifeboat ").unwrap(),
        }
    }

    /// A path below the folder.
    pub(super) fn at(&self, name: &str) -> String {
        let root = fs::canonicalize(self.directory.path()).unwrap();
        root.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, with the directories above it.
    pub(super) fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.at(name);
        fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn link(&self, name: &str, to: &str) {
        symlink(to, self.at(name)).unwrap();
    }

    /// What the user names, below the folder.
    pub(super) fn wanted(&self, names: &[&str]) -> Wanted {
        let paths = names.iter().map(|name| self.at(name)).collect();
        let limits = Limits { file_bytes: 1000, bytes: 1500 };
        let settings = Settings { paths, limits, ..Settings::default() };
        Wanted::new(Distribution::Other, &Places::default(), &settings).unwrap()
    }

    /// Each entry as a line, by its name below the folder.
    pub(super) fn lines(&self, tree: &Tree) -> Vec<String> {
        let prefix = self.at("");
        let of = |(path, entry): (&String, &Entry)| {
            let what = format!("{:?}", entry.what).replace(&prefix, "");
            Some(format!("{} {what} {:o}", path.strip_prefix(&prefix)?, entry.mode))
        };
        tree.0.iter().filter_map(of).collect()
    }
}

pub(super) fn file(text: &str) -> Entry {
    let what = What::File { bytes: text.as_bytes().to_vec(), modified: 7 };
    Entry { mode: 0o600, owner: (0, 42), label: None, what }
}

pub(super) fn tree(entries: &[(&str, Entry)]) -> Tree {
    Tree(
        entries
            .iter()
            .map(|(path, entry)| ((*path).to_owned(), entry.clone()))
            .collect(),
    )
}

pub(super) fn files(entries: &[(&str, Entry)]) -> Files {
    Files::one("main-1", tree(entries))
}
