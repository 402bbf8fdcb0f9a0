//! Archives, good and hostile, and data directories that do not run.

use super::*;
use crate::bbolt::Writer;
use crate::{KeyValue, Record, Revision};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A database with one record.
fn database(path: &Path) {
    database_of(path, None);
}

/// The same with a configuration state.
fn database_of(path: &Path, conf_state: Option<&str>) {
    let _ = std::fs::remove_file(path);
    let mut writer = Writer::create(path).unwrap();
    let mut keys = writer.bucket("key").unwrap();
    let kv = KeyValue {
        key: "a".into(),
        create_revision: 2,
        mod_revision: 2,
        version: 1,
        value: vec![b'v'; 9000].into(),
        lease: 0,
    };
    let record = Record::put(Revision { main: 2, sub: 0 }, &kv);
    keys.put(&record.entry_key(), &record.value).unwrap();
    keys.finish().unwrap();
    let mut meta = writer.bucket("meta").unwrap();
    if let Some(json) = conf_state {
        meta.put(b"confState", json.as_bytes()).unwrap();
    }
    meta.put(b"consistent_index", &5_u64.to_be_bytes()).unwrap();
    meta.finish().unwrap();
    writer.finish().unwrap();
}

/// The bytes of a snapshot.
fn snapshot() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    database(&path);
    let mut bytes = std::fs::read(path).unwrap();
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        if name.ends_with('/') {
            zip.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method))
                .unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn refusal(bytes: &[u8]) -> String {
    let (folder, path) = written(bytes);
    let error = snapshot_file(&path, folder.path()).unwrap_err();
    assert!(!folder.path().join("escaped").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left in the spool");
    let text = error.to_string();
    text.replace(&format!("{}", path.display()), "FILE")
}

#[test]
fn every_form_of_a_snapshot_opens() {
    let snapshot = snapshot();
    let bare = &snapshot[..snapshot.len() - 32];
    let deflated = CompressionMethod::Deflated;
    for (bytes, form) in [
        (snapshot.clone(), Form::Snapshot),
        (bare.to_vec(), Form::Database),
        (archive(&[("on-demand-1", &snapshot)], deflated), Form::Zip),
        (archive(&[("backup/", b""), ("backup/c-1", &snapshot)], deflated), Form::Zip),
        (archive(&[("../../escaped", &snapshot)], CompressionMethod::Stored), Form::Zip),
        (archive(&[("db", bare)], deflated), Form::Zip),
    ] {
        let (folder, path) = written(&bytes);
        let imported = snapshot_file(&path, folder.path()).unwrap();
        assert_eq!((imported.form, imported.missing), (form, Missing::default()));
        let records: Vec<_> = imported.database.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(imported.spool().is_some(), form == Form::Zip);
        drop(imported);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the spool is gone");
    }
}

#[test]
fn what_is_none_says_why() {
    let snapshot = snapshot();
    let mut flipped = snapshot.clone();
    flipped[5000] ^= 1;
    assert!(refusal(&flipped).starts_with("FILE is damaged at "), "{}", refusal(&flipped));
    assert!(refusal(&archive(&[("db", &flipped)], CompressionMethod::Deflated)).contains("is damaged at "));
    let none = archive(&[], CompressionMethod::Stored);
    assert_eq!(
        refusal(&none),
        "FILE is damaged at its list of files: there are 0 databases of etcd in it instead of one"
    );
    let two = archive(&[("a", &snapshot), ("b", &snapshot)], CompressionMethod::Stored);
    assert_eq!(
        refusal(&two),
        "FILE is damaged at its list of files: there are 2 databases of etcd in it instead of one"
    );
    // RKE1 puts the cluster's state beside it.
    for files in [
        [("backup/a", &snapshot[..]), ("a.rkestate", b"{}")],
        [("a.rkestate", b"{}"), ("backup/a", &snapshot)],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rke1.zip");
        std::fs::write(&path, archive(&files, CompressionMethod::Deflated)).unwrap();
        let imported = snapshot_file(&path, folder.path()).unwrap();
        assert_eq!((imported.form, imported.beside.as_slice()), (Form::Zip, &["a.rkestate".to_owned()][..]));
        assert_eq!(std::fs::read(imported.file()).unwrap(), snapshot);
    }
    assert!(
        refusal(
            b"\x1f\x8b\x08 and so on, for longer than a page of the database would say what it is, which takes a while"
        )
        .ends_with("packed with gzip")
    );
    let whole = archive(&[("db", &snapshot)], CompressionMethod::Stored);
    let mut rotten = whole.clone();
    rotten[6000] ^= 1;
    assert!(refusal(&rotten).starts_with("FILE is damaged at its file: "), "{}", refusal(&rotten));
    assert!(refusal(&whole[..whole.len() - 30]).starts_with("FILE is damaged at its list of files: "));
    assert!(refusal(b"PK\x03\x04").starts_with("FILE is damaged at its list of files: "));
    assert!(refusal(b"").starts_with("FILE is damaged at "));
}

#[test]
fn what_there_is_no_room_for_is_not_begun() {
    let zeros = vec![0; 4 << 20];
    let (folder, path) = written(&archive(&[("db", &zeros)], CompressionMethod::Deflated));
    assert!(path.metadata().unwrap().len() < 8000);
    let to = folder.path().join("to");
    let error = unpack::unpack_up_to(&path, &to, (4 << 20) - 1).unwrap_err().to_string();
    assert!(
        error.ends_with("to cannot be written: 4194304 bytes are more than there is room for"),
        "{error}"
    );
    assert!(!to.exists());
}

#[test]
fn an_archive_that_lies_about_its_size_is_found_out() {
    let mut bytes = archive(&[("db", &[7; 9000])], CompressionMethod::Deflated);
    let size = 9000_u32.to_le_bytes();
    let places: Vec<_> = (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == size).collect();
    for at in places {
        bytes[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    assert!(refusal(&bytes).starts_with("FILE is damaged at its file: "), "{}", refusal(&bytes));
}

/// A stopped member's data directory: a database at index 5, a log that knows of three entries.
fn stopped() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let member = folder.path().join("member");
    std::fs::create_dir_all(member.join("snap")).unwrap();
    std::fs::create_dir_all(member.join("wal")).unwrap();
    database(&member.join("snap/db"));
    let peers: Vec<_> = (0..7)
        .map(|n| wal::Peer::new(&format!("n{n}"), &[format!("http://a{n}:1")], "t"))
        .collect();
    std::fs::write(member.join("wal").join(wal::FIRST_SEGMENT), wal::fresh(&peers, peers[0].id).wal).unwrap();
    folder
}

#[test]
fn without_etcd_what_is_missing_is_counted() {
    let folder = stopped();
    let imported = data_directory(folder.path(), None, folder.path()).unwrap();
    assert_eq!(imported.form, Form::DataDirectory);
    assert_eq!(imported.missing, Missing { entries: 2, requests: 0, uncertain: 0, gap: false });
}

/// A log: metadata, entries from index 6 on, one byte each, and that the first `commit` is committed. Frames and fields as
/// etcd `server/storage/wal/encoder.go` and raft's `raft.proto` have them; all numbers are below 128.
fn log(last: u8, commit: u8) -> Vec<u8> {
    let entry = |index: u8| (2, vec![8, 0, 16, 2, 24, index, 34, 1, b'x']);
    let mut records = vec![(1, vec![8, 1, 16, 2])];
    records.extend((6..=last).map(entry));
    records.push((3, vec![8, 2, 16, 1, 24, commit]));
    let (mut out, mut checksum) = (vec![], 0);
    for (kind, data) in records {
        checksum = crc32c::crc32c_append(checksum, &data);
        let mut record = vec![8, kind, 16];
        crate::record::put_varint(&mut record, u64::from(checksum));
        record.extend([26, data.len() as u8]);
        record.extend(data);
        let zeros = (8 - record.len() % 8) % 8;
        let word = record.len() as u64 | if zeros > 0 { (0x80 | zeros as u64) << 56 } else { 0 };
        out.extend(word.to_le_bytes());
        out.extend(record);
        out.extend(vec![0; zeros]);
    }
    out
}

#[test]
fn of_a_member_alone_all_that_its_log_holds_is_missing() {
    for (voters, log, missing) in [
        // The database is at index 5. Entries 6 to 9 were acknowledged: 6 and 7 are known to be committed.
        ("[1]", log(9, 7), Missing { entries: 4, requests: 4, uncertain: 0, gap: false }),
        ("[1,2,3]", log(9, 7), Missing { entries: 2, requests: 2, uncertain: 2, gap: false }),
        ("[1]", log(6, 5), Missing { entries: 1, requests: 1, uncertain: 0, gap: false }),
        ("[1]", log(5, 5), Missing::default()),
    ] {
        let folder = stopped();
        let member = folder.path().join("member");
        database_of(&member.join("snap/db"), Some(&format!("{{\"voters\":{voters}}}")));
        std::fs::write(member.join("wal").join(wal::FIRST_SEGMENT), log).unwrap();
        let imported = data_directory(folder.path(), None, folder.path()).unwrap();
        assert_eq!(imported.missing, missing, "{voters}");
    }
}

#[test]
fn a_member_that_runs_is_left_alone() {
    let folder = stopped();
    let file = File::options().write(true).open(folder.path().join("member/snap/db")).unwrap();
    file.try_lock().unwrap();
    let error = data_directory(folder.path(), None, folder.path()).unwrap_err();
    assert!(matches!(error, ImportError::Running { .. }), "{error}");
}

#[test]
fn an_etcd_that_does_not_serve_is_told_of() {
    let folder = stopped();
    for (program, expected) in [
        ("none", "etcd could not apply the member's log: none does not run: "),
        ("false", "etcd could not apply the member's log: it ended before it served"),
    ] {
        let error = data_directory(folder.path(), Some(Path::new(program)), folder.path()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no copy is left");
}

#[test]
fn what_a_killed_import_left_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".lifeboat-import-killed");
    let other = folder.path().join("other");
    std::fs::create_dir_all(left.join("data/member")).unwrap();
    std::fs::create_dir(&other).unwrap();
    let (_kept, path) = written(&archive(&[("db", &snapshot())], CompressionMethod::Deflated));
    let at_work = snapshot_file(&path, folder.path()).unwrap();
    assert!(!left.exists() && other.exists());
    let second = snapshot_file(&path, folder.path()).unwrap();
    for imported in [&at_work, &second] {
        assert!(imported.spool().unwrap().join("snapshot").exists(), "nobody removes what is in use");
    }
    drop((at_work, second));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_never_panic(at: prop::sample::Index, bit in 0_u32..8, cut: prop::sample::Index, deflated: bool) {
        let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let mut bytes = archive(&[("backup/db", &snapshot())], method);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let whole = bytes.clone();
        bytes.truncate(cut.index(bytes.len()));
        for bytes in [whole, bytes] {
            let (folder, path) = written(&bytes);
            let _ = snapshot_file(&path, folder.path());
        }
    }
}
