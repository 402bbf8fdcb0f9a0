//! A repository as Lifeboat leaves it: keyrings, points, a kit, files, a history.

use crate::history::Made;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::{Distribution, Epoch, Name, Point, PointId};
use protect::files::{Entry, Files, What};
use repository::{
    Founding, Grant, Hidden, Kit, Put, Recipient, Repository, Scope, Settings, Signer, StoreSettings, Taking, Writer,
    new_identity,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");

/// What is stored, and where.
pub(crate) struct Stored {
    pub(crate) store: PathBuf,
    /// The text of the identity's file.
    pub(crate) identity: String,
    /// The root's public key.
    pub(crate) root: String,
    pub(crate) cluster: Name,
    /// The parts of the newest point.
    pub(crate) parts: BTreeMap<String, Vec<u8>>,
    /// What is in its part `files`.
    pub(crate) control_plane: BTreeMap<String, Vec<u8>>,
    /// The kit's files.
    pub(crate) kit: BTreeMap<String, Vec<u8>>,
    /// The files of the newest snapshot, by their absolute path without its `/`.
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) history: Made,
    folder: TempDir,
}

impl Stored {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (identity, recipient) = new_identity();
        let ((signer, writer), (_, root)) = (Signer::generate().unwrap(), Signer::generate().unwrap());
        let settings = Settings {
            store: StoreSettings::Directory(at("store")),
            identity: Some((*identity).clone()),
            identity_missing: None,
            passphrase: None,
            signer: Some((*signer).clone()),
            root: Some(root.public().to_string()),
        };
        let repository = Repository::open(settings).unwrap();
        let mut it = Self {
            store: at("store"),
            identity: format!("# public key: {recipient}\n{}\n", &*identity),
            root: root.public().to_string(),
            cluster: "rancher".parse().unwrap(),
            parts: BTreeMap::new(),
            control_plane: BTreeMap::new(),
            kit: BTreeMap::new(),
            files: BTreeMap::new(),
            history: Made::new(at("history")),
            folder,
        };
        let recipients = it.found(&repository, &root, &writer, &recipient).await;
        it.put_points(&repository).await;
        it.put_kit(&repository).await;
        it.put_files(&repository).await;
        // What comes from now on is sealed with another key.
        repository.rewrap(&root, &it.scope(), recipients, true).await.unwrap();
        it.put_history(&repository).await;
        it
    }

    fn scope(&self) -> Scope {
        Scope::Cluster(self.cluster.clone())
    }

    /// An estate that has the repository where it is.
    fn estate(&self) -> String {
        let (begin, end) = (GOOD.find("repositories:").unwrap(), GOOD.find("clusters:\n  rancher").unwrap());
        let recipient = self.identity.lines().next().unwrap().rsplit(' ').next().unwrap();
        let repository = format!(
            "repositories:\n  standby-s3:\n    site: standby\n    url: file://{}\n    root: {}\n    recipients: [{{name: safe, key: {recipient}}}]\n    \
             writers: [{{name: main, key: {}}}]\n    identity: file:identity.txt\n",
            self.store.display(),
            self.root,
            self.root
        );
        format!("{}{repository}{}", &GOOD[..begin], &GOOD[end..])
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the repository, for our identity and for another.
    async fn found(&self, repository: &Repository, root: &Signer, writer: &Signer, ours: &str) -> Vec<Recipient> {
        let recipient = |name: &str, recipient: String| Recipient { name: name.parse().unwrap(), recipient };
        let recipients = vec![
            recipient("cellar", new_identity().1),
            recipient("safe", ours.to_owned()),
        ];
        let other = Scope::Cluster("other".parse().unwrap());
        let founding = Founding {
            root,
            scopes: vec![self.scope(), other.clone()],
            recipients: recipients
                .iter()
                .map(|it| Grant { recipient: it.clone(), scopes: None })
                .collect(),
            writers: vec![
                Writer {
                    name: "stranger".parse().unwrap(),
                    key: Signer::generate().unwrap().1.public(),
                    scopes: vec![other],
                },
                Writer {
                    name: "main".parse().unwrap(),
                    key: writer.public(),
                    scopes: vec![Scope::Shared, self.scope()],
                },
            ],
        };
        repository.found(&founding).await.unwrap();
        recipients
    }

    /// Two points; the second has what the first has not, and parts of lengths at which chunks begin and end.
    async fn put_points(&mut self, repository: &Repository) {
        self.history.snapshot(&self.at("snapshot"));
        self.control_plane = BTreeMap::from([
            ("main-1/etc/kubernetes/pki/ca.key".to_owned(), b"a key".to_vec()),
            ("main-1/etc/kubernetes/encryption.yaml".to_owned(), vec![0, 255, 10]),
        ]);
        self.parts = BTreeMap::from([("etcd".to_owned(), vec![7; 200_000]), ("files".to_owned(), Vec::new())]);
        self.put_point(repository, "2026-11-22T10:00:00Z").await;
        self.parts = BTreeMap::from([
            ("etcd".to_owned(), fs::read(self.at("snapshot")).unwrap()),
            ("files".to_owned(), archive(&self.control_plane)),
            ("empty".to_owned(), Vec::new()),
            ("even".to_owned(), vec![3; 2 * 65_536]),
        ]);
        self.put_point(repository, "2026-11-22T10:00:15Z").await;
    }

    async fn put_point(&self, repository: &Repository, begun: &str) {
        let id = PointId::new(Epoch(1), begun.parse().unwrap(), "k7xq").unwrap();
        let mut new = repository.begin(&self.cluster, &id);
        let mut parts = Vec::new();
        for (name, content) in &self.parts {
            fs::write(self.at("part"), content).unwrap();
            parts.push(new.part(name, &self.at("part")).await.unwrap());
        }
        let point = Point {
            begun: id.at().unwrap(),
            stored: id.at().unwrap(),
            id,
            cluster: self.cluster.clone(),
            distribution: Distribution::Kubeadm,
            epoch: Epoch(1),
            site: "main".parse().unwrap(),
            host: "main-1".parse().unwrap(),
            timeline: 1,
            revision: 430,
            etcd_cluster_id: u64::MAX,
            etcd_version: "3.5.21".to_owned(),
            proof: None,
            lacks: None,
            untested: Vec::new(),
            reason: None,
            parts,
        };
        new.commit(&point).await.unwrap();
    }

    async fn put_kit(&mut self, repository: &Repository) {
        self.kit = BTreeMap::from([
            ("lifeboat.yaml".to_owned(), self.estate().into_bytes()),
            ("keys/tsig key".to_owned(), vec![0, 10, 13, 255]),
            ("/etc/lifeboat/peers.key".to_owned(), b"c2VjcmV0\n".to_vec()),
            ("env:TOKEN".to_owned(), b"it's \"secret\"".to_vec()),
        ]);
        let sealed = self
            .kit
            .iter()
            .map(|(name, content)| (name.clone(), Hidden::from(STANDARD.encode(content))));
        let left_out = BTreeMap::from([("dns.key".to_owned(), "the estate leaves it out".to_owned())]);
        let made = "2026-11-22T10:00:00Z".parse().unwrap();
        let kit = Kit::new(made, "lifeboat.yaml".to_owned(), sealed.collect(), left_out);
        assert_eq!(repository.put_kit(&kit).await.unwrap(), Some(1));
    }

    /// Two snapshots of a folder.
    async fn put_files(&mut self, repository: &Repository) {
        let files = repository.files(&self.cluster).await.unwrap();
        assert!(files.init().await.unwrap());
        let folder = self.at("node");
        fs::create_dir_all(folder.join("etc/a folder")).unwrap();
        let options = Taking { host: "main-1".to_owned(), ..Taking::default() };
        for content in [b"old".to_vec(), vec![5; 3 << 20]] {
            for name in ["config.yaml", "etc/a folder/large"] {
                let file = folder.join(name);
                fs::write(&file, &content).unwrap();
                self.files.insert(file.strip_prefix("/").unwrap().to_owned(), content.clone());
            }
            let taken = files.take(std::slice::from_ref(&folder), &options).await.unwrap();
            assert_eq!(taken.unread, []);
        }
    }

    async fn put_history(&self, repository: &Repository) {
        for entry in fs::read_dir(&self.history.folder).unwrap() {
            let entry = entry.unwrap();
            let (name, content) = (entry.file_name().into_string().unwrap(), fs::File::open(entry.path()).unwrap());
            let put = repository.put_history(&self.cluster, &name, 1, content).await.unwrap();
            assert_eq!(put, Put::Created);
        }
    }
}

/// The key names of all objects in a folder of the cluster's, in order.
pub(crate) fn named(store: &Path, folder: &str) -> Vec<String> {
    let place = format!("clusters/rancher/{folder}");
    let entries = fs::read_dir(store.join(&place)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| format!("{place}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    names
}

fn archive(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut archived = Files::default();
    for (name, content) in files {
        let (host, path) = name.split_at(name.find('/').unwrap());
        let what = What::File { bytes: content.clone(), modified: 0 };
        let entry = Entry { mode: 0o600, owner: (0, 0), label: None, what };
        archived.0.entry(host.to_owned()).or_default().0.insert(path.to_owned(), entry);
    }
    archived.archive().unwrap()
}
