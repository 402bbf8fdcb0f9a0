use super::*;
use proptest::prelude::*;

fn pod() -> KeyValue {
    KeyValue {
        key: Bytes::from_static(b"/registry/pods/default/a"),
        create_revision: 3,
        mod_revision: 300,
        version: 2,
        value: Bytes::from_static(b"k8s\0"),
        lease: 77,
    }
}

#[test]
fn an_entry_is_what_etcd_writes() {
    let put = Record::put(Revision { main: 300, sub: 1 }, &pod());
    assert_eq!(&*put.entry_key(), b"\0\0\0\0\0\0\x01\x2c_\0\0\0\0\0\0\0\x01");
    assert_eq!(&put.value[..2], [0x0a, 24]);
    assert_eq!(&put.value[26..], b"\x10\x03\x18\xac\x02\x20\x02\x2a\x04k8s\0\x30\x4d");
    let deletion = Record::deletion(Revision { main: 301, sub: 0 }, pod().key);
    assert_eq!(&*deletion.entry_key(), b"\0\0\0\0\0\0\x01\x2d_\0\0\0\0\0\0\0\0t");
    assert_eq!(deletion.value.len(), 26);
    assert_eq!(format!("{deletion:?}"), "deletion of /registry/pods/default/a at 301.0, 26 bytes");
}

#[test]
fn a_value_is_never_shown() {
    let secret = KeyValue { value: Bytes::from_static(b"hunter2"), ..pod() };
    let shown = format!("{secret:?}{:?}", Record::put(Revision { main: 300, sub: 0 }, &secret));
    assert!(shown.contains("/registry/pods/default/a") && shown.contains("value_bytes: 7"), "{shown}");
    let bytes = format!("{:?}", b"hunter2").trim_matches(['[', ']']).to_owned();
    assert!(!shown.contains("hunter2") && !shown.contains(&bytes), "{shown}");
}

#[test]
fn a_lease_with_the_highest_bit_keeps_its_sign() {
    let it = KeyValue { lease: i64::MIN + 1, ..pod() };
    assert_eq!(KeyValue::decode(&it.encoded()), Ok(it));
}

#[test]
fn what_is_no_entry_is_refused_by_its_reason() {
    let of = |key: &[u8]| Record::from_entry(key, Bytes::new()).unwrap_err();
    assert!(of(b"short").contains("5 bytes"));
    assert!(of(&[0; 17]).contains("underscore"));
    let mut key = *Revision { main: 1, sub: 1 }.entry_key(true).first_chunk::<18>().unwrap();
    key[17] = b'x';
    assert!(of(&key).contains("mark of a deletion"));
    key[0] = 0xff;
    assert!(of(&key[..17]).contains("negative"));
    key[0] = 0;
    key[9] = 1;
    assert!(of(&key[..17]).contains("larger than any transaction"));
}

proptest! {
    #[test]
    fn a_record_comes_back(main in 0..i64::MAX as u64, sub: u32, tombstone: bool, key: Vec<u8>, value: Vec<u8>, lease: i64) {
        let it = KeyValue { key: key.into(), mod_revision: main, value: value.into(), lease, ..pod() };
        let revision = Revision { main, sub };
        let record = if tombstone { Record::deletion(revision, it.key.clone()) } else { Record::put(revision, &it) };
        prop_assert_eq!(Record::from_entry(&record.entry_key(), record.value.clone()).unwrap(), record.clone());
        prop_assert_eq!(record.key().unwrap(), it.key.clone());
        if !tombstone {
            prop_assert_eq!(record.decode().unwrap(), it);
        }
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>) {
        let value = Bytes::from(bytes.clone());
        let _ = Record::from_entry(&bytes, value.clone());
        let record = Record { revision: Revision::default(), tombstone: false, value };
        let _ = (record.decode(), record.key(), format!("{record:?}"));
    }
}
