//! The suite for the four clouds, each at its stand-in.

use super::super::relay::{Deed, Relay};
use super::super::standin::{Sets, azure, cloudflare, google, route53};
use super::super::{held, local::closed};
use super::{RANCHER, Subject, conformance};
use crate::{Azure, Cloudflare, Google, Held, Provider, Route53, Secret};
use async_trait::async_trait;
use futures::FutureExt;
use jiff::SignedDuration;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

conformance!(on_route53, super::cloud(super::Kind::Route53));
conformance!(on_cloudflare, super::cloud(super::Kind::Cloudflare));
conformance!(on_google, super::cloud(super::Kind::Google));
conformance!(on_azure, super::cloud(super::Kind::Azure));

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Route53,
    Cloudflare,
    Google,
    Azure,
}

/// Who asks.
#[derive(Clone, Copy)]
enum Who {
    Writer,
    Reader,
    Stranger,
    /// With a credential that has ended.
    Late,
}

struct Cloud {
    kind: Kind,
    sets: Arc<Mutex<Sets>>,
    relay: Relay,
}

async fn cloud(kind: Kind) -> Cloud {
    let sets = Arc::new(Mutex::new(Sets::new()));
    let address = started(kind, sets.clone(), SignedDuration::ZERO).await;
    Cloud { kind, sets, relay: Relay::start(address, is_change).await }
}

async fn started(kind: Kind, sets: Arc<Mutex<Sets>>, skew: SignedDuration) -> SocketAddr {
    match kind {
        Kind::Route53 => route53::start(sets, skew).await,
        Kind::Cloudflare => cloudflare::start(sets).await,
        Kind::Google => google::start(sets, skew).await,
        Kind::Azure => azure::start(sets).await,
    }
}

/// Whatever is not a question, nor one for a token.
fn is_change(first: &[u8]) -> bool {
    let line = String::from_utf8_lossy(first.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    !line.starts_with("GET ") && !line.contains("/token")
}

fn provider(kind: Kind, who: Who, at: SocketAddr, zone_id: Option<&str>) -> Box<dyn Provider> {
    let endpoint = Some(format!("http://{at}"));
    let zone = "lab.test".to_owned();
    let id = |own: &str| zone_id.unwrap_or(own).to_owned();
    let opened = match kind {
        Kind::Route53 => Route53 {
            zone,
            zone_id: id(route53::ZONE_ID),
            access_key: match who {
                Who::Reader => route53::READER.to_owned(),
                _ => route53::KEY.to_owned(),
            },
            secret: match who {
                Who::Stranger => Secret::new("another"),
                _ => Secret::new(route53::SECRET),
            },
            session_token: Some(Secret::new("session")),
            region: "us-east-1".to_owned(),
            endpoint,
            ca: None,
        }
        .open(),
        Kind::Cloudflare => Cloudflare {
            zone,
            zone_id: id(cloudflare::ZONE_ID),
            token: match who {
                Who::Reader => Secret::new(cloudflare::READER),
                Who::Writer => Secret::new(cloudflare::TOKEN),
                Who::Stranger => Secret::new("not even of the right form"),
                Who::Late => Secret::new(&"e".repeat(40)),
            },
            endpoint: Some(format!("http://{at}/client/v4")),
            ca: None,
        }
        .open(),
        Kind::Google => Google {
            zone,
            project: "estate".to_owned(),
            managed_zone: id("lab"),
            service_account: match who {
                Who::Reader => google::reader(at),
                Who::Stranger => google::stranger(at),
                _ => google::account(at),
            }
            .as_str()
            .into(),
            endpoint,
            ca: None,
        }
        .open(),
        Kind::Azure => Azure {
            zone,
            subscription: "sub-1".to_owned(),
            resource_group: id("dns"),
            tenant: azure::TENANT.to_owned(),
            client: match who {
                Who::Reader => azure::READER.to_owned(),
                _ => azure::CLIENT.to_owned(),
            },
            secret: match who {
                Who::Stranger => Secret::new("another"),
                Who::Late => Secret::new(azure::ENDED),
                _ => Secret::new(azure::SECRET),
            },
            login: endpoint.clone(),
            endpoint,
            ca: None,
        }
        .open(),
    };
    opened.unwrap()
}

#[async_trait]
impl Subject for Cloud {
    fn provider(&self) -> Box<dyn Provider> {
        provider(self.kind, Who::Writer, self.relay.address, None)
    }

    fn relay(&self) -> &Relay {
        &self.relay
    }

    fn stranger(&self) -> Box<dyn Provider> {
        provider(self.kind, Who::Stranger, self.relay.address, None)
    }

    fn reader(&self) -> Box<dyn Provider> {
        provider(self.kind, Who::Reader, self.relay.address, None)
    }

    async fn late(&self) -> Option<Box<dyn Provider>> {
        // Of two, it is the service's clock that says so.
        let skew = SignedDuration::from_hours(1);
        let at = started(self.kind, self.sets.clone(), skew).await;
        Some(provider(self.kind, Who::Late, at, None))
    }

    fn elsewhere(&self) -> Option<Box<dyn Provider>> {
        Some(provider(self.kind, Who::Writer, self.relay.address, Some("another")))
    }

    fn away(&self) -> Box<dyn Provider> {
        provider(self.kind, Who::Writer, closed(), None)
    }

    fn other_writer(&self) -> Deed {
        let sets = self.sets.clone();
        Box::new(move || async move { sets.lock().unwrap().put(RANCHER, &held(["192.0.2.99"])) }.boxed())
    }

    async fn there(&self) -> Held {
        self.sets.lock().unwrap().held(RANCHER)
    }

    fn changes(&self) -> Option<usize> {
        Some(self.sets.lock().unwrap().changes)
    }

    fn guards(&self) -> bool {
        self.kind != Kind::Cloudflare
    }
}

mod more;
