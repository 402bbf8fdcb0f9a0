//! Asking and moving names at a real server.

use super::knot::{Knot, MANY, key};
use super::{SECRET, fqdn, held, ip};
use crate::ask::{By, find};
use crate::{Algorithm, Changed, Error, Held, How, Provider, Rcode, Tsig, Wanted, Zone, ask, provider};
use std::net::IpAddr;

const RANCHER: &str = "rancher.lab.test";

/// Reads the name, and changes it if nobody else does.
async fn switch(zone: &Zone, name: &str, to: &[IpAddr], ttl: u32) -> Result<(Held, Changed), Error> {
    let before = zone.read(name).await?;
    let changed = zone.change(name, &before, &Wanted::new(to.iter().copied(), ttl)).await?;
    Ok((before, changed))
}

fn before(outcome: &(Held, Changed)) -> Vec<IpAddr> {
    outcome.0.addresses().into_iter().collect()
}

fn was_made(outcome: &(Held, Changed)) -> bool {
    outcome.1.how == How::Made
}

/// Where a name leads, by the server.
async fn addresses(knot: &Knot, name: &str) -> Vec<IpAddr> {
    ask(knot.address, name).await.unwrap().addresses
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn names_are_asked_for_over_udp_and_tcp() {
    let knot = Knot::start().await;
    for by in [By::Udp, By::Tcp] {
        let answer = find(knot.address, "Both.Lab.Test", by).await.unwrap().answer;
        assert_eq!(answer.addresses, [ip("192.0.2.1"), ip("2001:db8::1")]);
        assert_eq!((answer.ttl, answer.authoritative, answer.rcode), (7, true, Rcode::NOERROR));
        // Over UDP, the answer is cut off and asked for again.
        let many = find(knot.address, "many.lab.test", by).await.unwrap().answer;
        assert_eq!(many.addresses.len(), MANY);
    }
    let alias = ask(knot.address, "alias.lab.test").await.unwrap();
    assert_eq!(alias.addresses, [ip("192.0.2.1")]);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn nothing_there_is_an_answer_and_a_foreign_name_is_refused() {
    let knot = Knot::start().await;
    for (name, rcode) in [("text.lab.test", Rcode::NOERROR), ("absent.lab.test", Rcode::NXDOMAIN)] {
        let answer = ask(knot.address, name).await.unwrap();
        assert_eq!((answer.addresses.len(), answer.ttl, answer.rcode), (0, 0, rcode), "{name}");
    }
    let error = ask(knot.address, "a.other.test").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("name server {} answers REFUSED for a.other.test", knot.address)
    );
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn a_name_is_moved_once() {
    let knot = Knot::start().await;
    let to = [ip("192.0.2.2"), ip("192.0.2.3")];
    let first = switch(&knot.zone(), RANCHER, &to, 5).await.unwrap();
    assert_eq!((before(&first), was_made(&first)), (vec![ip("192.0.2.1")], true));
    let answer = ask(knot.address, RANCHER).await.unwrap();
    assert!(answer.is_exactly(&to), "{answer:?}");
    assert_eq!(answer.ttl, 5);
    let second = switch(&knot.zone(), RANCHER, &[to[1], to[0], to[0]], 5).await.unwrap();
    assert_eq!((before(&second), was_made(&second)), (to.to_vec(), false));
    // Nothing is sent then: a key that would be refused does not matter.
    let unknown = knot.zone_with(key("unknown"));
    assert!(!was_made(&switch(&unknown, RANCHER, &to, 5).await.unwrap()));
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn the_other_kind_of_address_goes_along() {
    let knot = Knot::start().await;
    let moved = switch(&knot.zone(), "both.lab.test", &[ip("192.0.2.2")], 5).await.unwrap();
    assert_eq!((before(&moved), was_made(&moved)), (vec![ip("192.0.2.1"), ip("2001:db8::1")], true));
    assert_eq!(addresses(&knot, "both.lab.test").await, [ip("192.0.2.2")]);
    // A stale AAAA alone is a reason to act too, and a name may move to IPv6 altogether.
    let six = [ip("2001:db8::2")];
    assert!(was_made(&switch(&knot.zone(), "both.lab.test", &six, 5).await.unwrap()));
    assert_eq!(addresses(&knot, "both.lab.test").await, six);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn a_new_name_is_made() {
    let knot = Knot::start().await;
    let made = switch(&knot.zone(), "new.lab.test.", &[ip("192.0.2.2")], 5).await.unwrap();
    assert_eq!((before(&made), was_made(&made)), (vec![], true));
    assert_eq!(addresses(&knot, "new.lab.test").await, [ip("192.0.2.2")]);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn every_algorithm_signs() {
    let knot = Knot::start().await;
    for (name, algorithm, to) in [
        ("lifeboat", Algorithm::HmacSha256, "192.0.2.2"),
        ("lifeboat384", Algorithm::HmacSha384, "192.0.2.3"),
        ("LifeBoat512.", Algorithm::HmacSha512, "192.0.2.4"),
    ] {
        let zone = knot.zone_with(Tsig::new(name, algorithm, SECRET).unwrap());
        assert!(was_made(&switch(&zone, RANCHER, &[ip(to)], 5).await.unwrap()));
        assert_eq!(addresses(&knot, RANCHER).await, [ip(to)]);
    }
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn keys_that_are_not_accepted_change_nothing() {
    let knot = Knot::start().await;
    let with = |name, algorithm, secret| Tsig::new(name, algorithm, secret).unwrap();
    for (key, reason) in [
        (with("lifeboat", Algorithm::HmacSha256, "b3RoZXI="), "BADSIG"),
        (with("unknown", Algorithm::HmacSha256, SECRET), "BADKEY"),
        (with("lifeboat", Algorithm::HmacSha512, SECRET), "BADKEY"),
        (with("reader", Algorithm::HmacSha256, SECRET), "BADKEY"),
    ] {
        let start = format!("name server {} does not accept the TSIG key {}: {reason}", knot.address, key.name());
        let error = switch(&knot.zone_with(key), RANCHER, &[ip("192.0.2.2")], 5).await.unwrap_err();
        assert!(error.to_string().starts_with(&start), "{error}");
        assert_eq!(error.kind(), estate::Kind::Person);
    }
    assert_eq!(addresses(&knot, RANCHER).await, [ip("192.0.2.1")]);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn clocks_that_differ_are_named() {
    let knot = Knot::start().await;
    let now = ambient::now();
    let skewed = now.as_second() - 3600;
    let update = provider::update(&fqdn("lab.test"), &fqdn(RANCHER), &held(["192.0.2.1"]), &held(["192.0.2.2"]));
    let error = knot.zone().update(RANCHER, update, skewed).await.unwrap_err();
    let Error::Clock { ours, theirs: Some(theirs), .. } = error else {
        panic!("{error}")
    };
    assert_eq!(ours.as_second(), skewed);
    // The server runs on this machine's clock.
    assert!((theirs.as_second() - now.as_second()).abs() < 600, "{theirs}");
    assert_eq!(addresses(&knot, RANCHER).await, [ip("192.0.2.1")]);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn zones_that_the_server_does_not_serve_are_named() {
    let knot = Knot::start().await;
    let refused = async |zone: &str, name: &str| {
        let zone = Zone { zone: zone.to_owned(), ..knot.zone() };
        switch(&zone, name, &[ip("192.0.2.2")], 5).await.unwrap_err()
    };
    for (zone, name) in [
        ("other.test", "a.other.test"),
        // The server has the zone below, and answers for the name.
        ("test", RANCHER),
        // Delegated to another server.
        ("lab.test", "a.child.lab.test"),
    ] {
        let error = refused(zone, name).await;
        assert!(matches!(error, Error::NotZone { .. }), "{zone}: {error}");
        assert_eq!(error.kind(), estate::Kind::Invalid);
    }
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn an_alias_is_not_moved() {
    let knot = Knot::start().await;
    let error = switch(&knot.zone(), "alias.lab.test", &[ip("192.0.2.2")], 5).await.unwrap_err();
    let Error::Alias { target, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(target, RANCHER);
    assert_eq!(addresses(&knot, "alias.lab.test").await, [ip("192.0.2.1")]);
}
