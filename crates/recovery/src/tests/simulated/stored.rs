//! The repository: a real one in the estate's directory, with a point of each cluster. Start at [`found`].

use super::hosts::{self, Host};
use super::name;
use estate::{Distribution, Epoch, Point, PointId};
use etcd::history::{BaseHeader, BaseWriter, Began, Buckets, Shelf, Source};
use etcd::{KeyValue, Record, Revision};
use protect::etcd::RepositoryShelf;
use protect::files::{Entry, Files, Tree, What};
use repository::{
    Founding, Grant, Recipient, Repository, Scope, Settings, Signer, StoreSettings, Writer, new_identity,
};
use std::path::Path;

/// The revision of the points.
const REVISION: u64 = 40;

/// Founds the repository `copies` in the directory and puts its secrets beside it. Returns what the estate says of it.
pub(super) async fn found(directory: &Path) -> String {
    let (identity, recipient) = new_identity();
    let (signer, signs) = Signer::generate().unwrap();
    let (_, root) = Signer::generate().unwrap();
    let scopes: Vec<Scope> = [super::RANCHER, super::SHOP, super::EDGE]
        .map(|it| Scope::Cluster(name(it)))
        .into();
    let settings = Settings {
        store: StoreSettings::Directory(directory.join("copies")),
        identity: Some((*identity).clone()),
        identity_missing: None,
        passphrase: None,
        signer: Some((*signer).clone()),
        root: Some(root.public().to_string()),
    };
    let founding = Founding {
        root: &root,
        scopes: scopes.clone(),
        recipients: vec![Grant {
            recipient: Recipient { name: name("safe"), recipient: recipient.clone() },
            scopes: None,
        }],
        writers: vec![Writer { name: name("main-1"), key: signs.public(), scopes }],
    };
    Repository::open(settings).unwrap().found(&founding).await.unwrap();
    std::fs::write(directory.join("identity.txt"), &*identity).unwrap();
    std::fs::write(directory.join("signer.key"), &*signer).unwrap();
    format!(
        "repositories:
  here:
    site: standby
    url: file:copies
    recipients: [{{name: safe, key: {recipient}}}]
    writers: [{{name: main-1, key: {}}}]
    identity: file:identity.txt
    signer: file:signer.key
    root: {}
",
        signs.public(),
        root.public()
    )
}

/// Stores a history of `cluster` and a point of it, with the files of its hosts.
pub(super) async fn points(repository: &Repository, of: &[Host], cluster: &str) {
    let shelf = RepositoryShelf::new(repository, &name(cluster));
    tokio::task::spawn_blocking(move || history(&shelf)).await.unwrap();
    let at = "2026-11-22T22:01:02.123Z".parse().unwrap();
    let id = PointId::new(Epoch::FIRST, at, "k7xq").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("files");
    let trees = of.iter().map(|host| (host.name.to_owned(), tree(host, cluster)));
    std::fs::write(&file, Files(trees.collect()).archive().unwrap()).unwrap();
    let mut new = repository.begin(&name(cluster), &id);
    let part = new.part("files", &file).await.unwrap();
    let point = Point {
        cluster: name(cluster),
        distribution: match cluster {
            super::EDGE => Distribution::K3s,
            _ => Distribution::Kubeadm,
        },
        epoch: Epoch::FIRST,
        site: name("main"),
        host: name(of[0].name),
        begun: at,
        stored: at,
        timeline: 1,
        revision: i64::try_from(REVISION).unwrap(),
        etcd_cluster_id: 1,
        etcd_version: "3.6.16".to_owned(),
        proof: None,
        lacks: Some(Vec::new()),
        untested: Vec::new(),
        reason: None,
        parts: vec![part],
        id,
    };
    new.commit(&point).await.unwrap();
}

/// The files of a host as they were copied.
fn tree(host: &Host, cluster: &str) -> Tree {
    let files = match cluster {
        super::EDGE => hosts::k3s(cluster),
        _ => hosts::control_plane(host, cluster),
    };
    let entry = |text: String| Entry {
        mode: 0o600,
        owner: (0, 0),
        label: None,
        what: What::File { bytes: text.into_bytes(), modified: 1_700_000_000 },
    };
    let mut tree = Tree(files.into_iter().map(|(path, text)| (path, entry(text))).collect());
    let above: Vec<String> = tree
        .0
        .keys()
        .flat_map(|path| Path::new(path).ancestors().skip(1))
        .map(|it| it.display().to_string())
        .collect();
    for path in above.into_iter().filter(|path| path != "/") {
        let directory = Entry { mode: 0o755, owner: (0, 0), label: None, what: What::Parent };
        tree.0.insert(path, directory);
    }
    tree
}

fn history(shelf: &dyn Shelf) {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    for main in 2..=REVISION {
        let kv = KeyValue {
            key: format!("/registry/configmaps/default/c{main:03}").into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: format!("value {main}").into(),
            lease: 0,
        };
        writer.live(&Record::put(Revision { main, sub: 0 }, &kv)).unwrap();
    }
    let header = BaseHeader {
        timeline: 1,
        revision: REVISION,
        compaction: 0,
        taken_ms: 1_700_000_000_000,
        source: Source::default(),
        etcd_version: "3.6.16".to_owned(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let (base, bytes) = writer.finish(header, &Buckets::new()).unwrap();
    shelf.create(&base.name, &mut bytes.as_slice()).unwrap();
}

/// Lays what the host with the files in `root` follows: the state that its copy has.
pub(super) async fn follow(repository: &Repository, root: &Path) {
    let cluster = name(super::RANCHER);
    let id = repository.points(&cluster).await.unwrap().points.remove(0);
    let point = repository.point(&cluster, &id).await.unwrap();
    let path = root.join(super::FOLLOWED);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    protect::etcd::export(repository, &cluster, &point, None, &path).await.unwrap();
}
