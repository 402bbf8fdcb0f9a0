use super::*;

fn opaque(value: &[u8]) -> Opaque {
    match read(b"/registry/x/y", value, &Decryption::default()) {
        Content::Opaque(it) => it,
        Content::Object(it) => panic!("{it:?}"),
    }
}

#[test]
fn what_cannot_be_read_says_why_and_quotes_nothing() {
    assert_eq!(opaque(b"").why, "it is empty");
    assert_eq!(opaque(b"hello").why, "it is no object of Kubernetes");
    let damaged = opaque(br#"{"kind": "Secret", "data": PLANTED"#);
    assert_eq!(damaged.why, "its JSON is damaged: line 1, column 28");
    assert_eq!(opaque(br#"{"a": 1}"#).why, "it is JSON, but no object of Kubernetes");
    let later = opaque(b"k8s\0\x0a\x0d\x0a\x05x/v99\x12\x04Thin\x12\x00");
    assert_eq!(later.why, "Thin of x/v99 is not known here");
    assert_eq!(later.kind, Some(("x/v99".to_owned(), "Thin".to_owned())));
}
