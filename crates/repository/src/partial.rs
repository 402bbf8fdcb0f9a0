//! A file that appears only when it is whole: written beside, synced, renamed.

use crate::{Error, failure};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the names of unfinished files end with.
const SUFFIX: &str = ".partial";

/// A file being written. Dropped before [`Partial::publish`], it leaves nothing.
pub(crate) struct Partial {
    file: File,
    at: PathBuf,
    into: PathBuf,
    published: bool,
}

impl Partial {
    /// Begins the file that will be `into`, and removes what earlier attempts have left: on a full disk it would be in the
    /// way.
    pub(crate) fn begin(into: &Path) -> Result<Self, Error> {
        let of_file = |error: io::Error| failure::of_file(into, &error);
        let name = into.file_name().ok_or_else(|| of_file(io::ErrorKind::InvalidFilename.into()))?;
        let begin = format!(".{}.", name.to_string_lossy());
        for found in folder(into).read_dir().map_err(of_file)? {
            let found = found.map_err(of_file)?.path();
            let name = found.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with(&begin) && name.ends_with(SUFFIX) {
                std::fs::remove_file(&found).map_err(|error| failure::of_file(&found, &error))?;
            }
        }
        // By chance, so that two who fetch into the same place never write into one file.
        let at = folder(into).join(format!("{begin}{}{SUFFIX}", ambient::random_id(8)));
        // Keys of clusters are among what is fetched.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at);
        let file = file.map_err(|error| failure::of_file(&at, &error))?;
        Ok(Self { file, at, into: into.to_owned(), published: false })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|error| failure::of_file(&self.into, &error))
    }

    /// Lets the file appear, durably.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        let published = || {
            self.file.sync_all()?;
            std::fs::rename(&self.at, &self.into)?;
            File::open(folder(&self.into))?.sync_all()
        };
        published().map_err(|error| failure::of_file(&self.into, &error))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _gone = std::fs::remove_file(&self.at);
        }
    }
}

fn folder(of: &Path) -> &Path {
    match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
