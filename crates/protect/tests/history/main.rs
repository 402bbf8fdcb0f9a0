//! A real etcd captured into a repository, proven from there, merged there, and rebuilt from there; and snapshots of one as others
//! leave them (`snapshots`).
//!
//! Ignored by `cargo test`, since it needs the programs that a lab installs (`cargo xtask test` has them), or a directory named by
//! `LIFEBOAT_ETCD`: `cargo test --package protect --test history -- --ignored`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

#[path = "../../../etcd/tests/server/certificates.rs"]
mod certificates;
#[path = "../../../etcd/tests/server/server.rs"]
mod server;
mod snapshots;
#[path = "../../../cluster/src/host/tests/sshd.rs"]
mod sshd;
#[path = "../../../repository/src/tests/weed/server.rs"]
mod weed;

use cluster::{Host, SshSettings};
use estate::Name;
use etcd::capture::{Behind, Options, Risk};
use etcd::history::{History, Shelf};
use etcd::merge::Policy;
use etcd::proof::hash_kv;
use etcd::rebuild::{Line, Marks, Members as Cluster, Request, Target, rebuild};
use etcd::selection::Packs;
use etcd::{Client, KeyValue, Members};
use protect::etcd::{Captured, CapturingError, Holder, RepositoryShelf, capture, merge_once};
use repository::{Founding, Grant, Recipient, Repository, Scope, Settings, Signer, StoreSettings, new_identity};
use server::{Server, Setup, free_ports, newest, peer_url, run};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Who holds the leases here, and never has to wait.
const HOLDER: Holder<'static> = Holder { name: "main-1", waiting: &|_| {}, patient: false };

fn cluster() -> Name {
    "rancher".parse().unwrap()
}

async fn repository(directory: &Path) -> Repository {
    let ((identity, recipient), root) = (new_identity(), Signer::generate().unwrap().1);
    let settings = Settings {
        store: StoreSettings::Directory(directory.to_owned()),
        identity: Some((*identity).to_owned()),
        identity_missing: None,
        passphrase: None,
        signer: None,
        root: Some(root.public().to_string()),
    };
    let repository = Repository::open(settings).unwrap();
    let recipient = Recipient { name: "safe".parse().unwrap(), recipient };
    let founding = Founding {
        root: &root,
        scopes: vec![Scope::Cluster(cluster())],
        recipients: vec![Grant { recipient, scopes: None }],
        writers: Vec::new(),
    };
    repository.found(&founding).await.unwrap();
    repository
}

/// A capture that runs.
struct Running {
    task: JoinHandle<Result<(), CapturingError>>,
    behind: watch::Receiver<Behind>,
    stop: oneshot::Sender<()>,
}

impl Running {
    fn start(repository: &Repository, server: &Server, spool: &Path) -> Self {
        let (behind, seen) = watch::channel(Risk::default().behind());
        let (stop, stopped) = oneshot::channel();
        let (source, options) = (Members::new(server.connection.clone(), []), Options::new(spool));
        let repository = repository.clone();
        let task = tokio::spawn(async move {
            let cluster = cluster();
            let captured = Captured { cluster: &cluster, source, options, lock: None };
            let stopped = async move { drop(stopped.await) };
            capture(&repository, captured, &HOLDER, Arc::new(|_| {}), behind, stopped).await
        });
        Self { task, behind: seen, stop }
    }

    /// Waits until everything through `revision` is stored, and ends it well.
    async fn stop_at(mut self, revision: u64) {
        let stored = self
            .behind
            .wait_for(|behind| behind.stored.is_some_and(|stored| stored >= revision));
        tokio::time::timeout(LIMIT, stored).await.unwrap().unwrap();
        self.stop.send(()).unwrap();
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap().unwrap();
    }
}

