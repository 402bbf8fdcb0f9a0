//! A mail for each message, by SMTP (RFC 5321). To each mailbox by itself: one that does not exist any more must not keep it
//! from the others.

use super::{At, LIMIT, Sent, reasons};
use crate::Message;
use crate::error::{Error, cut};
use crate::trust::Trust;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::MailTls;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Tls;
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport, Tokio1Executor};
use std::error::Error as _;
use std::fmt;

pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(super) fn new(
        at: &mut At,
        of: &estate::Email,
        password: Option<String>,
        ca: Option<String>,
    ) -> Result<Self, Error> {
        let server = of.server.as_str();
        at.server = format!("{server}:{}", of.port());
        let mailbox = |text: &str| {
            let read = text.parse::<Mailbox>();
            read.map_err(|reason| at.unusable(&format!("{text:?} is no mailbox: {reason}")))
        };
        let from = mailbox(&of.from)?;
        let to: Vec<Mailbox> = of.to.iter().map(|it| mailbox(it)).collect::<Result<_, _>>()?;
        let parameters = || {
            let made = Trust::of(ca.clone()).over_smtp(server);
            made.map_err(|reason| at.unusable(&reason))
        };
        let tls = match of.tls {
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Tls => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(of.port())
            .tls(tls)
            .timeout(Some(LIMIT));
        if let (Some(user), Some(password)) = (&of.user, password) {
            let together = STANDARD.encode(format!("\0{}\0{password}", **user));
            at.secrets.extend([together, STANDARD.encode(&password), password.clone()]);
            builder = builder.credentials(Credentials::new((**user).clone(), password));
        }
        Ok(Self { transport: builder.build(), from, to })
    }

    pub(super) async fn send(&self, at: &At, message: &Message) -> Result<Sent, Error> {
        let letter = self.letter(at, message)?;
        let (mut reached, mut failures) = (false, Vec::new());
        for to in &self.to {
            match self.send_to(at, to, &letter).await {
                Ok(()) => reached = true,
                // Nobody else would be reached either.
                Err(error @ Error::Unreachable { .. }) if !reached => return Err(error),
                Err(error) => failures.push((&to.email, error)),
            }
        }
        match failures.pop() {
            Some((_, error)) if !reached => Err(error),
            last => {
                let all = failures.into_iter().chain(last);
                let refused = all.map(|(to, error)| cut(&format!("{to} did not get a message: {error}"), &at.secrets));
                Ok(Sent { refused: refused.collect() })
            }
        }
    }

    async fn send_to(&self, at: &At, to: &Mailbox, letter: &[u8]) -> Result<(), Error> {
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
        let envelope = envelope.map_err(|reason| at.unusable(&reason.to_string()))?;
        // The library's own limit is for each command.
        match tokio::time::timeout(LIMIT, self.transport.send_raw(&envelope, letter)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(wrong(at, &error)),
            Err(_) => Err(at.unreachable(&format!("no answer within {LIMIT:?}"))),
        }
    }

    fn letter(&self, at: &At, message: &Message) -> Result<Vec<u8>, Error> {
        let domain = self.from.email.domain();
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .date(message.at.into())
            .subject(message.subject(&at.estate))
            // Mail readers show what is about one thing together.
            .references(format!("<{}@{domain}>", message.thread(&at.estate)))
            .message_id(Some(format!("<{}@{domain}>", message.id(&at.estate))))
            // No answers of machines that nobody is there (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let letter = builder.body(message.letter(&at.estate));
        letter
            .map(|letter| letter.formatted())
            .map_err(|reason| at.unusable(&format!("no mail can be made: {reason}")))
    }
}

fn wrong(at: &At, error: &smtp::Error) -> Error {
    let reason = reasons(error.source());
    if let Some((_, why)) = reason.split_once("invalid peer certificate: ") {
        return at.refused(&format!("its certificate is not trusted: {why}"));
    }
    match error.status() {
        Some(code) if error.is_permanent() => at.refused(&format!("SMTP {code}: {reason}")),
        Some(code) => at.unreachable(&format!("SMTP {code}: {reason}")),
        // What it does not offer, such as STARTTLS, or a way to say who asks.
        None if error.is_client() => at.refused(&reason),
        None => at.unreachable(&reason),
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("to", &self.to.len()).finish_non_exhaustive()
    }
}
