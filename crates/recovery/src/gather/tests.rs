use super::*;
use estate::{Distribution, Point};
use repository::{Founding, Grant, Recipient, Scope, Settings, Signer, StoreSettings, Writer};
use std::path::Path;

fn cluster() -> Name {
    "rancher".parse().unwrap()
}

/// A repository in a directory, whose points this host may write.
async fn repository(directory: &Path) -> Repository {
    let (identity, recipient) = repository::new_identity();
    let ((signer, writer), (_, root)) = (Signer::generate().unwrap(), Signer::generate().unwrap());
    let settings = Settings {
        store: StoreSettings::Directory(directory.to_owned()),
        identity: Some((*identity).clone()),
        identity_missing: None,
        passphrase: None,
        signer: Some((*signer).clone()),
        root: None,
    };
    let repository = Repository::open(settings).unwrap();
    let scopes = vec![Scope::Shared, Scope::Cluster(cluster())];
    let recipient = Recipient { name: "safe".parse().unwrap(), recipient };
    let founding = Founding {
        root: &root,
        scopes: scopes.clone(),
        recipients: vec![Grant { recipient, scopes: None }],
        writers: vec![Writer { name: "main".parse().unwrap(), key: writer.public(), scopes }],
    };
    repository.found(&founding).await.unwrap();
    repository
}

async fn store(repository: &Repository, id: &PointId) {
    let point = Point {
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
        etcd_cluster_id: 1,
        etcd_version: "3.7.3".to_owned(),
        proof: None,
        lacks: None,
        untested: Vec::new(),
        reason: None,
        parts: vec![],
    };
    repository.begin(&cluster(), id).commit(&point).await.unwrap();
}

#[tokio::test]
async fn for_a_copy_that_is_none_the_newest_sound_one_before_it_is_offered() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let sound: PointId = "000001-20261122T100000.000Z-k7xq".parse().unwrap();
    store(&repository, &sound).await;
    // What anybody can write who can write at all: objects that look newer, damaged or of a later version.
    let plant = |id: &str, begin: &[u8]| {
        let bytes = [begin, &[0; 64]].concat();
        std::fs::write(directory.path().join("clusters/rancher/points").join(id), &bytes[..64]).unwrap();
    };
    plant("000001-20261122T100015.000Z-k7xq", b"lbseal\0\x01");
    let damaged = point(&repository, &cluster(), None).await.unwrap_err();
    plant("999999-20991231T000000.000Z-zzzz", b"lbseal\0\x02");
    let later = point(&repository, &cluster(), None).await.unwrap_err();
    for (trouble, code) in [(damaged, "LB0306"), (later, "LB0307")] {
        assert_eq!(&*trouble.code, code);
        let hint = trouble.hint.unwrap();
        assert!(hint.contains(&format!("lifeboat failover --yes --copy {sound}")), "{hint}");
    }
    let wanted = Wanted { id: &sound, accept_unsigned: false, exactly: true };
    assert_eq!(point(&repository, &cluster(), Some(wanted)).await.unwrap().point.id, sound);

    std::fs::remove_file(directory.path().join(format!("clusters/rancher/points/{sound}"))).unwrap();
    let none = point(&repository, &cluster(), None).await.unwrap_err();
    assert_eq!(none.hint.as_deref(), Some(NONE_BEFORE));
}
