//! Putting back, on this machine and over SSH. Scripts lock /run/lifeboat, so these need root, as putting back does.

use super::ground::Ground;
use crate::Error;
use crate::files::put::put;
use crate::files::{Pattern, Put, Putting, Tree, What, compare, put_back, take};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

fn how<'a>(overwrite: bool, aside: &'a str) -> Putting<'a> {
    Putting { overwrite, only: &[], aside, limit: Duration::from_secs(60) }
}

async fn taken(ground: &Ground) -> Tree {
    ground.write("set/tls/ca.key", "key\0\n", 0o400);
    ground.write("set/tls/a name\nwith 'lines'", "x", 0o644);
    ground.write("set/config.yaml", "a: 1\nb: 2\n", 0o640);
    ground.link("set/token", "tls/ca.key");
    fs::create_dir(ground.at("set/empty")).unwrap();
    fs::set_permissions(ground.at("set/tls"), fs::Permissions::from_mode(0o700)).unwrap();
    take(&ground.host, &ground.wanted(&["set"]))
        .await
        .unwrap()
        .whole("main-1")
        .unwrap()
}

fn names(put: &[String], ground: &Ground) -> Vec<String> {
    put.iter()
        .map(|path| path.strip_prefix(&ground.at("")).unwrap().to_owned())
        .collect()
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn files_are_put_back_on_this_machine() {
    back(&Ground::new()).await;
}

pub(super) async fn back(ground: &Ground) {
    let tree = taken(ground).await;
    let aside = ground.at("aside");
    let same = put_back(&ground.host, &tree, &how(false, &aside)).await.unwrap();
    assert_eq!((same.made.len(), same.replaced.len()), (0, 0));
    assert!(!fs::exists(&aside).unwrap(), "nothing was done");

    // Onto an empty host: as it was, the owner and the times too.
    fs::rename(ground.at("set"), ground.at("before")).unwrap();
    let made = put_back(&ground.host, &tree, &how(false, &aside)).await.unwrap();
    assert_eq!(
        names(&made.made, ground),
        [
            "set",
            "set/config.yaml",
            "set/empty",
            "set/tls",
            "set/tls/a name\nwith 'lines'",
            "set/tls/ca.key",
            "set/token"
        ]
    );
    let again = take(&ground.host, &ground.wanted(&["set"])).await.unwrap().tree;
    assert_eq!(again, tree);

    // Onto one that is another: nothing, unless told to.
    ground.write("set/config.yaml", "a: 1\nb: 3\n", 0o600);
    fs::remove_file(ground.at("set/token")).unwrap();
    ground.write("set/token", "a file", 0o600);
    fs::remove_file(ground.at("set/tls/ca.key")).unwrap();
    fs::set_permissions(ground.at("set/tls"), fs::Permissions::from_mode(0o755)).unwrap();
    let found = compare(&ground.host, &tree, &ground.wanted(&["set"]), &[]).await.unwrap();
    let changed = found.iter().filter(|it| !it.changes.is_empty());
    let changed: Vec<_> = changed
        .map(|it| format!("{} {:?}", it.path.strip_prefix(&ground.at("")).unwrap(), it.changes))
        .collect();
    assert_eq!(
        changed,
        [
            "set/config.yaml [Content, Mode]",
            "set/tls [Mode]",
            "set/tls/ca.key [Missing]",
            "set/token [Kind]"
        ]
    );
    let refused = put_back(&ground.host, &tree, &how(false, &ground.at("second")))
        .await
        .unwrap_err();
    let Error::Differs { paths, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(names(&paths, ground), ["set/config.yaml", "set/tls", "set/token"]);
    assert!(!fs::exists(ground.at("set/tls/ca.key")).unwrap() && !fs::exists(ground.at("second")).unwrap());

    let only = [
        Pattern::new(&ground.at("set/tls")).unwrap(),
        Pattern::new(&ground.at("set/c*")).unwrap(),
    ];
    let second = ground.at("second");
    let put = put_back(&ground.host, &tree, &Putting { only: &only, ..how(true, &second) })
        .await
        .unwrap();
    assert_eq!(names(&put.replaced, ground), ["set/config.yaml", "set/tls"]);
    assert_eq!(names(&put.made, ground), ["set/tls/ca.key"]);
    let put = put_back(&ground.host, &tree, &how(true, &second)).await.unwrap();
    assert_eq!(names(&put.replaced, ground), ["set/token"]);
    let again = take(&ground.host, &ground.wanted(&["set"])).await.unwrap().tree;
    assert_eq!(again, tree);

    // What was replaced is there, and what was made is known.
    let old = |name: &str| ground.at(&format!("second/old{}", ground.at(name)));
    assert_eq!(fs::read_to_string(old("set/config.yaml")).unwrap(), "a: 1\nb: 3\n");
    assert_eq!(fs::metadata(old("set/config.yaml")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(old("set/token")).unwrap(), "a file");
    assert_eq!(
        fs::read_to_string(ground.at("second/made")).unwrap(),
        format!("{}\0", ground.at("set/tls/ca.key"))
    );
    assert!(!fs::exists(ground.at("second/new")).unwrap(), "no key is left lying about");

    // The first that was replaced is not lost by doing it again.
    ground.write("set/config.yaml", "a: 4\n", 0o640);
    let refused = put_back(&ground.host, &tree, &how(true, &second)).await.unwrap_err();
    assert!(refused.to_string().contains("was replaced already, and is different again"), "{refused}");
    assert_eq!(fs::read_to_string(ground.at("set/config.yaml")).unwrap(), "a: 4\n");
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn what_a_crash_left_is_gone_on_with() {
    let ground = Ground::new();
    let tree = taken(&ground).await;
    ground.write("set/config.yaml", "other\n", 0o600);
    // As after a crash between keeping and replacing, with a half-made file beside.
    let old = format!("aside/old{}", ground.at("set/config.yaml"));
    ground.write(&old, "other\n", 0o600);
    ground.write("aside/new/0", "half", 0o600);
    ground.write("set/.lifeboat-new.dead.0", "half", 0o600);
    let put = put_back(&ground.host, &tree, &how(true, &ground.at("aside"))).await.unwrap();
    assert_eq!(names(&put.replaced, &ground), ["set/config.yaml"]);
    let again = take(&ground.host, &ground.wanted(&["set"])).await.unwrap().tree;
    assert_eq!(again, tree);
    assert_eq!(fs::read_to_string(ground.at(&old)).unwrap(), "other\n");
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn no_link_leads_elsewhere() {
    let ground = Ground::new();
    let tree = taken(&ground).await;
    fs::create_dir(ground.at("elsewhere")).unwrap();
    fs::rename(ground.at("set/tls"), ground.at("gone")).unwrap();
    ground.link("set/tls", &ground.at("elsewhere"));
    for overwrite in [false, true] {
        let refused = put_back(&ground.host, &tree, &how(overwrite, &ground.at("aside")))
            .await
            .unwrap_err();
        assert!(
            matches!(&refused, Error::Unusable { path, .. } if *path == ground.at("set/tls")),
            "{refused}"
        );
    }
    // Above all of it, where the copy has no say.
    fs::remove_file(ground.at("set/tls")).unwrap();
    fs::rename(ground.at("set"), ground.at("elsewhere/set")).unwrap();
    ground.link("set", &ground.at("elsewhere/set"));
    let mut below = tree.clone();
    below.0.retain(|path, _| path.starts_with(&ground.at("set/tls")));
    let refused = put_back(&ground.host, &below, &how(true, &ground.at("aside")))
        .await
        .unwrap_err();
    assert!(matches!(&refused, Error::Unusable { path, .. } if *path == ground.at("set")), "{refused}");
    assert_eq!(fs::read_dir(ground.at("elsewhere/set")).unwrap().count(), 3, "nothing was written there");

    // A link in the place of a file is replaced, and not followed.
    fs::remove_file(ground.at("set")).unwrap();
    fs::rename(ground.at("elsewhere/set"), ground.at("set")).unwrap();
    ground.write("victim", "untouched", 0o600);
    fs::remove_file(ground.at("set/config.yaml")).unwrap();
    ground.link("set/config.yaml", &ground.at("victim"));
    put_back(&ground.host, &tree, &how(true, &ground.at("aside"))).await.unwrap();
    assert_eq!(fs::read_to_string(ground.at("victim")).unwrap(), "untouched");
    assert_eq!(take(&ground.host, &ground.wanted(&["set"])).await.unwrap().tree, tree);

    // A directory in the place of a file is not removed.
    fs::remove_file(ground.at("set/config.yaml")).unwrap();
    fs::create_dir(ground.at("set/config.yaml")).unwrap();
    let refused = put_back(&ground.host, &tree, &how(true, &ground.at("aside")))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("a directory there"), "{refused}");
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn labels_and_owners_come_back() {
    let ground = Ground::new();
    let mut tree = taken(&ground).await;
    let key = ground.at("set/tls/ca.key");
    let entry = tree.0.get_mut(&key).unwrap();
    (entry.owner, entry.label) = ((12, 34), Some("system_u:object_r:cert_t:s0".to_owned()));
    fs::remove_file(&key).unwrap();
    // Any file stands for the sign of SELinux: the attribute is kept without it too.
    let aside = ground.at("aside");
    let made = put(&ground.host, &tree, &how(true, &aside), "/").await.unwrap();
    assert_eq!(
        made,
        Put {
            made: vec![key.clone()],
            same: made.same.clone(),
            ..Put::default()
        }
    );
    let stat = fs::metadata(&key).unwrap();
    assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o7777), (12, 34, 0o400));
    let label = std::process::Command::new("getfattr")
        .args(["--only-values", "-n", "security.selinux", &key])
        .output()
        .unwrap();
    let label = String::from_utf8_lossy(&label.stdout).trim_end_matches('\0').to_owned();
    assert_eq!(label, "system_u:object_r:cert_t:s0");
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_full_disk_leaves_what_was_there() {
    let ground = Ground::new();
    let mount = cluster::quoted(&ground.at("disk"));
    fs::create_dir(ground.at("disk")).unwrap();
    let run = async |script: String| ground.host.run("testing", &script, Duration::from_secs(60)).await;
    run(format!("mount -t tmpfs -o size=64k lifeboat-test {mount}")).await.unwrap();
    ground.write("disk/a", "old", 0o600);
    let mut tree = take(&ground.host, &ground.wanted(&["disk/a"])).await.unwrap().tree;
    let entry = tree.0.get_mut(&ground.at("disk/a")).unwrap();
    entry.what = What::File { bytes: vec![7; 200_000], modified: 0 };
    let full = put_back(&ground.host, &tree, &how(true, &ground.at("aside"))).await;
    let left = fs::read_to_string(ground.at("disk/a"));
    run(format!("umount {mount}")).await.unwrap();
    assert!(matches!(full, Err(Error::Host(cluster::HostError::DiskFull { .. }))), "{full:?}");
    assert_eq!(left.unwrap(), "old");
}
