//! What the other tests look at: the files of the project, and its crates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the whole workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file that is, or would be, tracked: relative paths, in order.
pub(crate) fn files() -> Vec<String> {
    // Whoever runs the tests may not be who owns the tree; nothing but names is read here.
    let git = [
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git").args(git).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    // Removed but not yet committed is removed.
    files.retain(|path| root().join(path).is_file());
    files.sort();
    files.dedup();
    files
}

/// The files whose name ends with `.extension`.
pub(crate) fn files_with(extension: &str) -> Vec<String> {
    files()
        .into_iter()
        .filter(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == extension))
        .collect()
}

/// The text of a file; what is no text is left out by `None`.
pub(crate) fn text(path: &str) -> Option<String> {
    fs::read(root().join(path)).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// What `cargo` prints for `arguments`.
pub(crate) fn cargo(arguments: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments.split_whitespace())
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with all of `found`, and with what to do about them.
pub(crate) fn none(found: &[String], advice: &str) {
    assert!(found.is_empty(), "{advice}:\n  {}", found.join("\n  "));
}
