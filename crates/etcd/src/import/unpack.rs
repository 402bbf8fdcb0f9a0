//! Archives in which distributions keep snapshots: k3s and RKE2 zip the file by its name, RKE1 as `backup/{name}`.
//!
//! Since 1.1.4, RKE1 may put the cluster's state file beside it (source:
//! RKE's manual, "Restoring from Backup"). The archive may be hostile: the names in it are never used for a path,
//! there must be one database in it and no more, and it may take no more than what the disk has left.

use crate::{FileError, bbolt};
use nix::sys::statvfs::statvfs;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use zip::ZipArchive;

/// What is left free on the disk, in bytes.
const RESERVE_BYTES: u64 = 64 << 20;

/// Whether the file begins as a zip archive does. A database never does.
pub(crate) fn is_archive(path: &Path) -> Result<bool, FileError> {
    let io = |doing| FileError::io(path.display(), doing);
    let file = File::open(path).map_err(io("opened"))?;
    let mut head = Vec::new();
    file.take(4).read_to_end(&mut head).map_err(io("read"))?;
    Ok(head == b"PK\x03\x04" || head == b"PK\x05\x06")
}

/// Writes the one database in the archive `from` to `to`, and tells the names of what else is in there. The checksum in the
/// archive is compared.
pub(crate) fn unpack(from: &Path, to: &Path) -> Result<Vec<String>, FileError> {
    let free = statvfs(to.parent().unwrap_or(to)).map_err(|e| FileError::io(to.display(), "written")(e.into()))?;
    #[allow(clippy::useless_conversion, reason = "the types differ between platforms")]
    let free_bytes = u64::from(free.blocks_available()).saturating_mul(u64::from(free.fragment_size()));
    unpack_up_to(from, to, free_bytes.saturating_sub(RESERVE_BYTES))
}

/// As [`unpack`], refusing what is larger than `most` bytes.
pub(crate) fn unpack_up_to(from: &Path, to: &Path, most: u64) -> Result<Vec<String>, FileError> {
    let damaged = |place: &str, reason: String| FileError::damaged(from.display(), place, reason);
    let wrong = |place: &'static str| {
        move |e: zip::result::ZipError| match e {
            zip::result::ZipError::Io(e) => FileError::io(from.display(), "read")(e),
            e => FileError::damaged(from.display(), place, e),
        }
    };
    let file = File::open(from).map_err(FileError::io(from.display(), "opened"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(wrong("its list of files"))?;
    let (mut found, mut names) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(wrong("its list of files"))?;
        if entry.is_file() {
            found.push(index);
            names.push((index, String::from_utf8_lossy(entry.name_raw()).into_owned()));
        }
    }
    if found.len() > 1 {
        let mut databases = Vec::new();
        for index in found.iter().copied() {
            let mut head = Vec::new();
            let entry = archive.by_index(index).map_err(wrong("its files"))?;
            let read = entry.take(bbolt::HEAD_BYTES as u64).read_to_end(&mut head);
            if read.is_ok() && bbolt::begins(&head) {
                databases.push(index);
            }
        }
        found = databases;
    }
    let [index] = found.as_slice() else {
        return Err(damaged(
            "its list of files",
            format!("there are {} databases of etcd in it instead of one", found.len()),
        ));
    };
    let (mut beside, database) = (names, *index);
    beside.retain(|(index, _)| *index != database);
    let mut entry = archive.by_index(database).map_err(wrong("its file"))?;
    let bytes = entry.size();
    let full = |bytes: u64| {
        let reason =
            io::Error::new(io::ErrorKind::StorageFull, format!("{bytes} bytes are more than there is room for"));
        FileError::io(to.display(), "written")(reason)
    };
    if bytes > most {
        return Err(full(bytes));
    }
    let mut into = File::create_new(to).map_err(FileError::io(to.display(), "created"))?;
    let mut buffer = vec![0; 256 << 10];
    let mut written = 0_u64;
    loop {
        let read = match entry.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
                ) =>
            {
                return Err(damaged("its file", e.to_string()));
            }
            Err(e) => return Err(FileError::io(from.display(), "read")(e)),
        };
        written += read as u64;
        if written > bytes {
            return Err(damaged("its file", format!("it has more than the {bytes} bytes that the archive says")));
        }
        into.write_all(&buffer[..read])
            .map_err(FileError::io(to.display(), "written"))?;
    }
    if written < bytes {
        return Err(damaged("its file", format!("it has {written} bytes, but the archive says {bytes}")));
    }
    Ok(beside.into_iter().map(|(_, name)| name).collect())
}
