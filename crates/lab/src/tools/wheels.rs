//! Python wheels: pinned by hash, unpacked into the cache; nothing of them runs in Python.

use super::{Say, pin};
use crate::error::{Error, Result};
use crate::shell;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Where the wheels' programs are (`bin/` below it).
pub(crate) fn directory(cache: &Path) -> PathBuf {
    let digest = Sha256::digest(pin("wheels.txt"));
    let key: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    cache.join("tools").join(format!("wheels-{key}"))
}

/// Installs the wheels unless that was done before.
pub(crate) async fn install(cache: &Path, say: Say<'_>) -> Result<()> {
    let done = directory(cache);
    if done.is_dir() {
        return Ok(());
    }
    let pins = pin("wheels.txt");
    say(&format!(
        "installing Python wheels: {}",
        pins.split_whitespace().next().unwrap_or_default()
    ));
    let parent = cache.join("tools");
    std::fs::create_dir_all(&parent).map_err(Error::file(&parent, "making the cache"))?;
    let work = parent.join(format!(".wheels-{}", ambient::random_id(8)));
    let list = parent.join(format!(".wheels-{}.txt", ambient::random_id(8)));
    std::fs::write(&list, pins).map_err(Error::file(&list, "writing the list of wheels"))?;
    let (work_text, list_text) = (work.to_string_lossy(), list.to_string_lossy());
    // Debian's own, whose pip is among the pinned packages.
    let mut words = vec![
        "/usr/bin/python3",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
    ];
    words.extend(["--only-binary", ":all:", "--target", &work_text, "-r", &list_text]);
    let outcome = shell::run_long("installing wheels", &words).await;
    let _gone = std::fs::remove_file(&list);
    let moved = match outcome {
        Ok(_) => std::fs::rename(&work, &done).map_err(Error::file(&done, "putting the wheels in place")),
        Err(e) => Err(Error::Install { tool: "Python wheels".into(), reason: e.to_string() }),
    };
    let _gone = std::fs::remove_dir_all(&work);
    moved
}
