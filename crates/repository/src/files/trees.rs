//! Reading folders and pieces of files, each compared with its hash; what is wrong is named by the pack that it is in.

use super::backend::Backend;
use super::failed::or_damaged;
use super::session::Session;
use crate::{Error, failure};
use bytes::Bytes;
use rustic_core::repofile::{BlobType, Node, PackId, Tree};
use rustic_core::{BlobId, DataId, FileType, IndexedFullStatus, Repository, TreeId};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};
use std::sync::Arc;

/// A repository with its whole index.
pub(super) struct Reader {
    pub(super) repository: Repository<IndexedFullStatus>,
    pub(super) backend: Arc<Backend>,
}

/// Where a piece of a file is, and its length in bytes.
pub(super) struct Place {
    pub(super) pack: PackId,
    pub(super) length: u64,
}

impl Session {
    /// Reads the index.
    pub(super) fn reader(self) -> Result<Reader, Error> {
        let Self { repository, backend, .. } = self;
        let repository = or_damaged(repository.to_indexed(), || backend.at.to_string())?;
        Ok(Reader { repository, backend })
    }
}

impl Reader {
    pub(super) fn tree(&self, id: &TreeId) -> Result<Tree, Error> {
        let place = self.place_of_tree(id)?;
        let bytes = self.blob(&BlobId::from(*id), BlobType::Tree, &place)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
            object: self.pack(&place.pack),
            reason: failure::cut(&format!("a folder in it is none: {error}")),
        })
    }

    pub(super) fn data(&self, id: &DataId) -> Result<Bytes, Error> {
        let place = self.place_of_data(id)?;
        self.blob(&BlobId::from(*id), BlobType::Data, &place)
    }

    pub(super) fn place_of_tree(&self, id: &TreeId) -> Result<Place, Error> {
        let found = self.repository.get_index_entry(id);
        let entry = found.map_err(|_absent| self.nowhere("folder", &BlobId::from(*id)))?;
        Ok(Place { pack: entry.pack, length: entry.data_length().into() })
    }

    pub(super) fn place_of_data(&self, id: &DataId) -> Result<Place, Error> {
        let found = self.repository.get_index_entry(id);
        let entry = found.map_err(|_absent| self.nowhere("piece of a file", &BlobId::from(*id)))?;
        Ok(Place { pack: entry.pack, length: entry.data_length().into() })
    }

    fn blob(&self, id: &BlobId, kind: BlobType, place: &Place) -> Result<Bytes, Error> {
        let read = or_damaged(self.repository.get_blob_cached(id, kind), || self.pack(&place.pack));
        let bytes = read.map_err(|error| match error {
            Error::NotFound { object, .. } => gone(object),
            other => other,
        })?;
        if format!("{:x}", Sha256::digest(&bytes)) != *id.to_hex() {
            let reason = "a piece in it is not the one that its name is the hash of".to_owned();
            return Err(Error::Damaged { object: self.pack(&place.pack), reason });
        }
        Ok(bytes)
    }

    /// The key of a pack.
    pub(super) fn pack(&self, id: &PackId) -> String {
        self.backend.object(FileType::Pack, id).to_string()
    }

    fn nowhere(&self, what: &str, id: &BlobId) -> Error {
        let reason = format!("the {what} {} is in none of its packs", &*id.to_hex());
        Error::Damaged { object: self.backend.at.to_string(), reason }
    }
}

/// A pack that is not there.
pub(super) fn gone(object: String) -> Error {
    Error::Damaged {
        object,
        reason: "it is gone, though the index names it".to_owned(),
    }
}

/// What is in a folder, by name. A name that leads elsewhere is none; and what stands there twice could be a folder first, and
/// then a link that leads out of it.
pub(super) fn named(tree: Tree, within: &Path) -> Result<Vec<(OsString, Node)>, Error> {
    let damaged = |name: &OsStr, what: &str| {
        let reason = format!("the name {:?} in it {what}", failure::cut(&name.to_string_lossy()));
        Err(Error::Damaged { object: within.display().to_string(), reason })
    };
    let mut named = BTreeMap::new();
    for node in tree.nodes {
        let name = node.name().into_owned();
        let mut parts = Path::new(&name).components();
        let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name);
        if !one {
            return damaged(&name, "is none");
        }
        if named.contains_key(&name) {
            return damaged(&name, "stands there twice");
        }
        named.insert(name, node);
    }
    Ok(named.into_iter().collect())
}

#[cfg(test)]
mod tests;
