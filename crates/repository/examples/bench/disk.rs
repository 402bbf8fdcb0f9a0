//! What lies on the disk: how large it is, and that it comes from there.

use anyhow::{Context, Result};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::File;
use std::path::{Path, PathBuf};

/// All files in a folder, or the file itself.
fn files(at: &Path) -> Result<Vec<PathBuf>> {
    let (mut open, mut files) = (vec![at.to_owned()], Vec::new());
    while let Some(at) = open.pop() {
        if at.is_dir() {
            for entry in std::fs::read_dir(&at)? {
                open.push(entry?.path());
            }
        } else {
            files.push(at);
        }
    }
    Ok(files)
}

/// Bytes of all files in a folder, in MB.
pub(crate) fn size_mb(at: &Path) -> Result<f64> {
    let lengths = files(at)?.into_iter().map(|file| Ok(file.metadata()?.len()));
    Ok(lengths.sum::<Result<u64>>()? as f64 / 1e6)
}

/// Takes the files out of the machine's memory: whoever reads them next reads them from the disk. They must have been synced.
pub(crate) fn cool(at: &Path) -> Result<()> {
    for file in files(at)? {
        let opened = File::open(&file)?;
        let cooled = posix_fadvise(opened, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        cooled.with_context(|| format!("cooling {}", file.display()))?;
    }
    Ok(())
}
