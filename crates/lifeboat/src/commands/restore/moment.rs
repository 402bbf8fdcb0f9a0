//! The moment to restore, as it is typed: a copy, a time, or a revision of etcd.

use crate::commands::etcd::At;
use crate::failure::Failure;
use estate::{Kind, PointId};
use recovery::asked::Asked;
use std::str::FromStr;

/// Which moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Point(PointId),
    At(At),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Point(id));
        }
        text.parse()
            .map(Self::At)
            .map_err(|why: String| format!("it is no copy (000001-20261122T220102.123Z-k7xq), and {why}"))
    }
}

impl Moment {
    /// The copy, if it is one.
    pub(crate) fn point(&self) -> Option<&PointId> {
        match self {
            Self::Point(id) => Some(id),
            Self::At(_) => None,
        }
    }

    /// The copy that is meant by it; without one the newest.
    pub(crate) fn asked(moment: Option<&Self>, accept_unsigned: bool) -> Result<Asked, Failure> {
        Ok(match moment {
            None => Asked::Newest,
            Some(Self::Point(id)) => Asked::Point { id: id.clone(), accept_unsigned },
            Some(Self::At(At::Time(time))) => Asked::At(*time),
            Some(Self::At(At::Revision(revision))) => {
                let message = format!("files have no revisions: {revision} is neither a copy nor a time");
                return Err(Failure::new("LB0003", Kind::Invalid, message).hint("lifeboat points"));
            }
        })
    }
}
