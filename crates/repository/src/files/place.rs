//! Where files are put back: folders by their handles, and what is in them by its name there.
//!
//! No link is followed on the way down from [`Root`], whoever puts one there and when: what is put back is written below it or not
//! at all.

use super::metadata;
use crate::{Error, failure};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};
use rustic_core::repofile::{Node, NodeType};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// A folder that is only gone through: whoever may do that needs no right to list it.
const THROUGH: OFlag = OFlag::O_PATH.union(FOLDER);
const FOLDER: OFlag = OFlag::O_DIRECTORY.union(LINKS);
/// A link is an error, and no program that is started has the handle.
const LINKS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC);

/// The folder below which everything is put back.
pub(super) struct Root {
    handle: File,
    at: PathBuf,
}

/// An open folder below it.
pub(super) struct Folder {
    handle: OwnedFd,
    at: PathBuf,
}

impl Root {
    /// Opens it. It may be a link itself: where it is was said by whoever wants the files.
    pub(super) fn open(at: &Path) -> Result<Self, Error> {
        let handle = File::open(at).map_err(|error| failure::of_file(at, &error))?;
        Ok(Self { handle, at: at.to_owned() })
    }

    /// Where something below it is, for messages.
    pub(super) fn at(&self, below: &Path) -> PathBuf {
        self.at.join(below)
    }

    /// Opens a folder, to put something into it.
    pub(super) fn folder(&self, below: &Path) -> Result<Folder, Error> {
        let at = self.at(below);
        let handle = self.walk(below, THROUGH).map_err(|error| failure::of_file(&at, &error))?;
        Ok(Folder { handle, at })
    }

    /// Opens a folder, to give it its metadata.
    pub(super) fn opened(&self, below: &Path) -> io::Result<File> {
        self.walk(below, FOLDER).map(File::from)
    }

    /// Puts everything on the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let synced = nix::unistd::syncfs(&self.handle).map_err(io::Error::from);
        synced.map_err(|error| failure::of_file(&self.at, &error))
    }

    /// The handle of what is `below`, opened with the flags `last`, and of no link.
    fn walk(&self, below: &Path, last: OFlag) -> io::Result<OwnedFd> {
        let mut handle = OwnedFd::from(self.handle.try_clone()?);
        let mut parts = below.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            };
            let flags = if parts.peek().is_some() { THROUGH } else { last };
            handle = openat(&handle, name, flags, Mode::empty())?;
        }
        Ok(handle)
    }
}

impl Folder {
    /// Where something in it is, for messages.
    pub(super) fn at(&self, name: &OsStr) -> PathBuf {
        self.at.join(name)
    }

    /// Makes a folder in it, or takes the one that is there. A link to one is none.
    pub(super) fn make_folder(&self, name: &OsStr) -> Result<(), Error> {
        let made = || {
            if self.kind(name)? == Some(SFlag::S_IFDIR) {
                return Ok(());
            }
            self.clear(name)?;
            mkdirat(&self.handle, name, Mode::S_IRWXU).map_err(io::Error::from)
        };
        made().map_err(|error| self.failed(name, &error))
    }

    /// Makes a file in the place of whatever is in its way.
    pub(super) fn make_file(&self, name: &OsStr) -> Result<File, Error> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | LINKS;
        let made = || {
            self.clear(name)?;
            let handle = openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
            Ok(File::from(handle))
        };
        made().map_err(|error| self.failed(name, &error))
    }

    /// Makes one more name of the file that is called `first` in the folder `of`.
    pub(super) fn make_link(&self, name: &OsStr, of: &Folder, first: &OsStr) -> Result<(), Error> {
        let made = || {
            self.clear(name)?;
            linkat(&of.handle, first, &self.handle, name, AtFlags::empty()).map_err(io::Error::from)
        };
        made().map_err(|error| self.failed(name, &error))
    }

    /// Makes what is neither a file nor a folder, with its metadata. The inner error is that of making it: what was in its way
    /// is gone.
    pub(super) fn make_special(&self, name: &OsStr, node: &Node) -> Result<io::Result<()>, Error> {
        self.clear(name).map_err(|error| self.failed(name, &error))?;
        Ok(self.special(name, node))
    }

    fn special(&self, name: &OsStr, node: &Node) -> io::Result<()> {
        let made = match &node.node_type {
            NodeType::Symlink { .. } => SFlag::S_IFLNK,
            NodeType::Dev { .. } => SFlag::S_IFBLK,
            NodeType::Chardev { .. } => SFlag::S_IFCHR,
            NodeType::Fifo => SFlag::S_IFIFO,
            NodeType::Socket => SFlag::S_IFSOCK,
            NodeType::File | NodeType::Dir => return Ok(()),
        };
        match &node.node_type {
            NodeType::Symlink { .. } => symlinkat(node.node_type.to_link(), &self.handle, name)?,
            NodeType::Dev { device } | NodeType::Chardev { device } => self.make_node(name, made, *device)?,
            _ => self.make_node(name, made, 0)?,
        }
        let handle = openat(&self.handle, name, OFlag::O_PATH | LINKS, Mode::empty())?;
        if kind(&fstat(&handle)?) != made {
            return Err(io::Error::other("something else has come into its place"));
        }
        metadata::give_special(&handle, node)
    }

    fn make_node(&self, name: &OsStr, kind: SFlag, device: u64) -> nix::Result<()> {
        mknodat(&self.handle, name, kind, Mode::S_IRUSR | Mode::S_IWUSR, device)
    }

    /// Removes what is in the way. A folder with something in it stays, and is an error.
    fn clear(&self, name: &OsStr) -> io::Result<()> {
        let flag = match self.kind(name)? {
            None => return Ok(()),
            Some(SFlag::S_IFDIR) => UnlinkatFlags::RemoveDir,
            Some(_) => UnlinkatFlags::NoRemoveDir,
        };
        unlinkat(&self.handle, name, flag).map_err(io::Error::from)
    }

    /// What is there under a name.
    fn kind(&self, name: &OsStr) -> io::Result<Option<SFlag>> {
        match fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(kind(&found))),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn failed(&self, name: &OsStr, error: &io::Error) -> Error {
        failure::of_file(self.at(name), error)
    }
}

fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits())
}
