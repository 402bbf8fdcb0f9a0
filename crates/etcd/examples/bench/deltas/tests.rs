//! The form, byte for byte.

use super::*;
use etcd::{KeyValue, Revision};

#[test]
fn events_are_written_as_go_writes_them() {
    let it = KeyValue {
        key: "a".into(),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        value: "v".into(),
        lease: 9,
    };
    let mut delta = Delta::default();
    delta
        .add(&Record::put(Revision { main: 3, sub: 0 }, &it), 1_785_000_000_001)
        .unwrap();
    delta
        .add(&Record::deletion(Revision { main: 4, sub: 0 }, "a".into()), 1_785_000_000_002)
        .unwrap();
    let text = String::from_utf8(delta.0).unwrap();
    let first = r#"[{"etcdEvent":{"kv":{"key":"YQ==","create_revision":2,"mod_revision":3,"version":2,"value":"dg==","lease":9}},"time":"2026-07-25T17:20:00.001"#;
    assert!(text.starts_with(first), "{text}");
    assert!(
        text.contains(r#",{"etcdEvent":{"type":1,"kv":{"key":"YQ==","mod_revision":4}},"time":"#),
        "{text}"
    );
}

#[test]
fn what_repeats_becomes_small_and_nothing_takes_nothing() {
    assert_eq!(Delta::default().stored().unwrap(), 0);
    let size = deflated(&mut &*vec![7; 1 << 20]).unwrap();
    assert!((500..5_000).contains(&size), "{size}");
}
