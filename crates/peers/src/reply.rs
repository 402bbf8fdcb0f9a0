//! What to make of an answer. Pure: start at [`Reply::judge`].

use crate::error::cut;
use crate::message::{Message, Nonce, Sort};
use crate::{Error, Key, Peer};
use axum::http::StatusCode;
use serde_json::Value;

/// An answer as it came in: nothing of it can be trusted yet.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) from: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no good answer: an [`Error`] that does not name the peer yet.
#[derive(Debug)]
pub(crate) enum Verdict {
    Silent(String),
    Untrusted(&'static str),
    Refused(String),
    Stranger(String),
    Garbled(String),
}

impl Reply {
    /// The body of a good answer of `peer` to the question that `me` asked at `path` with `nonce`.
    pub(crate) fn judge(self, key: &Key, peer: &Peer, me: &str, path: &str, nonce: &Nonce) -> Result<Vec<u8>, Verdict> {
        let Some(sort) = Sort::of(self.status) else {
            return Err(self.unsigned());
        };
        let (Some(from), Some(signature)) = (self.from, self.signature) else {
            return Err(Verdict::Garbled(
                "it is not signed: something else than a Lifeboat answers there".to_owned(),
            ));
        };
        if !(Message { sort, from: &from, to: me, path, nonce, body: &self.body }).is_signed(key, &signature) {
            return Err(Verdict::Untrusted("the signature of its answer does not match"));
        }
        if from != peer.name {
            return Err(Verdict::Stranger(from));
        }
        match sort {
            Sort::Answer => Ok(self.body),
            Sort::Refusal => {
                let refusal: Value = serde_json::from_slice(&self.body).unwrap_or_default();
                Err(Verdict::Refused(cut(refusal["reason"].as_str().unwrap_or("it gives no reason"))))
            }
            Sort::Question | Sort::Stranger => {
                Err(Verdict::Garbled("it says that it is somebody else, and bears the same name".to_owned()))
            }
        }
    }

    /// Whoever is between the peers can write these, so they may say what failed, and never that anything was decided.
    fn unsigned(self) -> Verdict {
        if self.status == StatusCode::UNAUTHORIZED {
            return Verdict::Untrusted("our signature does not match there: do both sites have the same peers' key?");
        }
        let told = cut(&format!("HTTP {}: {}", self.status.as_u16(), String::from_utf8_lossy(&self.body)));
        match self.status.is_server_error() {
            true => Verdict::Silent(told),
            false => Verdict::Garbled(told),
        }
    }
}

impl Verdict {
    /// The error about `peer`.
    pub(crate) fn about(self, peer: &Peer) -> Error {
        let Peer { name: peer, address } = peer.clone();
        match self {
            Self::Silent(reason) => Error::Unreachable { peer, address, reason },
            Self::Untrusted(reason) => Error::Key { peer, reason: reason.to_owned() },
            Self::Refused(reason) => Error::Refused { peer, reason },
            Self::Stranger(found) => Error::Stranger { peer, address, found },
            Self::Garbled(reason) => Error::Answer { peer, reason },
        }
    }
}
