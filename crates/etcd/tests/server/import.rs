//! Data directories of members that were killed, with what they had acknowledged; and running members.

use crate::server::{Cluster, Server, run, versions};
use etcd::import::{Form, ImportError, Imported, data_directory};
use std::collections::BTreeSet;
use std::path::Path;

/// The keys that exist in it.
fn keys(imported: &Imported) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for record in imported.database.records() {
        let record = record.unwrap();
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        if record.tombstone {
            keys.remove(&key);
        } else {
            keys.insert(key);
        }
    }
    keys
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_a_killed_member_had_acknowledged_is_there() {
    for tools in versions() {
        let mut server = Server::start(&tools, None).await;
        let client = server.client().await;
        let mut written = BTreeSet::new();
        for number in 0..50 {
            let key = format!("key{number}");
            client.put(key.clone(), vec![b'v'; 2000], 0).await.unwrap();
            written.insert(key);
        }
        client.delete("key7", "").await.unwrap();
        written.remove("key7");
        let spool = tempfile::tempdir().unwrap();
        let running = data_directory(&server.data, None, spool.path());
        assert!(matches!(running, Err(ImportError::Running { .. })), "{running:?}");
        server.kill().await;

        let alone = data_directory(&server.data, None, spool.path()).unwrap();
        assert_eq!(alone.form, Form::DataDirectory);
        // The last writes were less than 100 ms ago: they are in the log only.
        let lacking = alone.missing.requests + alone.missing.uncertain;
        let behind = 51_u64.saturating_sub(alone.database.last_revision().unwrap().map_or(0, |it| it.main - 1));
        assert!(lacking >= behind && !alone.missing.gap, "{alone:?}, behind by {behind}");
        drop(alone);

        let before = listing(&server.data);
        let imported = data_directory(&server.data, Some(&tools.join("etcd")), spool.path()).unwrap();
        assert_eq!((imported.form, imported.missing), (Form::Replayed, etcd::wal::Missing::default()));
        assert_eq!(keys(&imported), written);
        assert_eq!(imported.database.last_revision().unwrap().unwrap().main, 52);
        assert_eq!(listing(&server.data), before, "the member's own files are not touched");
        drop(imported);
        assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn one_of_several_members_is_enough() {
    for tools in versions() {
        let mut cluster = Cluster::start(&tools, None, 3).await;
        let client = cluster.members[0].client().await;
        for number in 0..20 {
            client.put(format!("key{number}"), "value", 0).await.unwrap();
        }
        // Once the others have applied these, they know that the ones before are committed.
        for server in &cluster.members {
            let found = server.client().await.range(b"key19", b"", 0, 0).await.unwrap();
            assert_eq!(found.pairs.len(), 1);
        }
        for server in &mut cluster.members {
            server.kill().await;
        }
        let spool = tempfile::tempdir().unwrap();
        for server in &cluster.members {
            let imported = data_directory(&server.data, Some(&tools.join("etcd")), spool.path()).unwrap();
            assert_eq!(imported.form, Form::Replayed);
            let found = keys(&imported).len() as u64;
            assert!(found + imported.missing.uncertain >= 20 && found >= 19, "{found} of 20: {imported:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_snapshot_of_etcdctl_opens_also_from_an_archive() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        server.client().await.put("key", "value", 0).await.unwrap();
        let path = server.path("snapshot");
        server.etcdctl(&["snapshot", "save", &path.display().to_string()]);
        let spool = tempfile::tempdir().unwrap();
        let imported = etcd::import::snapshot_file(&path, spool.path()).unwrap();
        assert_eq!((imported.form, keys(&imported).len()), (Form::Snapshot, 1));
        let zipped = server.path("snapshot.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&zipped).unwrap());
        zip.start_file("etcd-snapshot-host-1", zip::write::SimpleFileOptions::default())
            .unwrap();
        std::io::copy(&mut std::fs::File::open(&path).unwrap(), &mut zip).unwrap();
        zip.finish().unwrap();
        let imported = etcd::import::snapshot_file(&zipped, spool.path()).unwrap();
        assert_eq!((imported.form, keys(&imported).len()), (Form::Zip, 1));
    }
}

/// Sizes and times of all files of a member, apart from what etcd's lock does.
fn listing(data: &Path) -> String {
    run(std::process::Command::new("find")
        .arg(data)
        .args(["-type", "f", "-printf", "%p %s %T@\n"]))
}
