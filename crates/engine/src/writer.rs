//! Writing entries through a journal that may not answer. Start at [`Writer::append`].

use crate::{Entry, Error, Event, Hooks, Journal, JournalError, Runner, State};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// How long an entry or a reading is tried before the run is given up, to be resumed later.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one call to the journal may take.
const CALL: Duration = Duration::from_secs(10);

/// The pause after the first call that failed; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// For how long the run is surely this runner's. Begins before an entry is sent, so it errs on the safe side.
pub(crate) struct Permit(Pin<Box<dyn Future<Output = ()> + Send>>);

/// One runner's pen.
pub(crate) struct Writer<'a> {
    journal: &'a dyn Journal,
    pub(crate) runner: &'a Runner,
    pub(crate) state: State,
    hooks: &'a dyn Hooks,
}

/// What stands in the journal in place of an entry whose writing was not answered clearly.
enum Found {
    Ours,
    Theirs(Entry),
    /// Words of others, which a runner takes in.
    Words(Vec<Entry>),
    Nothing,
    Unknown {
        reason: String,
    },
}

/// What became of an entry.
enum Placed {
    There(Permit),
    /// Its number is taken by words.
    After(Vec<Entry>),
}

impl<'a> Writer<'a> {
    /// Writes after the last entry of `state`.
    pub(crate) fn new(journal: &'a dyn Journal, runner: &'a Runner, state: State, hooks: &'a dyn Hooks) -> Self {
        Self { journal, runner, state, hooks }
    }

    /// Writes an event as the next entry, however often it takes within [`PATIENCE`]. Words that others have written meanwhile are taken in.
    pub(crate) async fn append(&mut self, event: Event) -> Result<Permit, Error> {
        let mut reason = String::new();
        let mut last = event.label();
        let placed = timeout(PATIENCE, async {
            loop {
                let entry = Entry {
                    seq: self.state.next,
                    at: ambient::now(),
                    runner: self.runner.id.clone(),
                    event: event.clone(),
                };
                self.state.check(&entry)?;
                last = format!("entry {} ({})", entry.seq, entry.event.label());
                match self.place(&entry, &mut reason).await? {
                    Placed::There(permit) => {
                        self.state.note(&entry);
                        self.hooks.wrote(&entry);
                        return Ok(permit);
                    }
                    Placed::After(words) => {
                        for word in words {
                            self.state.check(&word)?;
                            self.state.note(&word);
                        }
                    }
                }
            }
        });
        placed
            .await
            .unwrap_or_else(|_| Err(Error::Journal { doing: last, seconds: PATIENCE.as_secs(), reason }))
    }

    /// Tries until it is certain who wrote the entry's number; `last` tells meanwhile what the journal said.
    async fn place(&self, entry: &Entry, last: &mut String) -> Result<Placed, Error> {
        let mut pause = FIRST_PAUSE;
        let mut permit = Permit::start(self.runner.lease()).await;
        loop {
            match call(self.journal.append(entry)).await {
                Ok(()) => return Ok(Placed::There(permit)),
                Err(JournalError::Damaged { reason }) => return Err(Error::Damaged { reason }),
                Err(JournalError::Unavailable { reason }) => *last = reason,
                // Perhaps by ourselves: stores repeat a request whose answer was lost.
                Err(taken @ JournalError::Taken { .. }) => *last = taken.to_string(),
            }
            let mut waited = false;
            permit = loop {
                // If the entry is not there when we look, it can only appear after this.
                let fresh = Permit::start(self.runner.lease()).await;
                match self.find(entry).await? {
                    Found::Ours => return Ok(Placed::There(permit)),
                    Found::Words(words) => return Ok(Placed::After(words)),
                    Found::Theirs(other) => return Err(lost_to(other)),
                    // A journal that has just come back is used at once.
                    Found::Nothing if waited => break fresh,
                    Found::Nothing => {
                        wait(&mut pause).await;
                        break fresh;
                    }
                    Found::Unknown { reason } => *last = reason,
                }
                wait(&mut pause).await;
                waited = true;
            };
        }
    }

    async fn find(&self, entry: &Entry) -> Result<Found, Error> {
        let entries = match call(self.journal.entries()).await {
            Ok(entries) => entries,
            Err(JournalError::Damaged { reason }) => return Err(Error::Damaged { reason }),
            Err(JournalError::Unavailable { reason }) => return Ok(Found::Unknown { reason }),
            Err(taken @ JournalError::Taken { .. }) => return Ok(Found::Unknown { reason: taken.to_string() }),
        };
        // An entry of ours with one of another's after it is of no use.
        let is_word = |e: &Entry| matches!(e.event, Event::Word { .. });
        let theirs = entries.iter().filter(|e| e.seq >= entry.seq && !same(e, entry));
        let (words, theirs): (Vec<&Entry>, Vec<&Entry>) = theirs.partition(|e| is_word(e));
        if let Some(theirs) = theirs.last() {
            return Ok(Found::Theirs((*theirs).clone()));
        }
        Ok(if entries.iter().any(|e| same(e, entry)) {
            Found::Ours
        } else if words.is_empty() {
            Found::Nothing
        } else {
            Found::Words(words.into_iter().cloned().collect())
        })
    }
}

/// Whether two entries are one writing. Their time tells them apart even when two processes share an id; what an event carries
/// is left out, since numbers need not survive JSON to the last bit.
fn same(a: &Entry, b: &Entry) -> bool {
    (a.seq, a.at, &a.runner) == (b.seq, b.at, &b.runner) && a.event.label() == b.event.label()
}

fn lost_to(other: Entry) -> Error {
    match other.event {
        Event::Ended { how } => Error::Over { how, by: other.runner },
        _ => Error::Superseded { by: other.runner },
    }
}

/// Reads where a run stands, however often it takes within [`PATIENCE`].
pub(crate) async fn read(journal: &dyn Journal) -> Result<State, Error> {
    let mut last = String::new();
    let reading = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match call(journal.entries()).await {
                Ok(entries) => return Ok(State::of(&entries)?),
                Err(JournalError::Damaged { reason }) => return Err(Error::Damaged { reason }),
                Err(JournalError::Unavailable { reason }) => last = reason,
                Err(taken @ JournalError::Taken { .. }) => last = taken.to_string(),
            }
            wait(&mut pause).await;
        }
    };
    let read = timeout(PATIENCE, reading).await;
    read.unwrap_or_else(|_| {
        let doing = "reading the run".to_owned();
        Err(Error::Journal { doing, seconds: PATIENCE.as_secs(), reason: last })
    })
}

async fn call<T>(asked: impl Future<Output = Result<T, JournalError>>) -> Result<T, JournalError> {
    timeout(CALL, asked).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", CALL.as_secs());
        Err(JournalError::Unavailable { reason })
    })
}

async fn wait(pause: &mut Duration) {
    ambient::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

impl Permit {
    /// A permit whose time runs already: a sleep begins when it is first polled.
    async fn start(lease: Duration) -> Self {
        let mut permit = Self(Box::pin(ambient::sleep(lease)));
        poll_fn(|context| {
            let _ = permit.0.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        permit
    }

    /// Returns when its time is up. Must not be called again then.
    pub(crate) async fn over(&mut self) {
        self.0.as_mut().await;
    }
}
