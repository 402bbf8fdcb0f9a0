//! The suite for RFC 2136, at Knot itself.

use super::super::knot::{Knot, key};
use super::super::local::closed;
use super::super::relay::{Deed, Relay};
use super::{RANCHER, Subject, conformance};
use crate::{Algorithm, Held, Provider, Tsig, Wanted, Zone};
use async_trait::async_trait;
use futures::FutureExt;

conformance!(on_knot, super::nameserver(), ignore = "needs knotd: cargo xtask test");

struct NameServer {
    knot: Knot,
    relay: Relay,
}

async fn nameserver() -> NameServer {
    let knot = Knot::start().await;
    // After the length and the id, the opcode is in the high half of the third byte: 5 is an update.
    let is_update = |first: &[u8]| first.get(4).is_some_and(|flags| flags >> 3 & 0xf == 5);
    let relay = Relay::start(knot.address, is_update).await;
    NameServer { knot, relay }
}

impl NameServer {
    fn with(&self, key: Tsig) -> Box<dyn Provider> {
        Box::new(Zone { server: self.relay.address, ..self.knot.zone_with(key) })
    }
}

#[async_trait]
impl Subject for NameServer {
    fn provider(&self) -> Box<dyn Provider> {
        self.with(key("lifeboat"))
    }

    fn relay(&self) -> &Relay {
        &self.relay
    }

    fn stranger(&self) -> Box<dyn Provider> {
        self.with(Tsig::new("lifeboat", Algorithm::HmacSha256, "b3RoZXI=").unwrap())
    }

    fn reader(&self) -> Box<dyn Provider> {
        self.with(key("reader"))
    }

    /// A skewed clock has a test of its own: `clocks_that_differ_are_named`.
    async fn late(&self) -> Option<Box<dyn Provider>> {
        None
    }

    fn elsewhere(&self) -> Option<Box<dyn Provider>> {
        Some(Box::new(Zone {
            server: self.relay.address,
            zone: "test".to_owned(),
            key: key("lifeboat"),
        }))
    }

    fn away(&self) -> Box<dyn Provider> {
        Box::new(Zone { server: closed(), ..self.knot.zone() })
    }

    fn other_writer(&self) -> Deed {
        let zone = self.knot.zone();
        Box::new(move || {
            async move {
                let now = zone.read(RANCHER).await.unwrap();
                let theirs = Wanted::new(["192.0.2.99".parse().unwrap()], 30);
                zone.change(RANCHER, &now, &theirs).await.unwrap();
            }
            .boxed()
        })
    }

    async fn there(&self) -> Held {
        self.knot.zone().read(RANCHER).await.unwrap()
    }

    fn changes(&self) -> Option<usize> {
        None
    }

    fn guards(&self) -> bool {
        true
    }

    fn is_http(&self) -> bool {
        false
    }
}
