//! Rebuilds that real etcd of every line starts on: what they serve, and what they say to watchers.

use crate::server::{Server, Setup, free_ports, peer_url, run, versions};
use etcd::database::Database;
use etcd::rebuild::{Line, Marks, Member, Members, Rebuilt, Request, Target, rebuild};
use etcd::selection::{DatabaseSource, Source};
use etcd::{Change, Heard, KeyValue};
use futures::future::join_all;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A snapshot as a source, its hash compared.
fn held(path: &Path) -> DatabaseSource {
    let database = Database::open(path).unwrap();
    database.verify_trailer().unwrap();
    DatabaseSource::new(database).unwrap()
}

/// The history of a server, and what it was at a revision in it.
struct Original {
    source: DatabaseSource,
    /// A revision before the last one and above the compaction.
    at: u64,
    compacted: u64,
    last: u64,
    pairs: Vec<KeyValue>,
    lease: i64,
    hash: u32,
}

fn line(tools: &Path) -> Line {
    let said = run(std::process::Command::new(tools.join("etcd")).arg("--version"));
    said.split_whitespace().nth(2).unwrap().parse().unwrap()
}

async fn original(tools: &Path) -> Original {
    let server = Server::start(tools, None).await;
    let client = server.client().await;
    let lease = client.grant_lease(0x7077_0001, 3600).await.unwrap();
    for number in 0..40 {
        let key = format!("/registry/pods/{number}");
        client
            .put(key, vec![b'v'; 3000 + number], if number % 3 == 0 { lease } else { 0 })
            .await
            .unwrap();
    }
    client.delete("/registry/pods/3", "").await.unwrap();
    let compacted = client.compact(20, true).await.unwrap().revision.min(20);
    let both = vec![
        Change::Put {
            key: "/registry/pods/5".into(),
            value: "again".into(),
            lease: 0,
        },
        Change::Delete { key: "/registry/pods/7".into(), end: "".into() },
        Change::Put { key: "/registry/pods/8".into(), value: "".into(), lease },
    ];
    let at = client.txn(Vec::new(), both).await.unwrap().0.revision;
    let pairs = client.range(b"\0", b"\0", at, 0).await.unwrap().pairs;
    let hash = client.hash_kv(at).await.unwrap();
    assert_eq!((hash.compact_revision, pairs.len()), (compacted, 38));
    let mut last = at;
    for number in 0..5 {
        last = client
            .put(format!("/registry/pods/{number}"), "later", 0)
            .await
            .unwrap()
            .revision;
    }
    let path = server.path("snapshot");
    client
        .snapshot(&mut tokio::fs::File::create(&path).await.unwrap())
        .await
        .unwrap();
    let source = held(&path);
    assert_eq!(source.last_revision(), last);
    Original { source, at, compacted, last, pairs, lease, hash: hash.hash }
}

fn make(original: &Original, line: Line, marks: Marks, target: Target) -> Rebuilt {
    rebuild(&original.source, &Request { revision: original.at, line, marks, target }).unwrap()
}

/// A data directory for a cluster of one, and how it is started.
fn one(original: &Original, tools: &Path, marks: Marks, folder: &TempDir) -> (Rebuilt, Setup) {
    let (port, peer) = free_ports();
    let path = folder.path().join(format!("one-{port}"));
    let members = Members::one("solo", &peer_url(peer), "rebuilt");
    let target = Target::DataDirectories {
        members,
        directories: vec![("solo".to_owned(), path.clone())],
    };
    let rebuilt = make(original, line(tools), marks, target);
    (rebuilt, Setup::new(tools).name("solo").data(&path).ports(port, peer))
}

