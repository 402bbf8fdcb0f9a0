//! What all tests share: keys, points, and repositories on stores of each kind.

mod adversity;
mod conformance;
mod filing;
mod journals;
mod odd;
mod probing;
mod retaining;
mod sealing;
mod settings;
mod storing;
mod weed;

use crate::seal::Sealer;
use crate::store::Store;
use crate::{NewPoint, Repository, Settings, StoreSettings};
use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use estate::{Distribution, Epoch, Name, Part, Point, PointId};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An identity file's text, and its recipient.
struct Pair {
    identity: String,
    recipient: String,
}

fn key() -> Pair {
    let identity = Identity::generate();
    let recipient = identity.to_public().to_string();
    let identity = format!(
        "# created: today\n# public key: {recipient}\n\n{}\n",
        identity.to_string().expose_secret()
    );
    Pair { identity, recipient }
}

/// Settings of a directory, for one key.
fn settings(directory: &Path, key: &Pair) -> Settings {
    Settings {
        store: StoreSettings::Directory(directory.to_owned()),
        recipients: vec![key.recipient.clone()],
        identity: Some(key.identity.clone()),
    }
}

/// A repository on any store, made and ready.
async fn on(store: Arc<dyn ObjectStore>, key: &Pair) -> Repository {
    let repository = opened_on(store, key);
    repository.init().await.unwrap();
    repository
}

fn opened_on(store: Arc<dyn ObjectStore>, key: &Pair) -> Repository {
    let sealer = Sealer::new(&settings(Path::new("/"), key)).unwrap();
    Repository::on(Store::on(store, "memory"), sealer)
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
        revision: 7,
        etcd_cluster_id: u64::MAX,
        etcd_version: "3.7.3".to_owned(),
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
