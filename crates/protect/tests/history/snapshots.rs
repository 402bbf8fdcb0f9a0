//! Snapshots of a real etcd, in the directories and the bucket that k3s, RKE2, RKE1 and `etcdctl` would leave: found, judged, and
//! rebuilt into an etcd that serves what the first one had.

use super::{apart, run};
use crate::server::{Server, Setup, free_ports, newest, peer_url};
use crate::sshd::Sshd;
use crate::weed;
use cluster::Host;
use estate::Distribution;
use etcd::KeyValue;
use etcd::rebuild::{Line, Marks, Members, Request, Target, rebuild};
use protect::snapshots::{Error, FoundSnapshot, Lack, Maker, Opened, Place, lacks, look, newest_sound, open};
use repository::foreign::Foreign;
use repository::{AccessKey, Bucket, Cloud, StoreSettings};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const UID: &str = "b0450532-cee1-4aa1-a881-f5f48a007b1c";
const TOKEN_HASH: &str = "2bb80d537b1d";

/// A snapshot of an etcd, and what that etcd had.
struct Taken {
    tools: PathBuf,
    folder: TempDir,
    had: Vec<KeyValue>,
}

impl Taken {
    async fn of(program: Option<&str>) -> Self {
        let (tools, folder) = (newest(), tempfile::tempdir().unwrap());
        let server = Server::start(&tools, None).await;
        let client = server.client().await;
        let namespace =
            format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"kube-system","uid":"{UID}"}}}}"#);
        client.put("/registry/namespaces/kube-system", namespace, 0).await.unwrap();
        client
            .put("/registry/secrets/a/b", "k8s:enc:aescbc:v1:key1:sealed", 0)
            .await
            .unwrap();
        if let Some(program) = program {
            client.put(format!("/bootstrap/{TOKEN_HASH}"), "salt:sealed", 0).await.unwrap();
            client.put(format!("{program}/apiaddresses"), "10.1.1.1:6443", 0).await.unwrap();
        }
        super::write(&client, 0).await;
        let had = client.range(b"\0", b"\0", 0, 0).await.unwrap().pairs;
        let it = Self { tools, folder, had };
        server.etcdctl(&["snapshot", "save", &it.file().display().to_string()]);
        it
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("snapshot")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).unwrap()
    }

    /// An archive of the snapshot under `name`, and of more.
    fn zip(&self, into: &Path, name: &str, more: &[(&str, &str)]) {
        let mut zip = zip::ZipWriter::new(File::create(into).unwrap());
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        std::io::copy(&mut File::open(self.file()).unwrap(), &mut zip).unwrap();
        for (name, content) in more {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut zip, content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    /// What an etcd serves that starts on what is rebuilt from it.
    async fn served(&self, opened: &Opened) -> Vec<KeyValue> {
        let (port, peer) = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let said = run(Command::new(self.tools.join("etcd")).arg("--version"));
        let line: Line = said.split_whitespace().nth(2).unwrap().parse().unwrap();
        let request = Request {
            revision: opened.verified.revision,
            line,
            marks: Marks::Bump(1000),
            target: Target::DataDirectories {
                members: Members::one("solo", &peer_url(peer), "rebuilt"),
                directories: vec![("solo".to_owned(), data.clone())],
            },
        };
        let source = opened.source().unwrap();
        apart(move || rebuild(&source, &request).unwrap()).await;
        let server = Setup::new(&self.tools).name("solo").data(&data).ports(port, peer).start().await;
        server.client().await.range(b"\0", b"\0", 0, 0).await.unwrap().pairs
    }
}

/// Everything that can be wrong with a snapshot, newest first, in names of k3s and RKE2.
fn spoilt(taken: &Taken, folder: &Path) {
    let bytes = taken.bytes();
    let mut changed = bytes.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for (seconds, content) in [
        (1_700_000_900, &bytes[..bytes.len() / 2]),
        (1_700_000_800, &changed),
        (1_700_000_700, &[]),
        (1_700_000_600, b"<html>an error page that somebody saved</html>"),
    ] {
        std::fs::write(folder.join(format!("etcd-snapshot-server-1-{seconds}")), content).unwrap();
    }
    let zip = folder.join("etcd-snapshot-server-1-1700000500.zip");
    taken.zip(&zip, "etcd-snapshot-server-1-1700000500", &[]);
    let whole = std::fs::read(&zip).unwrap();
    std::fs::write(&zip, &whole[..whole.len() - 100]).unwrap();
}

fn directory(host: Host, path: &Path) -> Place {
    Place::Directory { host, path: path.display().to_string() }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

async fn opened(place: &Place, snapshot: &FoundSnapshot, scratch: &Path) -> Opened {
    let all = open(place, snapshot, scratch, &|_, _| {}).await;
    all.unwrap_or_else(|error| panic!("{}: {error}", snapshot.path))
}

/// What everybody leaves who has `program`, and what becomes of it through `host`.
async fn adopted(distribution: Distribution, program: &str, host: Host) {
    let taken = Taken::of(Some(program)).await;
    let (db, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = db.path().join("snapshots");
    std::fs::create_dir_all(db.path().join(".metadata")).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(taken.file(), folder.join("etcd-snapshot-server-1-1700000000")).unwrap();
    let name = "on-demand-server-1-1700000100";
    taken.zip(&folder.join(format!("{name}.zip")), name, &[]);
    std::fs::write(db.path().join(format!(".metadata/{name}.zip")), "{}").unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    spoilt(&taken, &folder);

    let place = directory(host, &folder);
    let nodes = ["server-1".to_owned()];
    let listing = look(&place, distribution, &nodes).await.unwrap();
    let found = &listing.found;
    assert_eq!((found.snapshots.len(), found.passed_over, listing.notes.len()), (7, 1, 0), "{listing:?}");
    let search = newest_sound(&place, &found.snapshots, scratch.path(), &|_, _| {})
        .await
        .unwrap();
    let refused: Vec<_> = search
        .refused
        .iter()
        .map(|(it, why)| (it.at.as_second(), why.as_str()))
        .collect();
    // Where a file is cut off decides by what that is noticed.
    let words = ["", "SHA-256", "it is empty", "", "its list of files"];
    assert_eq!(refused.len(), words.len(), "{refused:?}");
    for ((seconds, why), (wanted, word)) in refused.iter().zip((5..10).rev().zip(words)) {
        assert!(
            *seconds == 1_700_000_000 + wanted * 100 && why.contains("is damaged: ") && why.contains(word),
            "{why}"
        );
        assert!(!why.contains("fetched"), "a copy that nobody knows is named: {why}");
    }
    let sound = search.sound.unwrap();
    assert_eq!(sound.snapshot.name(), format!("{name}.zip"));
    assert!(sound.snapshot.metadata.is_some() && sound.snapshot.node.as_deref() == Some("server-1"));
    let it = &sound.verified;
    assert_eq!(
        (it.program, it.bootstrap.as_slice(), it.hashed),
        (Some(program), &[TOKEN_HASH.to_owned()][..], true)
    );
    assert_eq!(
        (it.cluster.as_deref(), it.encrypted.as_slice()),
        (Some(UID), &["aescbc key1".to_owned()][..])
    );
    assert_eq!(it.keys, taken.had.len() as u64);
    let lacking = lacks(&sound.snapshot, Some(it), distribution, None);
    assert!(
        matches!(&lacking[..], [Lack::JoinToken { hash: Some(_), .. }, Lack::HostFiles { .. }]),
        "{lacking:?}"
    );
    assert!(std::fs::read(sound.path()).unwrap() == taken.bytes(), "k3s and RKE2 take it as it was");
    assert_eq!(taken.served(&sound).await, taken.had);

    let plain = opened(&place, found.snapshots.last().unwrap(), scratch.path()).await;
    assert_eq!(plain.verified, *it);
    assert_eq!(taken.served(&plain).await, taken.had);
    drop((plain, sound));
    assert!(is_empty(scratch.path()), "copies go with what was opened");
    std::fs::remove_file(folder.join("etcd-snapshot-server-1-1700000000")).unwrap();
    let gone = open(&place, found.snapshots.last().unwrap(), scratch.path(), &|_, _| {}).await;
    assert!(matches!(gone, Err(Error::Gone { .. })), "{:?}", gone.map(drop));
    let absent = look(&directory(Host::local("here"), &db.path().join("absent")), distribution, &[]).await;
    assert!(matches!(absent, Err(Error::Absent { .. })), "{:?}", absent.map(drop));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_directory_of_k3s_on_this_machine_is_adopted() {
    adopted(Distribution::K3s, "k3s", Host::local("here")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and sshd: cargo xtask test"]
async fn a_directory_of_rke2_on_another_host_is_adopted() {
    let sshd = Sshd::start();
    adopted(Distribution::Rke2, "rke2", sshd.host()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn archives_of_rke1_and_files_of_etcdctl_are_adopted() {
    let taken = Taken::of(None).await;
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (with, without) = (
        "rke_etcd_snapshot_2026-11-28T21:00:00Z",
        "rke_etcd_snapshot_2026-11-28T22:00:00+01:00-old",
    );
    let state = [("backup/state.rkestate", "{}")];
    taken.zip(&folder.path().join(format!("{with}.zip")), &format!("backup/{with}"), &state);
    taken.zip(&folder.path().join(format!("{without}.zip")), &format!("backup/{without}"), &[]);
    let place = directory(Host::local("here"), folder.path());
    let found = look(&place, Distribution::Rke1, &[]).await.unwrap().found.snapshots;
    assert_eq!(found.iter().map(|it| it.maker).collect::<Vec<_>>(), [Maker::Rke1; 2]);
    for snapshot in &found {
        let opened = opened(&place, snapshot, scratch.path()).await;
        let has_state = snapshot.name().starts_with(&format!("{with}.zip"));
        assert_eq!(opened.verified.state_file.is_some(), has_state, "{}", snapshot.path);
        let lacking = lacks(snapshot, Some(&opened.verified), Distribution::Rke1, None);
        assert_eq!(lacking.contains(&Lack::StateFile { certain: true }), !has_state, "{lacking:?}");
        assert_eq!(taken.served(&opened).await, taken.had);
    }

    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(taken.file(), folder.path().join("snapshot.db")).unwrap();
    let bytes = taken.bytes();
    std::fs::write(folder.path().join("bare.db"), &bytes[..bytes.len() - 32]).unwrap();
    let place = directory(Host::local("here"), folder.path());
    let found = look(&place, Distribution::Kubeadm, &[]).await.unwrap().found.snapshots;
    assert_eq!(found.len(), 2);
    for snapshot in &found {
        let opened = opened(&place, snapshot, scratch.path()).await;
        let lacking = lacks(snapshot, Some(&opened.verified), Distribution::Kubeadm, None);
        assert_eq!(lacking.contains(&Lack::Hash), snapshot.name() == "bare.db");
        assert!(
            matches!(&lacking[..2], [Lack::Authorities { .. }, Lack::Encryption { keys: Some(_), .. }]),
            "{lacking:?}"
        );
        assert_eq!(opened.path(), folder.path().join(snapshot.name()), "what lies here is read in place");
        assert_eq!(taken.served(&opened).await, taken.had);
    }
}

/// Puts a file into a bucket as k3s does, with its notes.
fn upload(endpoint: &str, key: &str, file: &Path, notes: &[(&str, &str)]) -> Result<(), String> {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--fail-with-body",
        "--aws-sigv4",
        "aws:amz:us-east-1:s3",
        "--user",
        "all:secret",
    ]);
    for (name, value) in notes {
        curl.arg("-H").arg(format!("x-amz-meta-{name}: {value}"));
    }
    let output = curl
        .arg("-T")
        .arg(file)
        .arg(format!("{endpoint}/snapshots/{key}"))
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd and weed: cargo xtask test"]
async fn a_bucket_of_rke2_is_adopted_and_says_why_it_refuses() {
    let taken = Taken::of(Some("rke2")).await;
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = "nightly-etcd-server-1-1700000100";
    taken.zip(&folder.path().join(format!("{name}.zip")), name, &[]);
    std::fs::copy(taken.file(), folder.path().join("etcd-snapshot-server-1-1700000000")).unwrap();
    spoilt(&taken, folder.path());
    let notes = [
        ("rke2-node-name", "server-1"),
        ("rke2-cluster-id", UID),
        ("rke2-token-hash", TOKEN_HASH),
    ];
    // The first upload makes the bucket.
    let first = folder.path().join(format!("{name}.zip"));
    let weed =
        weed::Server::start(async |endpoint| upload(endpoint, &format!("prod/{name}.zip"), &first, &notes)).await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let (path, file) = {
            let it = file.unwrap();
            (it.path(), it.file_name().into_string().unwrap())
        };
        upload(&weed.endpoint, &format!("prod/{file}"), &path, &notes).unwrap();
    }
    upload(&weed.endpoint, &format!("prod/.metadata/{name}.zip"), &first, &notes).unwrap();
    upload(&weed.endpoint, "other/etcd-snapshot-x-1800000000", &taken.file(), &[]).unwrap();

    let open = |bucket: &str, prefix: &str, secret: &str| {
        let bucket = Bucket {
            name: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(weed.endpoint.clone()),
        };
        let key = AccessKey { id: "reader".to_owned(), secret: secret.to_owned() };
        let cloud = Cloud::S3 { bucket, region: None, key: Some(key) };
        Place::Bucket(Foreign::open(StoreSettings::Cloud(cloud)).unwrap())
    };
    let place = open("snapshots", "prod", "secret");
    let listing = look(&place, Distribution::Rke2, &["server-1".to_owned()]).await.unwrap();
    let found = &listing.found.snapshots;
    assert_eq!((found.len(), listing.found.passed_over, listing.notes.len()), (7, 0, 0), "{listing:?}");
    for snapshot in found {
        assert_eq!((snapshot.maker, snapshot.node.as_deref()), (Maker::Rke2, Some("server-1")));
        assert_eq!(snapshot.token_hash.as_deref(), Some(TOKEN_HASH));
        assert_eq!(snapshot.cluster.as_ref().map(ToString::to_string).as_deref(), Some(UID));
    }
    let search = newest_sound(&place, found, scratch.path(), &|_, _| {}).await.unwrap();
    assert_eq!(search.refused.len(), 5, "{:?}", search.refused);
    let sound = search.sound.unwrap();
    assert_eq!(
        (sound.snapshot.name(), sound.snapshot.metadata.is_some()),
        (format!("{name}.zip").as_str(), true)
    );
    assert_eq!(taken.served(&sound).await, taken.had);
    drop(sound);
    assert!(is_empty(scratch.path()));

    let both = look(&open("snapshots", "", "secret"), Distribution::Rke2, &[]).await.unwrap();
    assert!(both.notes.iter().any(|note| note.contains("2 folders (other, prod)")), "{:?}", both.notes);
    let wrong = look(&open("snapshots", "prod", "wrong"), Distribution::Rke2, &[])
        .await
        .unwrap_err();
    assert!(matches!(wrong, Error::Store(repository::Error::Refused { .. })), "{wrong}");
    let absent = look(&open("absent", "", "secret"), Distribution::Rke2, &[]).await.unwrap_err();
    assert!(matches!(absent, Error::Store(repository::Error::NoBucket { .. })), "{absent}");
}
