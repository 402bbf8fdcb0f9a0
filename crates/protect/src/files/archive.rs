//! The files in memory, and the archive that they are stored as.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use tar::{Builder, EntryType, Header};

/// Files by their name in the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub(crate) BTreeMap<String, Kept>);

/// One file, as it was on its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// The numbers of its owner and group.
    pub owner: (u64, u64),
}

// It is a key, mostly.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("mode", &self.mode)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names that differ from `other`'s or are only in one of them; `None` when all is the same.
    pub fn differing(&self, other: &Self) -> Option<String> {
        let all = self.0.keys().chain(other.0.keys()).collect::<std::collections::BTreeSet<_>>();
        let differ: Vec<&str> = all
            .into_iter()
            .filter(|n| self.0.get(*n) != other.0.get(*n))
            .map(String::as_str)
            .collect();
        (!differ.is_empty()).then(|| differ.join(", "))
    }

    /// The archive: the same bytes for the same files.
    ///
    /// # Errors
    /// A name or a number that tar cannot hold.
    pub fn archive(&self) -> io::Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (name, file) in &self.0 {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_size(file.bytes.len() as u64);
            header.set_mode(file.mode);
            header.set_uid(file.owner.0);
            header.set_gid(file.owner.1);
            header.set_mtime(0);
            tar.append_data(&mut header, name, file.bytes.as_slice())?;
        }
        tar.into_inner()
    }

    /// Reads an archive that [`Files::archive`] made.
    ///
    /// # Errors
    /// It is none, or holds what no such archive holds: other things than files, names that lead out of it.
    pub fn read(archive: &[u8]) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            let plain = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            if entry.header().entry_type() != EntryType::Regular || !plain {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name:?} does not belong into it")));
            }
            let (mode, owner) = (entry.header().mode()?, (entry.header().uid()?, entry.header().gid()?));
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut entry, &mut bytes)?;
            files.insert(name, Kept { bytes, mode, owner });
        }
        Ok(Self(files))
    }
}
