//! The archive that files are stored as: a tar archive, compressed with zstd, that anybody can open without Lifeboat:
//! `zstd -dc files | tar --extract --same-permissions --selinux`.
//!
//! An entry's name is `HOST/PATH`, so that several hosts fit into one. Labels are the PAX records that GNU tar writes
//! (`RHT.security.selinux`; star's `SCHILY.xattr.security.selinux` is read too). Numbers of owners count, names are not there.

use super::pattern::{above, plain};
use super::tree::{Entry, Files, Tree, What};
use std::collections::BTreeMap;
use std::io::{self, Read};
use tar::{Builder, EntryType, Header};

/// zstd's own default.
const LEVEL: i32 = 3;

/// The PAX record of a directory that was not asked for. Every tar passes over comments.
const PARENT: &str = "a directory above what was copied";

/// The most that names, labels and targets may have, in bytes: what Linux takes as a path.
const TEXT_BYTES_MAX: usize = 4096;

/// Why bytes are no archive of files.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    /// They are no tar archive in zstd, or are cut off.
    #[error("it is no tar archive that zstd has compressed, or is damaged")]
    Unreadable(#[source] io::Error),
    /// Something is in it that no host's files can be.
    #[error("{name:?} does not belong into it: {why}")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It has more in it than whoever reads it takes.
    #[error("it has more in it than {max} {what}")]
    TooLarge {
        /// The most.
        max: u64,
        /// Bytes, or entries.
        what: &'static str,
    },
}

/// The most that is read out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes, before they were compressed.
    pub bytes: u64,
    /// Files, links and directories.
    pub entries: usize,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { bytes: 512 << 20, entries: 200_000 }
    }
}

impl Files {
    /// The archive: the same bytes for the same files.
    ///
    /// # Errors
    /// A name that tar cannot hold.
    pub fn archive(&self) -> io::Result<Vec<u8>> {
        zstd::bulk::compress(&self.tar()?, LEVEL)
    }

    /// The archive before it is compressed.
    pub(super) fn tar(&self) -> io::Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (host, tree) in &self.0 {
            for (path, entry) in &tree.0 {
                append(&mut tar, &format!("{host}{path}"), entry)?;
            }
        }
        tar.into_inner()
    }

    /// Reads an archive that [`Files::archive`] made, or one like it.
    ///
    /// # Errors
    /// [`BadArchive`]: also when names lead out of it or over a symbolic link, stand there twice, or are devices or hard links.
    pub fn read(archive: &[u8], limits: &ArchiveLimits) -> Result<Self, BadArchive> {
        let plain = zstd::Decoder::with_buffer(archive).map_err(BadArchive::Unreadable)?;
        Self::read_tar(Limited { from: plain, left: limits.bytes }, limits)
    }

    fn read_tar(tar: Limited<impl Read>, limits: &ArchiveLimits) -> Result<Self, BadArchive> {
        let told = |error: io::Error| match error.get_ref().is_some_and(|it| it.is::<Full>()) {
            true => BadArchive::TooLarge { max: limits.bytes, what: "bytes" },
            false => BadArchive::Unreadable(error),
        };
        let mut files = BTreeMap::<String, Tree>::new();
        let mut count = 0;
        for entry in tar::Archive::new(tar).entries().map_err(told)? {
            let mut entry = entry.map_err(told)?;
            count += 1;
            if count > limits.entries {
                return Err(BadArchive::TooLarge { max: limits.entries as u64, what: "entries" });
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let bad = |why| BadArchive::Entry { name: name.clone(), why };
            let (host, path) = place(&name).ok_or_else(|| bad("it leads elsewhere"))?;
            let read = read_entry(&mut entry).map_err(|error| match error {
                Odd::Why(why) => bad(why),
                Odd::Io(error) => told(error),
            })?;
            let tree = files.entry(host.to_owned()).or_default();
            if tree.0.insert(path.to_owned(), read).is_some() {
                return Err(bad("it is there twice"));
            }
        }
        for (host, tree) in &files {
            let is_directory = |at: &str| tree.0.get(at).is_none_or(|it| it.is_directory());
            if let Some(path) = tree.0.keys().find(|path| !above(path).all(is_directory)) {
                return Err(BadArchive::Entry {
                    name: format!("{host}{path}"),
                    why: "it is below something that is no directory",
                });
            }
        }
        Ok(Self(files))
    }
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.what, What::Directory | What::Parent)
    }
}

