use super::*;
use std::fs;

/// A secret: it is in every file, and must be in no text.
const SECRET: &str = "hunter2-is-secret";

/// A host with these files; what is empty has the secret in it.
fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in [&[("/etc/hostname", "Node-1.example.org\n")], files].concat() {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, if content.is_empty() { SECRET } else { content }).unwrap();
    }
    root
}

/// The file that is written for it, which parses.
fn first(root: &tempfile::TempDir, kubeconfigs: &[&str]) -> String {
    let below = |path: &&str| root.path().join(path.trim_start_matches('/'));
    let args = Args {
        into: "-".into(),
        force: false,
        kubeconfigs: kubeconfigs.iter().map(below).collect(),
        host: None,
        address: Some([10, 1, 0, 21].into()),
        root: root.path().to_owned(),
    };
    let text = match look::look(&args) {
        Ok(found) => first_file(&found),
        Err(_) => panic!("a kubeconfig cannot be read"),
    };
    if let Err(error) = Estate::parse("lifeboat.yaml", &text) {
        panic!("{error}\n{text}");
    }
    assert!(!text.contains(SECRET), "{text}");
    text.replace(&root.path().display().to_string(), "[ROOT]")
}

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: local
clusters:
- {name: rancher, cluster: {server: 'https://admin:hunter2-is-secret@rancher.example.org/k8s/clusters/local?token=hunter2-is-secret'}}
- {name: shop, cluster: {server: 'https://rancher.example.org/k8s/clusters/c-m-4xk2p9', certificate-authority-data: hunter2-is-secret}}
contexts:
- {name: local, context: {cluster: rancher, user: admin}}
- {name: shop, context: {cluster: shop, user: admin}}
- {name: gone, context: {cluster: gone, user: admin}}
users:
- {name: admin, user: {token: hunter2-is-secret}}
";

fn rancher(program: &str, more: &[(&str, &str)]) -> tempfile::TempDir {
    let tls = format!("/var/lib/rancher/{program}/server/tls/etcd");
    let db = format!("/var/lib/rancher/{program}/server/db");
    let paths = [
        format!("{tls}/server-ca.crt"),
        format!("{tls}/client.crt"),
        format!("{tls}/client.key"),
        format!("{db}/etcd/name"),
        format!("{db}/snapshots/etcd-snapshot-node-1-1796000000"),
        format!("/etc/rancher/{program}/{program}.yaml"),
        format!("/var/lib/rancher/{program}/server/token"),
    ];
    let files: Vec<_> = paths
        .iter()
        .map(|path| (path.as_str(), ""))
        .chain(more.iter().copied())
        .collect();
    host(&files)
}

#[test]
fn rke2_with_rancher_s_agent_and_a_kubeconfig() {
    let more = [
        ("/etc/rancher/agent/config.yaml", ""),
        ("/root/.kube/config", KUBECONFIG),
    ];
    insta::assert_snapshot!(first(&rancher("rke2", &more), &["/root/.kube/config"]));
}

#[test]
fn k3s_with_snapshots_elsewhere() {
    let more = [
        (
            "/etc/rancher/k3s/config.yaml",
            "token: hunter2-is-secret\netcd-snapshot-dir: /srv/snapshots\n",
        ),
        ("/srv/snapshots/on-demand-node-1-1796000000", ""),
    ];
    insta::assert_snapshot!(first(&rancher("k3s", &more), &[]));
}

#[test]
fn kubeadm() {
    let files = [
        (
            "/etc/kubernetes/manifests/etcd.yaml",
            "spec: {containers: [{command: [etcd, --name=node-1, '--listen-client-urls=https://127.0.0.1:2379']}]}",
        ),
        ("/etc/kubernetes/pki/etcd/ca.crt", ""),
        ("/etc/kubernetes/pki/etcd/healthcheck-client.crt", ""),
        ("/etc/kubernetes/pki/etcd/healthcheck-client.key", ""),
        ("/etc/kubernetes/admin.conf", ""),
        ("/etc/kubeadm/kubeadm-config.yaml", ""),
    ];
    insta::assert_snapshot!(first(&host(&files), &[]));
    let bare = first(&host(&files[..5]), &[]);
    assert!(bare.contains("kubeadm config print"), "{bare}");
}

#[test]
fn rke1() {
    let files = [
        ("/etc/kubernetes/ssl/kube-ca.pem", ""),
        ("/etc/kubernetes/ssl/kube-etcd-10-1-0-21.pem", ""),
        ("/etc/kubernetes/ssl/kube-etcd-10-1-0-21-key.pem", ""),
        ("/opt/rke/etcd-snapshots/daily.zip", ""),
        ("/opt/rke/cluster.yml", ""),
        ("/opt/rke/cluster.rkestate", ""),
    ];
    insta::assert_snapshot!(first(&host(&files), &[]));
    let bare = first(&host(&files[..4]), &[]);
    assert!(bare.contains("cluster.rkestate are not on this host"), "{bare}");
}

#[test]
fn nothing_an_agent_and_another_datastore() {
    insta::assert_snapshot!(first(&host(&[]), &[]));
    let agent = first(&host(&[("/var/lib/rancher/k3s/agent/client.crt", "")]), &[]);
    assert!(agent.contains("this host is an agent of k3s"), "{agent}");
    let other = first(&host(&[("/var/lib/rancher/k3s/server/db/state.db", "")]), &[]);
    assert!(other.contains("another datastore"), "{other}");
}

#[test]
fn a_file_that_is_there_is_written_over_only_if_that_is_wanted() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("lifeboat.yaml");
    assert!(write(&file, "one", false).is_ok());
    assert!(write(&file, "two", false).is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    assert!(write(&file, "3", true).is_ok());
    assert_eq!(fs::read_to_string(&file).unwrap(), "3");
    assert!(write(&place.path().join("no/where"), "one", true).is_err());
}
