//! Noticing changes.

use super::ground::Ground;
use crate::files::{Watch, fingerprint};
use std::fs;
use std::time::Duration;

const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn changes_on_this_machine_are_noticed_at_once() {
    let ground = Ground::new();
    ground.write("set/tls/a", "a", 0o600);
    let wanted = ground.wanted(&["set", "later/*.conf"]);
    // Comparing would not see it today.
    let mut watch = Watch::new(&ground.host, &wanted, NEVER).await.unwrap();
    for (name, text) in [
        ("set/tls/a", "b"),
        ("set/tls/b", "new"),
        ("set/new/c", "c"),
        ("set/new/d", "d"),
        ("later/e.conf", "e"),
    ] {
        let (changed, ()) = tokio::join!(watch.changed(), async {
            // The watch may not see yet: then it finds the change when it compares.
            tokio::task::yield_now().await;
            ground.write(name, text, 0o600);
        });
        let changed = changed.unwrap();
        assert!(changed.contains(&ground.at(name)), "{name}: {changed:?}");
    }
    fs::remove_dir_all(ground.at("set")).unwrap();
    assert!(watch.changed().await.unwrap().contains(&ground.at("set/tls/b")));
}

#[tokio::test]
async fn what_is_compared_is_what_was_asked_for() {
    let ground = Ground::new();
    ground.write("set/a", "a", 0o600);
    let wanted = ground.wanted(&["set/a"]);
    let before = fingerprint(&ground.host, &wanted).await.unwrap();
    ground.write("set/b", "not asked for", 0o600);
    let after = fingerprint(&ground.host, &wanted).await.unwrap();
    assert_eq!(before.differing(&after), [""; 0]);
    // Written anew with the same content: somebody has to look.
    ground.write("set/a.new", "a", 0o600);
    fs::rename(ground.at("set/a.new"), ground.at("set/a")).unwrap();
    let after = fingerprint(&ground.host, &wanted).await.unwrap();
    assert_eq!(before.differing(&after), [ground.at("set/a")]);
}

pub(super) async fn noticed(ground: &Ground) {
    ground.write("set/a", "a", 0o600);
    let mut watch = Watch::new(&ground.host, &ground.wanted(&["set"]), Duration::from_millis(20))
        .await
        .unwrap();
    let (changed, ()) = tokio::join!(watch.changed(), async { ground.write("set/b", "b", 0o600) });
    assert!(changed.unwrap().contains(&ground.at("set/b")));
}
