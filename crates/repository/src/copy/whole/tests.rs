//! What an object cannot be, by its length and its first bytes.

use super::harm;
use crate::layout;
use crate::seal::{Header, sealed_length};
use object_store::path::Path;

fn told(key: &str, size: u64, head: &[u8]) -> Option<String> {
    harm(layout::known(&Path::from(key)).as_ref(), size, head)
}

#[test]
fn what_is_empty_cut_off_or_not_sealed_is_told_and_what_needs_a_key_is_not() {
    let key = "clusters/a/history/t1-base-7";
    let head = Header::fresh(crate::KeyId([7; 16]), 1).to_bytes();
    let whole = sealed_length(70_000);
    assert_eq!(told(key, whole, &head), None);
    assert_eq!(told(key, 0, b"").unwrap(), "it is empty");
    assert_eq!(told(key, 30, &head[..30]).unwrap(), "it is cut off");
    // A chunk that has not even its tag, and one that would hold nothing.
    for size in [64, 70, 64 + 65_552 + 3, 64 + 65_552 + 16] {
        assert_eq!(told(key, size, &head).unwrap(), "it is cut off", "{size}");
    }
    assert_eq!(told(key, whole, b"PK\x03\x04").unwrap(), "it was not sealed by Lifeboat");
    let mut later = head;
    later[7] += 1;
    assert_eq!(told(key, 3, &later), None);
    for kept in [
        "shared/kit/0000000001",
        "shared/runs/0000000001/0000000000",
        "shared/evidence/main/0000000001",
    ] {
        assert!(told(kept, 9, b"{}").is_some(), "{kept}");
    }
    for other in ["clusters/a/files/config", "shared/keys/0000000001", "notes.txt"] {
        assert_eq!(told(other, 9, b"{}"), None, "{other}");
        assert_eq!(told(other, 0, b"").unwrap(), "it is empty", "{other}");
    }
}
