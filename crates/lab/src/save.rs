//! Keeping a running lab's state, and bringing it back: every disk at one moment, and what the lab knows of itself.
//!
//! A save freezes all file systems, copies the disks, and lets them go on; a load starts hosts from the copies, as after
//! a loss of power at that moment.

use crate::error::{Error, Result};
use crate::fault;
use crate::host;
use crate::lab::{Lab, check_root, claim, clear_crashed, restrict, subnets};
use crate::network;
use crate::parts;
use crate::ready;
use crate::record::{Phase, Place, Record, lock_machine};
use crate::shell;
use crate::tools::{self, Say, Tools};
use crate::topology::Options;
use estate::Name;
use futures::future::try_join_all;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Freezes, copies and thaws.
const SAVE: &str = include_str!("save.sh");

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
        let mut roots = Vec::new();
        for host in &self.topology().hosts {
            let root = host::file(&self.place, host, "/").ok_or_else(|| Error::NotReady {
                object: format!("host {}", host.name),
                seconds: 0,
                last: "it is off, and a lab is saved with all its hosts on".into(),
                log: self.place.path(&format!("hosts/{}.log", host.name)).display().to_string(),
            })?;
            roots.push((format!("{}.img", host.name), root));
        }
        let work = to.with_extension("new");
        let _old = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(work.join("hosts")).map_err(Error::file(&work, "making room for the saved lab"))?;
        restrict(&work)?;
        say(&format!("saving {} disks", roots.len()));
        copy_frozen(&self.place, &roots, &work).await?;
        copy(&self.place.path("lab.json"), &work.join("lab.json")).await?;
        copy_kept(&self.place.directory, &work).await?;
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
        let mut record: Record = kept.read()?;
        // Until all of it is ready again, this is a lab that may be cleared away if we are killed.
        record.phase = Phase::Building;
        let options: &Options = &record.topology.options;
        let tools = Tools::find(options).await?;
        let place = Place::of(record.topology.name());
        let _lock = place.lock()?;
        clear_crashed(&place, say).await?;
        {
            let _one_at_a_time = lock_machine()?;
            network::choose(Some(record.topology.subnet), &subnets()).await?;
            claim(&place, &record.topology).await?;
            place.write(&record)?;
        }
        let mut lab = Self { place, record };
        say(&format!("bringing {} hosts back", lab.topology().hosts.len()));
        tools.gather(&lab.place.path("bin")).await?;
        let (saved, running) = (from.join("hosts"), lab.place.path("hosts"));
        futures::try_join!(network::build(lab.topology()), copy_disks(&lab.record, &saved, &running))?;
        copy_kept(&from, &lab.place.directory).await?;
        fault::begin(&lab.record).await?;
        lab.start(say).await?;
        ready::wait(&lab, Duration::from_secs(120), say).await?;
        lab.record.phase = Phase::Up;
        lab.place.write(&lab.record)?;
        Ok(lab)
    }
}

/// Copies the disks of running hosts as they are at one moment.
///
/// A process of its own does it, which nothing of ours ends: were this one killed while file systems are frozen, every
/// process of the lab would hang for good.
async fn copy_frozen(place: &Place, roots: &[(String, PathBuf)], work: &Path) -> Result<()> {
    let log_path = work.join("save.log");
    let open = "making the log of a save";
    let log = std::fs::File::create(&log_path).map_err(Error::file(&log_path, open))?;
    let both = log.try_clone().map_err(Error::file(&log_path, open))?;
    // Not by `shell`: that kills its command when the caller gives up, and reads its words from a pipe that dies with us.
    let mut child = tokio::process::Command::new("setsid")
        .args(["--wait", "bash", "-c", SAVE, "save"])
        .arg(place.directory.with_extension("lock"))
        .args([&place.path("hosts"), &work.join("hosts")])
        .args(roots.iter().flat_map(|(image, root)| [Path::new(image), root]))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(both)
        .spawn()
        .map_err(Error::file("setsid", "starting to save"))?;
    let status = child.wait().await.map_err(Error::file("setsid", "waiting for the copies"))?;
    if status.success() {
        return std::fs::remove_file(&log_path).map_err(Error::file(log_path, "removing the log of a save"));
    }
    if status.code().is_none() {
        // It was killed and could not thaw; what was not frozen says so, and no harm is done.
        for (_, root) in roots {
            let words = ["fsfreeze", "-u", &root.to_string_lossy()];
            let _best_effort = shell::output("letting a disk go on", &words, "").await;
        }
    }
    Err(Error::Command {
        purpose: "saving the lab's disks".into(),
        command: "fsfreeze, cp".into(),
        status: status.to_string(),
        output: std::fs::read_to_string(&log_path).unwrap_or_default().trim().to_owned(),
    })
}

async fn copy_disks(record: &Record, from: &Path, to: &Path) -> Result<()> {
    let names = record.topology.hosts.iter().map(|h| format!("{}.img", h.name));
    try_join_all(names.map(|name| async move { copy(&from.join(&name), &to.join(&name)).await })).await?;
    Ok(())
}

/// Copies what a lab's directory holds for people: the SSH key, kubeconfigs, the estate.
async fn copy_kept(from: &Path, to: &Path) -> Result<()> {
    for kept in ["id_ed25519", "id_ed25519.pub", "kubeconfig"] {
        copy(&from.join(kept), &to.join(kept)).await?;
    }
    // Not every lab has an estate.
    for kept in parts::estate::OPERATOR.iter().filter(|file| from.join(file).exists()) {
        copy(&from.join(kept), &to.join(kept)).await?;
    }
    Ok(())
}

/// Copies with holes kept, and by reference where the file system can.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
    let words = ["cp", "-a", "--sparse=always", "--reflink=auto", &from, &to];
    shell::run("copying a lab's state", &words).await?;
    Ok(())
}
