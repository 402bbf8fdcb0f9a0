use super::*;
use crate::etcd::tests::{LAST, Secrets, apart, cluster, make, store_point};
use crate::files::Tree;
use estate::HashProof;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;
use versions::newest;

#[path = "../../../etcd/tests/server/versions.rs"]
mod versions;

/// The revision of the point.
const AT: u64 = 20;

/// A repository with a history, and a place for what is made.
struct Ground {
    directory: TempDir,
    place: TempDir,
    repository: Repository,
}

impl Ground {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = Secrets::new().found(directory.path()).await;
        let shelf = RepositoryShelf::new(&repository, &cluster());
        apart(move || make(&shelf)).await;
        Self { directory, place: tempfile::tempdir().unwrap(), repository }
    }

    /// What a member says truly of revision 18.
    async fn proof(&self) -> HashProof {
        let shelf = RepositoryShelf::new(&self.repository, &cluster());
        let hash = apart(move || {
            let history = History::open(Arc::new(shelf)).unwrap();
            hash_kv(&Packs::of(&history.moment(1, 18).unwrap()).unwrap(), 18, 0)
                .unwrap()
                .hash
        });
        HashProof {
            member: "m1".to_owned(),
            at: "1970-01-01T00:00:19Z".parse().unwrap(),
            timeline: 1,
            revision: 18,
            compaction: 0,
            hash: hash.await,
        }
    }

    async fn point(&self, proof: Option<HashProof>) -> Point {
        let files = Files::one("main-1", Tree::default()).archive().unwrap();
        store_point(&self.repository, ("00:00:20", AT), proof, &files).await
    }

    async fn verified(&self, point: &Point, etcd: Option<&Path>) -> Verified {
        let place = self.place.path().join("place");
        _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir(&place).unwrap();
        let how = How {
            place,
            etcd: etcd.map(Path::to_owned),
            now: "1970-01-02T00:00:00Z".parse().unwrap(),
        };
        verify(&self.repository, point, &how).await.unwrap()
    }

    /// Changes a byte in the middle of an object that is called so.
    fn damage(&self, folder: &str, is_it: impl Fn(&str) -> bool) {
        let folder = self.directory.path().join("clusters/rancher").join(folder);
        let mut entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let path = entries.find(|path| is_it(path.file_name().unwrap().to_str().unwrap())).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    /// A program in the place of etcd.
    fn program(&self, script: &str) -> PathBuf {
        let path = self.directory.path().join("stand-in");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn told(verified: &Verified) -> String {
    verified
        .tests
        .iter()
        .map(|it| format!("{:<12} {:<9} {}\n", it.test, it.outcome, it.text))
        .collect()
}

fn outcome(verified: &Verified, test: Test) -> Outcome {
    verified.tests.iter().find(|it| it.test == test).unwrap().outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_point_shows_all_that_can_be_shown() {
    let ground = Ground::new().await;
    let point = ground.point(Some(ground.proof().await)).await;
    let verified = ground.verified(&point, None).await;
    insta::assert_snapshot!(told(&verified));
    assert_eq!(verified.damaged().count(), 0);
    assert!(verified.hash_kv.is_some() && verified.incomplete().is_some() && verified.complete.is_some());
    // What was made is a data directory.
    assert!(ground.place.path().join("place/etcd/member/snap/db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_so_is_said_and_the_rest_is_tested_all_the_same() {
    let ground = Ground::new().await;
    let mut proof = ground.proof().await;
    proof.hash ^= 1;
    let point = ground.point(Some(proof)).await;
    let verified = ground.verified(&point, None).await;
    assert_eq!(verified.damaged().map(|it| it.test).collect::<Vec<_>>(), [Test::Proof]);

    ground.damage(&format!("parts/{}", point.id), |_| true);
    let verified = ground.verified(&point, None).await;
    assert_eq!(verified.damaged().map(|it| it.test).collect::<Vec<_>>(), [Test::Files, Test::Proof]);
    assert_eq!(outcome(&verified, Test::Database), Outcome::Shown);

    ground.damage("history", |name| name.contains("-seg-00000000000000000009-"));
    let verified = ground.verified(&point, None).await;
    assert_eq!(verified.damaged().map(|it| it.test).collect::<Vec<_>>(), [Test::Files, Test::History]);
    for test in [Test::Database, Test::Proof, Test::RecoverySet, Test::Etcd] {
        assert_eq!(outcome(&verified, test), Outcome::NotShown);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_cannot_be_repeated_is_not_shown() {
    let ground = Ground::new().await;
    let mut proof = ground.proof().await;
    for (revision, timeline) in [(LAST + 100, 1), (18, 2)] {
        (proof.revision, proof.timeline) = (revision, timeline);
        let mut verified = Verified::default();
        let point = ground.point(None).await;
        let point = Point { proof: Some(proof.clone()), ..point };
        let shelf = RepositoryShelf::new(&ground.repository, &cluster());
        let verified = apart(move || {
            let history = History::open(Arc::new(shelf)).unwrap();
            super::proof(&history, &point, &mut verified).unwrap();
            verified
        })
        .await;
        assert_eq!(outcome(&verified, Test::Proof), Outcome::NotShown, "{verified:?}");
        ground
            .repository
            .remove(&cluster(), &"000001-19700101T000020.000Z-k7xq".parse().unwrap())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_that_cannot_be_used_shows_nothing_and_one_that_does_not_start_is_told() {
    let ground = Ground::new().await;
    let point = ground.point(None).await;
    let mut all = String::new();
    for script in [
        "exit 0",
        "echo 'etcd Version: 3.5.21'",
        "[ \"$1\" = --version ] && echo 'etcd Version: 3.6.16' && exit\necho '{\"level\":\"fatal\",\"msg\":\"no\"}' >&2\nexit 1",
    ] {
        let verified = ground.verified(&point, Some(&ground.program(script))).await;
        all += told(&verified).lines().last().unwrap();
        all += "\n";
    }
    let nowhere = ground.verified(&point, Some(Path::new("/nowhere/etcd"))).await;
    assert_eq!(outcome(&nowhere, Test::Etcd), Outcome::NotShown);
    insta::assert_snapshot!(all.replace(&ground.directory.path().display().to_string(), "[HERE]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real etcd: cargo xtask test"]
async fn a_real_etcd_serves_what_was_rebuilt() {
    let ground = Ground::new().await;
    let point = ground.point(None).await;
    let verified = ground.verified(&point, Some(&newest().join("etcd"))).await;
    assert_eq!(outcome(&verified, Test::Etcd), Outcome::Shown, "{}", told(&verified));
}
