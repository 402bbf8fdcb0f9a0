//! What the stand-ins for services share: an HTTP server of a few lines, and a zone as a value. Start at [`serve`].

pub(super) mod azure;
pub(super) mod bigip;
pub(super) mod cloudflare;
pub(super) mod google;
pub(super) mod route53;

use super::ip;
use crate::{Held, Records};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use axum::{Router, serve as run};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer: its status and body.
pub(super) type Said = (u16, String);

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> String {
        pairs(&self.query).remove(name).unwrap_or_default()
    }

    /// A form's fields.
    pub(super) fn form(&self) -> BTreeMap<String, String> {
        pairs(std::str::from_utf8(&self.body).unwrap())
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let all = text.split('&').filter_map(|pair| pair.split_once('='));
    all.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut all = Vec::new();
    while let Some(byte) = bytes.next() {
        all.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(all).unwrap()
}

/// Answers every request with what `answer` makes of it, by a clock that is `skew` ahead, until the test ends.
pub(super) async fn serve(skew: SignedDuration, answer: impl Fn(Asked) -> Said + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    let router = Router::new().fallback(move |request: Request| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let asked = Asked {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: parts.headers,
                body: to_bytes(body, 1 << 20).await.unwrap().to_vec(),
            };
            let (status, body) = answer(asked);
            let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now(skew)).unwrap();
            Response::builder()
                .status(status)
                .header("date", date)
                .body(Body::from(body))
                .unwrap()
        }
    });
    tokio::spawn(async move { run(listener, router).await.unwrap() });
    address
}

/// The time by a service's clock.
pub(super) fn now(skew: SignedDuration) -> Timestamp {
    ambient::now() + skew
}

/// The record sets of a zone, and how often it was changed.
#[derive(Default)]
pub(super) struct Sets {
    pub(super) all: BTreeMap<(String, String), Records>,
    pub(super) changes: usize,
}

impl Sets {
    /// What every zone begins with.
    pub(super) fn new() -> Self {
        let mut sets = Self::default();
        for (name, kind, ttl, addresses) in [
            ("rancher.lab.test", "A", 300, &["192.0.2.1"][..]),
            ("both.lab.test", "A", 300, &["192.0.2.1"]),
            ("both.lab.test", "AAAA", 600, &["2001:db8::1"]),
            ("many.lab.test", "A", 300, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
            ("rancher2.lab.test", "A", 300, &["192.0.2.66"]),
        ] {
            let addresses = addresses.iter().map(|address| ip(address)).collect();
            sets.all.insert((name.to_owned(), kind.to_owned()), Records { addresses, ttl });
        }
        sets
    }

    pub(super) fn get(&self, name: &str, kind: &str) -> Option<&Records> {
        self.all.get(&(name.to_owned(), kind.to_owned()))
    }

    pub(super) fn held(&self, name: &str) -> Held {
        Held::Records {
            a: self.get(name, "A").cloned(),
            aaaa: self.get(name, "AAAA").cloned(),
        }
    }

    pub(super) fn put(&mut self, name: &str, held: &Held) {
        for (kind, records) in [("A", held.records(true)), ("AAAA", held.records(false))] {
            let key = (name.to_owned(), kind.to_owned());
            match records {
                Some(records) => self.all.insert(key, records.clone()),
                None => self.all.remove(&key),
            };
        }
    }
}
