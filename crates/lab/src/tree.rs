//! What a host's file system holds before its first boot: files, links and services, as a value.

use crate::error::{Error, Result};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Files to be written below a root, in order; later ones replace earlier ones.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File { path: String, mode: u32, content: Vec<u8> },
    Link { path: String, target: String },
    Directory { path: String },
}

impl Tree {
    /// A file that all may read.
    pub(crate) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.entry_file(path, 0o644, content);
    }

    /// A file that root alone may read.
    pub(crate) fn secret(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.entry_file(path, 0o600, content);
    }

    /// An empty directory.
    pub(crate) fn directory(&mut self, path: &str) {
        self.entries.push(Entry::Directory { path: path.to_owned() });
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.entries
            .push(Entry::Link { path: path.to_owned(), target: target.to_owned() });
    }

    /// A runit service that starts at boot: `script` is the shell that ends with an `exec` of the service. What it prints
    /// goes to `/var/log/NAME.log`.
    pub(crate) fn service(&mut self, name: &str, script: &str) {
        let run = format!("#!/bin/sh\nexec >>/var/log/{name}.log 2>&1\n{}\n", script.trim());
        self.entry_file(&format!("/etc/sv/{name}/run"), 0o755, run);
        self.link(&format!("/etc/service/{name}"), &format!("/etc/sv/{name}"));
    }

    /// Keeps a service from starting at boot, until `sv up` or `sv once`.
    pub(crate) fn down(&mut self, service: &str) {
        self.file(&format!("/etc/sv/{service}/down"), "");
    }

    fn entry_file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.entries
            .push(Entry::File { path: path.to_owned(), mode, content: content.into() });
    }

    /// Writes everything below `root`.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        for entry in &self.entries {
            match entry {
                Entry::File { path, mode, content } => {
                    let to = below(root, path)?;
                    std::fs::write(&to, content).map_err(Error::file(&to, "writing a host's file"))?;
                    let mode = std::fs::Permissions::from_mode(*mode);
                    std::fs::set_permissions(&to, mode).map_err(Error::file(&to, "setting a file's mode"))?;
                }
                Entry::Link { path, target } => {
                    let to = below(root, path)?;
                    symlink(target, &to).map_err(Error::file(&to, "making a link"))?;
                }
                Entry::Directory { path } => {
                    let to = below(root, path)?;
                    std::fs::create_dir_all(&to).map_err(Error::file(&to, "making a directory"))?;
                }
            }
        }
        Ok(())
    }
}

fn below(root: &Path, path: &str) -> Result<std::path::PathBuf> {
    let to = root.join(path.trim_start_matches('/'));
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(Error::file(parent, "making a directory"))?;
    }
    Ok(to)
}
