//! What a file is besides its bytes: owner, mode, times, extended attributes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

// The format has modes as Go has them: permissions as everywhere, the rest in bits of its own.
const PERMISSIONS: u32 = 0o777;
const GO_DIRECTORY: u32 = 1 << 31;
const BITS: [(u32, u32); 3] = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];

/// A folder's metadata, as it is copied.
pub(super) fn of_folder(at: &Path) -> io::Result<Metadata> {
    let found = at.metadata()?;
    let special = BITS.iter().filter(|(ours, _)| found.mode() & ours != 0);
    let mode = special.fold(found.mode() & PERMISSIONS | GO_DIRECTORY, |mode, (_, go)| mode | go);
    let time = |seconds: i64, nanos: i64| Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok();
    let mtime = time(found.mtime(), found.mtime_nsec());
    let mut metadata = Metadata {
        mode: Some(mode),
        mtime,
        atime: mtime,
        ctime: time(found.ctime(), found.ctime_nsec()),
        uid: Some(found.uid()),
        gid: Some(found.gid()),
        inode: found.ino(),
        ..Metadata::default()
    };
    let mut attributes = Vec::new();
    for name in xattr::list(at).into_iter().flatten() {
        if let (Some(name), Some(value)) = (name.to_str(), xattr::get(at, &name)?) {
            attributes.push(serde_json::json!({"name": name, "value": STANDARD.encode(value)}));
        }
    }
    // Their type has no name outside of rustic.
    metadata.extended_attributes = serde_json::from_value(attributes.into())?;
    Ok(metadata)
}

/// Makes what is neither a file nor a folder.
pub(super) fn make_special(at: &Path, node: &Node) -> io::Result<()> {
    let (kind, device) = match &node.node_type {
        NodeType::Symlink { .. } => return symlink(node.node_type.to_link(), at),
        NodeType::Dev { device } => (SFlag::S_IFBLK, *device),
        NodeType::Chardev { device } => (SFlag::S_IFCHR, *device),
        NodeType::Fifo => (SFlag::S_IFIFO, 0),
        NodeType::Socket => (SFlag::S_IFSOCK, 0),
        NodeType::File | NodeType::Dir => return Ok(()),
    };
    mknod(at, kind, Mode::S_IRUSR | Mode::S_IWUSR, device).map_err(io::Error::from)
}

/// Gives what is at a path its metadata; all of it is tried, and the first error returned. Owners are set by root only.
pub(super) fn give(at: &Path, node: &Node) -> io::Result<()> {
    let metadata = &node.meta;
    let owned = if nix::unistd::geteuid().is_root() {
        lchown(at, metadata.uid, metadata.gid)
    } else {
        Ok(())
    };
    // After the owner, whose change takes capabilities away; before the mode, which may forbid to write.
    let attributes = give_attributes(at, metadata);
    let mode = match metadata.mode {
        Some(go) if !node.is_symlink() => {
            let special = BITS.iter().filter(|(_, bit)| go & bit != 0);
            let mode = special.fold(go & PERMISSIONS, |mode, (ours, _)| mode | ours);
            std::fs::set_permissions(at, Permissions::from_mode(mode))
        }
        _ => Ok(()),
    };
    let times = match metadata.mtime {
        Some(modified) => {
            let accessed = spec(metadata.atime.unwrap_or(modified));
            let kept = utimensat(AT_FDCWD, at, &accessed, &spec(modified), UtimensatFlags::NoFollowSymlink);
            kept.map_err(io::Error::from)
        }
        None => Ok(()),
    };
    owned.and(attributes).and(mode).and(times)
}

fn give_attributes(at: &Path, metadata: &Metadata) -> io::Result<()> {
    let wanted = metadata.extended_attributes.iter();
    let wanted = wanted.map(|attribute| (attribute.name.as_bytes(), attribute.value.as_deref().unwrap_or_default()));
    let wanted: BTreeMap<&[u8], &[u8]> = wanted.collect();
    let mut outcome = Ok(());
    for (name, value) in &wanted {
        let name = OsStr::from_bytes(name);
        // Some are inherited, and then equal; writing them again may be forbidden.
        let there = xattr::get(at, name).ok().flatten();
        if there.as_deref() != Some(value) {
            outcome = outcome.and(xattr::set(at, name, value));
        }
    }
    outcome
}

fn spec(time: Timestamp) -> TimeSpec {
    let nanos = time.as_nanosecond();
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    TimeSpec::new(i64::try_from(seconds).unwrap_or(0), i64::try_from(rest).unwrap_or(0))
}
