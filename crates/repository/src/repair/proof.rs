//! Whether an object, wherever it is stored, is what its name says: judged with the keys and the trust of one repository.

use crate::digest::stored;
use crate::keys::Keyring;
use crate::layout::{self, FilesKind, Known};
use crate::store::Store;
use crate::writers::Writers;
use crate::{Error, Repository};
use object_store::path::Path;

impl Repository {
    /// Reads the object of `size` bytes under `key` in `store`, a repository of this id, to its last byte.
    pub(super) async fn prove(&self, store: &Store, key: &Path, size: u64) -> Result<(), Error> {
        let known = layout::known(key).ok_or_else(|| Error::Invalid {
            object: key.to_string(),
            reason: "it is no part of the repository".to_owned(),
        })?;
        let damaged = |reason: String| Error::Damaged { object: key.to_string(), reason };
        match known {
            Known::Part(cluster, point, name) => {
                let manifest = self.point(&cluster, &point).await?;
                let wanted = manifest.part(name.as_str());
                let wanted = wanted.ok_or_else(|| damaged("no manifest names it".to_owned()))?;
                let content = self.content(store, key, size).await?;
                content
                    .differs(wanted.bytes, &wanted.sha256)
                    .map_or(Ok(()), |reason| Err(damaged(reason)))
            }
            Known::History(..) => self.content(store, key, size).await.map(drop),
            // restic names what it stores by its hash, but for its settings, which are sealed in themselves.
            Known::Files(_, FilesKind::Config | FilesKind::Locks) => Ok(()),
            Known::Files(..) => {
                let found = stored(store, key, size).await?;
                let named = key.filename() == Some(&*found);
                if named {
                    Ok(())
                } else {
                    Err(damaged("its hash is not its name".to_owned()))
                }
            }
            Known::Probe => Err(damaged("it is what a probe has left".to_owned())),
            small => self.prove_small(&small, key, &store.get(key).await?).await,
        }
    }

    /// Opens an object of this repository: a small one whole, of a history's object its beginning.
    pub(crate) async fn opens(&self, key: &Path, known: &Known) -> Result<(), Error> {
        match known {
            Known::History(cluster, name) => self.open_history(cluster, name).await.map(drop),
            small => self.prove_small(small, key, &self.shared.store.get(key).await?).await,
        }
    }

    async fn prove_small(&self, known: &Known, key: &Path, bytes: &[u8]) -> Result<(), Error> {
        match known {
            Known::Keyring(scope, number) => {
                let body = self.signed_by_root(self.root().await?, key, bytes).await?;
                Keyring::parse(key.as_ref(), &body, scope, *number).map(drop)
            }
            Known::Writers(number) => {
                let body = self.signed_by_root(self.root().await?, key, bytes).await?;
                Writers::parse(key.as_ref(), &body, *number).map(drop)
            }
            Known::Manifest(cluster, point) => self.manifest_of(cluster, point, bytes).await.map(drop),
            Known::Hold(_, point, _) => self.hold_in(key, point, bytes).await.map(drop),
            Known::Kit(_) => self.kit_in(key, bytes).await.map(drop),
            Known::Evidence(_, writer, _) => self.head_in(key, writer, bytes).await.map(drop),
            _ => self.open_sealed(key, bytes).await.map(drop),
        }
    }
}
