//! Control groups of pods: the one thing of a host that outlives its namespaces, since hosts share the machine's.

use crate::error::{Error, Result};
use crate::topology::Topology;
use estate::Name;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";
/// How long a killed process may take to leave its group.
const LIMIT: Duration = Duration::from_secs(10);

/// The group above all pods of a host, in each hierarchy. No other lab or host can have it: names hold no dot.
pub(crate) fn name(lab: &Name, host: &Name) -> String {
    format!("lifeboat-{lab}.{host}")
}

/// Removes what the pods of a host that is off have left.
pub(crate) async fn remove(lab: &Name, host: &Name) -> Result<()> {
    let name = name(lab, host);
    // Version 1 has a hierarchy in each directory; version 2 is one.
    let mut hierarchies = vec![PathBuf::from(ROOT)];
    let entries = std::fs::read_dir(ROOT)
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok);
    hierarchies.extend(entries.map(|e| e.path()));
    for group in hierarchies.into_iter().map(|h| h.join(&name)).filter(|g| g.is_dir()) {
        remove_tree(&group).await?;
    }
    Ok(())
}

/// As [`remove`], for every host of a lab.
pub(crate) async fn remove_all(lab: &Topology) -> Result<()> {
    for host in lab.hosts.iter().filter(|h| super::run_on(lab, h)) {
        remove(lab.name(), &host.name).await?;
    }
    Ok(())
}

async fn remove_tree(root: &Path) -> Result<()> {
    let deadline = ambient::monotonic() + LIMIT;
    for group in deepest_first(root) {
        loop {
            match std::fs::remove_dir(&group) {
                Ok(()) => break,
                Err(gone) if gone.kind() == ErrorKind::NotFound => break,
                Err(source) if ambient::monotonic() > deadline => {
                    return Err(Error::File { path: group, doing: "removing a control group", source });
                }
                Err(_still_in_use) => ambient::sleep(Duration::from_millis(20)).await,
            }
        }
    }
    Ok(())
}

/// `root` and every directory below it, each after what is below it.
fn deepest_first(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while let Some(directory) = found.get(at).cloned() {
        let entries = std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .filter_map(std::result::Result::ok);
        found.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        at += 1;
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests;
