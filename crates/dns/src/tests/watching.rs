//! Watching a switch, who serves a zone, and names that a person moves: at a real server.

use super::knot::{Knot, key};
use super::local::closed;
use super::{held, ip};
use crate::delegation::at_parent_by;
use crate::seen::seen_with;
use crate::{About, Askable, Expected, Held, How, Manual, Provider, Verdict, Wanted, Zone, authoritative, verify};
use std::net::SocketAddr;
use std::time::Duration;

const RANCHER: &str = "rancher.lab.test";
const PAUSE: Duration = Duration::from_millis(10);

fn expected(address: &str) -> Expected {
    Expected {
        name: RANCHER.to_owned(),
        to: [ip(address)].into(),
        all: true,
    }
}

fn manual(servers: Vec<SocketAddr>) -> Box<dyn Provider> {
    let manual = Manual { zone: "lab.test".to_owned(), servers, words: Vec::new() };
    manual.open().unwrap()
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn who_sees_a_switch_and_who_does_not_is_listed() {
    let (moved, other) = (Knot::start().await, Knot::start().await);
    let zone = moved.zone();
    let before = zone.read(RANCHER).await.unwrap();
    zone.change(RANCHER, &before, &Wanted::new([ip("192.0.2.2")], 5)).await.unwrap();
    let servers = [moved.address, other.address, closed()];
    let seen = seen_with(&expected("192.0.2.2"), &servers, PAUSE * 3, PAUSE).await;
    assert_eq!(seen.by, [moved.address]);
    let [stale, away] = &seen.not_by[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(stale.says, format!("{} says that {RANCHER} leads to 192.0.2.1", other.address));
    assert!(stale.answers && stale.server == other.address);
    assert!(!away.answers && away.says.contains("did not answer"), "{away:?}");
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn a_switch_that_comes_later_is_waited_for() {
    let knot = Knot::start().await;
    let (expected, servers) = (expected("192.0.2.2"), [knot.address]);
    let watching = seen_with(&expected, &servers, Duration::from_secs(60), PAUSE);
    let switching = async {
        let zone = knot.zone();
        let before = zone.read(RANCHER).await.unwrap();
        zone.change(RANCHER, &before, &Wanted::new([ip("192.0.2.2")], 5)).await.unwrap();
    };
    let (seen, ()) = tokio::join!(watching, switching);
    assert_eq!(seen.by, [knot.address]);
    let at = Askable { servers: vec![knot.address], resolvers: vec![knot.address] };
    let verified = verify(&expected, &at, 5).await;
    assert_eq!((verified.servers, verified.resolvers), (seen.clone(), seen));
}

#[tokio::test]
async fn one_that_is_silent_is_not_waited_for() {
    // Far longer than the test may take.
    let seen = seen_with(&expected("192.0.2.2"), &[closed()], Duration::from_secs(3600), PAUSE).await;
    assert!(seen.by.is_empty() && seen.not_by.len() == 1, "{seen:?}");
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn a_persons_switch_is_said_and_then_seen() {
    let knot = Knot::start().await;
    let manual = manual(vec![closed(), knot.address]);
    let before = manual.read(RANCHER).await.unwrap();
    let to = Wanted::new([ip("192.0.2.2")], 60);
    let asked = manual.change(RANCHER, &before, &to).await.unwrap();
    assert_eq!((asked.how, &asked.left), (How::ByHand, &before));
    assert_eq!(manual.lower_ttl(RANCHER, &before, 60).await.unwrap().how, How::ByHand);
    // The person.
    let zone = knot.zone();
    let left = zone.change(RANCHER, &before, &to).await.unwrap().left;
    assert_eq!(manual.change(RANCHER, &before, &to).await.unwrap().how, How::Already);
    assert_eq!(manual.restore(RANCHER, &before, &left).await.unwrap().how, How::ByHand);
    let found = manual.check(RANCHER, Duration::from_secs(900), &[]).await;
    let right = found.iter().find(|it| it.about == About::Right).unwrap();
    assert_eq!(right.verdict, Verdict::Unproven);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn the_zone_above_says_who_serves_a_zone() {
    // Its own servers listen at its own port: `child` is delegated to another.
    let knot = Knot::start().await;
    let port = knot.address.port();
    let parent = at_parent_by(&[closed(), knot.address], "child.lab.test", port).await.unwrap();
    assert_eq!(parent, ["ns.child.lab.test".to_owned()].into());
    assert_eq!(at_parent_by(&[knot.address], "absent.lab.test", port).await.unwrap(), [].into());
    // Nobody here knows of a zone above.
    let reason = at_parent_by(&[knot.address], "lab.test", port).await.unwrap_err();
    assert!(reason.contains("REFUSED"), "{reason}");
    assert_eq!(at_parent_by(&[], "lab.test", port).await.unwrap_err(), "no resolver is given");
    assert_eq!(knot.zone().servers().await.unwrap(), ["ns.lab.test".to_owned()].into());
    let found = authoritative(knot.address, "lab.test").await.unwrap();
    assert_eq!(found, [SocketAddr::new(knot.address.ip(), 53)]);
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn what_is_typed_is_taken_by_nsupdate() {
    let knot = Knot::start().await;
    let zone = knot.zone();
    let before = zone.read("both.lab.test").await.unwrap();
    let lines = zone.by_hand("both.lab.test", &before, &Wanted::new([ip("192.0.2.2")], 60));
    let server = format!("server {} {}", knot.address.ip(), knot.address.port());
    let update =
        "update delete both.lab.test A\\nupdate add both.lab.test 60 A 192.0.2.2\\nupdate delete both.lab.test AAAA";
    assert_eq!(
        lines,
        [format!(
            "printf '{server}\\nzone lab.test\\n{update}\\nsend\\n' | nsupdate -k KEY"
        )]
    );
    let secret = super::SECRET;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = format!("key \"lifeboat\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};");
    std::fs::write(file.path(), text).unwrap();
    let typed = lines.join("\n").replacen("KEY", &file.path().display().to_string(), 1);
    let status = tokio::process::Command::new("sh").args(["-c", &typed]).status().await.unwrap();
    assert!(status.success(), "nsupdate is in bind9-dnsutils: {status}");
    assert_eq!(zone.read("both.lab.test").await.unwrap().addresses(), [ip("192.0.2.2")].into());
}

#[tokio::test]
#[ignore = "needs knotd: cargo xtask test"]
async fn a_name_is_made_and_removed_and_kinds_keep_their_ttls() {
    let knot = Knot::start().await;
    let zone = knot.zone().open().unwrap();
    let to = Wanted::new([ip("192.0.2.2"), ip("2001:db8::2")], 60);
    let left = zone.change("new.lab.test", &Held::NOTHING, &to).await.unwrap().left;
    assert_eq!(zone.restore("new.lab.test", &Held::NOTHING, &left).await.unwrap().left, Held::NOTHING);
    let before = zone.read("both.lab.test").await.unwrap();
    let left = zone.change("both.lab.test", &before, &to).await.unwrap().left;
    zone.restore("both.lab.test", &before, &left).await.unwrap();
    assert_eq!(zone.read("both.lab.test").await.unwrap(), before);
    assert_ne!(before, held(["192.0.2.1", "2001:db8::1"]), "its kinds have TTLs of their own");
    let other: Zone = knot.zone_with(key("unknown"));
    assert_eq!(other.read("both.lab.test").await.unwrap(), before);
}
