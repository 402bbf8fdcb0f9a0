//! Any web server, asked once: whether it answers as it should. Start at [`Web::new`].

use crate::failure::Failure;
use crate::manager::{ANSWER_MAX, CONNECT_LIMIT, ManagerError, about, silence, told};
use reqwest::{Certificate, Client, Url, redirect};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A web server's page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    url: Url,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The text, 1 MiB of it at most.
    pub text: String,
}

impl Web {
    /// The page at `url`, asked at `address` whatever DNS says, if one is given. With `ca_pem` only certificates that it signed are
    /// trusted; without it, those that the system trusts.
    ///
    /// # Errors
    /// [`ManagerError::Settings`] when one of these cannot be used.
    pub fn new(url: &str, address: Option<IpAddr>, ca_pem: Option<&str>) -> Result<Self, ManagerError> {
        let unusable = |reason: String| ManagerError::Settings { server: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| unusable(format!("its url: {error}")))?;
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .pool_max_idle_per_host(0);
        if let Some(pem) = ca_pem {
            let authorities = Certificate::from_pem_bundle(pem.as_bytes());
            let authorities = authorities.map_err(|error| unusable(format!("its CA: {}", told(&error))))?;
            builder = builder.tls_certs_only(authorities);
        }
        if let (Some(address), Some(host)) = (address, parsed.host_str()) {
            let port = parsed.port_or_known_default().unwrap_or(443);
            builder = builder.resolve(host, SocketAddr::new(address, port));
        }
        let client = builder.build().map_err(|error| unusable(told(&error)))?;
        Ok(Self { client, url: parsed })
    }

    /// Asks for the page.
    ///
    /// # Errors
    /// [`ManagerError::Unreachable`] when there is no answer within `limit`, [`ManagerError::Untrusted`] when its certificate is not
    /// trusted, [`ManagerError::Answer`] when it is too long.
    pub async fn get(&self, limit: Duration) -> Result<Page, ManagerError> {
        let asking = async {
            let mut response = self.client.get(self.url.clone()).send().await.map_err(silence)?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(silence)? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_MAX {
                    return Err(Failure::Unreadable(format!("it is longer than {ANSWER_MAX} bytes")));
                }
            }
            let text = String::from_utf8_lossy(&body).into_owned();
            Ok(Page { status, text })
        };
        let late = |_| Failure::Silent(format!("no answer within {limit:?}"));
        let answered = tokio::time::timeout(limit, asking).await.map_err(late).and_then(|page| page);
        answered.map_err(|failure| about(self.url.as_str(), "", failure, str::to_owned))
    }
}
