//! The ways out. Start at [`Channel::open`] and [`deliver`]; `webhook` and `email` are the two kinds.

mod email;
mod webhook;

use crate::error::{Error, cut};
use crate::{Message, Outbox};
use email::Email;
use estate::{Name, SecretRef, WebhookUrl};
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use webhook::Webhook;

/// How long a server may take for one message.
const LIMIT: Duration = Duration::from_secs(30);

/// A way to people, open: its secrets are read. Open it anew when these may have changed.
#[derive(Debug)]
pub struct Channel {
    at: At,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Webhook(Webhook),
    Email(Email),
}

/// That a message was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Whom it did not reach although others got it, each with the reason.
    pub refused: Vec<String>,
}

impl Channel {
    /// Opens the channel `name` of an estate. `secret` and `file` read what it refers to.
    ///
    /// # Errors
    /// [`Error::Settings`] when something of it cannot be used; whatever `secret` and `file` fail with.
    pub fn open<E: From<Error>>(
        estate: &Name,
        name: &Name,
        of: &estate::Channel,
        secret: impl Fn(&SecretRef) -> Result<String, E>,
        file: impl Fn(&Path) -> Result<String, E>,
    ) -> Result<Self, E> {
        let mut at = At {
            estate: estate.clone(),
            channel: name.clone(),
            server: String::new(),
            secrets: Vec::new(),
        };
        let read = |it: &SecretRef| secret(it).map(|text| text.trim().to_owned());
        let way = if let Some(of) = &of.webhook {
            let url = match &*of.url {
                WebhookUrl::Plain(url) => url.clone(),
                WebhookUrl::Secret(it) => read(it)?,
            };
            let key = of.secret.as_deref().map(read).transpose()?;
            let ca = of.ca.as_deref().map(file).transpose()?;
            Way::Webhook(Webhook::new(&mut at, &url, of.form, key, ca)?)
        } else if let Some(of) = &of.email {
            let password = of.password.as_deref().map(read).transpose()?;
            let ca = of.ca.as_deref().map(file).transpose()?;
            Way::Email(Email::new(&mut at, of, password, ca)?)
        } else {
            return Err(at.unusable("it is neither a webhook nor an email").into());
        };
        Ok(Self { at, way })
    }

    /// What the estate calls it.
    pub fn name(&self) -> &Name {
        &self.at.channel
    }

    /// Sends a message, once.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when it may be taken later, [`Error::Refused`] when somebody has to do something first. In both
    /// cases it may have been taken all the same, if the answer was lost.
    pub async fn send(&self, message: &Message) -> Result<Sent, Error> {
        match &self.way {
            Way::Webhook(webhook) => webhook.send(&self.at, message).await,
            Way::Email(email) => email.send(&self.at, message).await,
        }
    }
}

/// Sends what waits for a channel, in order, until it fails, and notes in `outbox` what came of it. Whether it did anything: then
/// the outbox is to be kept. Call it for each channel by itself, every second or so: a slow one must not hold up the others.
pub async fn deliver(channel: &Channel, outbox: &Mutex<Outbox>) -> bool {
    let lock = || outbox.lock().unwrap_or_else(PoisonError::into_inner);
    let due = lock().due(channel.name(), ambient::now());
    for message in &due {
        match channel.send(message).await {
            Ok(sent) => lock().sent(channel.name(), message, &sent.refused),
            Err(error) => {
                lock().failed(channel.name(), message, &error, ambient::now());
                break;
            }
        }
    }
    !due.is_empty()
}

/// Whose message goes where: what errors name, and what they must not.
struct At {
    estate: Name,
    channel: Name,
    /// Host and port.
    server: String,
    secrets: Vec<String>,
}

impl At {
    fn unusable(&self, reason: &str) -> Error {
        Error::Settings {
            channel: self.channel.clone(),
            reason: cut(reason, &self.secrets),
        }
    }

    fn unreachable(&self, reason: &str) -> Error {
        Error::Unreachable {
            channel: self.channel.clone(),
            server: self.server.clone(),
            reason: cut(reason, &self.secrets),
        }
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Refused {
            channel: self.channel.clone(),
            server: self.server.clone(),
            reason: cut(reason, &self.secrets),
        }
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("At")
            .field("channel", &self.channel)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// The reasons of an error, outermost first, without those that others repeat.
fn reasons(first: Option<&(dyn std::error::Error + 'static)>) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut next = first;
    while let Some(cause) = next {
        let text = cause.to_string();
        if all.last().is_none_or(|last| !last.contains(&text)) {
            all.push(text);
        }
        next = cause.source();
    }
    if all.is_empty() {
        all.push("there was no answer".to_owned());
    }
    all.join(": ")
}

#[cfg(test)]
mod tests;
