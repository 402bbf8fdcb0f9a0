//! How far long work is, for whoever shows it.

use rustic_core::{Progress as Bar, ProgressBars, ProgressType, RusticProgress};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How far a piece of work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The work, in words for people.
    pub work: String,
    /// How much is done: bytes or things, as `bytes` says.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// Whether bytes are counted.
    pub bytes: bool,
}

/// Who is told.
pub type OnProgress = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Rustic's way to ask for something to show progress with.
pub(super) struct Bars(pub(super) Option<OnProgress>);

impl Bars {
    /// For work that is not rustic's.
    pub(super) fn begin(&self, work: &str, total: u64) -> Bar {
        let bar = self.progress(ProgressType::Bytes, work);
        bar.set_length(total);
        bar
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bars")
    }
}

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, prefix: &str) -> Bar {
        let work = prefix.trim_end_matches('.').to_owned();
        match &self.0 {
            Some(told) if !work.is_empty() => Bar::new(One {
                told: told.clone(),
                work: Mutex::new(work),
                done: AtomicU64::new(0),
                total: AtomicU64::new(0),
                bytes: matches!(kind, ProgressType::Bytes),
            }),
            _ => Bar::hidden(),
        }
    }
}

struct One {
    told: OnProgress,
    work: Mutex<String>,
    done: AtomicU64,
    /// Zero while it is not known.
    total: AtomicU64,
    bytes: bool,
}

impl One {
    fn tell(&self) {
        let total = self.total.load(Ordering::Relaxed);
        (self.told)(&Progress {
            work: self.work.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            done: self.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
            bytes: self.bytes,
        });
    }
}

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("One")
    }
}

impl RusticProgress for One {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, length: u64) {
        self.total.store(length, Ordering::Relaxed);
        self.tell();
    }

    fn set_title(&self, title: &str) {
        title.clone_into(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn inc(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
        self.tell();
    }

    fn finish(&self) {
        self.tell();
    }
}
