//! Who asks: etcd's own users, for a cluster whose authentication is on. Start at [`User`].
//!
//! etcd gives a token for name and password, and wants it with every call. A token does not last: the simple ones are forgotten
//! by a member that restarts, or after five idle minutes; signed ones have an end, and go stale when users or roles change. So a
//! call that is refused because of its token is made once more with a new one.
//!
//! What capturing needs in etcd 3.5 to 3.7 (`server/etcdserver/api/v3rpc/maintenance.go`, `v3_server.go`; shown by
//! `tests/server/users.rs`): the role `root` for snapshots and HashKV. A role that may read every key (`--prefix ''`) suffices
//! for watching, reading keys and listing leases; any user does for a lease's time, members, alarms and status.

use crate::wire::AuthenticateRequest;
use crate::wire::auth_client::AuthClient;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Under which name etcd looks for the token (`api/v3rpc/rpctypes/metadatafields.go`).
const TOKEN: &str = "token";

/// What etcd says of a token that is no longer good, or missing (`api/v3rpc/rpctypes/error.go`,
/// `server/auth/store.go`).
const STALE: [&str; 4] = [
    "invalid auth token",
    "user name is empty",
    "revision of auth store is old",
    "revision in header is old",
];

/// A user of etcd, by name and password.
///
/// Over `http` both are sent in the clear. A client certificate whose common name is the user's needs neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Password,
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The user of a client, if there is one, and the token that was given last. Clones share it.
#[derive(Clone)]
pub(crate) struct Login {
    user: Option<Arc<User>>,
    token: Arc<Mutex<Option<AsciiMetadataValue>>>,
}

impl Login {
    pub(crate) fn new(user: Option<&User>) -> Self {
        Self { user: user.cloned().map(Arc::new), token: Arc::default() }
    }

    /// The message as a request that says who asks.
    pub(crate) fn request<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        if let Some(token) = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            request.metadata_mut().insert(TOKEN, token);
        }
        request
    }

    /// Whether it may help to ask again with a new token, by what etcd answered.
    pub(crate) fn can_renew(&self, said: &str) -> bool {
        self.user.is_some() && STALE.iter().any(|stale| said.contains(stale))
    }

    /// Gets a new token. A cluster whose authentication is off has none, and needs none.
    pub(crate) async fn renew(&self, channel: Channel) -> Result<(), Status> {
        let Some(user) = &self.user else { return Ok(()) };
        let message = AuthenticateRequest { name: user.name.clone(), password: user.password.0.clone() };
        let token = match AuthClient::new(channel).authenticate(message).await {
            Ok(answer) => {
                let mut token: AsciiMetadataValue =
                    (answer.into_inner().token.parse()).map_err(|_| Status::internal("its token is no text"))?;
                token.set_sensitive(true);
                Some(token)
            }
            Err(status) if status.code() == Code::FailedPrecondition && status.message().contains("not enabled") => {
                None
            }
            Err(status) => return Err(status),
        };
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
