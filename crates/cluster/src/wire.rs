//! One request and its answer: deadlines and overload.

use crate::Error;
use crate::failure::{Failure, refusal, silence};
use crate::kubeconfig;
use http::{Method, Request, StatusCode, header};
use kube::client::Body;
use serde_json::Value;
use std::time::Duration;

/// How long one request may take, its answer's body included.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// The same for questions whose answer is small and whose delay is an answer too.
pub(crate) const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// How often a request is repeated that an overloaded API server has turned away (429: it did nothing).
const OVERLOAD_REPEATS: u32 = 4;

/// The longest wait that an overloaded API server may ask for.
const OVERLOAD_WAIT_LIMIT: Duration = Duration::from_secs(5);

/// A connection to one API server.
#[derive(Clone)]
pub(crate) struct Wire {
    inner: kube::Client,
    pub(crate) server: String,
}

/// A request about to be made.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: &'a str,
    /// Body and its content type.
    pub(crate) body: Option<(&'static str, &'a Value)>,
    /// How long it may take.
    pub(crate) limit: Duration,
}

impl<'a> Call<'a> {
    /// A GET of something large or small.
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, body: None, limit: REQUEST_LIMIT }
    }

    /// A GET that has to be answered at once.
    pub(crate) fn probe(path: &'a str) -> Self {
        Self { limit: PROBE_LIMIT, ..Self::get(path) }
    }
}

impl Wire {
    /// `place` says in errors where the settings came from.
    pub(crate) fn new(place: &str, config: kube::Config) -> Result<Self, Error> {
        let server = kubeconfig::shown(&config.cluster_url);
        let inner = kube::Client::try_from(config).map_err(|e| Error::Kubeconfig {
            place: place.to_owned(),
            reason: format!("its certificates, keys or other credentials do not serve: {}", silence(&e).reason()),
        })?;
        Ok(Self { inner, server })
    }

    /// Sends and reads JSON.
    pub(crate) async fn json(&self, call: Call<'_>) -> Result<Value, Failure> {
        let bytes = self.bytes(call).await?;
        // serde_json's messages quote no more than a type's name and a place.
        serde_json::from_slice(&bytes).map_err(|e| Failure::Unreadable(e.to_string()))
    }

    /// Sends and reads whatever comes.
    pub(crate) async fn bytes(&self, call: Call<'_>) -> Result<Vec<u8>, Failure> {
        let mut repeats = 0;
        loop {
            let (status, wait, body) = tokio::select! {
                biased;
                answer = self.once(&call) => answer?,
                () = ambient::sleep(call.limit) => {
                    return Err(Failure::Silent(format!("no answer within {} s", call.limit.as_secs())));
                }
            };
            if status.is_success() {
                return Ok(body);
            }
            if status != StatusCode::TOO_MANY_REQUESTS || repeats == OVERLOAD_REPEATS {
                return Err(refusal(status, &body));
            }
            repeats += 1;
            ambient::sleep(wait.min(OVERLOAD_WAIT_LIMIT)).await;
        }
    }

    async fn once(&self, call: &Call<'_>) -> Result<(StatusCode, Duration, Vec<u8>), Failure> {
        let mut request = Request::builder().method(&call.method).uri(call.path);
        let mut bytes = Vec::new();
        if let Some((content_type, body)) = call.body {
            request = request.header(header::CONTENT_TYPE, content_type);
            bytes = plain(&serde_json::to_string(body).map_err(|e| Failure::Unreadable(e.to_string()))?).into_bytes();
        }
        let request = request
            .body(Body::from(bytes))
            .map_err(|e| Failure::Unreadable(e.to_string()))?;
        let response = self.inner.send(request).await.map_err(|e| silence(&e))?;
        let status = response.status();
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.parse().ok())
            .unwrap_or(1);
        let body = response.into_body().collect_bytes().await.map_err(|e| silence(&e))?;
        Ok((status, Duration::from_secs(wait), body.to_vec()))
    }
}

/// JSON whose texts also a reader of YAML takes as they are, as an API server reads what is applied: it refuses some characters, and takes
/// others for ends of lines. Source: YAML 1.2.2, sections 5.1 and 5.4. Outside of texts JSON has none of them.
fn plain(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
