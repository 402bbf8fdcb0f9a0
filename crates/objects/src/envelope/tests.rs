use super::*;

#[test]
fn each_kind_of_value_is_told_apart() {
    assert_eq!(Envelope::of(b"{\"a\":1}"), Envelope::Json(b"{\"a\":1}"));
    assert_eq!(Envelope::of(b"  \n{}"), Envelope::Json(b"  \n{}"));
    assert_eq!(
        Envelope::of(b"k8s:enc:aescbc:v1:key1:ab:cd"),
        Envelope::Encrypted {
            provider: "aescbc",
            version: "v1",
            key: "key1",
            sealed: b"ab:cd"
        }
    );
    assert_eq!(
        Envelope::of(b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02ab\x1a\x00"),
        Envelope::Protobuf { api_version: "v1", kind: "Pod", message: b"ab" }
    );
    for odd in [
        b"".as_slice(),
        b"k8s\0\xff",
        b"k8s:enc:a:b",
        b"\xd9\xd9\xf7\xa0",
        b"hello",
    ] {
        assert!(matches!(Envelope::of(odd), Envelope::Other(_)), "{odd:?}");
    }
}
