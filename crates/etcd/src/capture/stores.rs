//! What is on its way to the shelf: several at once, acknowledged in order, tried again for ever.
//!
//! Start at [`Stores::put`] and [`Stores::next`].

use super::backoff::Backoff;
use super::gauge::Gauge;
use super::note::{Note, Tell};
use crate::FileError;
use crate::history::{Name, Shelf};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::watch;

/// Makes what is stored readable, again at each try.
pub(super) type Body = Arc<dyn Fn() -> Box<dyn Read + Send> + Send + Sync>;

/// Everything of a timeline through a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) timeline: u32,
    pub(super) through: u64,
}

/// Objects on their way.
pub(super) struct Stores {
    shelf: Arc<dyn Shelf>,
    tell: Tell,
    gauge: Gauge,
    /// Set when the capture ends: then what fails is not tried again.
    stopping: watch::Sender<bool>,
    on_the_way: FuturesOrdered<BoxFuture<'static, Result<Stored, FileError>>>,
}

impl Stores {
    pub(super) fn new(shelf: Arc<dyn Shelf>, tell: Tell, gauge: Gauge) -> Self {
        Self {
            shelf,
            tell,
            gauge,
            stopping: watch::Sender::new(false),
            on_the_way: FuturesOrdered::new(),
        }
    }

    /// Sends an object on its way; with it, everything through `through` is stored once those before it are.
    pub(super) fn put(&mut self, name: Name, through: u64, body: Body) {
        let (shelf, tell, gauge) = (Arc::clone(&self.shelf), Arc::clone(&self.tell), self.gauge.clone());
        let mut stopping = self.stopping.subscribe();
        // A task of its own, so that it gets on while nobody asks.
        let task = tokio::spawn(async move {
            let mut backoff = Backoff::default();
            loop {
                let (shelf, body) = (Arc::clone(&shelf), Arc::clone(&body));
                let stored = tokio::task::spawn_blocking(move || shelf.create(&name, &mut *body())).await;
                match stored.unwrap_or_else(|e| Err(FileError::io(name, "stored")(io::Error::other(e)))) {
                    Ok(_) => {
                        if gauge.recovered() {
                            tell(Note::Stored);
                        }
                        return Ok(Stored { timeline: name.timeline(), through });
                    }
                    Err(e) if *stopping.borrow() => return Err(e),
                    Err(e) => {
                        if gauge.failed() {
                            tell(Note::Unstored { why: e.to_string(), kind: e.kind() });
                        }
                        tokio::select! {
                            () = backoff.wait() => {}
                            _ = stopping.wait_for(|stopping| *stopping) => {}
                        }
                    }
                }
            }
        });
        self.on_the_way.push_back(Box::pin(async move {
            task.await
                .unwrap_or_else(|e| Err(FileError::io(name, "stored")(io::Error::other(e))))
        }));
    }

    /// Waits for the oldest: everything up to there is stored. `None` when none is on its way.
    pub(super) async fn next(&mut self) -> Option<Result<Stored, FileError>> {
        self.on_the_way.next().await
    }

    /// How many are on their way.
    pub(super) fn len(&self) -> usize {
        self.on_the_way.len()
    }

    /// From now on nothing is tried again.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

impl Drop for Stores {
    /// Tasks that nobody waits for any more come to their end.
    fn drop(&mut self) {
        self.stop();
    }
}
