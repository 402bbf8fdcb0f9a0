//! What a reader makes of good and bad files.

use super::{Reader, Writer};
use bytes::Bytes;
use std::sync::Arc;

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("OUT_DB").map_or_else(|| folder.path().join("db"), Into::into);
    let mut writer = Writer::create(&path).unwrap();
    let mut bucket = writer.bucket("key").unwrap();
    for n in 0..100_000_u64 {
        bucket.put(&n.to_be_bytes(), &vec![7; (n % 1000) as usize]).unwrap();
    }
    bucket.finish().unwrap();
    for name in ["a", "b"] {
        let mut bucket = writer.bucket(name).unwrap();
        bucket.put(b"x", b"y").unwrap();
        bucket.finish().unwrap();
    }
    writer.bucket("empty").unwrap().finish().unwrap();
    writer.finish().unwrap();
    let reader = Reader::open("x", Arc::new(std::fs::File::open(&path).unwrap())).unwrap();
    let key = reader.bucket("key").unwrap();
    let all: Vec<_> = key.entries().map(|e| e.unwrap()).collect();
    assert_eq!(all.len(), 100_000);
    assert_eq!(key.last().unwrap().unwrap(), all[99_999]);
    for n in [0, 1, 2, 3, 10, 1000, 1 << 20] {
        let parts = key.parts(n).unwrap();
        assert!(parts.len() <= n.max(1), "{n}");
        let same: Vec<_> = parts.iter().flat_map(|p| p.entries()).map(|e| e.unwrap()).collect();
        assert!(same == all);
    }
    let a: Vec<_> = reader.bucket("a").unwrap().entries().map(|e| e.unwrap()).collect();
    assert_eq!(a, [(Bytes::from("x"), Bytes::from("y"))]);
}
