//! What all tests of histories in a repository share: repositories in directories, and a history as capture would have left it.

mod merging;
mod shelf;

use super::RepositoryShelf;
use ::etcd::history::{
    BaseHeader, BaseWriter, Began, Buckets, Header, History, Kind, Link, Seen, SegmentHeader, Shelf, Source as From,
    Written, encode_segment,
};
use ::etcd::proof::hash_kv;
use ::etcd::selection::Packs;
use ::etcd::{KeyValue, Record, Revision};
use estate::{Distribution, Epoch, HashProof, Name, Point, PointId};
use repository::{
    Founding, Grant, Recipient, Repository, Scope, Settings, Signer, StoreSettings, Writer, new_identity,
};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn cluster() -> Name {
    "rancher".parse().unwrap()
}

/// The secrets of a repository: they stay when its directory is copied.
pub(crate) struct Secrets {
    identity: String,
    recipient: String,
    signer: String,
    root: Signer,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let (identity, recipient) = new_identity();
        Self {
            identity: (*identity).to_owned(),
            recipient,
            signer: (*Signer::generate().unwrap().0).to_owned(),
            root: Signer::generate().unwrap().1,
        }
    }

    fn open(&self, directory: &Path) -> Repository {
        let settings = Settings {
            store: StoreSettings::Directory(directory.to_owned()),
            identity: Some(self.identity.clone()),
            identity_missing: None,
            passphrase: None,
            signer: Some(self.signer.clone()),
            root: Some(self.root.public().to_string()),
        };
        Repository::open(settings).unwrap()
    }

    pub(crate) async fn found(&self, directory: &Path) -> Repository {
        let repository = self.open(directory);
        let recipient = Recipient {
            name: "safe".parse().unwrap(),
            recipient: self.recipient.clone(),
        };
        let founding = Founding {
            root: &self.root,
            scopes: vec![Scope::Cluster(cluster())],
            recipients: vec![Grant { recipient, scopes: None }],
            writers: vec![Writer {
                name: "main".parse().unwrap(),
                key: Signer::parse("signer", &self.signer).unwrap().public(),
                scopes: vec![Scope::Cluster(cluster())],
            }],
        };
        repository.found(&founding).await.unwrap();
        repository
    }
}

/// Stores a point of a revision of timeline 1, taken at `time` on a day long ago, with these bytes for files.
pub(crate) async fn store_point(
    repository: &Repository,
    (time, revision): (&str, u64),
    proof: Option<HashProof>,
    files: &[u8],
) -> Point {
    let id = PointId::new(Epoch(1), format!("1970-01-01T{time}Z").parse().unwrap(), "k7xq").unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("files"), files).unwrap();
    let mut new = repository.begin(&cluster(), &id);
    let part = new.part("files", &folder.path().join("files")).await.unwrap();
    let point = Point {
        cluster: cluster(),
        distribution: Distribution::Kubeadm,
        epoch: Epoch(1),
        site: "main".parse().unwrap(),
        host: "main-1".parse().unwrap(),
        begun: id.at().unwrap(),
        stored: id.at().unwrap(),
        timeline: 1,
        revision: i64::try_from(revision).unwrap(),
        etcd_cluster_id: 1,
        etcd_version: "3.6.16".to_owned(),
        proof,
        lacks: None,
        untested: Vec::new(),
        reason: None,
        parts: vec![part],
        id,
    };
    new.commit(&point).await.unwrap();
    point
}

/// A new repository in the directory, and the shelf in it.
async fn shelf_in(directory: &Path) -> RepositoryShelf {
    RepositoryShelf::new(&Secrets::new().found(directory).await, &cluster())
}

/// Carries out what blocks.
pub(crate) async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The record of a revision: ten keys, in turn.
fn record(main: u64) -> Record {
    let first = (main - 2) % 10 + 2;
    let kv = KeyValue {
        key: format!("/registry/k{first}").into(),
        create_revision: first,
        mod_revision: main,
        version: (main - first) / 10 + 1,
        value: format!("value {main}").into(),
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &kv)
}

/// The last revision of the history that is made.
pub(crate) const LAST: u64 = 24;

/// Puts a history on the shelf in which each revision takes a second: a base of revision 3, a segment of a second each, and at its end
/// some in which nothing happened.
pub(crate) fn make(shelf: &dyn Shelf) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    (2..=3).for_each(|main| writer.live(&record(main)).unwrap());
    let header = BaseHeader {
        timeline: 1,
        revision: 3,
        compaction: 0,
        taken_ms: 3000,
        source: From::default(),
        etcd_version: "3.6.16".to_owned(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let (base, bytes) = writer.finish(header, &Buckets::new()).unwrap();
    let mut last = put(shelf, &base, &bytes);
    for through in 4..=LAST {
        last = segment(shelf, last, through, through);
    }
    for second in 1..=3 {
        last = segment(shelf, last, LAST, LAST + second);
    }
}

fn segment(shelf: &dyn Shelf, (after, prev): (u64, Link), through: u64, second: u64) -> (u64, Link) {
    let header = SegmentHeader {
        timeline: 1,
        kind: Kind::Captured,
        prev,
        after,
        through,
        count: 0,
        times: vec![Seen { revision: through, at_ms: second * 1000 }],
        leases: Vec::new(),
        source: From::default(),
    };
    let records: Vec<_> = (after + 1..=through).map(record).collect();
    let (bytes, written) = encode_segment(header, &records, None).unwrap();
    put(shelf, &written, &bytes)
}

fn put(shelf: &dyn Shelf, written: &Written, mut bytes: &[u8]) -> (u64, Link) {
    shelf.create(&written.name, &mut bytes).unwrap();
    let through = match &written.header {
        Header::Base(it) => it.revision,
        Header::Segment(it) => it.through,
    };
    (through, written.chain)
}

/// Of each revision that can be rebuilt, what an etcd there that was compacted there answers to `HashKV`.
fn hashes(shelf: &Arc<dyn Shelf>, revisions: impl Iterator<Item = u64>) -> Vec<(u64, Option<u32>)> {
    let history = History::open(Arc::clone(shelf)).unwrap();
    let hash = |revision: u64| {
        let packs = Packs::of(&history.moment(1, revision).ok()?).unwrap();
        Some(hash_kv(&packs, revision, revision).unwrap().hash)
    };
    revisions.map(|revision| (revision, hash(revision))).collect()
}
