use crate::manifest::Flags;

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
