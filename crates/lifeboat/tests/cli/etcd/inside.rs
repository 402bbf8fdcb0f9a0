//! `lifeboat etcd keys`, `get`, `diff` and `log`: what a person sees of the objects in a history.

use super::made::{Made, folder};
use super::steady;
use crate::session::{lifeboat, sessions_in};
use ::etcd::{KeyValue, Record, Revision};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fs;

/// The key that the secret `sealed` was encrypted with: bytes 0 to 31, and a vector of sevens.
const CONFIGURATION: &str = "
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - aescbc:
      keys:
      - name: key1
        secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
  - identity: {}
";
const SEALED: &str = "CTPDbJORHChB5t6HdF4Z88Xf2b7AvwU82D2WEhABoOYlmVo9T6IAzJ9Tum7DlwNXsZ2UddWlamCoGRhNsPNniKiT7jcy8iZ1Os8d8Fp7kWAlWixKBj1WC0tnTK/Vwm3jsLbIPDIvUs4e+BBy+EFl4NMhdwMmspYwz/KI81ZDSRw=";

/// What happened to a shop, a revision each.
fn record(main: u64) -> Record {
    let web = |replicas: u8| {
        format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"shop","managedFields":[{{"manager":"me"}}]}},"spec":{{"replicas":{replicas},"template":{{"spec":{{"containers":[{{"name":"app","image":"shop:{replicas}"}}]}}}}}}}}"#
        )
        .into_bytes()
    };
    // A Secret as Kubernetes stores it: the magic, what it is, then its name, namespace and data.
    let db = |password: &str| {
        let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
        let metadata = [field(1, b"db"), field(3, b"shop")].concat();
        let data = [field(1, b"password"), field(2, password.as_bytes())].concat();
        let secret = [field(1, &metadata), field(2, &data), field(3, b"Opaque")].concat();
        let of = [field(1, b"v1"), field(2, b"Secret")].concat();
        [b"k8s\0".to_vec(), field(1, &of), field(2, &secret)].concat()
    };
    let sealed = || {
        let bytes = BASE64_STANDARD.decode(SEALED).unwrap();
        [b"k8s:enc:aescbc:v1:key1:".as_slice(), &[7; 16], &bytes].concat()
    };
    let certificate = br#"{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"web","namespace":"shop"},"spec":{"dnsNames":["shop.example"],"keystorePassword":"PLANTED"}}"#;
    let namespace = br#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#;
    let deployments = "/registry/deployments/shop/web";
    let (key, version, value) = match main {
        2 => ("/registry/namespaces/shop", 1, Some(namespace.to_vec())),
        3 => (deployments, 1, Some(web(1))),
        4 => ("/registry/secrets/shop/db", 1, Some(db("PLANTED"))),
        5 => ("/registry/secrets/shop/sealed", 1, Some(sealed())),
        6 => ("k3s/apiaddresses", 1, Some(b"{}".to_vec())),
        7 => (deployments, 2, Some(web(2))),
        8 => ("/registry/cert-manager.io/certificates/shop/web", 1, Some(certificate.to_vec())),
        9 => ("/registry/secrets/shop/db", 2, Some(db("PLANTED too"))),
        10 => (deployments, 0, None),
        11 => ("/registry/leases/kube-system/kube-scheduler", 1, Some(b"{}".to_vec())),
        _ => (
            "/registry/configmaps/shop/odd",
            1,
            Some(b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x02\x0a\x7f".to_vec()),
        ),
    };
    let revision = Revision { main, sub: 0 };
    match value {
        None => Record::deletion(revision, key.into()),
        Some(value) => {
            let (key, value) = (key.into(), value.into());
            let create_revision = if version == 1 {
                main
            } else {
                [3, 4][usize::from(main == 9)]
            };
            Record::put(
                revision,
                &KeyValue {
                    key,
                    create_revision,
                    mod_revision: main,
                    version,
                    value,
                    lease: 0,
                },
            )
        }
    }
}

fn shop(test: &str, lines: &[&str]) -> String {
    let folder = folder(test);
    Made::of(&folder.join("h"), record, 12);
    fs::write(folder.join("encryption.yaml"), CONFIGURATION).unwrap();
    fs::write(folder.join("other.yaml"), CONFIGURATION.replace("key1", "key2")).unwrap();
    fs::write(folder.join("odd.yaml"), CONFIGURATION.replace("AAEC", "PLANTED!")).unwrap();
    let text = steady(&folder, lines);
    // Twice: as it is and in base64.
    let revealed = lines.iter().any(|line| line.contains("--reveal"));
    assert!(
        revealed || !text.contains("PLANTED") && !text.contains("UExBTlRFRA"),
        "a secret is shown:\n{text}"
    );
    text
}

