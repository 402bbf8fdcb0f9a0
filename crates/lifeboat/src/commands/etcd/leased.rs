//! A lease of a cluster's history as a person sees it: what is said while it is waited for, and why it was not had. Start at
//! [`Waiting`].

use crate::failure::Failure;
use crate::progress::Progress;
use estate::Kind;
use protect::etcd::{CapturingError, MergingError};
use recovery::Trouble;
use repository::lease::LeaseError;
use std::sync::{Mutex, PoisonError};

/// Says once what is waited for, and again when that changes.
pub(super) struct Waiting {
    progress: Progress,
    told: Mutex<String>,
    /// What is waited for now.
    now: Mutex<Option<String>>,
}

impl Waiting {
    pub(super) fn new(progress: Progress) -> Self {
        Self { progress, told: Mutex::default(), now: Mutex::default() }
    }

    /// What is waited for, if that is not over.
    pub(super) fn now(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is waited for no longer.
    pub(super) fn over(&self) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn tell(&self, error: &LeaseError) {
        // How long it has not changed, changes.
        let (same, text) = match error {
            LeaseError::Held { holder, epoch, left, .. } => {
                let same = format!("{holder} {epoch}");
                let left = left.as_secs_f64();
                (
                    same,
                    format!(
                        "waits: {holder} is at work; if it has died, its lease (epoch {epoch}) is free in {left:.0} s"
                    ),
                )
            }
            LeaseError::Unknown { source: Some(source), .. } => {
                (error.to_string(), format!("waits: {error}: {source}"))
            }
            other => (other.to_string(), format!("waits: {other}")),
        };
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != same {
            *told = same;
            self.progress.talk(&format!("{:.0} {text}", ambient::now()));
        }
    }
}

/// Why a lease was not had, or lost.
pub(super) fn unheld(error: &LeaseError) -> Failure {
    let one = "one host at a time: look whether Lifeboat is at work on the other; what is stored is whole";
    let code = match error {
        LeaseError::Held { .. } | LeaseError::Fenced { .. } => {
            return Failure::new("LB0410", error.kind(), error.to_string()).hint(one);
        }
        LeaseError::Store(error) => return Trouble::from(error.clone()).into(),
        // A full disk, above all: whether a record is there is of no interest then.
        LeaseError::Unknown { source: Some(error @ repository::Error::File { .. }), .. } => {
            return Trouble::from(error.clone()).into();
        }
        LeaseError::Lapsed { .. } | LeaseError::Unknown { .. } | LeaseError::Restless { .. } => "LB0301",
        LeaseError::SetBack { .. } | LeaseError::Damaged { .. } => "LB0306",
        LeaseError::Invalid { .. } => "LB0099",
    };
    let hint = if error.kind() == Kind::Damaged {
        "lifeboat repository check"
    } else {
        "lifeboat check"
    };
    Failure::new(code, error.kind(), error.to_string()).hint(hint)
}

impl From<MergingError> for Failure {
    fn from(error: MergingError) -> Self {
        match error {
            MergingError::Lease(error) => unheld(&error),
            MergingError::Points(error) => Trouble::from(error).into(),
            MergingError::Merge(error) => error.into(),
        }
    }
}

/// Of a capture into a repository: the lease's part here, the rest by `captured`.
pub(super) fn ended(error: CapturingError, captured: impl FnOnce(::etcd::capture::CaptureError) -> Failure) -> Failure {
    match error {
        CapturingError::Lease(error) => unheld(&error),
        CapturingError::Capture(error) => captured(error),
    }
}
