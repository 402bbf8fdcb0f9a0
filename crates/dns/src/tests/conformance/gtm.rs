//! The suite for BIG-IP DNS, at its stand-in, and what is true of it alone.

use super::super::local::closed;
use super::super::relay::{Deed, Mode, Relay};
use super::super::standin::bigip::{self, BERLIN, HAMBURG, System};
use super::{RANCHER, Subject, conformance, wanted};
use crate::{BigIp, Error, Held, How, Member, Pool, Provider, Secret, Wanted};
use async_trait::async_trait;
use futures::FutureExt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

conformance!(on_bigip, super::gtm());

struct Gtm {
    system: Arc<Mutex<System>>,
    relay: Relay,
}

async fn gtm() -> Gtm {
    let system = Arc::new(Mutex::new(System::new()));
    let address = bigip::start(system.clone()).await;
    let is_change = |first: &[u8]| first.starts_with(b"PATCH ");
    Gtm { system, relay: Relay::start(address, is_change).await }
}

fn settings(user: &str, password: &str, at: SocketAddr) -> BigIp {
    BigIp {
        zone: "lab.test".to_owned(),
        endpoint: format!("http://{at}"),
        user: user.to_owned(),
        password: Secret::new(password),
        partition: "Common".to_owned(),
        members: [
            (BERLIN.to_owned(), "192.0.2.1".parse().unwrap()),
            (HAMBURG.to_owned(), "192.0.2.2".parse().unwrap()),
        ]
        .into(),
        ca: None,
    }
}

fn provider(user: &str, password: &str, at: SocketAddr) -> Box<dyn Provider> {
    settings(user, password, at).open().unwrap()
}

#[async_trait]
impl Subject for Gtm {
    fn provider(&self) -> Box<dyn Provider> {
        provider(bigip::USER, bigip::PASSWORD, self.relay.address)
    }

    fn relay(&self) -> &Relay {
        &self.relay
    }

    fn stranger(&self) -> Box<dyn Provider> {
        provider(bigip::USER, "wrong", self.relay.address)
    }

    fn reader(&self) -> Box<dyn Provider> {
        provider(bigip::READER, bigip::PASSWORD, self.relay.address)
    }

    async fn late(&self) -> Option<Box<dyn Provider>> {
        None
    }

    /// A wide IP that is not there holds nothing: only a change of it is refused.
    fn elsewhere(&self) -> Option<Box<dyn Provider>> {
        None
    }

    fn away(&self) -> Box<dyn Provider> {
        provider(bigip::USER, bigip::PASSWORD, closed())
    }

    fn other_writer(&self) -> Deed {
        let system = self.system.clone();
        Box::new(move || {
            async move {
                let mut system = system.lock().unwrap();
                // The member goes on by itself: neither what was nor what is to be.
                system.ttl = 77;
            }
            .boxed()
        })
    }

    async fn there(&self) -> Held {
        let system = self.system.lock().unwrap();
        let members = system.members.iter().map(|(name, enabled)| {
            let address = if name == BERLIN { "192.0.2.1" } else { "192.0.2.2" };
            (name.clone(), Member { address: Some(address.parse().unwrap()), enabled: *enabled })
        });
        let pool = Pool {
            enabled: true,
            ttl: u32::try_from(system.ttl).unwrap(),
            members: members.collect(),
        };
        Held::Pools {
            enabled: system.enabled,
            pools: [("a /Common/rancher".to_owned(), pool)].into(),
        }
    }

    fn changes(&self) -> Option<usize> {
        Some(self.system.lock().unwrap().changes)
    }

    fn guards(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_switch_is_saved_and_answers_may_be_any_of_what_is_enabled() {
    let subject = gtm().await;
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    provider.change(RANCHER, &before, &wanted()).await.unwrap();
    assert!(subject.system.lock().unwrap().saved);
    assert!(!provider.answers_all());
    let both = Wanted::new(["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()], 60);
    let now = provider.read(RANCHER).await.unwrap();
    assert_eq!(provider.change(RANCHER, &now, &both).await.unwrap().left.addresses(), both.addresses);
}

#[tokio::test]
async fn a_switch_that_was_broken_off_is_completed() {
    let subject = gtm().await;
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    // The one that comes is enabled, and then the line is cut.
    subject.relay.set(Mode::LoseAnswer);
    let error = provider.change(RANCHER, &before, &wanted()).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert!(subject.system.lock().unwrap().members[BERLIN]);
    assert!(subject.system.lock().unwrap().members[HAMBURG]);
    assert_eq!(provider.change(RANCHER, &before, &wanted()).await.unwrap().how, How::Made);
    assert!(!subject.system.lock().unwrap().members[BERLIN]);
}

#[tokio::test]
async fn a_token_that_ended_is_replaced() {
    let subject = gtm().await;
    let provider = subject.provider();
    provider.read(RANCHER).await.unwrap();
    provider.read(RANCHER).await.unwrap();
    assert_eq!(subject.system.lock().unwrap().logins, 1);
    subject.system.lock().unwrap().tokens.clear();
    provider.read(RANCHER).await.unwrap();
    assert_eq!(subject.system.lock().unwrap().logins, 2);
}

#[tokio::test]
async fn what_a_pool_cannot_answer_is_refused_before_anything_is_sent() {
    let subject = gtm().await;
    let provider = subject.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let refused = async |provider: &dyn Provider, from: &Held, to: &str| {
        let to = Wanted::new([to.parse().unwrap()], 60);
        let error = provider.change(RANCHER, from, &to).await.unwrap_err();
        assert!(matches!(error, Error::Addresses { .. }), "{error}");
        error.to_string()
    };
    let said = refused(&*provider, &before, "192.0.2.7").await;
    assert!(said.contains("no member of an enabled pool"), "{said}");
    let mut of = settings(bigip::USER, bigip::PASSWORD, subject.relay.address);
    of.members.remove(BERLIN);
    let unknown = of.open().unwrap();
    let said = refused(&*unknown, &unknown.read(RANCHER).await.unwrap(), "192.0.2.2").await;
    assert!(said.contains("no address is given for /Common/berlin:/Common/rancher"), "{said}");
    subject.system.lock().unwrap().enabled = false;
    let disabled = provider.read(RANCHER).await.unwrap();
    assert!(disabled.addresses().is_empty());
    let said = refused(&*provider, &disabled, "192.0.2.2").await;
    assert!(said.contains("is disabled"), "{said}");
    assert_eq!(subject.changes(), Some(0));
}

#[tokio::test]
async fn what_is_typed_is_tmsh() {
    let subject = gtm().await;
    let lines = subject.provider().by_hand(RANCHER, &subject.there().await, &wanted());
    assert_eq!(
        lines[1..],
        [
            "tmsh modify gtm pool a /Common/rancher members modify { /Common/hamburg:/Common/rancher { enabled } }",
            "tmsh modify gtm pool a /Common/rancher ttl 60",
            "tmsh modify gtm pool a /Common/rancher members modify { /Common/berlin:/Common/rancher { disabled } }",
            "tmsh save sys config",
        ]
    );
}