fn append(tar: &mut Builder<Vec<u8>>, name: &str, entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0.into());
    header.set_gid(entry.owner.1.into());
    header.set_mtime(0);
    header.set_size(0);
    let mut records: Vec<(&str, &[u8])> = Vec::new();
    if let Some(label) = &entry.label {
        records.push(("RHT.security.selinux", label.as_bytes()));
    }
    if entry.what == What::Parent {
        records.push(("comment", PARENT.as_bytes()));
    }
    if let What::Link(to) = &entry.what
        && header.set_link_name_literal(to).is_err()
    {
        records.push(("linkpath", to.as_bytes()));
    }
    if !records.is_empty() {
        tar.append_pax_extensions(records)?;
    }
    match &entry.what {
        What::File { bytes, modified } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mtime(*modified);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes.as_slice())
        }
        What::Link(_) => {
            header.set_entry_type(EntryType::Symlink);
            tar.append_data(&mut header, name, io::empty())
        }
        What::Directory | What::Parent => {
            header.set_entry_type(EntryType::Directory);
            tar.append_data(&mut header, format!("{name}/"), io::empty())
        }
    }
}

/// The host and the path of an entry's name.
fn place(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_suffix('/').unwrap_or(name);
    let (host, rest) = name.split_at(name.find('/')?);
    let sound = name.split('/').all(plain) && !name.contains('\0') && name.len() <= TEXT_BYTES_MAX;
    // Text that was none, and would not be the same file again.
    (sound && !name.contains(char::REPLACEMENT_CHARACTER)).then_some((host, rest))
}

enum Odd {
    Why(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Odd {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn read_entry(entry: &mut tar::Entry<'_, impl Read>) -> Result<Entry, Odd> {
    let header = entry.header().clone();
    let number = |it: u64| u32::try_from(it).map_err(|_large| Odd::Why("its owner has too large a number"));
    let owner = (number(header.uid()?)?, number(header.gid()?)?);
    let mode = header.mode()? & 0o7777;
    let (mut label, mut parent) = (None, false);
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        match record.key_bytes() {
            b"RHT.security.selinux" | b"SCHILY.xattr.security.selinux" => {
                let text = std::str::from_utf8(record.value_bytes()).ok();
                let text = text.map(|text| text.trim_end_matches('\0')).filter(|text| is_label(text));
                label = Some(text.ok_or(Odd::Why("its label is none"))?.to_owned());
            }
            b"comment" => parent = record.value_bytes() == PARENT.as_bytes(),
            _ => {}
        }
    }
    let what = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            What::File { bytes, modified: header.mtime()? }
        }
        EntryType::Symlink => {
            let to = entry.link_name_bytes().ok_or(Odd::Why("it leads nowhere"))?;
            let to = std::str::from_utf8(&to).map_err(|_odd| Odd::Why("it leads to what is no text"))?;
            if to.is_empty() || to.contains('\0') || to.len() > TEXT_BYTES_MAX {
                return Err(Odd::Why("it leads to no path"));
            }
            What::Link(to.to_owned())
        }
        EntryType::Directory if parent => What::Parent,
        EntryType::Directory => What::Directory,
        _ => return Err(Odd::Why("it is neither a file, a directory nor a symbolic link")),
    };
    Ok(Entry { mode, owner, label, what })
}

/// Whether a text can be an SELinux label: it goes into commands on hosts, and into lists that zeros part.
pub(super) fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic();
    !text.is_empty() && text.len() <= TEXT_BYTES_MAX && text.chars().all(fits)
}

/// Reads as much as is allowed.
struct Limited<R> {
    from: R,
    left: u64,
}

/// There is more than is allowed.
#[derive(Debug, thiserror::Error)]
#[error("too much")]
struct Full;

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(Full)),
        }
        Ok(read)
    }
}
