//! The errors of crate `etcd` as a person reads them: which page, which next command.

use crate::failure::Failure;
use crate::printer::shown;
use ::etcd::FileError;
use ::etcd::history::MomentError;
use ::etcd::import::ImportError;
use ::etcd::rebuild::RebuildError;
use ::etcd::selection::SelectionError;
use estate::Kind;
use protect::etcd::repository_error;
use protect::resources::LookError;
use recovery::Trouble;
use std::path::Path;

pub(super) const SHOW: &str = "lifeboat etcd show HISTORY: lists what can be rebuilt";

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        // What the operating system does not find was never an object of a history.
        if error.is_gone() && !from_the_system(&error) {
            let again = "the same command again: the history was merged meanwhile";
            return Self::new("LB0303", Kind::Unreachable, error.to_string()).hint(again);
        }
        // What the repository says of itself has pages of its own.
        let error = match repository_error(error) {
            Ok(error) => return Trouble::from(error).into(),
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

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::File(error) => error.into(),
            other => Self::new("LB0407", other.kind(), other.to_string()).hint(SHOW),
        }
    }
}

impl From<LookError> for Failure {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Selection(error) => error.into(),
            // Keys are from outside, and it is one line.
            several => Self::new("LB0003", Kind::Invalid, shown(&several.to_string()))
                .hint("with its group, as in certificates.cert-manager.io/shop/web, or one of these keys"),
        }
    }
}

impl From<MomentError> for Failure {
    fn from(error: MomentError) -> Self {
        match error {
            MomentError::File(error) => error.into(),
            MomentError::NoMoment(no) => Self::new("LB0407", Kind::Invalid, no.to_string()).hint(SHOW),
        }
    }
}

impl From<RebuildError> for Failure {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::File(error) => error.into(),
            RebuildError::Selection(error) => error.into(),
            RebuildError::Occupied { ref path } => occupied(Path::new(path)),
            RebuildError::Busy { .. } => Self::new("LB0410", error.kind(), error.to_string()),
            RebuildError::Members { .. } | RebuildError::Bump { .. } => {
                Self::new("LB0003", error.kind(), error.to_string()).hint("lifeboat etcd rebuild --help")
            }
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::File(error) => error.into(),
            ImportError::Running { .. } => Self::new("LB0410", error.kind(), error.to_string())
                .hint("stop it first; a running etcd is captured: lifeboat etcd capture --into HISTORY"),
            ImportError::Etcd { .. } => Self::new("LB0405", error.kind(), error.to_string())
                .hint("--etcd PROGRAM of the member's own version, or --without-log"),
        }
    }
}

/// A history is to lie where an etcd lives: that is not to be moved away.
pub(crate) fn inhabited(path: &Path) -> Failure {
    let message = format!("{} is the data directory of a member", path.display());
    Failure::new("LB0408", Kind::Person, message).hint("give the history a directory of its own")
}

/// The target is taken.
pub(crate) fn occupied(path: &Path) -> Failure {
    let shown = path.display();
    let taken = if path.is_dir() {
        "is not empty"
    } else {
        "is there already"
    };
    Failure::new("LB0408", Kind::Person, format!("{shown} {taken}")).hint(format!("mv {shown} {shown}.before"))
}

/// Whether it is an error that the operating system gave.
fn from_the_system(error: &FileError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| source.raw_os_error().is_some())
}
