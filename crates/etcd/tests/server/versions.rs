//! Where a real etcd is on this machine: start at [`newest`].
//!
//! Stands by itself, so that other tests can have it too: `#[path = "../server/versions.rs"] mod versions;`.

#![allow(dead_code, reason = "what one set of tests does not need, another does")]

use std::path::PathBuf;

/// The directories with etcd, etcdctl and etcdutl, one for each version, oldest first: the one that `LIFEBOAT_ETCD` names, else those
/// that `cargo xtask test` installs.
pub(crate) fn versions() -> Vec<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(directory) = from("LIFEBOAT_ETCD") {
        return vec![directory];
    }
    let cache = from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .expect("LIFEBOAT_ETCD, LIFEBOAT_CACHE or HOME is set");
    let entries = std::fs::read_dir(cache.join("tools")).into_iter().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("etcdutl").is_file())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no etcd is installed: run cargo xtask test, or set LIFEBOAT_ETCD");
    found
}

/// The newest version's directory.
pub(crate) fn newest() -> PathBuf {
    versions().pop().unwrap()
}
