//! What a file is besides its bytes: owner, mode, times, extended attributes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, futimens, utimensat};
use nix::sys::time::TimeSpec;
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::path::Path;
use xattr::FileExt;

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

/// Gives an open file or folder its metadata; all of it is tried, and the first error returned. Owners are set by root only.
pub(super) fn give(to: &File, node: &Node) -> io::Result<()> {
    let metadata = &node.meta;
    let owned = if nix::unistd::geteuid().is_root() {
        fchown(to, metadata.uid, metadata.gid)
    } else {
        Ok(())
    };
    // After the owner, whose change takes capabilities away; before the mode, which may forbid to write.
    let attributes = give_attributes(metadata, |name| to.get_xattr(name), |name, value| to.set_xattr(name, value));
    let mode = mode(metadata).map_or(Ok(()), |mode| to.set_permissions(mode));
    let times = times(metadata).map_or(Ok(()), |(accessed, modified)| futimens(to, &accessed, &modified));
    owned.and(attributes).and(mode).and(times.map_err(io::Error::from))
}

/// The same for what is neither and cannot be opened: `to` only says which one it is.
pub(super) fn give_special(to: &OwnedFd, node: &Node) -> io::Result<()> {
    let metadata = &node.meta;
    // The way to what a handle stands for: it follows no link that has that name now, and is none itself.
    let way = format!("/proc/self/fd/{}", to.as_raw_fd());
    let owned = if nix::unistd::geteuid().is_root() {
        chown(&way, metadata.uid, metadata.gid)
    } else {
        Ok(())
    };
    let get = |name: &OsStr| xattr::get_deref(&way, name);
    let attributes = give_attributes(metadata, get, |name, value| xattr::set_deref(&way, name, value));
    let mode = mode(metadata).filter(|_| !node.is_symlink());
    let mode = mode.map_or(Ok(()), |mode| std::fs::set_permissions(&way, mode));
    let times = times(metadata).map_or(Ok(()), |(accessed, modified)| {
        utimensat(AT_FDCWD, way.as_str(), &accessed, &modified, UtimensatFlags::FollowSymlink)
    });
    owned.and(attributes).and(mode).and(times.map_err(io::Error::from))
}

fn mode(metadata: &Metadata) -> Option<Permissions> {
    let go = metadata.mode?;
    let special = BITS.iter().filter(|(_, bit)| go & bit != 0);
    let mode = special.fold(go & PERMISSIONS, |mode, (ours, _)| mode | ours);
    Some(Permissions::from_mode(mode))
}

/// When it was read and when it was changed.
fn times(metadata: &Metadata) -> Option<(TimeSpec, TimeSpec)> {
    let modified = metadata.mtime?;
    Some((spec(metadata.atime.unwrap_or(modified)), spec(modified)))
}

fn give_attributes(
    metadata: &Metadata,
    get: impl Fn(&OsStr) -> io::Result<Option<Vec<u8>>>,
    set: impl Fn(&OsStr, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let wanted = metadata.extended_attributes.iter();
    let wanted = wanted.map(|attribute| (attribute.name.as_bytes(), attribute.value.as_deref().unwrap_or_default()));
    let wanted: BTreeMap<&[u8], &[u8]> = wanted.collect();
    let mut outcome = Ok(());
    for (name, value) in &wanted {
        let name = OsStr::from_bytes(name);
        // Some are inherited, and then equal; writing them again may be forbidden.
        let there = get(name).ok().flatten();
        if there.as_deref() != Some(value) {
            outcome = outcome.and(set(name, value));
        }
    }
    outcome
}

fn spec(time: Timestamp) -> TimeSpec {
    let nanos = time.as_nanosecond();
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    TimeSpec::new(i64::try_from(seconds).unwrap_or(0), i64::try_from(rest).unwrap_or(0))
}
