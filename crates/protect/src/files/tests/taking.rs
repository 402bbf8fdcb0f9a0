//! Taking, on this machine.

use super::ground::Ground;
use crate::files::{Need, Places, Settings, Wanted, Why, take};
use cluster::Host;
use estate::Distribution;
use std::fs;

#[tokio::test]
async fn what_is_wanted_is_taken_as_it_is() {
    let ground = Ground::new();
    as_it_is(&ground).await;
}

pub(super) async fn as_it_is(ground: &Ground) {
    ground.write("real/server/token", "secret", 0o600);
    ground.write("real/server/tls/ca.key", "key\0\n", 0o400);
    ground.write("real/server/tls/a name\nwith 'lines'", "x", 0o644);
    fs::create_dir(ground.at("real/server/tls/temporary-certs")).unwrap();
    ground.link("real/server/node-token", &ground.at("real/server/token"));
    ground.link("real/server/tls/out", "/etc/hostname");
    ground.link("data", "real");
    ground.write("conf/a.conf", "a", 0o644);
    ground.write("conf/.b.conf", "b", 0o644);
    ground.write("conf/large.conf", &"x".repeat(1001), 0o644);
    ground.write("not/wanted", "x", 0o644);
    let wanted = ground.wanted(&["data/server/node-token", "data/server/tls", "conf/*.conf", "no/such"]);
    let taken = take(&ground.host, &wanted).await.unwrap();
    assert_eq!(
        ground.lines(&taken.tree),
        [
            "conf Parent 755",
            "conf/a.conf File(1 bytes) 644",
            "data Link(\"real\") 777",
            "real Parent 755",
            "real/server Parent 755",
            "real/server/node-token Link(\"real/server/token\") 777",
            "real/server/tls Directory 755",
            "real/server/tls/a name\nwith 'lines' File(1 bytes) 644",
            "real/server/tls/ca.key File(5 bytes) 400",
            "real/server/tls/out Link(\"/etc/hostname\") 777",
            "real/server/tls/temporary-certs Directory 755",
            "real/server/token File(6 bytes) 600",
        ]
    );
    assert!(taken.of_one_moment);
    assert_eq!(taken.tree.bytes(&ground.at("data/server/node-token")), Some(&b"secret"[..]));
    assert_eq!(taken.tree.bytes(&ground.at("data/server/tls/ca.key")), Some(&b"key\0\n"[..]));
    let owner = taken.tree.at(&ground.at("conf/a.conf")).unwrap().owner;
    assert_eq!(owner, (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw()));
    let missing: Vec<_> = taken.missing.iter().map(|it| (it.path.clone(), it.need)).collect();
    assert_eq!(missing, [(ground.at("no/such"), Need::Optional)]);
    let skipped: Vec<_> = taken.skipped.iter().map(|it| (it.path.clone(), it.why)).collect();
    assert_eq!(
        skipped,
        [
            (ground.at("conf/large.conf"), Why::TooLarge { bytes: 1001, max: 1000 }),
            (ground.at("real/server/tls/out"), Why::LeadsOut),
        ]
    );
    let again = take(&ground.host, &wanted).await.unwrap();
    assert_eq!(again, taken);
}

#[tokio::test]
async fn a_required_file_that_is_missing_or_left_out_is_told() {
    let ground = Ground::new();
    for (name, bytes) in [("a", 900), ("b", 700), ("c", 10)] {
        ground.write(name, &"x".repeat(bytes), 0o600);
    }
    let mut wanted = ground.wanted(&[]);
    let named = ["a", "b", "c"].map(|name| (ground.at(name), "a flag".to_owned())).to_vec();
    let places = Places { named, ..Places::default() };
    wanted.items = Wanted::new(Distribution::Other, &places, &Settings::default()).unwrap().items;
    let taken = take(&ground.host, &wanted).await.unwrap();
    assert_eq!(taken.tree.paths().count(), 2);
    let error = taken.whole("main-1").unwrap_err().to_string();
    assert_eq!(
        error,
        format!("main-1 has no {}: it has 900 bytes, and all may have 1500", ground.at("a"))
    );
    fs::remove_file(ground.at("a")).unwrap();
    let error = take(&ground.host, &wanted).await.unwrap().whole("main-1").unwrap_err();
    assert_eq!(error.to_string(), format!("main-1 has no {}: a flag names it", ground.at("a")));
    assert_eq!(error.kind(), estate::Kind::Invalid);
}

#[tokio::test]
async fn links_that_go_in_circles_are_not_followed_for_ever() {
    let ground = Ground::new();
    ground.link("a", "b");
    ground.link("b", "a");
    ground.link("deep", "deep/deep");
    let taken = take(&ground.host, &ground.wanted(&["a", "b/x"])).await.unwrap();
    assert_eq!(ground.lines(&taken.tree), ["a Link(\"b\") 777", "b Link(\"a\") 777"]);
    assert_eq!(taken.missing.len(), 2);
    let endless = take(&ground.host, &ground.wanted(&["deep"])).await;
    assert!(endless.is_err() || endless.unwrap().missing.len() == 1);
}

#[tokio::test]
async fn nothing_is_wanted_of_a_host_without_files() {
    let wanted = Ground::new().wanted(&[]);
    let taken = take(&Host::local("main-1"), &wanted).await.unwrap();
    assert_eq!(taken.tree.0.len(), 0);
}
