//! Numbered streams: the journals of runs. One writer wins each number.

use crate::error::counting;
use crate::store::SMALL;
use crate::{AppendError, Error, Repository, layout};
use futures::{StreamExt, TryStreamExt};

/// The longest entry, in bytes; sealed it is still small.
const LONGEST: usize = (SMALL - (64 << 10)) as usize;

/// Entries read at once.
const READS: usize = 8;

/// What can be read of a run's journal.
#[derive(Debug)]
pub struct SoundEntries {
    /// The entries from 0 on, in order, up to the first that is missing or does not open.
    pub entries: Vec<(u64, Vec<u8>)>,
    /// Why they end there though there is more.
    pub broken: Option<Error>,
    /// Whether any entry opens, the later ones included: one that none opens of is no run of ours.
    pub genuine: bool,
}

impl Repository {
    /// Writes the entry with this number of a run, if nobody has. Numbers begin with 0 and end, like runs, with 9,999,999,999.
    ///
    /// # Errors
    /// [`AppendError::Taken`] when another's entry has the number, which may be one that this caller wrote in an earlier call
    /// whose outcome it did not hear: what tells is the entry itself; [`AppendError::Unavailable`] when the outcome is
    /// unknown; [`AppendError::Impossible`] when nothing was written.
    pub async fn append(&self, run: u64, number: u64, bytes: &[u8]) -> Result<(), AppendError> {
        let object = format!("entry {number} of run {run}");
        self.put_entry(run, number, bytes)
            .await
            .map_err(|error| AppendError::of(object, error))
    }

    async fn put_entry(&self, run: u64, number: u64, bytes: &[u8]) -> Result<(), Error> {
        let key = layout::entry(run, number)?;
        if bytes.len() > LONGEST {
            let reason = format!("it has {} bytes, and {LONGEST} is the most that it can have", bytes.len());
            return Err(Error::Invalid { object: key.to_string(), reason });
        }
        let sealed = self.sealed(&key, 0, bytes).await?;
        self.shared.store.create(&key, sealed).await
    }

    /// All entries of a run, in order; none when there is no such run.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming the entry that is missing although a later one is there; each entry's own as for
    /// [`Repository::point`], and as every request.
    pub async fn entries(&self, run: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.entries_from(run, 0).await
    }

    /// The entries of a run from one number on, in order.
    ///
    /// # Errors
    /// As [`Repository::entries`].
    pub async fn entries_from(&self, run: u64, number: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.id().await?;
        let Some((_, last)) = self.newest(&layout::run(run)?).await? else {
            return Ok(Vec::new());
        };
        // All up to the last one, listed or not: one that was written during the listing may have been passed over.
        let reads = (number..=last).map(|number| self.entry(run, number));
        futures::stream::iter(reads).buffered(READS).try_collect().await
    }

    /// The last entry of a run, if there is one.
    ///
    /// # Errors
    /// As [`Repository::entries`].
    pub async fn last_entry(&self, run: u64) -> Result<Option<(u64, Vec<u8>)>, Error> {
        self.id().await?;
        match self.newest(&layout::run(run)?).await? {
            Some((_, last)) => Ok(Some(self.entry(run, last).await?)),
            None => Ok(None),
        }
    }

    /// The entries of a run as far as they are sound.
    ///
    /// # Errors
    /// As opening: [`Error::NoIdentity`], [`Error::WrongKey`], and as every request.
    pub async fn sound_entries(&self, run: u64) -> Result<SoundEntries, Error> {
        self.id().await?;
        let numbers = self.numbers(&layout::run(run)?).await?;
        let last = numbers.first().map(|(_, last)| *last);
        let mut found = SoundEntries { entries: Vec::new(), broken: None, genuine: false };
        let reads = (0..=last.unwrap_or(0))
            .filter(|_| last.is_some())
            .map(|number| self.entry(run, number));
        let mut reads = futures::stream::iter(reads).buffered(READS);
        while let Some(read) = reads.next().await {
            match read {
                Ok(entry) => found.entries.push(entry),
                Err(error) if error.is_unsound() => {
                    found.broken = Some(error);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        drop(reads);
        found.genuine = !found.entries.is_empty();
        for (key, _) in numbers.iter().filter(|_| found.broken.is_some()) {
            if found.genuine {
                break;
            }
            found.genuine = counting(self.opened(key).await)?.is_some();
        }
        Ok(found)
    }

    /// Removes the entries of a run from one number on, the last first; how many there were. For a person who has seen that they
    /// cannot be read.
    ///
    /// # Errors
    /// As every request.
    pub async fn remove_entries_from(&self, run: u64, number: u64) -> Result<u64, Error> {
        self.id().await?;
        let mut removed = 0;
        for (key, _) in self
            .numbers(&layout::run(run)?)
            .await?
            .into_iter()
            .filter(|(_, it)| *it >= number)
        {
            self.shared.store.delete(&key).await?;
            removed += 1;
        }
        Ok(removed)
    }

    async fn entry(&self, run: u64, number: u64) -> Result<(u64, Vec<u8>), Error> {
        match self.opened(&layout::entry(run, number)?).await {
            Ok((_, content)) => Ok((number, content)),
            Err(Error::NotFound { object, .. }) => {
                let reason = format!("entry {number} is missing, though later ones are there");
                Err(Error::Damaged { object, reason })
            }
            Err(other) => Err(other),
        }
    }

    /// The numbers of all runs that have an entry, in order.
    ///
    /// # Errors
    /// As every request.
    pub async fn runs(&self) -> Result<Vec<u64>, Error> {
        self.id().await?;
        let folders = self.shared.store.folders(&layout::runs()).await?;
        Ok(folders.iter().filter_map(layout::number).collect())
    }
}
