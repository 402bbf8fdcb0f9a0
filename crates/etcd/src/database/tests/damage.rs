//! What is no database, and databases that are damaged: an error that says so, and no panic.

use super::{damage, entries, history, made, others, write};
use crate::bbolt::Writer;
use crate::database::Database;
use crate::{FileError, Revision};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

#[test]
fn what_is_no_database_is_told_apart() {
    let (folder, path) = made(&entries(&history()), &others());
    let good = std::fs::read(&path).unwrap();
    let other = folder.path().join("other");
    let opened = |bytes: &[u8]| {
        std::fs::write(&other, bytes).unwrap();
        damage(Database::open(&other))
    };
    assert_eq!(opened(&[]), "its beginning: it is empty");
    assert_eq!(opened(b"text"), "its beginning: it is too short for a database of etcd");
    assert!(opened(&b"some text\n".repeat(1000)).starts_with("page 0: it does not begin as a database of etcd does"));
    assert!(opened(&good[..good.len() - 4096]).contains("the file ends"));
    let bytes = good.len();
    assert_eq!(
        opened(&[good.clone(), vec![0; 31]].concat()),
        format!("byte {bytes}: 31 bytes follow the database, which are no SHA-256 of it")
    );
    let grown = [good.clone(), vec![0; 64 << 10]].concat();
    std::fs::write(&other, &grown).unwrap();
    assert_eq!(Database::open(&other).unwrap().records().count(), history().len());
    assert!(matches!(Database::open(folder.path()), Err(FileError::Io { doing: "opened", .. })));
    assert!(matches!(
        Database::open(Path::new("/dev/null")),
        Err(FileError::Io { doing: "opened", .. })
    ));
    assert!(matches!(
        Database::open(&folder.path().join("none")),
        Err(FileError::Io { doing: "opened", .. })
    ));

    let mut writer = Writer::create(&folder.path().join("no key")).unwrap();
    writer.bucket("meta").unwrap().finish().unwrap();
    writer.finish().unwrap();
    assert!(damage(Database::open(&folder.path().join("no key"))).contains("there is no bucket key"));
}

/// A file that is made once for all cases.
fn sound() -> Vec<u8> {
    static MADE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    MADE.get_or_init(|| std::fs::read(made(&entries(&history()), &others()).1).unwrap())
        .clone()
}

/// Reads all there is; how many records came before an error.
fn read_all(database: Vec<u8>) -> usize {
    let Ok(database) = Database::from_pages("db", Arc::new(Bytes::from(database))) else {
        return 0;
    };
    let _ = (database.facts(), database.last_revision());
    if let Ok(others) = database.others() {
        let _ = (others.leases(), others.members(), others.alarms(), others.storage_version());
    }
    let mut last = Revision::default();
    let good = database.records().map_while(Result::ok);
    good.inspect(|record| assert!(std::mem::replace(&mut last, record.revision) < record.revision))
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_databases_never_panic(flips in vec((any::<prop::sample::Index>(), 0..8_u8), 1..8), keep in any::<prop::sample::Index>(), cut in any::<bool>()) {
        let mut database = sound();
        for (place, bit) in flips {
            let at = place.index(database.len());
            database[at] ^= 1 << bit;
        }
        if cut {
            database.truncate(keep.index(database.len()));
        }
        read_all(database);
    }

    #[test]
    fn records_of_any_bytes_never_panic(records in prop::collection::btree_map(vec(any::<u8>(), 1..24), vec(any::<u8>(), 0..40), 0..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let records: Vec<_> = records.into_iter().collect();
        write(&path, &records, &[("lease", records.clone()), ("meta", records.clone()), ("members", records.clone()), ("alarm", records.clone())]);
        prop_assert!(read_all(std::fs::read(path).unwrap()) <= records.len());
    }
}
