//! The files of one captured host, put back because a person asks for it: onto a host, or below a directory of this machine. Start
//! at [`PutBack::new`]; nothing is changed before [`PutBack::put`].

use crate::asked::Copied;
use crate::{Trouble, World};
use cluster::Host;
use estate::{Kind, Name};
use jiff::Timestamp;
use protect::files::{Difference, Pattern, Places, Put, Putting, Settings, Tree, Wanted, compare, put_back, selected};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long putting back may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Where files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onto {
    /// A host of the estate.
    Host(Name),
    /// Below a directory of this machine.
    Directory(PathBuf),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The cluster.
    pub cluster: &'a Name,
    /// The captured host; not needed where the copy has one alone.
    pub from: Option<&'a str>,
    /// Where they go; without this onto the host that they are of.
    pub onto: Option<Onto>,
    /// What of them; all, when it is empty.
    pub only: &'a [Pattern],
    /// Where what is replaced is kept, on the host that it is replaced on.
    pub aside: Option<&'a str>,
}

/// Files on the way back to their place.
#[derive(Debug)]
pub struct PutBack {
    /// The captured host.
    pub from: String,
    /// Where they go, in words.
    pub to: String,
    /// Where what is replaced is kept, on the host that it is replaced on.
    pub aside: String,
    /// The directory that has to be there first, where they do not go onto a host.
    directory: Option<PathBuf>,
    host: Host,
    tree: Tree,
    wanted: Wanted,
}

impl PutBack {
    /// Finds out what goes where. Asks no host yet.
    ///
    /// # Errors
    /// The copy does not have what is asked for, or the estate not the host that it is to go to.
    pub fn new(world: &World, copied: &Copied, wish: &Wish<'_>, now: Timestamp) -> Result<Self, Trouble> {
        let (from, tree) = captured(copied, wish.from)?;
        let tree = selected(tree, wish.only);
        if tree.paths().next().is_none() {
            let of = wish.only.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("copy {} has no file of host {from} below {of}", copied.point.id);
            return Err(Trouble::new("LB0421", Kind::Invalid, message)
                .hint("--at an older copy, if it was there before: lifeboat points\nthe same command with --dry-run, without --only: lists what is there"));
        }
        let time = now.strftime("%Y%m%dT%H%M%S%3fZ");
        let onto = match &wish.onto {
            Some(onto) => onto.clone(),
            None => Onto::Host(from.parse().map_err(|_| {
                let message = format!("{from:?} is no name of a host in an estate");
                Trouble::new("LB0421", Kind::Invalid, message).hint("--to HOST, or --to DIRECTORY")
            })?),
        };
        let wanted = wanted(world, copied, wish.cluster)?;
        let aside = |usual: String| wish.aside.map_or(usual, str::to_owned);
        Ok(match onto {
            Onto::Host(name) => Self {
                from: from.to_owned(),
                to: format!("host {name}"),
                aside: aside(format!("/var/lib/lifeboat/replaced/{time}")),
                directory: None,
                host: known(world.host(&name), &name)?,
                tree,
                wanted,
            },
            Onto::Directory(path) => {
                let directory = real(&path).map_err(|reason| directory_trouble(&path, &reason))?;
                let shown = directory.to_str().ok_or_else(|| {
                    Trouble::new("LB0003", Kind::Invalid, format!("{} is no text", directory.display()))
                })?;
                let owner = std::fs::metadata("/proc/self").map(|it| (it.uid(), it.gid()));
                // Who is not root can give nothing away.
                let owner = owner.ok().filter(|(user, _)| *user != 0);
                Self {
                    from: from.to_owned(),
                    to: shown.to_owned(),
                    aside: aside(format!("{}/.lifeboat-replaced-{time}", shown.trim_end_matches('/'))),
                    tree: below(&tree, shown.trim_end_matches('/'), owner),
                    directory: Some(directory),
                    host: Host::local("this machine"),
                    wanted,
                }
            }
        })
    }

    /// Whether a host is changed, rather than a directory that nothing uses.
    pub fn changes_a_host(&self) -> bool {
        self.directory.is_none()
    }

