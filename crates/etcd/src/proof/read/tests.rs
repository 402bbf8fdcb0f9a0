use super::*;
use crate::history::{BaseWriter, Buckets, Directory, Shelf};
use crate::selection::made::{self, histories};
use crate::{KeyValue, Record, Revision};
use bytes::Bytes;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn laid_out(folder: &Path, objects: &[(Name, Bytes)]) -> Arc<Directory> {
    let shelf = Arc::new(Directory::open(folder).unwrap());
    for (name, bytes) in objects {
        shelf.create(name, &mut bytes.as_ref()).unwrap();
    }
    shelf
}

fn read(shelf: &Arc<Directory>) -> Result<ReadAll, FileError> {
    read_all(&History::open(shelf.clone()).unwrap())
}

/// Changes bytes of an object, one at a time; each must be met.
fn each_is_met(shelf: &Arc<Directory>, folder: &Path, name: &Name, step: usize) {
    let path = folder.join(name.to_string());
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let error = read(shelf).expect_err("a changed byte is met");
        assert!(matches!(error, FileError::Damaged { .. }), "byte {at}: {error}");
    }
    std::fs::write(&path, whole).unwrap();
}

#[test]
fn every_byte_of_every_object_is_read() {
    let model = crate::selection::model::Model {
        records: (2..40)
            .map(|main| {
                let kv = KeyValue {
                    key: format!("key{}", main % 7).into(),
                    mod_revision: main,
                    create_revision: main,
                    version: 1,
                    value: vec![b'v'; 30].into(),
                    lease: 0,
                };
                Record::put(Revision { main, sub: 0 }, &kv)
            })
            .collect(),
        last: 39,
    };
    let cuts = made::Cuts {
        compaction: 5,
        base: 20,
        segments: [25, 30, 30].into(),
        gap: None,
    };
    let made = made::History::of(model, &cuts);
    let folder = tempfile::tempdir().unwrap();
    let mut objects = made.objects.0.clone();
    // A timeline that nobody asks for when a moment of the other is hashed.
    let header = crate::history::BaseHeader { timeline: 2, ..made::header(5, 5) };
    let bucket = vec![(Bytes::from("a"), Bytes::from("b"))];
    let other = BaseWriter::new(Vec::new())
        .unwrap()
        .finish(header, &Buckets::from([("auth".to_owned(), bucket)]));
    let (written, bytes) = other.unwrap();
    objects.push((written.name, bytes.into()));
    let shelf = laid_out(folder.path(), &objects);
    let all = read(&shelf).unwrap();
    assert_eq!(all.objects, objects.len() as u64);
    assert!(all.records >= 35 && all.frames >= 5 && all.bytes > 0, "{all:?}");
    for (name, _) in &objects {
        each_is_met(&shelf, folder.path(), name, 1);
    }
    assert_eq!(read(&shelf).unwrap(), all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_history_is_read_and_any_damage_met(history in histories()) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = laid_out(folder.path(), &history.objects.0);
        read(&shelf).unwrap();
        let used = History::open(shelf.clone()).unwrap().timelines()[0].used();
        for name in &used {
            each_is_met(&shelf, folder.path(), name, 97);
        }
    }
}
