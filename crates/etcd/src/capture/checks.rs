//! What a source is asked for from time to time, since no watch tells it: how far its raft is, and whether its users changed.
//!
//! Start at [`Checks::next`].

use crate::{AuthStatus, Client, Error, Status};
use futures::future::BoxFuture;
use std::time::{Duration, Instant};

/// How often the member's state is asked for: what a segment says of raft is not older than this.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// What was answered.
pub(super) enum Said {
    /// The member's state.
    Status(Result<Status, Error>),
    /// The cluster's users.
    Users(Result<AuthStatus, Error>),
}

/// What is asked for next, and when.
pub(super) struct Checks {
    client: Client,
    users_every: Duration,
    status_at: Instant,
    users_at: Instant,
    asked: Option<BoxFuture<'static, Said>>,
}

impl Checks {
    /// Both were asked for just now.
    pub(super) fn new(client: Client, users_every: Duration) -> Self {
        let now = ambient::monotonic();
        Self {
            client,
            users_every,
            status_at: now + STATUS_EVERY,
            users_at: now + users_every,
            asked: None,
        }
    }

    /// Waits until something is to be asked for, and for the answer. Giving up waiting loses nothing.
    pub(super) async fn next(&mut self) -> Said {
        if self.asked.is_none() {
            let due = self.status_at.min(self.users_at);
            ambient::sleep(due.saturating_duration_since(ambient::monotonic())).await;
        }
        let client = &self.client;
        let is_status = self.status_at <= self.users_at;
        let said = self.asked.get_or_insert_with(|| {
            let client = client.clone();
            if is_status {
                Box::pin(async move { Said::Status(client.status().await) })
            } else {
                Box::pin(async move { Said::Users(client.auth_status().await) })
            }
        });
        let said = said.await;
        self.asked = None;
        match said {
            Said::Status(_) => self.status_at = ambient::monotonic() + STATUS_EVERY,
            Said::Users(_) => self.users_at = ambient::monotonic() + self.users_every,
        }
        said
    }
}