#[test]
fn keys() {
    insta::assert_snapshot!(shop(
        "keys",
        &[
            "etcd keys h",
            "etcd keys h --by both --at 6",
            "etcd keys h --by namespace --resource deploy,secrets,certificates",
            "etcd keys h --list -n shop",
            "etcd keys h --list --prefix k3s/ --output json",
            "etcd keys h --list --by both",
            "etcd keys h --resource deploy,secrts",
        ]
    ));
}

#[test]
fn get() {
    insta::assert_snapshot!(shop(
        "get",
        &[
            "etcd get h deploy/shop/web --at 3",
            "etcd get h deploy/shop/web --at 2026-01-02T03:04:12Z --show-managed-fields --output json",
            "etcd get h secret/shop/db certificates/shop/web",
            "etcd get h /registry/secrets/shop/sealed",
            "etcd get h secret/shop/sealed --encryption-config encryption.yaml",
            "etcd get h secret/shop/sealed --encryption-config other.yaml",
            "etcd get h cm/shop/odd",
            "etcd get h k3s/apiaddresses",
            "etcd get h /k3s",
            "etcd get h deploy/shop/web",
            "etcd get h web",
            "etcd get h",
            "etcd get h secret/shop/sealed --encryption-config odd.yaml",
            "etcd get h secret/shop/sealed --encryption-config missing.yaml",
        ]
    ));
}

#[test]
fn what_is_secret_is_shown_when_it_is_asked_for() {
    insta::assert_snapshot!(shop(
        "reveal",
        &[
            "etcd get h secret/shop/db --reveal",
            "etcd get h secret/shop/sealed --reveal --encryption-config encryption.yaml",
            "etcd log h secret/shop/db --reveal",
        ]
    ));
}

#[test]
fn diff() {
    insta::assert_snapshot!(shop(
        "diff",
        &[
            "etcd diff h 6",
            "etcd diff h 6 9 --fields",
            "etcd diff h 6 --all --output json --fields -n shop",
            "etcd diff h 2026-01-02T03:04:05Z 2026-01-02T03:04:15Z --resource deploy",
            "etcd diff h 12 12",
            "etcd diff h 10 3",
            "etcd diff h yesterday",
            "etcd diff h 1 2 3",
            "etcd diff h 6 99",
        ]
    ));
}

#[test]
fn log() {
    insta::assert_snapshot!(shop(
        "log",
        &[
            "etcd log h deploy/shop/web",
            "etcd log h deploy/shop/web --at 9 --output json",
            "etcd log h secret/shop/db",
            "etcd log h secret/shop/sealed",
            "etcd log h certificates/shop/web",
            "etcd log h cm/shop/none",
        ]
    ));
}

#[test]
fn transplant() {
    insta::assert_snapshot!(shop(
        "transplant",
        &[
            "etcd transplant h --profile dr-site",
            "etcd transplant h --profile clone --list --without leader-leases",
            "etcd transplant h --profile same-nodes --output json",
            "etcd transplant h --profile moon",
            "etcd transplant h --profile clone --with everything",
            "etcd rebuild h --into made --member m1=http://127.0.0.1:2380 --transplant new-nodes",
            "etcd keys made/member/snap/db",
            "etcd rebuild h --into other --member m1=http://127.0.0.1:2380 --without nodes",
            "etcd export h --into snapshot.db --as-is --transplant new-nodes",
        ]
    ));
}

#[test]
fn restore_objects_without_a_cluster() {
    insta::assert_snapshot!(shop(
        "restore-objects",
        &[
            "etcd restore-objects h deploy/shop/web",
            "etcd restore-objects h deploy/shop/web --to nowhere.conf",
            "etcd restore-objects h --to nowhere.conf --dry-run --yes",
        ]
    ));
}

/// The shop, of which three records are damaged: one within its value, one of a secret, and one so that nobody knows its key.
fn damaged(main: u64) -> Record {
    let of = |revision: u64, key: &str, value: &[u8]| {
        let key = [&[0x0a, key.len() as u8], key.as_bytes()].concat();
        let value = [&key, value].concat().into();
        Record {
            revision: Revision { main: revision, sub: 0 },
            tombstone: false,
            value,
        }
    };
    match main {
        // It says that it was written at another revision.
        7 => of(7, "/registry/deployments/shop/web", b"\x10\x03\x18\x06\x20\x02"),
        9 => of(9, "/registry/secrets/shop/db", b"\x2a\x7fPLANTED"),
        11 => Record { value: b"\x2a\x03abc".as_slice().into(), ..of(11, "", b"") },
        _ => record(main),
    }
}

#[test]
fn damaged_records_stop_nothing() {
    let folder = folder("damaged");
    Made::of(&folder.join("h"), damaged, 12);
    insta::assert_snapshot!(steady(
        &folder,
        &[
            "etcd keys h --list -n shop --at 9",
            "etcd keys h",
            "etcd keys h --list --prefix k3s/ --output json",
            "etcd get h deploy/shop/web --at 8",
            "etcd get h secret/shop/db --at 9",
            "etcd get h cm/shop/odd",
            "etcd diff h 6 12 --fields",
            "etcd log h deploy/shop/web --at 10",
            "etcd log h secret/shop/db --at 10 --output json",
            "etcd log h cm/shop/none",
            "etcd rebuild h --into made --member m1=http://127.0.0.1:2380",
            "etcd export h --into snapshot.db --as-is",
            "etcd verify h",
        ]
    ));
}

