//! Who is told when nobody looks: the channels of an estate. Start at [`Channel`]; the rules between their values are in `check`.

use super::check::{Checked, hidden, wrong};
use super::place::Placed;
use super::reference::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// A way to people who are not at a terminal: a webhook or e-mail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Channel {
    /// A server that takes messages over HTTP.
    pub webhook: Option<Webhook>,
    /// Mailboxes.
    pub email: Option<Email>,
    /// What is sent there; without this everything.
    pub severities: Option<Placed<Vec<Severity>>>,
}

/// What a message is about, by what it asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Somebody has to look.
    Alarm,
    /// What was an alarm is well again.
    Cured,
    /// Good to know.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alarm => "alarm",
            Self::Cured => "cured",
            Self::Info => "info",
        })
    }
}

/// A server that takes messages over HTTP, each in a POST of JSON.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Where it is.
    pub url: Placed<WebhookUrl>,
    /// What is sent.
    #[serde(default)]
    pub form: Form,
    /// What messages are signed with (HMAC-SHA256); without it they are not.
    pub secret: Option<Placed<SecretRef>>,
    /// The CA of its certificate, PEM; without it those that the host trusts.
    pub ca: Option<PathBuf>,
}

/// The URL of a webhook. With many services, whoever has it can send: then it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookUrl {
    /// `https://...`; `http://` to the host itself only.
    Plain(String),
    /// Where it is found.
    Secret(SecretRef),
}

/// Also tells the error's rendering that no excerpt may be shown.
pub(super) const NO_URL: &str =
    "a webhook's url is https://HOST/PATH without credentials or a query, or a secret: file:PATH or ${VARIABLE}";

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(url) => f.write_str(url),
            Self::Secret(secret) => secret.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(secret) = SecretRef::parse(&text) {
            return Ok(Self::Secret(secret));
        }
        let good = is_safe_to_call(&text) && !text.contains(['@', '?', '#']) && !text.contains(char::is_whitespace);
        // Never the text itself: it may well be the secret.
        good.then_some(Self::Plain(text)).ok_or_else(|| de::Error::custom(NO_URL))
    }
}

/// Whether what is sent there can be read on the way by nobody: HTTPS, or a server on this very host.
pub fn is_safe_to_call(url: &str) -> bool {
    if let Some(rest) = url.strip_prefix("https://") {
        return rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    }
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A number after the last colon is the port, outside the brackets of an IPv6 address.
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    is_this_host(host)
}

fn is_this_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// Every part of the message as a field of its own.
    #[default]
    Json,
    /// `{"text": ...}`, as Slack and what is compatible with it (Mattermost, Rocket.Chat) take it.
    Slack,
}

/// Mailboxes, and the server that takes mail for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Email {
    /// The mail server: a name, or an address.
    pub server: Placed<String>,
    /// The port there; without it that of `tls`.
    pub port: Option<u16>,
    /// How the way to it is protected.
    #[serde(default)]
    pub tls: MailTls,
    /// The CA of its certificate, PEM; without it those that the host trusts.
    pub ca: Option<PathBuf>,
    /// Who asks.
    pub user: Option<Placed<String>>,
    /// The password.
    pub password: Option<Placed<SecretRef>>,
    /// The sender: `lifeboat@example.org`, or `Lifeboat <lifeboat@example.org>`.
    pub from: Placed<String>,
    /// Who gets it.
    pub to: Vec<Placed<String>>,
}

impl Email {
    /// The port of the server: as given, or 587 for `starttls`, 465 for `tls`, 25 for `none`.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::Starttls => 587,
            MailTls::Tls => 465,
            MailTls::None => 25,
        })
    }
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MailTls {
    /// TLS after `STARTTLS` (RFC 3207), and no mail without it.
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None at all. No password is sent like this, but to the host itself.
    None,
}

/// The first broken rule of a channel, if any.
pub(super) fn check(channel: &Placed<Channel>) -> Checked {
    if let Some(severities) = channel.severities.as_ref().filter(|it| it.is_empty()) {
        return wrong(severities.place(), "nothing would be sent there: leave it out for everything".to_owned());
    }
    match (&channel.webhook, &channel.email) {
        (Some(webhook), None) => check_webhook(webhook),
        (None, Some(email)) => check_email(channel, email),
        _ => wrong(channel.place(), "a channel is either a webhook or an email".to_owned()),
    }
}

fn check_webhook(webhook: &Webhook) -> Checked {
    match (webhook.form, &*webhook.url) {
        (Form::Slack, WebhookUrl::Plain(_)) => hidden(
            webhook.url.place(),
            "whoever has such a URL can write there, so it is a secret: file:PATH or ${VARIABLE}",
        ),
        _ => Ok(()),
    }
}

fn check_email(channel: &Placed<Channel>, email: &Email) -> Checked {
    let server = &email.server;
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if server.is_empty() || !server.chars().all(is_host) {
        return wrong(server.place(), "a mail server is the name of a host, or its address".to_owned());
    }
    match (&email.user, &email.password) {
        (Some(user), None) => return wrong(user.place(), "user and password go together".to_owned()),
        (None, Some(password)) => return wrong(password.place(), "user and password go together".to_owned()),
        (Some(_), Some(password)) if email.tls == MailTls::None && !is_this_host(server) => {
            let message = "without TLS the password could be read on the way: tls: starttls, or tls";
            return wrong(password.place(), message.to_owned());
        }
        _ => {}
    }
    if email.to.is_empty() {
        return wrong(channel.place(), "email.to is empty: nobody would get it".to_owned());
    }
    match std::iter::once(&email.from).chain(&email.to).find(|it| !is_mailbox(it)) {
        Some(strange) => {
            let message = format!("{:?} is no mailbox: write name@example.org", **strange);
            wrong(strange.place(), message)
        }
        None => Ok(()),
    }
}

/// Whether a text looks like a mailbox. Whoever sends reads it strictly.
fn is_mailbox(text: &str) -> bool {
    let address = text.rsplit_once('<').map_or(text, |(_, address)| address.trim_end_matches('>'));
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,;@".contains(c));
    let parts = address.split_once('@');
    parts.is_some_and(|(local, host)| plain(local) && plain(host)) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests;
