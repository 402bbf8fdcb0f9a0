use super::*;
use crate::read::{Content, read};
use proptest::prelude::*;
use serde_json::json;

/// A field with a length in front.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// A stored object: the magic, and the message `Unknown` with what it is.
fn stored(api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let of = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [
        b"k8s\0".to_vec(),
        field(1, &of),
        field(2, message),
        field(3, b""),
        field(4, b""),
    ]
    .concat()
}

fn object(api_version: &str, kind: &str, message: &[u8]) -> Value {
    match read(b"/registry/x/y", &stored(api_version, kind, message), &Default::default()) {
        Content::Object(it) => Value::Object(it.fields),
        Content::Opaque(it) => panic!("{it:?}"),
    }
}

#[test]
fn what_is_written_is_what_go_would_write() {
    let meta = [
        field(1, b"web"),
        field(3, b"shop"),
        field(11, &[field(1, b"a"), field(2, b"b")].concat()),
    ]
    .concat();
    let port = [field(1, b""), number(3, 80), field(4, b"TCP")].concat();
    let container = [field(1, b"app"), field(2, b"image"), field(6, &port)].concat();
    let resources = field(8, &[]);
    let spec = field(2, &[container, resources].concat());
    let pod = object("v1", "Pod", &[field(1, &meta), field(2, &spec)].concat());
    assert_eq!(
        pod,
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "web", "namespace": "shop", "labels": { "a": "b" } },
            "spec": { "containers": [{
                "name": "app", "image": "image", "resources": {}, "ports": [{ "containerPort": 80, "protocol": "TCP" }],
            }] },
            // A message that is no pointer is never left out.
            "status": {},
        })
    );
}

#[test]
fn a_list_that_must_be_written_is_null_when_it_is_empty() {
    let role = object("rbac.authorization.k8s.io/v1", "ClusterRole", &field(1, &field(1, b"none")));
    assert_eq!(role["rules"], Value::Null);
    assert!(role.get("rules").is_some());
}

#[test]
fn times_quantities_and_either_or() {
    let time = [number(1, 61), number(2, 0)].concat();
    let lease_spec = [
        field(1, b"me"),
        number(2, 40),
        field(4, &[number(1, 61), vec![2 << 3, 0xe8, 7]].concat()),
    ]
    .concat();
    let meta = [field(1, b"x"), field(8, &time)].concat();
    let lease = object("coordination.k8s.io/v1", "Lease", &[field(1, &meta), field(2, &lease_spec)].concat());
    assert_eq!(lease["metadata"]["creationTimestamp"], "1970-01-01T00:01:01Z");
    assert_eq!(lease["spec"]["renewTime"], "1970-01-01T00:01:01.000001Z");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 40);

    let port = |target: Vec<u8>| [number(3, 80), field(4, &target)].concat();
    let ports = [
        field(1, &port(number(2, 90))),
        field(1, &port([number(1, 1), field(3, b"web")].concat())),
    ]
    .concat();
    let service = object("v1", "Service", &field(2, &ports));
    assert_eq!(service["spec"]["ports"][0]["targetPort"], 90);
    assert_eq!(service["spec"]["ports"][1]["targetPort"], "web");
    assert_eq!(service["status"], json!({ "loadBalancer": {} }));

    let entry = [field(1, b"pods"), field(2, &field(1, b"10"))].concat();
    let quota = object("v1", "ResourceQuota", &field(2, &field(1, &entry)));
    assert_eq!(quota["spec"]["hard"], json!({ "pods": "10" }));
}

#[test]
fn bytes_are_base64_and_absent_pointers_are_not_there() {
    let entry = [field(1, b"password"), field(2, b"hunter2")].concat();
    let secret = object("v1", "Secret", &[field(2, &entry), field(3, b"Opaque")].concat());
    assert_eq!(secret["data"], json!({ "password": "aHVudGVyMg==" }));
    assert!(secret.get("immutable").is_none());
    // A pointer to zero is there.
    let frozen = object("v1", "Secret", &number(5, 0));
    assert_eq!(frozen["immutable"], false);
}

#[test]
fn a_field_of_a_later_kubernetes_is_named() {
    let meta = field(1, &[field(1, b"x"), vec![0x82, 0x7d, 2, 1, 2]].concat());
    match read(b"", &stored("v1", "ConfigMap", &meta), &Default::default()) {
        Content::Object(it) => assert_eq!(it.unknown, ["metadata.2000"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn durations_are_written_as_go_writes_them() {
    let shown = |nanos: i64| {
        let mut n = nanos.cast_unsigned();
        let mut bytes = vec![1 << 3];
        while n >= 0x80 {
            bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        let mut reader = Reader { schema: Schema::kubernetes(), unknown: vec![], path: vec![] };
        reader.special(Shape::Duration, &bytes).expect("it is one").0
    };
    assert_eq!(shown(0), "0s");
    assert_eq!(shown(1_500_000_000), "1.5s");
    assert_eq!(shown(3_600_000_000_000), "1h0m0s");
    assert_eq!(shown(90_000_000_000), "1m30s");
    assert_eq!(shown(-250_000_000), "-250ms");
    assert_eq!(shown(1_500), "1.5µs");
}

#[test]
fn what_nests_without_end_is_refused() {
    // Each schema is what the one around it must not be: field 28.
    let mut schema = Vec::new();
    for _ in 0..2_000 {
        schema = [vec![0xe2, 0x01], field(0, &schema)[1..].to_vec()].concat();
    }
    let validation = field(1, &schema);
    let version = [field(1, b"v1"), field(4, &validation)].concat();
    let crd = field(2, &field(7, &version));
    let name = "apiextensions.k8s.io/v1";
    match read(b"", &stored(name, "CustomResourceDefinition", &crd), &Default::default()) {
        Content::Opaque(it) => assert!(it.why.contains("nested too deeply"), "{}", it.why),
        Content::Object(_) => panic!("it was read"),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(kind in 0_usize..1000, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let schema = Schema::kubernetes();
        let mut kinds: Vec<_> = schema.kinds().collect();
        kinds.sort_unstable();
        let (version, kind) = kinds[kind % kinds.len()];
        let message = schema.kind(version, kind).expect("it is known");
        drop(decode(schema, message, &bytes));
    }

    #[test]
    fn any_value_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for start in [b"".as_slice(), b"k8s\0", b"k8s:enc:aescbc:v1:a:", b"{", b"k8s\0\x0a\x0b\x0a\x02v1\x12\x03Pod\x12"] {
            drop(read(b"/registry/pods/a/b", &[start, &bytes].concat(), &Default::default()));
        }
    }
}
