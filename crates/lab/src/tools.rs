//! The programs that a lab runs: which, pinned where, and installed into a cache outside the tree.
//!
//! The pins stand in `crates/lab/tools` (Debian packages, Go modules with their sums, Python wheels with their hashes) and are
//! part of the binary. Start at [`install`], which does what is missing, and [`Tools::find`], which only looks.

mod debian;
mod go;
mod wheels;

use crate::error::{Error, Result};
use crate::topology::{EtcdLine, Options};
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};

/// Called with a sentence at each thing that is done.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

#[derive(RustEmbed)]
#[folder = "tools/"]
pub(crate) struct Pins;

#[derive(RustEmbed)]
#[folder = "manager/"]
#[exclude = "*_test.go"]
pub(crate) struct ManagerSource;

/// Debian packages that not every lab needs, each in a list of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// What labs with `--pods` need.
    Pods,
    /// What prints a page as a PDF, and reads the PDF again: no lab needs it, tests of pages do.
    Pdf,
}

/// Where the installed programs are, for one choice of options.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    directories: Vec<PathBuf>,
}

/// Where installed tools and saved labs are kept: `$LIFEBOAT_CACHE`, else `$XDG_CACHE_HOME/lifeboat`, else
/// `~/.cache/lifeboat`.
pub fn cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/lifeboat"))
}

/// Installs every tool that any lab needs and that is not there yet, saying what; with `pdf` also the browser that prints
/// pages as PDF.
///
/// # Errors
/// [`Error::Install`] with the tool and what its installer said; [`Error::NotRoot`] where a Debian package is missing and
/// this is not root.
pub async fn install(pdf: bool, say: Say<'_>) -> Result<()> {
    let extras: &[Extra] = if pdf {
        &[Extra::Pods, Extra::Pdf]
    } else {
        &[Extra::Pods]
    };
    debian::install(extras, say).await?;
    let cache = cache();
    wheels::install(&cache, say).await?;
    for module in go::MODULES {
        module.install(&cache, say).await?;
    }
    Ok(())
}

impl Tools {
    /// Finds the tools that a lab with `options` needs.
    ///
    /// # Errors
    /// [`Error::MissingTool`] naming everything that is not there.
    pub(crate) async fn find(options: &Options) -> Result<Self> {
        let cache = cache();
        let extras: &[Extra] = if options.pods { &[Extra::Pods] } else { &[] };
        let mut missing = debian::missing(extras).await?;
        let mut directories = Vec::new();
        let etcd = go::etcd_module(options.etcd);
        let mut wanted = vec!["kubernetes", etcd, "manager", "helm", "opentofu"];
        if options.pods {
            wanted.push("containerd");
        }
        for module in go::MODULES.iter().filter(|m| wanted.contains(&m.name)) {
            let directory = module.directory(&cache);
            if !directory.is_dir() {
                missing.push(module.name.to_owned());
            }
            directories.push(directory);
        }
        let wheels = wheels::directory(&cache);
        if !wheels.is_dir() {
            missing.push("seaweedfs".to_owned());
        }
        directories.push(wheels.join("bin"));
        if missing.is_empty() {
            Ok(Self { directories })
        } else {
            Err(Error::MissingTool(missing))
        }
    }

    /// Puts every tool into `bin`, together with this very program as `lifeboat`.
    pub(crate) async fn gather(&self, bin: &Path) -> Result<()> {
        std::fs::create_dir_all(bin).map_err(Error::file(bin, "making the directory"))?;
        for directory in &self.directories {
            let entries = std::fs::read_dir(directory).map_err(Error::file(directory, "listing the tools"))?;
            for entry in entries.filter_map(std::result::Result::ok) {
                link_or_copy(&entry.path(), &bin.join(entry.file_name()))?;
            }
        }
        let own = program()?;
        link_or_copy(&own, &bin.join("lifeboat"))
    }
}

/// The directory with the programs of one line of etcd (`etcd`, `etcdctl`, `etcdutl`), whether or not a lab uses it.
pub fn etcd(line: EtcdLine) -> PathBuf {
    built(go::etcd_module(line))
}

/// The directory with kubectl and Kubernetes' other programs.
pub fn kubernetes() -> PathBuf {
    built("kubernetes")
}

/// The directory with `helm`.
pub fn helm() -> PathBuf {
    built("helm")
}

/// The directory with `tofu`.
pub fn opentofu() -> PathBuf {
    built("opentofu")
}

/// Where the programs of a Go module are once they are built.
fn built(name: &str) -> PathBuf {
    let cache = cache();
    go::MODULES
        .iter()
        .find(|m| m.name == name)
        .map_or_else(|| cache.clone(), |m| m.directory(&cache))
}

/// The `lifeboat` that hosts get: named by `$LIFEBOAT_BIN` (tests are not `lifeboat` themselves), else this program.
fn program() -> Result<PathBuf> {
    match std::env::var_os("LIFEBOAT_BIN") {
        Some(path) => Ok(PathBuf::from(path)),
        None => std::env::current_exe().map_err(Error::file("/proc/self/exe", "finding this program")),
    }
}

/// Hard links are free; a cache on another file system is copied from.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Ok(());
    }
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to).map_err(Error::file(to, "copying a tool"))?;
    Ok(())
}

/// A text among the pins.
pub(crate) fn pin(file: &str) -> String {
    Pins::get(file).map_or_else(String::new, |f| String::from_utf8_lossy(&f.data).into_owned())
}
