//! Tokens that a service gives for a credential: fetched when needed, kept until shortly before they end. Start at [`Grants`].

use crate::http::{Effect, Http, Reply};
use crate::{Error, Secret};
use async_trait::async_trait;
use reqwest::RequestBuilder;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long before its end a token is no longer used.
const EARLY: Duration = Duration::from_secs(60);

/// The longest that a token is kept, whatever the service says.
const KEPT_MAX: Duration = Duration::from_secs(3600);

/// A token that was given.
pub(crate) struct Given {
    pub(crate) token: Secret,
    pub(crate) lasts: Duration,
}

/// The token in use.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Option<(Secret, Instant)>>);

impl Tokens {
    async fn usable(&self) -> Option<Secret> {
        let held = self.0.lock().await;
        let usable = held.as_ref().filter(|(_, until)| ambient::monotonic() < *until);
        usable.map(|(token, _)| token.clone())
    }

    async fn keep(&self, given: &Given) {
        let until = ambient::monotonic() + given.lasts.min(KEPT_MAX).saturating_sub(EARLY);
        *self.0.lock().await = Some((given.token.clone(), until));
    }

    async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// A service that wants a token with every request.
#[async_trait]
pub(crate) trait Grants: Sync {
    fn http(&self) -> &Http;

    fn tokens(&self) -> &Tokens;

    /// Asks for a token.
    async fn grant(&self, subject: &str) -> Result<Given, Error>;

    /// Puts a token where the service looks for it.
    fn bear(&self, request: RequestBuilder, token: &Secret) -> RequestBuilder {
        request.bearer_auth(token.reveal())
    }

    /// Sends a request with a token. One that was kept and is no longer accepted (401) is replaced once: nothing was done then.
    async fn authorized(&self, request: RequestBuilder, subject: &str, effect: Effect) -> Result<Reply, Error> {
        if let (Some(token), Some(first)) = (self.tokens().usable().await, request.try_clone()) {
            let reply = self.http().send(self.bear(first, &token), subject, effect).await?;
            if reply.status != 401 {
                return Ok(reply);
            }
            self.tokens().forget().await;
        }
        let given = self.grant(subject).await?;
        let reply = self.http().send(self.bear(request, &given.token), subject, effect).await?;
        if reply.status != 401 {
            self.tokens().keep(&given).await;
        }
        Ok(reply)
    }
}
