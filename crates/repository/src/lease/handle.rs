//! Looking at a lease, taking it over, keeping it and giving it back. Start at [`Lease::acquire`].

use super::counting::{Reach, Verdict, counting};
use super::put::Put;
use super::record::{Acceptance, Position, Record, acceptable_ttl};
use super::store::Entry;
use super::watch::Watch;
use super::{LeaseError, LeaseStore, Omission, Tenure};
use estate::Epoch;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a holder says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Who it is, for people: at least the host.
    pub holder: String,
    /// How long others leave the lease alone when nothing changes: at least what a listing of all guarded streams takes, and
    /// several times what a renewal takes.
    pub ttl: Duration,
}

/// One lease, as one process sees it.
///
/// Keep it for as long as the process is interested in the lease: it remembers since when nothing has changed. All functions may
/// be called side by side, and may be dropped at any point: what they began is settled by the next call.
pub struct Lease<S, C = fn() -> Duration> {
    pub(super) store: S,
    pub(super) clock: C,
    terms: Terms,
    watch: Mutex<Watch>,
    /// What is left out of the protocol, to show that the simulation notices.
    #[cfg(test)]
    pub(super) omitted: Option<Omission>,
}

impl<S: LeaseStore, C: Fn() -> Duration + Sync> Lease<S, C> {
    /// A lease in a store. `clock` is [`ambient::uptime`], but in tests.
    ///
    /// # Errors
    /// [`LeaseError::Invalid`] for a time to live that no lease can have: none at all, or more than a day.
    pub fn new(store: S, terms: Terms, clock: C) -> Result<Self, LeaseError> {
        if !acceptable_ttl(terms.ttl) {
            return Err(LeaseError::Invalid {
                what: "a lease".to_owned(),
                reason: format!("it cannot last {} ms", terms.ttl.as_millis()),
            });
        }
        Ok(Self {
            store,
            clock,
            terms,
            watch: Mutex::default(),
            #[cfg(test)]
            omitted: None,
        })
    }

    /// Looks at the lease. Whoever may have to take it over looks often: what is not looked at is not seen to stay unchanged.
    ///
    /// # Errors
    /// [`LeaseError::SetBack`], [`LeaseError::Damaged`], [`LeaseError::Restless`], and the store's own.
    pub async fn observe(&self) -> Result<Watch, LeaseError> {
        self.newest().await?;
        Ok(self.watch().clone())
    }

    /// Takes the lease if nobody has it: nobody ever had, it was released, or this handle has not seen it change for
    /// [`super::patience`] of its time to live.
    ///
    /// # Errors
    /// [`LeaseError::Held`] while somebody else has it, also when they were faster. [`LeaseError::Fenced`] when it was lost again
    /// before it was ready; when that is so a moment later, the tenure has lapsed by the time it is returned, and the next renewal
    /// says so. [`LeaseError::Unknown`] when the outcome is unknown: nothing is held then, and what appears later looks
    /// like somebody else's. Otherwise as [`Lease::observe`].
    pub async fn acquire(&self) -> Result<Tenure, LeaseError> {
        let newest = self.newest().await?;
        self.takeable()?;
        let Terms { holder, ttl } = &self.terms;
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let takeover = Record::takeover(newest.as_ref(), holder, ambient::random_id(20), ttl_ms)?;
        let early = match self.omits(Omission::ListAfterWinning) {
            true => Some(self.accept(&takeover).await?),
            false => None,
        };
        if let Put::Superseded(newer) = self.put(&takeover).await? {
            return Err(held(&newer));
        }
        let accepts = match early {
            Some(accepts) => accepts,
            None => self.accept(&takeover).await?,
        };
        let acceptance = takeover.acceptance(accepts)?;
        // Belief begins here and not with the takeover: before this record is there, nothing can be written that counts.
        let asked = (self.clock)();
        match self.put(&acceptance).await? {
            Put::Newest(numbers) => Ok(Tenure::new(acceptance, numbers, self.asked(asked))),
            Put::Superseded(newer) => Err(fenced(takeover.epoch, &newer)),
        }
    }

    /// Renews a tenure. When it lapsed in the meantime, it begins again, unless somebody else was faster.
    ///
    /// # Errors
    /// [`LeaseError::Fenced`] when it is over for good. [`LeaseError::Unknown`] when the outcome is unknown: what was believed
    /// before is, and no more; the next renewal settles it. Otherwise as [`Lease::observe`].
    pub async fn renew(&self, tenure: &mut Tenure) -> Result<(), LeaseError> {
        if tenure.pending.is_some() {
            self.ask(tenure).await?;
        }
        tenure.pending = Some((tenure.newest.renewal()?, (self.clock)()));
        self.ask(tenure).await
    }

    /// Ends a tenure, so that others need not wait. Nothing is believed from the moment of the call, whatever comes of it: a
    /// tenure that could not be released runs out.
    ///
    /// # Errors
    /// As [`Lease::renew`].
    pub async fn release(&self, mut tenure: Tenure) -> Result<(), LeaseError> {
        if !self.omits(Omission::DisbelieveBeforeRelease) {
            tenure.belief.end();
        }
        if let Some((renewal, _)) = tenure.pending.take() {
            match self.put(&renewal).await? {
                Put::Newest(_) => tenure.newest = renewal,
                Put::Superseded(newer) => return Err(fenced(tenure.epoch(), &newer)),
            }
        }
        let put = self.put(&tenure.newest.release()?).await?;
        tenure.belief.end();
        match put {
            Put::Newest(_) => Ok(()),
            Put::Superseded(newer) => Err(fenced(tenure.epoch(), &newer)),
        }
    }

