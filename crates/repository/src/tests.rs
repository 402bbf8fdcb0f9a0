//! What all tests share: keys, points, and repositories on stores of each kind.

mod adversity;
pub(crate) mod chance;
mod checking;
mod clocked;
mod conformance;
mod copying;
mod counting;
mod disks;
mod filing;
mod foreign;
mod histories;
mod holding;
mod journals;
mod killed;
mod kits;
mod leasing;
mod leftovers;
mod mending;
mod odd;
mod probing;
mod pruning;
mod replies;
mod retaining;
mod sealing;
mod settings;
mod storing;
mod telling;
mod trusting;
mod waiting;
mod weed;

use crate::store::Store;
use crate::{Founding, Grant, NewPoint, Recipient, Repository, Scope, Settings, Signer, StoreSettings, Writer};
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use estate::{Distribution, Epoch, Name, Part, Point, PointId};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An identity file's text, its recipient, and the signing keys of a writer and of the root.
struct Pair {
    identity: String,
    recipient: String,
    signer: String,
    root: String,
}

fn key() -> Pair {
    let identity = Identity::generate();
    let recipient = identity.to_public().to_string();
    let identity = format!(
        "# created: today\n# public key: {recipient}\n\n{}\n",
        identity.to_string().expose_secret()
    );
    let [signer, root] = [0, 1].map(|_| Signer::generate().unwrap().0.to_string());
    Pair { identity, recipient, signer, root }
}

impl Pair {
    fn root(&self) -> Signer {
        Signer::parse("root", &self.root).unwrap()
    }

    fn signer(&self) -> Signer {
        Signer::parse("signer", &self.signer).unwrap()
    }

    fn recipient(&self, name: &str) -> Recipient {
        Recipient {
            name: name.parse().unwrap(),
            recipient: self.recipient.clone(),
        }
    }

    fn writer(&self, scopes: &[Scope]) -> Writer {
        Writer {
            name: "main".parse().unwrap(),
            key: self.signer().public(),
            scopes: scopes.to_vec(),
        }
    }
}

/// Settings of a directory, for one key.
fn settings(directory: &Path, key: &Pair) -> Settings {
    Settings {
        store: StoreSettings::Directory(directory.to_owned()),
        identity: Some(key.identity.clone()),
        identity_missing: None,
        passphrase: None,
        signer: Some(key.signer.clone()),
        root: Some(key.root().public().to_string()),
    }
}

/// The scopes of all tests.
fn scopes() -> Vec<Scope> {
    vec![Scope::Shared, Scope::Cluster(cluster())]
}

/// Makes the repository that `key` opens and writes.
async fn found(repository: &Repository, key: &Pair) -> Result<Vec<String>, crate::Error> {
    let founding = Founding {
        root: &key.root(),
        scopes: scopes(),
        recipients: vec![Grant { recipient: key.recipient("safe"), scopes: None }],
        writers: vec![key.writer(&scopes())],
    };
    repository.found(&founding).await
}

/// A repository on any store, made and ready.
async fn on(store: Arc<dyn ObjectStore>, key: &Pair) -> Repository {
    let repository = opened_on(store, key);
    found(&repository, key).await.unwrap();
    repository
}

fn opened_on(store: Arc<dyn ObjectStore>, key: &Pair) -> Repository {
    Repository::on(Store::on(store, "memory"), &settings(Path::new("/"), key)).unwrap()
}

async fn in_memory() -> (Repository, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    (on(store.clone(), &key()).await, store)
}

fn cluster() -> Name {
    "management".parse().unwrap()
}

/// The id of a point begun `minute` minutes after ten.
fn id(minute: u32) -> PointId {
    let at = format!("2026-11-22T10:{minute:02}:00Z").parse().unwrap();
    PointId::new(Epoch(1), at, "k7xq").unwrap()
}

fn point(id: &PointId, parts: Vec<Part>) -> Point {
    Point {
        id: id.clone(),
        cluster: cluster(),
        distribution: Distribution::Kubeadm,
        epoch: id.epoch(),
        site: "main".parse().unwrap(),
        host: "main-1".parse().unwrap(),
        begun: id.at().unwrap(),
        stored: id.at().unwrap(),
        timeline: 1,
        revision: 7,
        etcd_cluster_id: u64::MAX,
        etcd_version: "3.7.3".to_owned(),
        proof: None,
        lacks: None,
        untested: Vec::new(),
        reason: None,
        parts,
    }
}

/// Local files: what is copied, and where it is fetched to.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, content: &[u8]) -> PathBuf {
        std::fs::write(self.at(name), content).unwrap();
        self.at(name)
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.path().read_dir().unwrap();
        let mut names: Vec<String> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Stores a point of one part, `etcd`.
async fn store_point(repository: &Repository, id: &PointId, content: &[u8]) -> Point {
    let (mut new, part) = store_part(repository, id, content).await;
    let point = point(id, vec![part]);
    new.commit(&point).await.unwrap();
    point
}

async fn store_part(repository: &Repository, id: &PointId, content: &[u8]) -> (NewPoint, Part) {
    let files = Files::new();
    let mut new = repository.begin(&cluster(), id);
    let part = new.part("etcd", &files.with("snapshot", content)).await.unwrap();
    (new, part)
}

/// Bytes that no compression or repetition makes easy.
fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}
