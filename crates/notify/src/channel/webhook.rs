//! A POST of JSON for each message, signed where there is a secret. The form is written down in `docs/notify.md`.

use super::{At, LIMIT, Sent, reasons};
use crate::Message;
use crate::error::Error;
use crate::trust::Trust;
use estate::{Form, is_safe_to_call};
use hmac::{Hmac, Mac};
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sha2::Sha256;
use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;

/// Which header has the signature: `sha256=` and the HMAC-SHA256 of the body under the secret, in hexadecimal digits.
const SIGNATURE: &str = "x-lifeboat-signature-256";
/// How much of a refusal is read, in bytes.
const REFUSAL_BYTES_MAX: usize = 4096;

pub(super) struct Webhook {
    client: Client,
    url: Url,
    form: Form,
    key: Option<Hmac<Sha256>>,
}

impl Webhook {
    pub(super) fn new(
        at: &mut At,
        url: &str,
        form: Form,
        key: Option<String>,
        ca: Option<String>,
    ) -> Result<Self, Error> {
        at.secrets.extend(key.clone());
        // The parser's words may quote it.
        let parsed = Url::parse(url).ok().filter(|_| is_safe_to_call(url));
        let Some((parsed, host)) = parsed.and_then(|it| it.host_str().map(str::to_owned).map(|host| (it, host))) else {
            return Err(at.unusable("its url is not https://HOST/PATH"));
        };
        at.server = format!("{host}:{}", parsed.port_or_known_default().unwrap_or_default());
        at.secrets.extend([url.to_owned(), parsed.to_string()]);
        if parsed.path() != "/" {
            at.secrets.push(parsed.path().to_owned());
        }
        let key = key.map(|key| Hmac::new_from_slice(key.as_bytes())).transpose();
        let key = key.map_err(|_| at.unusable("its secret cannot be used"))?;
        let mut builder = Client::builder()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(LIMIT);
        // Proxies of the environment are for what is elsewhere.
        if host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|it: IpAddr| it.is_loopback()) {
            builder = builder.no_proxy();
        }
        let builder = Trust::of(ca).over_http(builder).map_err(|reason| at.unusable(&reason))?;
        let client = builder.build().map_err(|error| at.unusable(&reasons(error.source())))?;
        Ok(Self { client, url: parsed, form, key })
    }

    pub(super) async fn send(&self, at: &At, message: &Message) -> Result<Sent, Error> {
        let body = message.body(&at.estate, self.form).to_string();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "lifeboat");
        if let Some(key) = &self.key {
            let mut mac = key.clone();
            mac.update(body.as_bytes());
            let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            request = request.header(SIGNATURE, format!("sha256={digits}"));
        }
        let response = request.body(body).send().await.map_err(|error| {
            let reason = match error.is_timeout() {
                true => format!("no answer within {LIMIT:?}"),
                false => reasons(error.source()),
            };
            match reason.split_once("invalid peer certificate: ") {
                Some((_, why)) => at.refused(&format!("its certificate is not trusted: {why}")),
                None => at.unreachable(&reason),
            }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(Sent::default());
        }
        let said = format!("HTTP {}: {}", status.as_u16(), beginning(response).await);
        let said = said.trim().trim_end_matches(':');
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(at.unreachable(said)),
            status if status.is_server_error() => Err(at.unreachable(said)),
            _ => Err(at.refused(said)),
        }
    }
}

/// The beginning of what a server says.
async fn beginning(mut response: Response) -> String {
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        said.extend_from_slice(&chunk);
        if said.len() >= REFUSAL_BYTES_MAX {
            said.truncate(REFUSAL_BYTES_MAX);
            break;
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("form", &self.form).finish_non_exhaustive()
    }
}
