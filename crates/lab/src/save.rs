//! Keeping a running lab's state, and bringing it back: every disk at one moment, and what the lab knows of itself.
//!
//! A save freezes all file systems, copies the disks, and lets them go on; a load starts hosts from the copies, as after
//! a loss of power at that moment.

use crate::error::{Error, Result};
use crate::host;
use crate::lab::{Lab, check_root, clear_crashed, restrict};
use crate::network;
use crate::ready;
use crate::record::{Place, Record};
use crate::shell;
use crate::tools::{self, Say, Tools};
use crate::topology::Options;
use estate::Name;
use futures::future::try_join_all;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn directory(save: &Name) -> PathBuf {
    tools::cache().join("labs").join(save.as_str())
}

/// The names of all saved labs.
pub fn saved() -> Vec<Name> {
    let Ok(entries) = std::fs::read_dir(tools::cache().join("labs")) else {
        return Vec::new();
    };
    let names = entries
        .filter_map(std::result::Result::ok)
        .filter(|e| e.path().join("lab.json").is_file());
    let mut names: Vec<Name> = names
        .filter_map(|e| e.file_name().to_str().and_then(|n| n.parse().ok()))
        .collect();
    names.sort();
    names
}

impl Lab {
    /// Keeps the lab's state in the cache under the name `save`; the lab goes on.
    ///
    /// # Errors
    /// A fault is in force, a host is off, or a lab was saved under that name before.
    pub async fn save(&mut self, save: &Name, say: Say<'_>) -> Result<()> {
        let _lock = self.change()?;
        if let Some(fault) = self.faults().first() {
            return Err(Error::Fault {
                target: format!("lab {}", self.place.name),
                reason: format!("it cannot be saved while it is broken ({}): lifeboat lab heal", fault.what),
            });
        }
        let to = directory(save);
        if to.exists() {
            return Err(Error::Saved { name: save.to_string(), reason: "exists already" });
        }
        let work = to.with_extension("new");
        let _old = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(work.join("hosts")).map_err(Error::file(&work, "making room for the saved lab"))?;
        restrict(&work)?;
        say(&format!("saving {} disks", self.topology().hosts.len()));
        let roots: Vec<String> = self
            .topology()
            .hosts
            .iter()
            .filter_map(|h| host::file(&self.place, h, "/").map(|p| p.to_string_lossy().into_owned()))
            .collect();
        let mut outcome = Ok(());
        let mut frozen = Vec::new();
        for root in &roots {
            // What is still in memory first, so that the freeze itself is short.
            let _best_effort = shell::output("syncing a disk", &["sync", "-f", root], "").await;
        }
        for root in &roots {
            outcome = shell::run("freezing a disk", &["fsfreeze", "-f", root]).await.map(|_| ());
            if outcome.is_err() {
                break;
            }
            frozen.push(root);
        }
        if outcome.is_ok() {
            outcome = copy_disks(&self.record, &self.place.path("hosts"), &work.join("hosts")).await;
        }
        for root in frozen {
            shell::run("letting a disk go on", &["fsfreeze", "-u", root]).await?;
        }
        outcome?;
        for kept in ["lab.json", "id_ed25519", "id_ed25519.pub", "kubeconfig"] {
            copy(&self.place.path(kept), &work.join(kept)).await?;
        }
        std::fs::rename(&work, &to).map_err(Error::file(to, "putting the saved lab in place"))
    }

    /// Brings a saved lab back, under the name and with the addresses that it had, and returns when all of it is ready.
    ///
    /// # Errors
    /// There is no such save, a lab of its name is up, its addresses are in use.
    pub async fn load(save: &Name, say: Say<'_>) -> Result<Self> {
        check_root()?;
        let from = directory(save);
        let kept = Place { name: save.clone(), directory: from.clone() };
        if !kept.path("lab.json").is_file() {
            return Err(Error::Saved { name: save.to_string(), reason: "does not exist" });
        }
        let record: Record = kept.read()?;
        let options: &Options = &record.topology.options;
        let tools = Tools::find(options).await?;
        let place = Place::of(record.topology.name());
        let _lock = place.lock()?;
        clear_crashed(&place, say).await?;
        network::choose(Some(record.topology.subnet)).await?;
        network::check_free(&record.topology).await?;
        std::fs::create_dir_all(place.path("hosts"))
            .map_err(Error::file(&place.directory, "making the lab's place"))?;
        restrict(&place.directory)?;
        place.write(&record)?;
        let lab = Self { place, record };
        say(&format!("bringing {} hosts back", lab.topology().hosts.len()));
        tools.gather(&lab.place.path("bin")).await?;
        let (saved, running) = (from.join("hosts"), lab.place.path("hosts"));
        futures::try_join!(network::build(lab.topology()), copy_disks(&lab.record, &saved, &running))?;
        for kept in ["id_ed25519", "id_ed25519.pub", "kubeconfig"] {
            copy(&from.join(kept), &lab.place.path(kept)).await?;
        }
        lab.start(say).await?;
        ready::wait(&lab, Duration::from_secs(120), say).await?;
        Ok(lab)
    }
}

async fn copy_disks(record: &Record, from: &Path, to: &Path) -> Result<()> {
    let names = record.topology.hosts.iter().map(|h| format!("{}.img", h.name));
    try_join_all(names.map(|name| async move { copy(&from.join(&name), &to.join(&name)).await })).await?;
    Ok(())
}

/// Copies with holes kept, and by reference where the file system can.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
    let words = ["cp", "-a", "--sparse=always", "--reflink=auto", &from, &to];
    shell::run("copying a lab's state", &words).await?;
    Ok(())
}
