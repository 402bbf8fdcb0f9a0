//! The asking side.

use crate::error::cut;
use crate::message::{
    FROM, Message, NONCE, Nonce, ROOT, SIGNATURE, Sort, TO, checked_name, checked_path, header, nonce_text,
};
use crate::reply::{Reply, Verdict};
use crate::{BODY_BYTES_MAX, Error, Key, Peer};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Request, Url, retry};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

/// How long a connection may take to be made. Whoever has not answered by then is cut off or overwhelmed.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Asks peers, in the name of one site. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    me: String,
    key: Key,
    http: reqwest::Client,
}

impl Client {
    /// A client that speaks as `me`. Needs no certificates, no proxy settings and no network yet.
    ///
    /// # Errors
    /// [`Error::Setup`] when `me` cannot be a name.
    pub fn new(me: &str, key: Key) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            // A connection a question: one that has died in the pool would swallow the next.
            .pool_max_idle_per_host(0)
            .retry(retry::never())
            .redirect(Policy::none())
            .no_proxy()
            // Without it, a host that has no CA certificates gets no client, not even for plain HTTP.
            .tls_certs_only([])
            .build()
            .map_err(|e| Error::setup(format!("no HTTP client can be made: {}", root(&e))))?;
        Ok(Self { me: checked_name(me)?.to_owned(), key, http })
    }

    /// Asks `peer` at `path` (lower-case words, with `/` between them), and reads the answer to the end, all within `timeout`.
    ///
    /// # Errors
    /// Each of [`Error`]; its variants say whether the question may have been carried out.
    pub async fn call<Q, A>(&self, peer: &Peer, path: &str, question: &Q, timeout: Duration) -> Result<A, Error>
    where
        Q: Serialize + ?Sized,
        A: DeserializeOwned,
    {
        let body = serde_json::to_vec(question)
            .map_err(|e| Error::setup(format!("the question {path:?} cannot be written as JSON: {e}")))?;
        let nonce = ambient::random_bytes();
        let request = self.request(peer, path, &nonce, body)?;
        let reply = match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(reply) => reply,
            Err(_) => Err(Verdict::Silent(format!("no answer within {timeout:?}"))),
        };
        reply
            .and_then(|reply| reply.judge(&self.key, peer, &self.me, path, &nonce))
            .and_then(|body| serde_json::from_slice(&body).map_err(|e| Verdict::Garbled(cut(&e.to_string()))))
            .map_err(|verdict| verdict.about(peer))
    }

    fn request(&self, peer: &Peer, path: &str, nonce: &Nonce, body: Vec<u8>) -> Result<Request, Error> {
        let (to, path) = (checked_name(&peer.name)?, checked_path(path)?);
        if body.len() > BODY_BYTES_MAX {
            let size = body.len();
            return Err(Error::setup(format!(
                "the question {path:?} has {size} bytes, of at most {BODY_BYTES_MAX}"
            )));
        }
        let message = Message {
            sort: Sort::Question,
            from: &self.me,
            to,
            path,
            nonce,
            body: &body,
        };
        let signature = message.sign(&self.key);
        self.http
            .post(url(&peer.address, path)?)
            .header(CONTENT_TYPE, "application/json")
            .header(FROM, &self.me)
            .header(TO, to)
            .header(NONCE, nonce_text(nonce))
            .header(SIGNATURE, signature)
            .body(body)
            .build()
            .map_err(|e| Error::setup(format!("the question {path:?} cannot be sent: {}", root(&e))))
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Verdict> {
        let mut response = self.http.execute(request).await.map_err(|e| silence(&e))?;
        let text = |name| header(response.headers(), name).map(str::to_owned);
        let (status, from, signature) = (response.status(), text(FROM), text(SIGNATURE));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| silence(&e))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(Verdict::Garbled(format!("it has more than {BODY_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, from, signature, body })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("me", &self.me).finish_non_exhaustive()
    }
}

/// The URL of a question, or why `address` is none.
fn url(address: &str, path: &str) -> Result<Url, Error> {
    let wrong = || Error::setup(format!("{address:?} is not an address of the form host:port"));
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    Url::parse(&format!("http://{address}{ROOT}{path}")).map_err(|_| wrong())
}

/// What it means that there is no answer, or only a part of one.
fn silence(error: &reqwest::Error) -> Verdict {
    if error.is_timeout() {
        return Verdict::Silent(format!("no connection within {CONNECT_LIMIT:?}"));
    }
    let reason = root(error);
    // The HTTP library tells what it cannot parse from what it did not get in words only.
    if reason.starts_with("invalid ") || reason.starts_with("message head ") {
        return Verdict::Garbled(reason);
    }
    Verdict::Silent(reason)
}

/// The innermost reason: the outer ones repeat the URL and what was tried.
fn root(error: &reqwest::Error) -> String {
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        reason = cause.to_string();
        next = cause.source();
    }
    cut(&reason)
}
