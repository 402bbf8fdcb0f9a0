use super::*;
use crate::Revision;
use crate::history::{BaseHeader, BaseWriter, Began, Buckets, Source};

/// A base with puts at these revisions, each of its own key, and these entries in bucket `auth`.
fn base(puts: &[(&'static str, u64)], auth: &[(&'static str, &[u8])]) -> Pack {
    let mut writer = BaseWriter::new(Vec::new()).unwrap();
    for &(key, main) in puts {
        let it = crate::KeyValue {
            key: key.into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: "value".into(),
            lease: 0,
        };
        writer.live(&Record::put(Revision { main, sub: 0 }, &it)).unwrap();
    }
    let header = BaseHeader {
        timeline: 1,
        revision: 20,
        compaction: 0,
        taken_ms: 1,
        source: Source::default(),
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let entries = auth.iter().map(|&(key, value)| (key.into(), value.to_vec().into()));
    let buckets = Buckets::from([("auth".into(), entries.collect())]);
    let (written, body) = writer.finish(header, &buckets).unwrap();
    Pack::open(&written.name, Arc::new(bytes::Bytes::from(body))).unwrap()
}

#[test]
fn the_youngest_put_of_a_base_is_found_whatever_its_key() {
    let found = base_put(&base(&[("a", 5), ("b", 17), ("c", 9)], &[])).unwrap();
    assert_eq!((found.revision.main, &found.key().unwrap()[..]), (17, &b"b"[..]));
    assert_eq!(base_put(&base(&[], &[])), None);
}

#[test]
fn the_users_of_a_base_are_two_numbers() {
    let on = [("authEnabled", &[1][..]), ("authRevision", &[0, 0, 0, 0, 0, 0, 1, 2])];
    let users = users_of(&base(&[], &on));
    assert_eq!(users, Some(AuthStatus { enabled: true, revision: 258 }));
    let none = users_of(&base(&[], &[]));
    assert_eq!(none, Some(AuthStatus { enabled: false, revision: 0 }));
}
