//! What a site's Lifeboat does with repositories, on two in directories.

use crate::board::Board;
use crate::{Daemon, copying};
use estate::{Estate, Name};
use recovery::{World, kit};
use repository::{Founding, Repository, Scope, Signer, new_identity};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The Lifeboat of the standby, with a repository, and one that is to be its copy.
async fn standby() -> (TempDir, Arc<Daemon>, Repository) {
    let place = tempfile::tempdir().unwrap();
    let ((identity, recipient), (secret, signer)) = (new_identity(), Signer::generate().unwrap());
    let (_, root) = Signer::generate().unwrap();
    fs::write(place.path().join("identity.txt"), &*identity).unwrap();
    fs::write(place.path().join("signer.key"), &*secret).unwrap();
    let repositories = format!(
        "repositories:\n  standby-s3:\n    site: standby\n    url: file:copies\n    \
         recipients: [{{name: safe, key: {recipient}}}]\n    writers: [{{name: standby-1, key: {}}}]\n    \
         identity: file:identity.txt\n    signer: file:signer.key\n  \
         second:\n    site: standby\n    copyOf: standby-s3\n    url: file:second\n    identity: file:identity.txt\n",
        signer.public()
    );
    let (begin, end) = (GOOD.find("repositories:").unwrap(), GOOD.find("clusters:\n  rancher").unwrap());
    let text = format!("{}{repositories}{}", &GOOD[..begin], &GOOD[end..]);
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let world = World::new(estate, text, place.path().join("lifeboat.yaml"), Some(name("standby-1")));
    let first = name("standby-s3");
    let repository = world.repository(&first).unwrap();
    let founding = Founding {
        root: &root,
        scopes: world.scopes(&first),
        recipients: world.grants(&first).unwrap(),
        writers: world.writers(&first).unwrap(),
    };
    repository.found(&founding).await.unwrap();
    kit::seal(&world, &repository).await.unwrap();
    let say = crate::Say::new(|_| {});
    let board = Board::new(say.clone());
    let daemon = Daemon::open(world, place.path().join("state"), board, say).await.unwrap();
    (place, daemon, repository)
}

#[tokio::test]
async fn what_was_seen_is_told_and_remembered_and_what_is_taken_away_is_noticed() {
    let (place, daemon, repository) = standby().await;
    let mut opened = None;
    assert_eq!(daemon.tell_all(&mut opened).await.unwrap(), None);
    for scope in [Scope::Shared, Scope::Cluster(name("rancher"))] {
        let told = repository.told(&scope).await.unwrap().told;
        assert_eq!((told.len(), told[0].writer.as_str()), (1, "standby-1"), "{scope}");
    }
    assert_eq!(daemon.tell_all(&mut opened).await.unwrap(), None);

    // The kit is taken away, and all that was said of it.
    let shared = place.path().join("copies/shared");
    fs::remove_file(shared.join("kit/0000000001")).unwrap();
    fs::remove_dir_all(shared.join("evidence")).unwrap();
    let lacking = daemon.tell_all(&mut opened).await.unwrap().unwrap();
    assert!(
        lacking.starts_with("the memory of ") && lacking.contains(" is not there, and 1 more: "),
        "{lacking}"
    );
    // Who remembers nothing is told by what is said now.
    let said = repository.survey(&Scope::Shared, None).await.unwrap().behind;
    assert_eq!(said.keys().collect::<Vec<_>>(), ["shared/kit/0000000001"]);
}

#[tokio::test]
async fn a_copy_is_kept_and_its_lag_is_known() {
    let (place, daemon, repository) = standby().await;
    let copying = tokio::spawn(copying::copy(
        Arc::new(daemon.world.clone()),
        daemon.board.clone(),
        name("second"),
        name("standby-s3"),
    ));
    let complete = || {
        daemon
            .report()
            .copies
            .iter()
            .any(|it| it.lag.is_some_and(|lag| lag.objects == 0))
    };
    let arrived = async {
        while !complete() {
            ambient::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), arrived).await.unwrap();
    copying.abort();
    let report = daemon.report();
    assert_eq!(
        (&report.copies[0].repository, &report.copies[0].of),
        (&name("second"), &name("standby-s3"))
    );
    assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    for object in ["lifeboat.json", "shared/kit/0000000001"] {
        assert!(place.path().join("second").join(object).exists(), "{object}");
    }
    assert_eq!(repository.kit().await.unwrap().0, 1);
}
