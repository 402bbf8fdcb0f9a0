//! The cluster's users and roles, as far as a copy has to know: whether they are asked for, and how often they were changed.

use super::{CALL_LIMIT, Client};
use crate::Error;
use crate::wire::AuthStatusRequest;
use crate::wire::auth_client::AuthClient;

/// The state of a cluster's users and roles, by two numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthStatus {
    /// Whether etcd asks its clients who they are.
    pub enabled: bool,
    /// A number that grows with each change of a user, a role, or whether they are asked for (bucket `auth`, entry
    /// `authRevision`). A cluster where nothing was ever changed is at 1.
    pub revision: u64,
}

impl Client {
    /// Whether authentication is on, and how often users and roles were changed. Goes through the cluster's log, as a write does,
    /// so it is not to be asked often. Needs the role `root` where authentication is on.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Error::Unreachable`] also when there is no leader.
    pub async fn auth_status(&self) -> Result<AuthStatus, Error> {
        let answer = self
            .ask(CALL_LIMIT, AuthStatusRequest {}, |request| {
                let mut auth = AuthClient::new(self.channel.clone());
                async move { auth.auth_status(request).await }
            })
            .await?;
        Ok(AuthStatus { enabled: answer.enabled, revision: answer.auth_revision })
    }
}
