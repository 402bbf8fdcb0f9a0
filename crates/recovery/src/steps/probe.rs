//! `probe`: sees whether something answers, again and again until it does.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use cluster::{Host, Web};
use engine::Performed;
use estate::{Kind, Name};
use plan::{Probe, Probed};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);

#[async_trait]
impl Carry for Probe {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let limit = context.limit.saturating_sub(ANSWER * 2);
        context.inside.point();
        let seen = until(limit, PAUSE, || self.once(context)).await?;
        done(json!({ "seen": seen }))
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        self.once(context).await
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        // What is asked may only be so when the steps before it are done.
        Ok(vec![match self.once(context).await {
            Ok(seen) => format!("now: {seen}"),
            Err(trouble) => format!("not yet: {trouble}"),
        }])
    }

    fn hosts(&self) -> Vec<&Name> {
        match &self.probed {
            Probed::Ready { host, .. } | Probed::Command { on: Some(host), .. } => vec![host],
            _ => Vec::new(),
        }
    }
}

trait Once {
    async fn once(&self, context: &Context<'_>) -> Result<String, Trouble>;
}

impl Once for Probe {
    async fn once(&self, context: &Context<'_>) -> Result<String, Trouble> {
        match &self.probed {
            Probed::Http { url, address, ca, ca_sha256, status, contains } => {
                let ca = ca.as_deref().map(|path| context.world.content(path)).transpose()?;
                if let Some(pin) = ca_sha256 {
                    pinned(ca.as_deref().unwrap_or_default(), pin)?;
                }
                let page = Web::new(url, *address, ca.as_deref())?.get(ANSWER).await?;
                if page.status != *status {
                    return Err(not_yet(format!("{url} answers {}, not {status}", page.status)));
                }
                match contains {
                    Some(text) if !page.text.contains(text.as_str()) => {
                        Err(not_yet(format!("the answer of {url} does not contain {text:?}")))
                    }
                    _ => Ok(format!("{url} answers {status}")),
                }
            }
            Probed::Tcp { address } => {
                let dialled = tokio::time::timeout(ANSWER, tokio::net::TcpStream::connect(address)).await;
                match dialled {
                    Ok(Ok(_)) => Ok(format!("{address} takes connections")),
                    Ok(Err(reason)) => Err(not_yet(format!("{address} takes no connection: {reason}"))),
                    Err(_) => Err(not_yet(format!("{address} does not answer"))),
                }
            }
            Probed::Dns { name, to, resolvers } => {
                for resolver in resolvers {
                    let answer = dns::ask(*resolver, name).await?;
                    if !answer.is_exactly(to) {
                        let found: Vec<String> = answer.addresses.iter().map(IpAddr::to_string).collect();
                        return Err(not_yet(format!("{resolver} says that {name} leads to {}", found.join(", "))));
                    }
                }
                Ok(format!("{} resolvers lead {name} there", resolvers.len()))
            }
            Probed::Ready { host, distribution } => {
                let client = control_plane::client(context.world, host, *distribution).await?;
                client.ready().await?;
                Ok(format!("the API server of {host} is ready"))
            }
            Probed::Command { on, run } => {
                let host = match on {
                    Some(on) => context.world.host(on)?,
                    None => Host::local("this machine"),
                };
                // Whatever it says may be otherwise in a moment.
                let said = host
                    .run("asking", run, Duration::from_secs(30))
                    .await
                    .map_err(|error| Trouble { kind: Kind::Unreachable, ..Trouble::from(error) })?;
                Ok(said.trim().lines().next_back().unwrap_or("it ends without an error").to_owned())
            }
        }
    }
}

fn not_yet(message: String) -> Trouble {
    Trouble::new("LB0812", Kind::Unreachable, message)
}

/// The file itself is pinned, as Rancher's agents do it.
fn pinned(ca: &str, pin: &str) -> Result<(), Trouble> {
    // Files are read without the white space around them, and written with a line's end.
    let sums = [ca.to_owned(), format!("{ca}\n")].map(|text| format!("{:x}", Sha256::digest(text.as_bytes())));
    match sums.iter().any(|sum| sum.eq_ignore_ascii_case(pin)) {
        true => Ok(()),
        false => {
            let message = format!("the CA file is another one than is pinned: its SHA-256 is {}", sums[1]);
            Err(Trouble::new("LB0812", Kind::Invalid, message).hint("compare caSha256 with sha256sum of the CA"))
        }
    }
}
