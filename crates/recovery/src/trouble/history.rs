//! What goes wrong with an etcd's history, in the form of [`Trouble`].

use super::Trouble;
use ::etcd::FileError;
use ::etcd::capture::CaptureError;
use ::etcd::follow::FollowError;
use ::etcd::history::MomentError;
use ::etcd::rebuild::RebuildError;
use ::etcd::selection::SelectionError;
use estate::Kind;
use protect::etcd::{CapturingError, MergingError, Unmade, repository_error};
use repository::lease::LeaseError;
use std::path::Path;

const SHOW: &str = "lifeboat etcd show HISTORY: lists what can be rebuilt";

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        // What the operating system does not find was never an object of a history.
        if error.is_gone() && !from_the_system(&error) {
            let again = "the same command again: the history was merged meanwhile";
            return Self::new("LB0303", Kind::Unreachable, error.to_string()).hint(again);
        }
        // What the repository says of itself has pages of its own.
        let error = match repository_error(error) {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        let code = match &error {
            FileError::Io { .. } => "LB0308",
            FileError::Damaged { .. } => "LB0405",
            FileError::Newer { .. } => "LB0406",
        };
        Self::new(code, error.kind(), error.to_string())
    }
}

impl From<SelectionError> for Trouble {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::File(error) => error.into(),
            other => Self::new("LB0407", other.kind(), other.to_string()).hint(SHOW),
        }
    }
}

impl From<MomentError> for Trouble {
    fn from(error: MomentError) -> Self {
        match error {
            MomentError::File(error) => error.into(),
            MomentError::NoMoment(no) => Self::new("LB0407", Kind::Invalid, no.to_string()).hint(SHOW),
        }
    }
}

impl From<RebuildError> for Trouble {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::File(error) => error.into(),
            RebuildError::Selection(error) => error.into(),
            RebuildError::Occupied { ref path } => Self::occupied(Path::new(path)),
            RebuildError::Busy { .. } => Self::new("LB0410", error.kind(), error.to_string()),
            RebuildError::Members { .. } | RebuildError::Bump { .. } => {
                Self::new("LB0003", error.kind(), error.to_string()).hint("lifeboat etcd rebuild --help")
            }
        }
    }
}

impl From<Unmade> for Trouble {
    fn from(error: Unmade) -> Self {
        match error {
            Unmade::File(error) => error.into(),
            Unmade::Moment(MomentError::File(error)) => error.into(),
            // What a point names and the history does not have was there when it was made.
            Unmade::Moment(error) => Self::new("LB0306", Kind::Damaged, error.to_string()),
            Unmade::Selection(error) => error.into(),
            Unmade::Snapshot(error) => error.into(),
            Unmade::Rebuild(error) => error.into(),
            Unmade::Line(error) => Self::new("LB0406", Kind::Invalid, error.to_string()),
        }
    }
}

impl From<CaptureError> for Trouble {
    fn from(error: CaptureError) -> Self {
        let (kind, message) = (error.kind(), error.to_string());
        match error {
            CaptureError::Etcd(error) => error.into(),
            CaptureError::File(error) => error.into(),
            CaptureError::GaveUp { .. } => Self::new("LB0401", kind, message),
            CaptureError::Rival { .. } => Self::new("LB0410", kind, message).hint("lifeboat status"),
            CaptureError::Skipped(_) => Self::new("LB0099", kind, message),
        }
    }
}

impl From<CapturingError> for Trouble {
    fn from(error: CapturingError) -> Self {
        match error {
            CapturingError::Lease(error) => Self::from(&*error),
            CapturingError::Capture(error) => error.into(),
        }
    }
}

impl From<MergingError> for Trouble {
    fn from(error: MergingError) -> Self {
        match error {
            MergingError::Lease(error) => Self::from(&*error),
            MergingError::Points(error) => error.into(),
            MergingError::Merge(error) => error.into(),
        }
    }
}

impl From<&LeaseError> for Trouble {
    fn from(error: &LeaseError) -> Self {
        // A store that does not answer is no somebody else.
        let kind = error.kind();
        let code = if kind == Kind::Unreachable { "LB0301" } else { "LB0410" };
        Self::of(code, kind, error)
    }
}

impl From<FollowError> for Trouble {
    fn from(error: FollowError) -> Self {
        let (kind, message) = (error.kind(), error.to_string());
        match error {
            FollowError::File(e) => e.into(),
            FollowError::Moment(e) => e.into(),
            FollowError::Rebuild(e) => e.into(),
            FollowError::Busy { path } => Self::new("LB0410", kind, message).hint(format!("fuser -v {path}/.lock")),
            FollowError::Occupied { .. } => {
                Self::new("LB0408", kind, message).hint("give --into a directory of its own")
            }
            FollowError::Nothing { path, .. } => {
                Self::new("LB0412", kind, message).hint(format!("lifeboat etcd follow HISTORY --into {path} --once"))
            }
            FollowError::Behind { .. } => Self::new("LB0414", kind, message).hint("lifeboat status"),
            FollowError::NoHistory => Self::new("LB0407", Kind::Invalid, message).hint(SHOW),
            FollowError::Ahead { .. } => Self::new("LB0413", kind, message).hint(SHOW),
            FollowError::Stranger { .. } => {
                Self::new("LB0413", kind, message).hint("give the history of that cluster, or --into another directory")
            }
        }
    }
}

impl Trouble {
    /// The target is taken.
    pub fn occupied(path: &Path) -> Self {
        let shown = path.display();
        let taken = if path.is_dir() {
            "is not empty"
        } else {
            "is there already"
        };
        Self::new("LB0408", Kind::Person, format!("{shown} {taken}")).hint(format!("mv {shown} {shown}.before"))
    }
}

/// Whether it is an error that the operating system gave.
fn from_the_system(error: &FileError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.raw_os_error().is_some())
}
