//! One piece of work on the repository: opened, on a thread that may wait, and stopped when nobody waits for it any more.

use super::backend::Backend;
use super::failed::{because, or_bug};
use super::progress::Bars;
use super::{Files, OnProgress};
use crate::{Error, failure, layout};
use rustic_core::{
    ConfigOptions, Credentials, FileType, KeyOptions, OpenStatus, Repository, RepositoryBackends, RepositoryOptions,
    RusticError,
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// What packs of data become, and packs of folders. Several of each are held in memory while a copy is taken.
const DATA_PACK: &str = "16MiB";
const TREE_PACK: &str = "4MiB";

/// A repository that is open.
pub(super) struct Session {
    pub(super) repository: Repository<OpenStatus>,
    pub(super) backend: Arc<Backend>,
    pub(super) bars: Bars,
}

/// Ends a piece of work when the future that waits for it is dropped.
struct Stop(Arc<Backend>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Files {
    /// Does work on the opened repository.
    pub(super) async fn opened<T: Send + 'static>(
        &self,
        work: impl FnOnce(Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let files = self.clone();
        self.working(move |backend| work(files.session(backend)?)).await
    }

    /// Does work on a thread that may wait.
    pub(super) async fn working<T: Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Backend>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let backend = Arc::new(Backend::new(self.shared.clone(), self.at.clone(), Handle::current()));
        let _stop = Stop(backend.clone());
        let theirs = backend.clone();
        let done = tokio::task::spawn_blocking(move || work(theirs)).await;
        done.unwrap_or_else(|broken| {
            let reason = failure::cut(&broken.to_string());
            Err(backend.spoilt().unwrap_or(Error::Bug { object: self.at.to_string(), reason }))
        })
    }

    fn session(&self, backend: Arc<Backend>) -> Result<Session, Error> {
        if !backend.made()? {
            let (store, object) = (self.shared.store.name.clone(), self.config().to_string());
            return Err(Error::NotFound { store, object });
        }
        let credentials = match self.key.get() {
            Some(key) => Credentials::Masterkey(key.clone()),
            None => Credentials::password(self.password.as_str()),
        };
        let opened = unopened(&backend, self.progress.clone())?.open(&credentials);
        let repository = opened.map_err(|error| self.unopened(&error))?;
        let _known_already = self.key.set(repository.key());
        let bars = Bars(self.progress.clone());
        Ok(Session { repository, backend, bars })
    }

    /// Makes the repository if there is none.
    pub(super) fn make(&self, backend: Arc<Backend>) -> Result<bool, Error> {
        if backend.made()? {
            backend.settle()?;
            return self.session(backend).map(|_sound| false);
        }
        let mut config = ConfigOptions::default();
        config.set_version = Some(2);
        (config.set_datapack_size, config.set_datapack_growfactor) = (DATA_PACK.parse().ok(), Some(0));
        (config.set_treepack_size, config.set_treepack_growfactor) = (TREE_PACK.parse().ok(), Some(0));
        let credentials = Credentials::password(self.password.as_str());
        let new = unopened(&backend, None)?;
        match new.init(&credentials, &KeyOptions::default(), &config) {
            Ok(made) => {
                // Of those who did not come as far as the configuration: `restic` would try their keys, too.
                let mine = made.key_id().map(|id| *id);
                for (other, _) in backend.listed(FileType::Key)? {
                    if Some(other) != mine {
                        backend.removed(FileType::Key, &other)?;
                    }
                }
                let _first = self.key.set(made.key());
                Ok(true)
            }
            Err(error) => match because(&error, |reason| Error::Bug { object: self.at.to_string(), reason }) {
                Error::Taken { .. } => self.lost(&backend),
                other => Err(other),
            },
        }
    }

    /// Somebody else has made the repository meanwhile: our key is of none.
    fn lost(&self, backend: &Arc<Backend>) -> Result<bool, Error> {
        for key in backend.keys_written() {
            backend.removed(FileType::Key, &key)?;
        }
        let again = Arc::new(backend.anew());
        self.session(again).map(|_sound| false)
    }

    fn config(&self) -> object_store::path::Path {
        layout::in_files(&self.at, FileType::Config.dirname())
    }

    fn unopened(&self, error: &RusticError) -> Error {
        if error.is_incorrect_password() {
            return Error::WrongPassword { object: self.at.to_string() };
        }
        because(error, |reason| Error::Damaged { object: self.config().to_string(), reason })
    }
}

fn unopened(backend: &Arc<Backend>, progress: Option<OnProgress>) -> Result<Repository<()>, Error> {
    // Nothing is written beside the store.
    let options = RepositoryOptions::default().no_cache(true);
    let backends = RepositoryBackends::new(backend.clone(), None);
    let repository = Repository::new_with_progress(&options, &backends, Bars(progress));
    or_bug(repository, || backend.at.to_string())
}