/// The same keys with the same values, versions, revisions and leases, at this current revision.
async fn serves(server: &Server, original: &Original, revision: u64) {
    let found = server.client().await.range(b"\0", b"\0", 0, 0).await.unwrap();
    assert_eq!(found.pairs, original.pairs);
    assert_eq!(found.header.revision, revision);
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_rebuilt_member_serves_what_was_there() {
    for tools in versions() {
        let original = original(&tools).await;
        let folder = tempfile::tempdir().unwrap();
        let (rebuilt, setup) = one(&original, &tools, Marks::Bump(1000), &folder);
        assert_eq!((rebuilt.current_revision, rebuilt.keys, rebuilt.leases), (original.at + 1000, 38, 1));
        assert_eq!((&rebuilt.leases_missing, &rebuilt.warnings), (&Vec::new(), &Vec::new()));
        run(std::process::Command::new(tools.join("etcdutl"))
            .args(["snapshot", "status"])
            .arg(setup_data(&folder, "one-").join("member/snap/db")));

        let mut server = setup.start().await;
        serves(&server, &original, original.at + 1000).await;
        let client = server.client().await;
        let status = client.status().await.unwrap();
        assert_eq!((status.cluster_id, status.member_id), (rebuilt.cluster_id, rebuilt.members[0].1));
        assert!(status.errors.is_empty() && client.alarms().await.unwrap().is_empty());
        let lease = client.lease(original.lease).await.unwrap().unwrap();
        assert!(lease.granted_ttl == 3600 && lease.remaining_ttl > 3500, "{lease:?}");
        // Whoever watches from what they saw last is told to list anew.
        for seen in [original.at, original.last + 1] {
            let heard = client.watch(seen).await.unwrap().next().await.unwrap();
            assert!(
                matches!(heard, Heard::Compacted { compact_revision } if compact_revision == original.at + 1000),
                "{heard:?}"
            );
        }
        let put = client.put("new", "value", 0).await.unwrap();
        assert_eq!(put.revision, original.at + 1001);
        // A lease that ends takes its keys along: they hang on it.
        client.revoke_lease(original.lease).await.unwrap();
        let left = client.range(b"\0", b"\0", 0, 0).await.unwrap().pairs;
        assert_eq!(left.len(), original.pairs.iter().filter(|pair| pair.lease == 0).count() + 1);
        server.restart().await;
        assert_eq!(server.client().await.range(b"\0", b"\0", 0, 0).await.unwrap().pairs, left);
    }
}

/// The directory in `folder` whose name begins so.
fn setup_data(folder: &TempDir, name: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let mut found = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
    found.next().unwrap().path()
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn without_a_bump_the_revision_is_the_one_that_was_asked_for() {
    for tools in versions() {
        let original = original(&tools).await;
        let folder = tempfile::tempdir().unwrap();
        for marks in [Marks::Current, Marks::AsIs] {
            let (rebuilt, setup) = one(&original, &tools, marks, &folder);
            let server = setup.start().await;
            serves(&server, &original, original.at).await;
            let client = server.client().await;
            if marks == Marks::AsIs {
                // Every version is there: the hash is the one that the original told.
                assert_eq!(rebuilt.compacted_revision, original.compacted);
                let hash = client.hash_kv(original.at).await.unwrap();
                assert_eq!((hash.hash, hash.compact_revision), (original.hash, original.compacted));
            }
            assert_eq!(client.put("new", "value", 0).await.unwrap().revision, original.at + 1);
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn three_members_find_each_other() {
    for tools in versions() {
        let original = original(&tools).await;
        for seed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let ports: Vec<_> = (0..3).map(|_| free_ports()).collect();
            let names = ["a", "b", "c"];
            let member = |(name, ports): (&&str, &(u16, u16))| Member {
                name: (*name).to_owned(),
                peer_urls: vec![peer_url(ports.1)],
            };
            let initial: Vec<_> = names.iter().zip(&ports).map(member).collect();
            let all: Vec<_> = initial.iter().map(|it| format!("{}={}", it.name, it.peer_urls[0])).collect();
            let path = |name: &str| folder.path().join(name);
            if seed {
                let path = folder.path().join("seed");
                make(&original, line(&tools), Marks::Bump(7), Target::Seed { path: path.clone() });
                for name in names {
                    std::fs::create_dir_all(folder.path().join(name).join("member/snap")).unwrap();
                    std::fs::copy(&path, folder.path().join(name).join("member/snap/db")).unwrap();
                }
            } else {
                let members = Members { initial, token: "rebuilt".to_owned() };
                let directories = names.map(|name| (name.to_owned(), path(name))).to_vec();
                make(&original, line(&tools), Marks::Bump(7), Target::DataDirectories { members, directories });
            }
            let setup = |(name, ports): (&&str, &(u16, u16))| {
                let setup = Setup::new(&tools).name(name).data(&path(name)).ports(ports.0, ports.1);
                setup.initial_cluster(&all.join(",")).flags(["--initial-cluster-state", "new"])
            };
            let setups: Vec<_> = names.iter().zip(&ports).map(setup).collect();
            let mut servers = join_all(setups.iter().map(Setup::start)).await;
            for server in &servers {
                serves(server, &original, original.at + 7).await;
            }
            let put = servers[0].client().await.put("new", "value", 0).await.unwrap();
            assert_eq!(put.revision, original.at + 8);
            servers[1].restart().await;
            let mut hashes = Vec::new();
            for server in &servers {
                let client = server.client().await;
                assert_eq!(client.range(b"new", b"", 0, 0).await.unwrap().pairs.len(), 1);
                hashes.push(client.hash_kv(put.revision).await.unwrap().hash);
            }
            assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn etcdutl_restores_an_export_which_refuses_or_fools_watchers() {
    for tools in versions() {
        let original = original(&tools).await;
        let folder = tempfile::tempdir().unwrap();
        for (marks, bump) in [(Marks::Bump(1000), 1000), (Marks::AsIs, 0)] {
            let path = folder.path().join(format!("export-{bump}"));
            let rebuilt = make(&original, line(&tools), marks, Target::Snapshot { path: path.clone() });
            assert_eq!((rebuilt.cluster_id, rebuilt.bytes % 512), (0, 0));
            assert_eq!(path.metadata().unwrap().len(), rebuilt.bytes + 32);
            let etcdutl = || std::process::Command::new(tools.join("etcdutl"));
            let told = run(etcdutl().args(["snapshot", "status", "--write-out", "json"]).arg(&path));
            assert!(told.contains("\"revision\""), "{told}");
            let data = folder.path().join(format!("data-{bump}"));
            run(etcdutl().args(["snapshot", "restore"]).arg(&path).arg("--data-dir").arg(&data));
            let server = Setup::new(&tools).data(&data).start().await;
            serves(&server, &original, original.at + bump).await;
            let client = server.client().await;
            let mut watch = client.watch(original.last + 1).await.unwrap();
            let put = client.put("new", "value", 0).await.unwrap();
            assert_eq!(put.revision, original.at + bump + 1);
            if bump > 0 {
                assert!(matches!(watch.next().await.unwrap(), Heard::Compacted { .. }));
                continue;
            }
            // Accepted, and nothing is said of any change until the old revision is reached again.
            while client.put("new", "value", 0).await.unwrap().revision <= original.last {}
            match watch.next().await.unwrap() {
                Heard::Changes { records, .. } => assert_eq!(records[0].revision.main, original.last + 1),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_older_line_starts_on_what_a_newer_one_kept() {
    let versions = versions();
    for newer in &versions {
        let original = original(newer).await;
        for older in versions.iter().filter(|it| line(it) < line(newer)) {
            let folder = tempfile::tempdir().unwrap();
            let (rebuilt, setup) = one(&original, older, Marks::Bump(10), &folder);
            // The storage version may not have been written yet; the cluster's is.
            assert_eq!(rebuilt.warnings.len(), 1, "{:?}", rebuilt.warnings);
            let mut server = setup.start().await;
            serves(&server, &original, original.at + 10).await;
            server.restart().await;
            serves(&server, &original, original.at + 10).await;
            assert!(server.client().await.status().await.unwrap().errors.is_empty());
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_alarm_is_not_rebuilt_and_users_are() {
    for tools in versions() {
        let setup = Setup::new(&tools).flags(["--quota-backend-bytes", "4000000"]);
        let mut full = setup.start().await;
        full.fill(2);
        let client = full.client().await;
        // Until it is full, which raises the alarm.
        while client.put("big", vec![b'v'; 1 << 20], 0).await.is_ok() {}
        assert_eq!(client.alarms().await.unwrap().len(), 1);
        let path = full.path("snapshot");
        client
            .snapshot(&mut tokio::fs::File::create(&path).await.unwrap())
            .await
            .unwrap();
        full.kill().await;
        let source = held(&path);
        assert_eq!(source.others().unwrap()["alarm"].len(), 1);

        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (port, peer) = free_ports();
        let members = Members::one("solo", &peer_url(peer), "t");
        let target = Target::DataDirectories {
            members,
            directories: vec![("solo".to_owned(), data.clone())],
        };
        let request = Request {
            revision: source.last_revision(),
            line: line(&tools),
            marks: Marks::Current,
            target,
        };
        rebuild(&source, &request).unwrap();
        let server = Setup::new(&tools).name("solo").data(&data).ports(port, peer).start().await;
        let client = server.client().await;
        assert!(client.alarms().await.unwrap().is_empty());
        client.put("writes", "again", 0).await.unwrap();

        // With users.
        server.enable_auth();
        let path = server.path("snapshot");
        let root = etcd::Client::connect(&server.as_user("root")).await.unwrap();
        root.snapshot(&mut tokio::fs::File::create(&path).await.unwrap()).await.unwrap();
        let source = held(&path);
        let seed = folder.path().join("again/member/snap/db");
        std::fs::create_dir_all(seed.parent().unwrap()).unwrap();
        let target = Target::Seed { path: seed };
        rebuild(
            &source,
            &Request {
                revision: source.last_revision(),
                line: line(&tools),
                marks: Marks::Bump(5),
                target,
            },
        )
        .unwrap();
        let server = Setup::new(&tools).data(&folder.path().join("again")).start().await;
        let refused = etcd::Client::connect(&server.connection)
            .await
            .unwrap()
            .range(b"\0", b"\0", 0, 0)
            .await;
        assert!(matches!(refused, Err(etcd::Error::Refused { .. })), "{refused:?}");
        let reader = etcd::Client::connect(&server.as_user("reader")).await.unwrap();
        assert_eq!(reader.range(b"writes", b"", 0, 0).await.unwrap().pairs.len(), 1);
    }
}

#[test]
#[ignore = "needs etcd: cargo xtask test"]
fn the_log_is_the_one_that_etcdutl_writes() {
    for tools in versions() {
        let folder = tempfile::tempdir().unwrap();
        let seed = folder.path().join("snapshot");
        let empty = folder.path().join("empty");
        let mut writer = etcd::bbolt::Writer::create(&empty).unwrap();
        writer.bucket("key").unwrap().finish().unwrap();
        writer.finish().unwrap();
        let nothing = DatabaseSource::new(Database::open(&empty).unwrap()).unwrap();
        let request = |target| Request {
            revision: 1,
            line: line(&tools),
            marks: Marks::Current,
            target,
        };
        rebuild(&nothing, &request(Target::Snapshot { path: seed.clone() })).unwrap();
        let theirs = folder.path().join("theirs");
        let cluster = "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,b=http://10.0.1.2:2380";
        run(std::process::Command::new(tools.join("etcdutl"))
            .args(["snapshot", "restore"])
            .arg(&seed)
            .args([
                "--name",
                "b",
                "--initial-cluster",
                cluster,
                "--initial-cluster-token",
                "t",
            ])
            .args([
                "--initial-advertise-peer-urls",
                "http://10.0.0.2:2380,http://10.0.1.2:2380",
            ])
            .arg("--data-dir")
            .arg(&theirs));
        let member = |name: &str, urls: &[&str]| Member {
            name: name.to_owned(),
            peer_urls: urls.iter().map(ToString::to_string).collect(),
        };
        let initial = vec![
            member("a", &["http://10.0.0.1:2380"]),
            member("b", &["http://10.0.1.2:2380", "http://10.0.0.2:2380"]),
        ];
        let ours = folder.path().join("ours");
        let members = Members { initial, token: "t".to_owned() };
        let directories = vec![("b".to_owned(), ours.clone())];
        rebuild(&nothing, &request(Target::DataDirectories { members, directories })).unwrap();
        let log = |data: &Path| std::fs::read(data.join("member/wal/0000000000000000-0000000000000000.wal")).unwrap();
        if line(&tools) < Line::V3_7 {
            assert!(log(&ours) == log(&theirs));
        }
        let read = |data: &Path| etcd::wal::read(&data.join("member/wal"), 0).unwrap();
        let (ours, theirs) = (read(&ours), read(&theirs));
        assert_eq!(
            (ours.member_id, ours.cluster_id, ours.state),
            (theirs.member_id, theirs.cluster_id, theirs.state)
        );
        assert_eq!((ours.entries.len(), &ours.marks), (theirs.entries.len(), &theirs.marks));
    }
}