/// Names and values that do something to a terminal: colours, lines of their own, text that runs backwards; and a key that is no text.
fn wild(main: u64) -> Record {
    let object = |more: &str| {
        let value = serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a\u{1b}[31m\nroot", "namespace": "n\u{202e}s" },
            "data": { "x\u{2066}y\u{9b}2J": format!("{more}\u{1b}]0;title\u{7}\u{202e}\n") },
        });
        value.to_string().into_bytes()
    };
    let key = b"/registry/configmaps/n\xe2\x80\xaes/a\x1b[31m\nroot".to_vec();
    let (key, created, version, value) = match main {
        2 => (key, 2, 1, object("one")),
        8 => (key, 2, 2, object("two")),
        3 => (b"/registry/pods/\xff\xfe/\x1b[2J".to_vec(), 3, 1, b"{}".to_vec()),
        4 => (
            b"/registry/things\x1b[8m/n\r/x\n".to_vec(),
            4,
            1,
            b"k8s:enc:aes\x1b[1m:v1:k\x1b[2J:x".to_vec(),
        ),
        9 => (b"/registry/a.io/clusters/n/x\x1b".to_vec(), 9, 1, b"{}".to_vec()),
        _ => (format!("/registry/leases/n/l{main}").into_bytes(), main, 1, b"{}".to_vec()),
    };
    let it = KeyValue {
        key: key.into(),
        create_revision: created,
        mod_revision: main,
        version,
        value: value.into(),
        lease: 0,
    };
    Record::put(Revision { main, sub: 0 }, &it)
}

#[test]
fn nothing_from_outside_is_obeyed_by_the_terminal() {
    let folder = folder("wild");
    Made::of(&folder.join("h"), wild, 9);
    let name = "configmaps/n\u{202e}s/a\u{1b}[31m\nroot";
    let mut text = steady(
        &folder,
        &[
            "etcd keys h",
            "etcd keys h --by both",
            "etcd keys h --list",
            "etcd diff h 7 --fields --all",
            "etcd diff h 2 3",
            "etcd transplant h --profile clone --list",
        ],
    );
    // Names with blanks and line ends cannot be typed as words of a line.
    for args in [
        ["get", "h", name],
        ["log", "h", name],
        ["get", "h", "configmaps/\u{1b}[2J/\u{202e}"],
    ] {
        let args = [&["etcd"], &args[..]].concat();
        let done = lifeboat(&args).current_dir(&folder).output().unwrap();
        for bytes in [done.stdout, done.stderr] {
            text += &String::from_utf8(bytes).unwrap();
        }
    }
    assert!(!text.contains(|c| c != '\n' && objects::tame::is_obeyed(c)), "{text:?}");
    insta::assert_snapshot!(text);

    let told = |args: &[&str]| {
        let done = lifeboat(args).current_dir(&folder).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap()
    };
    let one = told(&["etcd", "get", "h", name, "--output", "json"]);
    assert_eq!(one["metadata"]["name"], "a\u{1b}[31m\nroot");
    assert_eq!(one["data"]["x\u{2066}y\u{9b}2J"], "two\u{1b}]0;title\u{7}\u{202e}\n");
    let diff = told(&["etcd", "diff", "h", "7", "--fields", "--output", "json"]);
    assert!(diff["objects"].as_array().unwrap().iter().any(|row| row["object"] == name), "{diff}");
    let keys = told(&["etcd", "keys", "h", "--list", "--output", "json"]);
    let odd = r"/registry/pods/\xff\xfe/\x1b[2J";
    assert!(keys["keys"].as_array().unwrap().iter().any(|row| row["key"] == odd), "{keys}");
}

#[test]
fn nothing_that_is_secret_is_in_any_output() {
    let lines = [
        "etcd keys h --list",
        "etcd get h secret/shop/db",
        "etcd get h secret/shop/db --output json",
        "etcd get h secret/shop/sealed --output yaml",
        "etcd get h secret/shop/sealed --encryption-config encryption.yaml --output json",
        "etcd get h certificates/shop/web --output json",
        "etcd diff h 2 --fields --all",
        "etcd diff h 2 --fields --all --output json --encryption-config encryption.yaml",
        "etcd log h secret/shop/db --fields --output json",
        "etcd log h certificates/shop/web --fields --output json",
    ];
    shop("secrets", &lines);
    // The same with everything shown finds what was planted, so that the search can fail.
    let folder = folder("secrets");
    Made::of(&folder.join("h"), record, 12);
    assert!(sessions_in(&folder, &["etcd get h secret/shop/db --reveal"]).contains("UExBTlRFRCB0b28="));
}