/// Writes what has several versions, deletions and a value larger than a chunk of a seal: the last revision.
async fn write(client: &Client, from: usize) -> u64 {
    for number in from..from + 60 {
        let key = format!("/registry/pods/{}", number % 40);
        client.put(key, vec![b'v'; 100 * number], 0).await.unwrap();
    }
    client.put("/registry/large", vec![b'l'; 900_000], 0).await.unwrap();
    client.delete("/registry/pods/3", "").await.unwrap().0.revision
}

async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Compares the hash that a member answers with the one that is computed from the repository.
async fn proven(shelf: &Arc<dyn Shelf>, client: &Client, revision: u64) {
    let theirs = client.hash_kv(revision).await.unwrap();
    let shelf = Arc::clone(shelf);
    let ours = apart(move || {
        let history = History::open(shelf).unwrap();
        let packs = Packs::of(&history.moment(1, revision).unwrap()).unwrap();
        hash_kv(&packs, revision, theirs.compact_revision).unwrap()
    });
    assert_eq!(ours.await.hash, theirs.hash, "at {revision} compacted at {}", theirs.compact_revision);
}

/// Rebuilds a revision from the repository, and starts an etcd on it: what that serves.
async fn served(shelf: &Arc<dyn Shelf>, tools: &Path, folder: &Path, revision: u64) -> Vec<KeyValue> {
    let (port, peer) = free_ports();
    let data = folder.join(format!("data-{revision}"));
    let said = run(std::process::Command::new(tools.join("etcd")).arg("--version"));
    let line: Line = said.split_whitespace().nth(2).unwrap().parse().unwrap();
    let request = Request {
        revision,
        line,
        marks: Marks::Bump(1000),
        target: Target::DataDirectories {
            members: Cluster::one("solo", &peer_url(peer), "rebuilt"),
            directories: vec![("solo".to_owned(), data.clone())],
        },
    };
    let shelf = Arc::clone(shelf);
    apart(move || {
        let history = History::open(shelf).unwrap();
        let packs = Packs::of(&history.moment(1, revision).unwrap()).unwrap();
        rebuild(&packs, &request).unwrap()
    })
    .await;
    let server = Setup::new(tools).name("solo").data(&data).ports(port, peer).start().await;
    server.client().await.range(b"\0", b"\0", 0, 0).await.unwrap().pairs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_repository_gives_back_what_etcd_had() {
    let (tools, folder) = (newest(), tempfile::tempdir().unwrap());
    let files = certificates::Files::create("127.0.0.1");
    let server = Server::start(&tools, Some(&files)).await;
    let client = server.client().await;
    let repository = repository(&folder.path().join("repository")).await;
    write(&client, 0).await;

    let running = Running::start(&repository, &server, folder.path());
    let first = write(&client, 60).await;
    running.stop_at(first).await;
    let then = client.range(b"\0", b"\0", first, 0).await.unwrap().pairs;
    // A second capture goes on where the first ended.
    let running = Running::start(&repository, &server, folder.path());
    client.compact(first - 20, true).await.unwrap();
    let last = write(&client, 120).await;
    running.stop_at(last).await;
    let now = client.range(b"\0", b"\0", last, 0).await.unwrap().pairs;

    let shelf: Arc<dyn Shelf> = Arc::new(RepositoryShelf::new(&repository, &cluster()));
    proven(&shelf, &client, first).await;
    proven(&shelf, &client, last).await;

    // An hour later it is merged; a moment's merging removes what the one before replaced.
    let later = ambient::now() + jiff::SignedDuration::from_mins(45);
    let before = repository.list_history(&cluster()).await.unwrap().objects.len();
    for _ in 0..2 {
        merge_once(&repository, &cluster(), &HOLDER, &Policy::default(), later, folder.path())
            .await
            .unwrap();
    }
    let listing = repository.list_history(&cluster()).await.unwrap();
    assert!(listing.objects.len() < before && listing.strange.is_empty(), "{before}: {listing:?}");
    proven(&shelf, &client, first).await;
    proven(&shelf, &client, last).await;

    assert_eq!(served(&shelf, &tools, folder.path(), first).await, then);
    assert_eq!(served(&shelf, &tools, folder.path(), last).await, now);
}
