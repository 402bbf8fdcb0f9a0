//! One HTTP request, one answer, with a limit on everything. Start at [`Http::send`].
//!
//! What an answer means is the provider's to say; what is common to all of them, [`Http::refusal`] says.

use crate::{Error, Secret, name};
use estate::is_safe_to_call;
use jiff::Timestamp;
use reqwest::header::{DATE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

/// How long a service may take for one request, its connection and its whole answer included.
const LIMIT: Duration = Duration::from_secs(15);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read. A record set has a few hundred.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The most characters of a service's own words that an error repeats.
const SAID_CHARS_MAX: usize = 300;

/// By how much two clocks may differ before a refusal is put down to that, in seconds: AWS and Google take five minutes.
const SKEW_S: i64 = 240;

/// A service that is spoken to over HTTPS.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    base: Url,
    /// As errors name it.
    pub(crate) service: String,
    /// What no error repeats, even if a service does.
    secrets: Vec<Secret>,
}

/// Whether a request may change anything: then a missing answer is no answer to whether it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The service's clock.
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// A client for what is below `base`, where only certificates signed by `ca` (PEM) count, if there is one.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn new(service: String, base: &str, ca: Option<&str>) -> Result<Self, Error> {
        Self::with_limit(service, base, ca, LIMIT)
    }

    pub(crate) fn with_limit(service: String, base: &str, ca: Option<&str>, limit: Duration) -> Result<Self, Error> {
        let unusable = |reason: String| Error::Settings { service: service.clone(), reason };
        let parsed = Url::parse(base.trim_end_matches('/')).ok().filter(|_| is_safe_to_call(base));
        let Some(base) = parsed.filter(|url| url.has_host() && url.query().is_none() && url.password().is_none())
        else {
            return Err(unusable("its endpoint is not https://HOST".to_owned()));
        };
        let mut builder = Client::builder()
            .redirect(Policy::none())
            // A kept connection may be closed by the other side just when a change is sent.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT)
            .timeout(limit);
        // Proxies of the environment are for what is elsewhere.
        let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse().is_ok_and(|it: IpAddr| it.is_loopback()) {
            builder = builder.no_proxy();
        }
        let builder = crate::trust::over_http(ca, builder).map_err(unusable)?;
        let client = builder.build().map_err(|error| unusable(reasons(&error)))?;
        Ok(Self { client, base, service, secrets: Vec::new() })
    }

    /// The same, and no error shows these.
    pub(crate) fn hiding(mut self, secrets: &[&Secret]) -> Self {
        self.secrets.extend(
            secrets
                .iter()
                .filter(|secret| !secret.is_empty())
                .map(|secret| (*secret).clone()),
        );
        self
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The address of something, by the segments of its path, each escaped where it must be.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Sends a request, once, and reads its answer, whatever its status.
    ///
    /// # Errors
    /// [`Error::Away`] when nothing was sent, or nothing was to be changed; [`Error::Lost`] when a change may have been made;
    /// [`Error::Denied`] when the service's certificate is not trusted.
    pub(crate) async fn send(&self, request: RequestBuilder, subject: &str, effect: Effect) -> Result<Reply, Error> {
        let failed = |error: &reqwest::Error| self.failed(error, subject, effect);
        let response = request.header(USER_AGENT, "lifeboat").send().await;
        let response = response.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let date = header(DATE).and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        let date = date.map(|zoned| zoned.timestamp());
        match body(response).await {
            Ok(Some(body)) => Ok(Reply { status, date, body }),
            Ok(None) => {
                let error = self.garbled(subject, &format!("it has more than {BODY_BYTES_MAX} bytes"));
                Err(if effect == Effect::Changes {
                    unsure(error)
                } else {
                    error
                })
            }
            Err(error) => Err(failed(&error)),
        }
    }

    fn failed(&self, error: &reqwest::Error, subject: &str, effect: Effect) -> Error {
        let (service, subject, reason) = (self.service.clone(), subject.to_owned(), reasons(error));
        if let Some((_, why)) = reason.split_once("invalid peer certificate: ") {
            let reason = format!("its own certificate is not trusted: {why}");
            return Error::Denied { service, subject, reason };
        }
        match effect {
            Effect::Changes if !error.is_connect() => Error::Lost { service, subject, reason },
            _ => Error::Away { service, subject, reason },
        }
    }

    /// What a status other than success means when the service's own code for it says no more.
    pub(crate) fn refusal(&self, reply: &Reply, subject: &str, effect: Effect, said: &str) -> Error {
        let (service, subject) = (self.service.clone(), subject.to_owned());
        let said = self.cut(said);
        let reason = match said.is_empty() {
            true => format!("HTTP {}", reply.status),
            false => format!("HTTP {}: {said}", reply.status),
        };
        match reply.status {
            408 | 429 | 503 => Error::Busy { service, subject, reason },
            500.. if effect == Effect::Changes => Error::Lost { service, subject, reason },
            500.. => Error::Busy { service, subject, reason },
            401 | 403 => match self.skewed(reply) {
                Some(error) => error,
                None => Error::Denied { service, subject, reason },
            },
            404 => Error::NoZone { service, subject, reason },
            200..300 => Error::Garbled { service, subject, reason },
            _ => Error::Rejected { service, subject, reason },
        }
    }

    /// The error of clocks, if they differ by so much that a signature or token cannot be accepted.
    pub(crate) fn skewed(&self, reply: &Reply) -> Option<Error> {
        let ours = ambient::now();
        let theirs = reply
            .date
            .filter(|theirs| (theirs.as_second() - ours.as_second()).abs() > SKEW_S)?;
        Some(Error::Skewed { service: self.service.clone(), ours, theirs: Some(theirs) })
    }

    pub(crate) fn not_plain(&self, name: &str, reason: &str) -> Error {
        let reason = reason.to_owned();
        Error::NotPlain { service: self.service.clone(), name: name.to_owned(), reason }
    }

    /// That a zone's id in the settings is another zone's, if it is.
    pub(crate) fn is_zone(&self, zone: &str, found: &str) -> Result<(), Error> {
        match name::same(zone, found) {
            true => Ok(()),
            false => Err(Error::Settings {
                service: self.service.clone(),
                reason: self.cut(&format!("it is the zone {found}, and not {zone}")),
            }),
        }
    }

    pub(crate) fn denied(&self, subject: &str, said: &str) -> Error {
        let reason = self.cut(said);
        Error::Denied {
            service: self.service.clone(),
            subject: subject.to_owned(),
            reason,
        }
    }

    pub(crate) fn busy(&self, subject: &str, said: &str) -> Error {
        let reason = self.cut(said);
        Error::Busy {
            service: self.service.clone(),
            subject: subject.to_owned(),
            reason,
        }
    }

    pub(crate) fn garbled(&self, subject: &str, reason: &str) -> Error {
        Error::Garbled {
            service: self.service.clone(),
            subject: subject.to_owned(),
            reason: self.cut(reason),
        }
    }

    /// What a service said, on one line and not too long, without what is secret. Secrets go before it is cut: half of one would
    /// not be found.
    fn cut(&self, text: &str) -> String {
        let hidden = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "(secret)"));
        let line = hidden.trim().chars().take(SAID_CHARS_MAX);
        line.map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// Reads an answer's JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, reply: &Reply, subject: &str) -> Result<T, Error> {
        // The parser's own words may repeat what it read, which may be a token.
        let read = serde_json::from_slice(&reply.body);
        read.map_err(|error| {
            self.garbled(subject, &format!("it is no JSON of the documented form: {:?}", error.classify()))
        })
    }
}

/// An answer to a change that cannot be used is no answer to whether it was made.
pub(crate) fn unsure(error: Error) -> Error {
    match error {
        Error::Garbled { service, subject, reason } => {
            let reason = format!("its answer cannot be used: {reason}");
            Error::Lost { service, subject, reason }
        }
        other => other,
    }
}

/// The body, if it is not too long.
async fn body(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut all = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if all.len() + chunk.len() > BODY_BYTES_MAX {
            return Ok(None);
        }
        all.extend_from_slice(&chunk);
    }
    Ok(Some(all))
}

/// The reasons of an error, outermost first, without those that others repeat. The outermost, which has the address, is left out.
fn reasons(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut all: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if all.last().is_none_or(|last| !last.contains(&text)) {
            all.push(text);
        }
        next = cause.source();
    }
    match all.is_empty() {
        true => "there was no answer".to_owned(),
        false => all.join(": "),
    }
}