    /// How each path is there.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub async fn compare(&self) -> Result<Vec<Difference>, Trouble> {
        Ok(compare(&self.host, &self.tree, &self.wanted, &[]).await?)
    }

    /// Puts them in place; `overwrite`: also where something differs.
    ///
    /// # Errors
    /// As [`put_back`].
    pub async fn put(&self, overwrite: bool) -> Result<Put, Trouble> {
        if let Some(directory) = &self.directory {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.map_err(|reason| directory_trouble(directory, &reason))?;
        }
        let how = Putting { overwrite, only: &[], aside: &self.aside, limit: LIMIT };
        Ok(put_back(&self.host, &self.tree, &how).await?)
    }

    /// The commands that undo it, on the host.
    pub fn undo(&self, put: &Put) -> Vec<String> {
        let aside = cluster::quoted(&self.aside);
        let mut undo = Vec::new();
        if !put.replaced.is_empty() {
            undo.push(format!("tar -C {aside}/old -cf - . | tar -C / -xpf - --no-overwrite-dir"));
        }
        if !put.made.is_empty() {
            undo.push(format!("sort -rz {aside}/made | xargs -0r rm -df --"));
        }
        undo
    }
}

/// The captured host that is meant, and its files.
fn captured<'a>(copied: &'a Copied, from: Option<&str>) -> Result<(&'a str, &'a Tree), Trouble> {
    let id = &copied.point.id;
    let hosts: Vec<&str> = copied.files.0.keys().map(String::as_str).collect();
    let wrong = |message: String| Trouble::new("LB0421", Kind::Invalid, message);
    let found = match (from, &hosts[..]) {
        (Some(name), _) => copied.files.0.get_key_value(name).ok_or_else(|| {
            wrong(format!("copy {id} has no files of host {name}")).hint(format!("--from one of: {}", hosts.join(", ")))
        }),
        (None, [one]) => copied
            .files
            .0
            .get_key_value(*one)
            .ok_or_else(|| wrong(format!("copy {id} has no files"))),
        (None, []) => {
            Err(wrong(format!("copy {id} has no files of hosts in it")).hint("--at another copy: lifeboat points"))
        }
        (None, several) => Err(wrong(format!(
            "copy {id} has the files of {} hosts, and nothing says whose are wanted",
            several.len()
        ))
        .hint(format!("--from one of: {}", several.join(", ")))),
    };
    found.map(|(host, tree)| (host.as_str(), tree))
}

/// What says which contents may be shown.
fn wanted(world: &World, copied: &Copied, cluster: &Name) -> Result<Wanted, Trouble> {
    let of = &world.cluster(cluster)?.protect.files;
    let settings = Settings {
        kubeadm_config: of.kubeadm_config.clone(),
        paths: of.paths.iter().map(|path| (**path).clone()).collect(),
        ..Settings::default()
    };
    let places = Places {
        kubeadm_config: of.kubeadm_config.clone(),
        ..Places::default()
    };
    Ok(Wanted::new(copied.point.distribution, &places, &settings)?)
}

/// A host that the estate does not know needs another hint: what was captured may go elsewhere.
fn known(host: Result<Host, Trouble>, name: &Name) -> Result<Host, Trouble> {
    host.map_err(|trouble| match trouble.hint {
        Some(_) => trouble,
        None => trouble.hint(format!(
            "add host {name} to hosts, or --to another HOST of the estate, or --to ./DIRECTORY"
        )),
    })
}

/// The same files below a directory: without labels, which belong to the places that they were in.
fn below(tree: &Tree, directory: &str, owner: Option<(u32, u32)>) -> Tree {
    let moved = tree.0.iter().map(|(path, entry)| {
        let mut entry = entry.clone();
        entry.label = None;
        entry.owner = owner.unwrap_or(entry.owner);
        (format!("{directory}{path}"), entry)
    });
    Tree(moved.collect())
}

/// The path without links and dots, also where its end is not there yet.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let there = path.ancestors().find(|at| at.exists()).unwrap_or(Path::new("/"));
    let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
    Ok(there.canonicalize()?.join(rest))
}

fn directory_trouble(path: &Path, reason: &std::io::Error) -> Trouble {
    Trouble::new("LB0308", Kind::Person, format!("{} cannot be used: {reason}", path.display()))
        .hint(format!("ls -ld {}", path.display()))
}

#[cfg(test)]
mod tests;
