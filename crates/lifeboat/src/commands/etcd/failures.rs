//! The errors of crate `etcd` as a person reads them: which page, which next command.

use crate::failure::Failure;
use crate::printer::shown;
use ::etcd::FileError;
use ::etcd::history::MomentError;
use ::etcd::import::ImportError;
use ::etcd::rebuild::RebuildError;
use ::etcd::selection::SelectionError;
use estate::Kind;
use protect::resources::LookError;
use recovery::Trouble;
use std::path::Path;

pub(super) const SHOW: &str = "lifeboat etcd show HISTORY: lists what can be rebuilt";

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Trouble::from(error).into()
    }
}

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        Trouble::from(error).into()
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
        Trouble::from(error).into()
    }
}

impl From<RebuildError> for Failure {
    fn from(error: RebuildError) -> Self {
        Trouble::from(error).into()
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
    Trouble::occupied(path).into()
}
