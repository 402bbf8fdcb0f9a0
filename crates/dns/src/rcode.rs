//! The code of an answer, under the name that other tools show.

use hickory_proto::op::ResponseCode;
use serde::{Serialize, Serializer};
use std::fmt;

/// The code of a server's answer. Shown as in `NOERROR`, `NXDOMAIN`, `REFUSED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(u16);

impl Rcode {
    /// The name exists, or an update was carried out.
    pub const NOERROR: Self = Self(0);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// Records exist that were not to exist: a prerequisite of an update does not hold.
    pub(crate) const YXRRSET: Self = Self(7);
    /// Records do not exist, or are others: a prerequisite of an update does not hold.
    pub(crate) const NXRRSET: Self = Self(8);

    /// The code's number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Whether the server says that it cannot now (`SERVFAIL`), rather than that it will not.
    pub fn is_failure(self) -> bool {
        self.0 == 2
    }
}

impl From<ResponseCode> for Rcode {
    fn from(code: ResponseCode) -> Self {
        Self(code.into())
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            other => return write!(f, "RCODE{other}"),
        };
        f.write_str(name)
    }
}

impl Serialize for Rcode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
