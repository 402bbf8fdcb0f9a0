//! `lifeboat init` on a host's files: what it writes, what it says, and that it writes over nothing.

use crate::session::sessions_in;
use std::fs;
use std::path::Path;

#[test]
fn the_first_file() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first-file");
    _ = fs::remove_dir_all(&directory);
    for file in [
        "host/etc/rancher/k3s/k3s.yaml",
        "host/var/lib/rancher/k3s/server/tls/etcd/server-ca.crt",
        "host/var/lib/rancher/k3s/server/tls/etcd/client.crt",
        "host/var/lib/rancher/k3s/server/tls/etcd/client.key",
        "host/var/lib/rancher/k3s/server/db/etcd/name",
        "empty/etc/hostname",
    ] {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "PLANTED").unwrap();
    }
    fs::write(directory.join("broken.yaml"), "token: PLANTED\ncontexts: 7\n").unwrap();
    let directory = directory.canonicalize().unwrap();
    let lines = [
        "init --root host --host node-1 --address 10.1.0.21",
        "init --root host --host node-1 --address 10.1.0.21",
        "init --root host --host node-1 --address 10.1.0.21 --force",
        "plan",
        "init --root empty --host node-1 --into -",
        "init --root empty --kubeconfig broken.yaml --into other.yaml",
        "init --root empty --into none/other.yaml",
    ];
    let said = sessions_in(&directory, &lines);
    assert!(!said.contains("PLANTED"), "{said}");
    insta::assert_snapshot!(said);
    let written = fs::read_to_string(directory.join("lifeboat.yaml")).unwrap();
    assert!(written.contains("distribution: k3s"), "{written}");
}
