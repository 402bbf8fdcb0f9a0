use crate::files::{Files, Kept};
use crate::manifest::Flags;
use std::collections::BTreeMap;

fn files(content: &[(&str, &str)]) -> Files {
    let kept = |text: &str| Kept { bytes: text.as_bytes().to_vec(), mode: 0o600, owner: (0, 42) };
    Files(
        content
            .iter()
            .map(|(name, text)| ((*name).to_owned(), kept(text)))
            .collect::<BTreeMap<_, _>>(),
    )
}

#[test]
fn an_archive_gives_back_what_it_was_made_of() {
    let all = files(&[
        ("pki/ca.key", "key"),
        ("pki/etcd/ca.crt", ""),
        ("flags/encryption-provider-config", "aescbc"),
    ]);
    let archive = all.archive().unwrap();
    assert_eq!(Files::read(&archive).unwrap(), all);
    assert_eq!(archive, all.archive().unwrap(), "the same files give the same bytes");
}

#[test]
fn an_archive_that_leads_out_of_itself_is_refused() {
    for name in ["../etc/passwd", "pki/../../x", "pki//x"] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        // `append_data` itself would refuse some of them.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
        let read = Files::read(&tar.into_inner().unwrap());
        assert!(
            read.is_err() || read.unwrap().names().all(|n| !n.contains("..") && !n.contains("//")),
            "{name}"
        );
    }
    for end in [0, 1, 511, 513, 700] {
        let archive = files(&[("pki/ca.key", "key")]).archive().unwrap();
        _ = Files::read(&archive[..end]);
    }
}

#[test]
fn files_that_changed_are_named() {
    let before = files(&[("a", "1"), ("b", "2")]);
    assert_eq!(before.differing(&before), None);
    assert_eq!(before.differing(&files(&[("a", "1"), ("b", "3"), ("c", "4")])), Some("b, c".to_owned()));
}

#[test]
fn a_key_is_never_shown() {
    assert!(!format!("{:?}", files(&[("pki/ca.key", "hunter2")])).contains("hunter2"));
}

#[test]
fn flags_are_read_from_a_manifest() {
    let manifest = "
apiVersion: v1
kind: Pod
spec:
  containers:
  - command: [etcd, --name=main-1, '--data-dir=/var/lib/etcd', --force-new-cluster]
    args: ['--initial-cluster=main-1=https://10.1.1.1:2380']
";
    let flags = Flags::parse(manifest).unwrap();
    assert_eq!(flags.get("name"), Some("main-1"));
    assert_eq!(flags.get("initial-cluster"), Some("main-1=https://10.1.1.1:2380"));
    assert_eq!(flags.get("force-new-cluster"), None);
    for bad in ["", "a: [", "kind: Pod", "- 1"] {
        assert!(Flags::parse(bad).is_err(), "{bad:?}");
    }
}
