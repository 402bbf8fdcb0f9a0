//! A real Knot on a loopback address of its own, with a zone and keys; it ends with the value.

use super::SECRET;
use crate::{Algorithm, Tsig, Zone, ask};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How often a starting server is asked, some 20 ms apart.
const TRIES: usize = 1000;

/// Addresses of the name `many`: their answer does not fit into 512 bytes.
pub(super) const MANY: usize = 60;

/// A running server.
pub(super) struct Knot {
    child: Child,
    pub(super) address: SocketAddr,
    files: TempDir,
}

impl Knot {
    /// Starts a server for `lab.test` and waits until it answers.
    pub(super) async fn start() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        // Knot shares ports with other Knots without a word: two tests must not be given the same address.
        let host = Ipv4Addr::new(127, 77, 0, NEXT.fetch_add(1, Ordering::Relaxed));
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let files = tempfile::tempdir().unwrap();
        let place = files.path();
        std::fs::write(place.join("knot.conf"), config(address, &place.display().to_string())).unwrap();
        std::fs::write(place.join("lab.test.zone"), zone(host)).unwrap();
        let log = File::create(place.join("log")).unwrap();
        let child = Command::new("/usr/sbin/knotd")
            .arg("-c")
            .arg(place.join("knot.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("knotd is not installed: apt-get install knot");
        let mut knot = Self { child, address, files };
        for _ in 0..TRIES {
            if ask(address, "ns.lab.test").await.is_ok_and(|answer| answer.authoritative) {
                return knot;
            }
            let ended = knot.child.try_wait().unwrap();
            assert!(ended.is_none(), "knotd ended: {}", knot.log());
            ambient::sleep(Duration::from_millis(20)).await;
        }
        panic!("knotd does not answer: {}", knot.log());
    }

    /// Its zone, with the key that may change it.
    pub(super) fn zone(&self) -> Zone {
        self.zone_with(key("lifeboat"))
    }

    pub(super) fn zone_with(&self, key: Tsig) -> Zone {
        Zone { server: self.address, zone: "lab.test".to_owned(), key }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

/// A key with the right secret.
pub(super) fn key(name: &str) -> Tsig {
    Tsig::new(name, Algorithm::HmacSha256, SECRET).unwrap()
}

fn config(address: SocketAddr, place: &str) -> String {
    let (host, port) = (address.ip(), address.port());
    let mut keys = String::new();
    for (name, algorithm) in [
        ("lifeboat", "hmac-sha256"),
        ("lifeboat384", "hmac-sha384"),
        ("lifeboat512", "hmac-sha512"),
        ("reader", "hmac-sha256"),
    ] {
        let _infallible = write!(keys, "  - id: {name}\n    algorithm: {algorithm}\n    secret: {SECRET}\n");
    }
    format!(
        "server:
  rundir: {place}
  listen: [ {host}@{port} ]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {place}
  journal-db-max-size: 32M
  timer-db-max-size: 16M
log:
  - target: stderr
    any: info
key:
{keys}acl:
  - id: update
    key: [ lifeboat, lifeboat384, lifeboat512 ]
    action: update
zone:
  - domain: lab.test
    storage: {place}
    file: lab.test.zone
    acl: update
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"
    )
}

fn zone(host: Ipv4Addr) -> String {
    let mut zone = format!(
        "$ORIGIN lab.test.
$TTL 300
@ SOA ns.lab.test. hostmaster.lab.test. 1 5 2 3600 5
@ NS ns
ns A {host}
rancher A 192.0.2.1
rancher TXT \"stays\"
both A 192.0.2.1
both 7 AAAA 2001:db8::1
alias CNAME rancher
text TXT \"no addresses\"
child NS ns.child
ns.child A 192.0.2.54
",
    );
    for n in 1..=MANY {
        let _infallible = writeln!(zone, "many A 198.51.100.{n}");
    }
    zone
}