    /// Removes the records below the floor of a tenure's newest one, and says how many. A renewal does not wait for this.
    ///
    /// # Errors
    /// The store's own. What is left over is removed another time.
    pub async fn prune(&self, tenure: &mut Tenure) -> Result<usize, LeaseError> {
        let floor = tenure.newest.floor;
        let mut removed = 0;
        while let Some(number) = tenure.numbers.iter().copied().find(|number| *number < floor) {
            self.store.remove(number).await?;
            tenure.numbers.remove(&number);
            removed += 1;
        }
        Ok(removed)
    }

    /// Says that no newer epoch was to be seen after the call began. Whatever was written under `epoch` and read back before
    /// counts for ever, and may be acknowledged.
    ///
    /// # Errors
    /// [`LeaseError::Fenced`] when there is one. Otherwise as [`Lease::observe`].
    pub async fn unfenced(&self, epoch: Epoch) -> Result<(), LeaseError> {
        match self.newest().await? {
            Some(newest) if newest.epoch > epoch => Err(fenced(epoch, &newest)),
            Some(newest) if newest.epoch == epoch => Ok(()),
            found => Err(LeaseError::SetBack { seen: epoch.0, found: found.map_or(0, |found| found.number) }),
        }
    }

    /// A stream's entries with whether they count, in order.
    ///
    /// # Errors
    /// As [`Lease::observe`].
    pub async fn counted(&self, stream: &str) -> Result<Vec<(Entry, Verdict)>, LeaseError> {
        let listed = self.store.entries(stream).await?;
        let mut entries = Vec::with_capacity(listed.there.len());
        for number in listed.there.into_iter().filter(|number| *number >= listed.floor) {
            entries.extend(self.store.entry(stream, number).await?);
        }
        entries.sort_by_key(|entry| entry.number);
        // After the entries: what this record does not refuse, no later one will.
        let newest = self.newest().await?;
        let verdicts = counting(newest.as_ref(), stream, &entries);
        Ok(entries.into_iter().zip(verdicts).collect())
    }

    /// Writes what a tenure has pending.
    async fn ask(&self, tenure: &mut Tenure) -> Result<(), LeaseError> {
        let Some((record, asked)) = tenure.pending.clone() else {
            return Ok(());
        };
        let put = self.put(&record).await?;
        tenure.pending = None;
        match put {
            // Nobody but its holder removes records, and none so young: this is another store, or one that was set back.
            Put::Newest(numbers) if !numbers.is_empty() && !numbers.contains(&tenure.newest.number) => {
                tenure.belief.end();
                Err(LeaseError::SetBack { seen: tenure.newest.number, found: record.number })
            }
            Put::Newest(numbers) => {
                tenure.belief.extend(self.asked(asked), record.ttl());
                tenure.newest = record;
                tenure.numbers = numbers;
                Ok(())
            }
            Put::Superseded(newer) => {
                tenure.belief.end();
                Err(fenced(tenure.epoch(), &newer))
            }
        }
    }

    /// What a new holder accepts of each guarded stream. `takeover` has been won before the streams are listed.
    async fn accept(&self, takeover: &Record) -> Result<BTreeMap<String, Vec<Acceptance>>, LeaseError> {
        let mut accepts = BTreeMap::new();
        for stream in self.store.streams().await? {
            let reach = Reach::new(takeover, &stream, self.store.entries(&stream).await?);
            let last = self.last_that_counts(&reach, &stream).await?;
            let cut = match &last {
                Some(last) if !self.omits(Omission::CarryAcceptances) => {
                    self.any_cut_off(&reach, &stream, last.number).await?
                }
                _ => false,
            };
            accepts.insert(stream, reach.accept(takeover.epoch, last, cut));
        }
        Ok(accepts)
    }

    async fn last_that_counts(&self, reach: &Reach, stream: &str) -> Result<Option<Position>, LeaseError> {
        for number in reach.after.iter().rev() {
            let entry = self.store.entry(stream, *number).await?;
            if let Some(Entry { hash, .. }) = entry.filter(|entry| reach.counts(entry)) {
                return Ok(Some(Position { number: *number, hash }));
            }
        }
        Ok(None)
    }

    /// Whether an entry before `last` does not count. Who wrote it had no more than so many under way.
    async fn any_cut_off(&self, reach: &Reach, stream: &str, last: u64) -> Result<bool, LeaseError> {
        let before = reach.after.iter().take_while(|number| **number < last);
        for number in before.take(super::IN_FLIGHT) {
            let entry = self.store.entry(stream, *number).await?;
            if entry.is_some_and(|entry| !reach.counts(&entry)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn takeable(&self) -> Result<(), LeaseError> {
        let takeable = self.watch().takeable((self.clock)());
        match takeable {
            Err(LeaseError::Held { unchanged, .. })
                if self.omits(Omission::Patience) && unchanged > self.terms.ttl / 2 =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// When a record was asked for, which is `before` it was.
    fn asked(&self, before: Duration) -> Duration {
        if self.omits(Omission::AskedBefore) {
            (self.clock)()
        } else {
            before
        }
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        // A panic elsewhere leaves it as it was before or after a change.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests look at a field")]
    pub(super) fn omits(&self, _: Omission) -> bool {
        false
    }
}

pub(super) fn fenced(epoch: Epoch, newer: &Record) -> LeaseError {
    LeaseError::Fenced { epoch, newer: newer.epoch, holder: newer.holder.clone() }
}

fn held(by: &Record) -> LeaseError {
    LeaseError::Held {
        holder: by.holder.clone(),
        epoch: by.epoch,
        unchanged: Duration::ZERO,
        left: super::patience(by.ttl()),
    }
}
