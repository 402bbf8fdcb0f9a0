//! The name server: a real Knot on a loopback address of its own; it ends with the value.

use dns::{Provider, Wanted};
use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The secret of its key.
pub(super) const SECRET: &str = "bGlmZWJvYXQ=";

/// How often a starting server is asked, some 20 ms apart.
const TRIES: usize = 1000;

/// How long answers may be kept, in seconds.
const TTL: u32 = 2;

pub(super) struct Knot {
    child: Child,
    pub(super) address: SocketAddr,
    _files: TempDir,
}

impl Knot {
    /// Starts one for `example.org`, in which `name` leads to `to`, and waits until it answers.
    pub(super) async fn start(host: IpAddr, name: &str, to: IpAddr) -> Self {
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let files = tempfile::tempdir().unwrap();
        let place = files.path().display().to_string();
        let port = address.port();
        let config = format!(
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
  - id: lifeboat
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: update
    key: lifeboat
    action: update
zone:
  - domain: example.org
    storage: {place}
    file: zone
    acl: update
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"
        );
        let zone = format!(
            "$ORIGIN example.org.\n$TTL {TTL}\n@ SOA ns hostmaster 1 5 2 3600 5\n@ NS ns\nns A {host}\n{name}. A {to}\n"
        );
        std::fs::write(files.path().join("knot.conf"), config).unwrap();
        std::fs::write(files.path().join("zone"), zone).unwrap();
        let log = File::create(files.path().join("log")).unwrap();
        let mut knot = Command::new("/usr/sbin/knotd");
        knot.arg("-c").arg(files.path().join("knot.conf")).stdin(Stdio::null());
        let child = knot.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let mut knot = Self {
            child: child.expect("knotd is not installed: apt-get install knot"),
            address,
            _files: files,
        };
        let log = |knot: &Self| std::fs::read_to_string(knot._files.path().join("log")).unwrap_or_default();
        for _ in 0..TRIES {
            if dns::ask(address, name).await.is_ok_and(|answer| answer.authoritative) {
                return knot;
            }
            let ended = knot.child.try_wait().unwrap();
            assert!(ended.is_none(), "knotd ended: {}", log(&knot));
            ambient::sleep(Duration::from_millis(20)).await;
        }
        panic!("knotd does not answer: {}", log(&knot));
    }

    /// Lets `name` lead to `to`, whatever it led to before.
    pub(super) async fn lead(&self, names: &dyn Provider, name: &str, to: IpAddr) {
        let held = names.read(name).await.unwrap();
        names.change(name, &held, &Wanted::new([to], TTL)).await.unwrap();
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}
