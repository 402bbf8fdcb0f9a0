//! A lease's records and the stream that it guards, in a repository. Start at [`Repository::lease`].
//!
//! The errors of the store become outcomes here: what may have been carried out, or may be later, is unknown; what was refused, or
//! never left this host, is impossible.

use super::record::Record;
use super::store::{Entry, LeaseStore, Numbers, Outcome, hash};
use super::{Lease, LeaseError, Terms};
use crate::{Error, Repository, Scope, layout};
use estate::{Epoch, Name};
use object_store::path::Path;

/// The records of one lease in a repository.
#[derive(Clone, Debug)]
pub struct Records {
    repository: Repository,
    scope: Scope,
    name: Name,
    /// The run whose journal the lease guards.
    run: Option<u64>,
}

impl Repository {
    /// A lease of a scope, which guards no stream.
    ///
    /// # Errors
    /// [`LeaseError::Store`] with [`Error::NoLeases`] for a copy; with what [`Repository::id`] says, when the repository cannot be
    /// read; [`LeaseError::Invalid`] as [`Lease::new`].
    pub async fn lease(&self, scope: &Scope, name: &Name, terms: Terms) -> Result<Lease<Records>, LeaseError> {
        Lease::new(self.records(scope, name, None).await?, terms, ambient::uptime)
    }

    /// The lease of a run, which guards its journal: the stream [`JOURNAL`].
    ///
    /// # Errors
    /// As [`Repository::lease`].
    pub async fn lease_of_run(&self, run: u64, terms: Terms) -> Result<Lease<Records>, LeaseError> {
        let name = layout::lease_of_run(run)?;
        Lease::new(self.records(&Scope::Shared, &name, Some(run)).await?, terms, ambient::uptime)
    }

    /// The records of a lease, and the run whose journal it guards.
    pub(crate) async fn records(&self, scope: &Scope, name: &Name, run: Option<u64>) -> Result<Records, Error> {
        if self.is_copy().await? {
            let (store, reason) = (self.store().to_owned(), "it is a copy of a repository".to_owned());
            return Err(Error::NoLeases { store, reason });
        }
        let (repository, scope, name) = (self.clone(), scope.clone(), name.clone());
        Ok(Records { repository, scope, name, run })
    }
}

/// The name of the one stream that a run's lease guards.
pub const JOURNAL: &str = "journal";

impl Records {
    fn record(&self, number: u64) -> Result<Path, Error> {
        layout::numbered(&layout::lease(&self.scope, &self.name), "record of a lease", number)
    }

    /// The journal's run. There is no other stream.
    fn journal(&self, stream: &str) -> Result<u64, Error> {
        let invalid = || Error::Invalid {
            object: format!("stream {stream:?} of lease {}", self.name),
            reason: "the lease does not guard it".to_owned(),
        };
        self.run.filter(|_| stream == JOURNAL).ok_or_else(invalid)
    }

    async fn numbers(&self, folder: &Path) -> Result<Vec<u64>, Error> {
        let keys = self.repository.shared.store.list(folder).await?;
        let depth = folder.parts_count() + 1;
        let own = keys.iter().filter(|key| key.parts_count() == depth);
        Ok(own.filter_map(layout::number).collect())
    }

    /// Creates an object. What sealing needs is read before anything is written, so that its failure writes nothing.
    async fn put(&self, key: Result<Path, Error>, epoch: u64, content: &[u8]) -> Outcome {
        let sealed = match key {
            Ok(key) => self.repository.sealed(&key, epoch, content).await.map(|sealed| (key, sealed)),
            Err(error) => Err(error),
        };
        match sealed {
            Ok((key, sealed)) => outcome(self.repository.shared.store.create(&key, sealed).await),
            // Whoever cannot read the keys now may ask again.
            Err(error @ Error::Unreachable { .. }) => Outcome::Unknown(error),
            Err(error) => Outcome::Impossible(error),
        }
    }

    async fn get(&self, key: &Path) -> Result<Option<(u64, Vec<u8>)>, Error> {
        match self.repository.opened(key).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Asks for a record that is there once more, with other content: a store that says that it was created writes over what exists,
    /// and everybody who asked would believe that the lease is theirs.
    pub(super) async fn prove(&self, number: u64) -> Result<(), LeaseError> {
        let key = self.record(number)?;
        match self.put(Ok(key), 0, b"a second one").await {
            Outcome::Created => {
                let (store, reason) = (self.repository.store(), "it writes over what exists");
                Err(Error::NoLeases { store: store.to_owned(), reason: reason.to_owned() }.into())
            }
            Outcome::Taken => Ok(()),
            Outcome::Unknown(error) | Outcome::Impossible(error) => Err(error.into()),
        }
    }
}

impl LeaseStore for Records {
    async fn create(&self, number: u64, bytes: Vec<u8>) -> Outcome {
        match Record::parse(number, &bytes) {
            Ok(record) => self.put(self.record(number), record.epoch.0, &bytes).await,
            Err(error) => Outcome::Impossible(Error::Bug {
                object: format!("record {number} of lease {}", self.name),
                reason: error.to_string(),
            }),
        }
    }

    async fn read(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        let key = self.record(number)?;
        let Some((epoch, content)) = self.get(&key).await? else {
            return Ok(None);
        };
        // What does not parse is told by who asked.
        match Record::parse(number, &content) {
            Ok(record) if record.epoch.0 != epoch => {
                let reason = format!("it is sealed under epoch {epoch}, and says that it is of epoch {}", record.epoch);
                Err(Error::Damaged { object: key.to_string(), reason })
            }
            _ => Ok(Some(content)),
        }
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        self.numbers(&layout::lease(&self.scope, &self.name)).await
    }

    async fn remove(&self, number: u64) -> Result<(), Error> {
        self.repository.shared.store.delete(&self.record(number)?).await
    }

    async fn streams(&self) -> Result<Vec<String>, Error> {
        let Some(run) = self.run else { return Ok(Vec::new()) };
        let there = self.numbers(&layout::run(run)?).await?;
        Ok(if there.is_empty() {
            Vec::new()
        } else {
            vec![JOURNAL.to_owned()]
        })
    }

    async fn entries(&self, stream: &str) -> Result<Numbers, Error> {
        let there = self.numbers(&layout::run(self.journal(stream)?)?).await?;
        // Of journals nothing is removed but the whole.
        Ok(Numbers { floor: 0, there })
    }

    async fn entry(&self, stream: &str, number: u64) -> Result<Option<Entry>, Error> {
        let found = self.get(&layout::entry(self.journal(stream)?, number)?).await?;
        Ok(found.map(|(epoch, content)| Entry { number, epoch: Epoch(epoch), hash: hash(&content) }))
    }

    async fn create_entry(&self, stream: &str, number: u64, epoch: Epoch, content: &[u8]) -> Outcome {
        let key = self.journal(stream).and_then(|run| layout::entry(run, number));
        self.put(key, epoch.0, content).await
    }
}

/// What is known of a creation after the store's answer.
fn outcome(created: Result<(), Error>) -> Outcome {
    match created {
        Ok(()) => Outcome::Created,
        Err(Error::Taken { .. }) => Outcome::Taken,
        // A file that could not be synced is there, perhaps; and what broke off inside may have been carried out.
        Err(error @ (Error::Unreachable { .. } | Error::File { .. } | Error::Bug { .. })) => Outcome::Unknown(error),
        Err(error) => Outcome::Impossible(error),
    }
}
