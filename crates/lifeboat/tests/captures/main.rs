//! Captures of a real etcd into a repository, as commands of their own.
//!
//! Ignored by `cargo test`, since they need the programs that a lab installs (`cargo xtask test` has them), or a directory named by
//! `LIFEBOAT_ETCD`: `cargo test --package lifeboat --test captures -- --ignored`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

#[path = "../../../etcd/tests/server/certificates.rs"]
mod certificates;
mod locked;
#[path = "../cli/place.rs"]
mod place;
mod served;
#[path = "../../../etcd/tests/server/server.rs"]
mod server;
mod soaked;
#[path = "../../../repository/src/tests/weed/server.rs"]
mod weed;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use place::Place;
use serde_json::Value;
use server::{Server, newest};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

/// A capture that runs, as somebody who reads its output sees it.
struct Capture {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Capture {
    fn begin(place: &Place, to_etcd: &str) -> Self {
        let mut command = place.command(&format!("etcd capture --cluster rancher --output json --spool . {to_etcd}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    /// Reads on until it says that all through a revision is stored.
    fn stored(&mut self, revision: u64) {
        for line in self.out.by_ref().lines() {
            let now: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if now["storedRevision"].as_u64().is_some_and(|stored| stored >= revision) {
                return;
            }
        }
        panic!("it ended: {}", self.said());
    }

    /// The next line for people that has `part` in it.
    fn says(&mut self, part: &str) -> String {
        let mut lines = self.err.by_ref().lines().map(Result::unwrap);
        lines
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("it never says {part}"))
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        self.err.read_to_string(&mut said).unwrap();
        said
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Fails where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn of_two_hosts_one_captures_and_who_was_paused_past_its_lease_learns_that_it_is_fenced() {
    let place = Place::new("two-captures");
    place.must("repository init --root-key root.key");
    let files = certificates::Files::create("127.0.0.1");
    let server = Server::start(&newest(), Some(&files)).await;
    let client = server.client().await;
    let put = async |value: &'static str| client.put("/registry/x", value, 0).await.unwrap().revision;
    let to_etcd = format!(
        "--endpoints {} --cacert {} --cert {} --key {}",
        server.connection.endpoint,
        files.ca.display(),
        files.client_cert.display(),
        files.client_key.display()
    );

    let mut first = Capture::begin(&place, &to_etcd);
    first.stored(put("one").await);
    let mut second = Capture::begin(&place, &to_etcd);
    let waits = second.says("waits: ");
    assert!(waits.contains("its lease (epoch 1) is free in"), "{waits}");

    // Paused, and what it has not stored yet with it: the other goes on from where it stopped.
    first.signal(Signal::SIGSTOP);
    let last = put("two").await;
    second.stored(last);
    first.signal(Signal::SIGCONT);
    assert_eq!(first.child.wait().unwrap().code(), Some(1));
    let said = first.said();
    assert!(said.contains("LB0410") && said.contains("epoch 1 is over: "), "{said}");

    // Ended well, it leaves nobody to wait.
    second.signal(Signal::SIGTERM);
    assert_eq!(second.child.wait().unwrap().code(), Some(0));
    let verified = place.must(&format!("etcd verify --cluster rancher {to_etcd}"));
    assert!(verified.out.contains(&last.to_string()), "{}", verified.out);
    let mut third = Capture::begin(&place, &to_etcd);
    third.stored(put("three").await);
    third.signal(Signal::SIGTERM);
    assert_eq!(third.child.wait().unwrap().code(), Some(0));

    // A segment from its midst is taken away: it is missed, and the copy has it.
    place.must("repository copy --to second");
    place.must("repository check");
    let history = place.0.join("copies/clusters/rancher/history");
    let names = std::fs::read_dir(&history)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut segments: Vec<String> = names.filter(|name| name.contains("-seg-")).collect();
    segments.sort();
    std::fs::remove_file(history.join(&segments[0])).unwrap();
    let missed = place.run("repository check");
    assert!(missed.code == Some(4) && missed.out.contains("breaks off at revision"), "{}", missed.out);
    place.must("repository repair --from second --yes");
    place.must("repository check");
    assert!(history.join(&segments[0]).exists());
}
