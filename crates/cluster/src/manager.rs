//! Rancher as people ask it, and API servers as strangers may: HTTPS to one address, without DNS or proxies. Start at
//! [`Manager`] and [`ApiProbe`].

mod error;

pub use error::ManagerError;
pub(crate) use error::about;

use crate::failure::{Failure, cut, refusal};
use crate::path::encoded;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, StatusCode};
use reqwest::{Certificate, Client, ClientBuilder, Url, redirect};
use serde_json::Value;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long making a connection may take, TLS not included.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The longest answer that is read, in bytes.
pub(crate) const ANSWER_MAX: usize = 1 << 20;

/// Rancher, or what stands in for it, at one address: that the name leads elsewhere (yet) does not matter. Cheap to clone.
///
/// Guarantees: only certificates that the given CA signed for the name are trusted; every question makes a connection of its
/// own, so that an answer tells of now; the token is in no error and no `Debug`.
#[derive(Clone)]
pub struct Manager {
    client: Client,
    url: Url,
    server: String,
    token: Option<String>,
}

impl Manager {
    /// The manager called `name` as agents and people know it, at `address`. `ca_pem` is what signs its certificate; `token`
    /// is an API token, as in `token-abcde:secret`, which only [`Manager::version_of`] needs.
    ///
    /// # Errors
    /// [`ManagerError::Settings`] when one of these cannot be used.
    pub fn new(
        name: &str,
        port: u16,
        address: IpAddr,
        ca_pem: &str,
        token: Option<&str>,
    ) -> Result<Self, ManagerError> {
        let server = format!("https://{name}:{port} at {address}");
        let unusable = |reason: String| ManagerError::Settings { server: server.clone(), reason };
        let url = Url::parse(&format!("https://{name}:{port}/")).map_err(|e| unusable(format!("its name: {e}")))?;
        // As TLS and HTTP will have it, in lower case.
        let Some(host) = url.host_str().filter(|host| host.eq_ignore_ascii_case(name)).map(str::to_owned) else {
            return Err(unusable("its name is not the name of a host".to_owned()));
        };
        // No name to resolve: it would be asked where it says, whatever the address.
        if name.parse().is_ok_and(|named: IpAddr| named != address) {
            return Err(unusable("its name is another address".to_owned()));
        }
        let authorities = Certificate::from_pem_bundle(ca_pem.as_bytes());
        let authorities = authorities.map_err(|e| unusable(format!("its CA: {}", told(&e))))?;
        if authorities.is_empty() {
            return Err(unusable("its CA: there is no certificate in it".to_owned()));
        }
        let token = token.map(|token| token.trim().to_owned());
        let mut headers = HeaderMap::new();
        if let Some(token) = &token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut bearer = bearer.map_err(|_| unusable("its token: it is no one line of plain text".to_owned()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let client = plain()
            .tls_certs_only(authorities)
            .resolve(&host, SocketAddr::new(address, port))
            .default_headers(headers)
            .build()
            .map_err(|e| unusable(format!("its CA: {}", told(&e))))?;
        Ok(Self { client, url, server, token })
    }

    /// Asks whether the manager serves at all: `/ping` answers `pong`.
    ///
    /// # Errors
    /// As [`ManagerError`] says; [`ManagerError::Unreachable`] when there was no answer within `limit`.
    pub async fn ping(&self, limit: Duration) -> Result<(), ManagerError> {
        let body = self.ask("/ping", limit).await?;
        match String::from_utf8_lossy(&body).trim() {
            "pong" => Ok(()),
            _ => Err(self.answer("/ping", "it is not \"pong\"".to_owned())),
        }
    }

    /// The Kubernetes version of a downstream cluster, as in `v1.36.3`, by the cluster's id (`c-m-abcdefgh`). Its own API server
    /// says so, through the tunnel that its agent keeps: an answer proves that it is connected now.
    ///
    /// # Errors
    /// As [`ManagerError`] says; [`ManagerError::Unreachable`] when the manager says that the cluster is not connected, or
    /// there was no answer within `limit`; [`ManagerError::Forbidden`] when the token is not accepted;
    /// [`ManagerError::Answer`] when the manager knows no such cluster (yet).
    pub async fn version_of(&self, cluster: &str, limit: Duration) -> Result<String, ManagerError> {
        let path = format!("/k8s/clusters/{}/version", encoded(cluster));
        let body = self.ask(&path, limit).await?;
        let answer: Value = serde_json::from_slice(&body).map_err(|e| self.answer(&path, e.to_string()))?;
        let version = answer["gitVersion"].as_str().map(|version| cut(&self.hide(version)));
        version.ok_or_else(|| self.answer(&path, "it has no gitVersion".to_owned()))
    }

    async fn ask(&self, path: &str, limit: Duration) -> Result<Vec<u8>, ManagerError> {
        let mut url = self.url.clone();
        url.set_path(path);
        let asked = ask(&self.client, url, limit).await;
        asked.map_err(|failure| about(&self.server, path, failure, |text| self.hide(text)))
    }

    fn answer(&self, path: &str, reason: String) -> ManagerError {
        ManagerError::Answer { server: self.server.clone(), path: path.to_owned(), reason }
    }

    /// Takes the token out of what a server said: some repeat what they were asked.
    fn hide(&self, text: &str) -> String {
        let secret = self.token.as_deref().filter(|token| !token.is_empty());
        // The half after the colon is the secret one.
        let parts = secret
            .into_iter()
            .flat_map(|token| [Some(token), token.split_once(':').map(|(_, key)| key)]);
        let parts = parts.flatten().filter(|part| !part.is_empty());
        parts.fold(text.to_owned(), |text, part| text.replace(part, "(token)"))
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Asks API servers whether they are ready, without credentials and without knowing who they are. Cheap to clone.
///
/// Certificates are not verified, since observers at other sites need not hold the CA of every cluster. That is enough: the
/// answer only speaks against a failover, so a liar can at most prevent one. Nothing secret is sent.
#[derive(Clone, Debug)]
pub struct ApiProbe {
    client: Client,
}

impl ApiProbe {
    /// A probe, for any number of API servers.
    ///
    /// # Errors
    /// [`ManagerError::Settings`] when this process cannot do TLS at all.
    pub fn new() -> Result<Self, ManagerError> {
        let client = plain().tls_danger_accept_invalid_certs(true).build();
        let unusable = |e| ManagerError::Settings { server: "every API server".to_owned(), reason: told(&e) };
        Ok(Self { client: client.map_err(unusable)? })
    }

    /// Asks the API server at `address` whether it is ready (`/readyz`).
    ///
    /// # Errors
    /// [`ManagerError::Unreachable`] when it does not answer within `limit` or says that it is not ready,
    /// [`ManagerError::Forbidden`] when it tells nothing to strangers, [`ManagerError::Answer`] when it is no API server.
    pub async fn api_ready(&self, address: SocketAddr, limit: Duration) -> Result<(), ManagerError> {
        let server = format!("https://{address}");
        let failed = |failure| about(&server, "/readyz", failure, str::to_owned);
        let url = Url::parse(&format!("{server}/readyz")).map_err(|e| failed(Failure::Silent(e.to_string())))?;
        ask(&self.client, url, limit).await.map(drop).map_err(failed)
    }
}

/// What all questions have in common.
fn plain() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .https_only(true)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(0)
}

/// Asks, and returns the body of a 200.
async fn ask(client: &Client, url: Url, limit: Duration) -> Result<Vec<u8>, Failure> {
    let asking = async {
        let mut response = client.get(url).send().await.map_err(silence)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silence)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_MAX {
                return Err(Failure::Unreadable(format!("it is longer than {ANSWER_MAX} bytes")));
            }
        }
        match response.status() {
            StatusCode::OK => Ok(body),
            status => Err(refusal(status, &body)),
        }
    };
    let late = |_| Failure::Silent(format!("no answer within {limit:?}"));
    tokio::time::timeout(limit, asking).await.map_err(late)?
}

pub(crate) fn silence(error: reqwest::Error) -> Failure {
    let reason = cut(&told(&error));
    match reason.split_once("invalid peer certificate: ") {
        Some((_, detail)) => Failure::Untrusted(detail.to_owned()),
        None => Failure::Silent(reason),
    }
}

/// The reasons of an error without reqwest's own words, which say no more than "error sending request" and the URL.
pub(crate) fn told(error: &reqwest::Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if reasons.last().is_none_or(|last| !last.contains(&text)) {
            reasons.push(text);
        }
        next = cause.source();
    }
    if reasons.is_empty() {
        reasons.push("there was no answer".to_owned());
    }
    reasons.join(": ")
}

#[cfg(test)]
mod tests;
