use super::*;
use estate::Distribution;
use tempfile::TempDir;

/// A host with these files, empty unless their content is given.
fn host(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = below(root.path(), path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    root
}

/// What is found, with paths as the host sees them.
fn told(root: &TempDir) -> Found {
    let Found { distribution, connection, data_dir, name } = found(root.path()).unwrap();
    let seen = |path: PathBuf| Path::new("/").join(path.strip_prefix(root.path()).unwrap());
    let connection = Connection {
        ca_file: connection.ca_file.map(seen),
        cert_file: connection.cert_file.map(seen),
        key_file: connection.key_file.map(seen),
        ..connection
    };
    Found { distribution, connection, data_dir: seen(data_dir), name }
}

fn wanted(distribution: Distribution, files: [&str; 3], data_dir: &str, name: Option<&str>) -> Found {
    let [ca, cert, key] = files.map(PathBuf::from);
    Found {
        distribution,
        connection: secure(LOCAL, ca, cert, key),
        data_dir: data_dir.into(),
        name: name.map(str::to_owned),
    }
}

const RKE2: [(&str, &str); 4] = [
    ("/var/lib/rancher/rke2/server/tls/etcd/server-ca.crt", ""),
    ("/var/lib/rancher/rke2/server/tls/etcd/client.crt", ""),
    ("/var/lib/rancher/rke2/server/tls/etcd/client.key", ""),
    ("/var/lib/rancher/rke2/server/db/etcd/name", "node-1-1a2b3c4d\n"),
];

#[test]
fn rke2_and_k3s_are_found_by_their_layout() {
    let files = [
        "/var/lib/rancher/rke2/server/tls/etcd/server-ca.crt",
        "/var/lib/rancher/rke2/server/tls/etcd/client.crt",
        "/var/lib/rancher/rke2/server/tls/etcd/client.key",
    ];
    let data = "/var/lib/rancher/rke2/server/db/etcd";
    assert_eq!(told(&host(&RKE2)), wanted(Distribution::Rke2, files, data, Some("node-1-1a2b3c4d")));

    let k3s: Vec<_> = RKE2
        .iter()
        .map(|(path, content)| (path.replace("rke2", "k3s"), *content))
        .collect();
    let k3s: Vec<_> = k3s.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    let files = files.map(|file| file.replace("rke2", "k3s"));
    let files = [files[0].as_str(), &files[1], &files[2]];
    assert_eq!(
        told(&host(&k3s)),
        wanted(Distribution::K3s, files, &data.replace("rke2", "k3s"), Some("node-1-1a2b3c4d"))
    );
}

#[test]
fn a_moved_data_directory_is_followed() {
    let root = host(&[
        ("/etc/rancher/k3s/config.yaml", "token: x\ndata-dir: /first\n"),
        ("/etc/rancher/k3s/config.yaml.d/10-own.yaml", "data-dir: /data/k3s\n"),
        ("/etc/rancher/k3s/config.yaml.d/20-other.yaml", "tls-san: [a]\n"),
        ("/etc/rancher/k3s/config.yaml.d/30-broken.yaml", "a: [\n"),
        ("/data/k3s/server/tls/etcd/server-ca.crt", ""),
        ("/data/k3s/server/tls/etcd/server-client.crt", ""),
        ("/data/k3s/server/tls/etcd/server-client.key", ""),
        ("/data/k3s/server/db/etcd/member/wal/0.wal", ""),
    ]);
    let files = [
        "/data/k3s/server/tls/etcd/server-ca.crt",
        "/data/k3s/server/tls/etcd/server-client.crt",
        "/data/k3s/server/tls/etcd/server-client.key",
    ];
    assert_eq!(told(&root), wanted(Distribution::K3s, files, "/data/k3s/server/db/etcd", None));
}

const KUBEADM: [(&str, &str); 3] = [
    ("/etc/kubernetes/pki/etcd/ca.crt", ""),
    ("/etc/kubernetes/pki/etcd/healthcheck-client.crt", ""),
    ("/etc/kubernetes/pki/etcd/healthcheck-client.key", ""),
];

fn kubeadm(manifest: &str) -> Found {
    let mut files = KUBEADM.to_vec();
    files.push(("/etc/kubernetes/manifests/etcd.yaml", manifest));
    told(&host(&files))
}

#[test]
fn kubeadm_is_found_by_its_manifest() {
    let files = KUBEADM.map(|(path, _)| path);
    let plain = wanted(Distribution::Kubeadm, files, "/var/lib/etcd", None);
    assert_eq!(kubeadm("not: [yaml"), plain);
    assert_eq!(kubeadm("spec: 3"), plain);

    let manifest = "
apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://10.0.0.1:2379
    - --data-dir=/var/lib/etcd
    - --listen-client-urls=https://10.0.0.1:2379,https://127.0.0.1:12379
    - --name=control-1
    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
    name: etcd
    volumeMounts:
    - {mountPath: /var/lib/etcd, name: etcd-data}
    - {mountPath: /etc/kubernetes/pki/etcd, name: etcd-certs}
  volumes:
  - {hostPath: {path: /etc/kubernetes/pki/etcd, type: DirectoryOrCreate}, name: etcd-certs}
  - {hostPath: {path: /disks/fast/etcd, type: DirectoryOrCreate}, name: etcd-data}
";
    let mut moved = wanted(Distribution::Kubeadm, files, "/disks/fast/etcd", Some("control-1"));
    moved.connection.endpoint = "https://127.0.0.1:12379".to_owned();
    assert_eq!(kubeadm(manifest), moved);
}

#[test]
fn an_address_that_means_any_becomes_this_host() {
    let listening = |urls: &str| {
        let manifest = format!("spec: {{containers: [{{command: [etcd, '--listen-client-urls={urls}']}}]}}");
        kubeadm(&manifest).connection.endpoint
    };
    assert_eq!(listening("https://0.0.0.0:2379"), "https://127.0.0.1:2379");
    assert_eq!(listening("https://[::]:2379"), "https://[::1]:2379");
    assert_eq!(listening("https://10.0.0.1:2379"), "https://10.0.0.1:2379");
    assert_eq!(listening("unix://sock, https://10.0.0.1:1,https://localhost:2"), "https://localhost:2");
    assert_eq!(listening("http://10.0.0.1:2379"), LOCAL);
}

#[test]
fn rke1_is_found_by_its_certificates() {
    let root = host(&[
        ("/etc/kubernetes/ssl/kube-ca.pem", ""),
        ("/etc/kubernetes/ssl/kube-etcd-10-0-0-1.pem", ""),
        ("/etc/kubernetes/ssl/kube-etcd-10-0-0-2.pem", ""),
        ("/etc/kubernetes/ssl/kube-etcd-10-0-0-2-key.pem", ""),
        ("/etc/kubernetes/ssl/kube-node.pem", ""),
    ]);
    let files = [
        "/etc/kubernetes/ssl/kube-ca.pem",
        "/etc/kubernetes/ssl/kube-etcd-10-0-0-2.pem",
        "/etc/kubernetes/ssl/kube-etcd-10-0-0-2-key.pem",
    ];
    assert_eq!(told(&root), wanted(Distribution::Rke1, files, "/var/lib/etcd", None));
}

#[test]
fn a_host_without_etcd_says_what_is_missing() {
    // A k3s server with another datastore, and an RKE1 worker.
    let root = host(&[
        ("/var/lib/rancher/k3s/server/tls/etcd/server-ca.crt", ""),
        ("/etc/kubernetes/ssl/kube-ca.pem", ""),
    ]);
    let missing = found(root.path()).unwrap_err();
    let wanted = [
        "/var/lib/rancher/rke2/server/db/etcd",
        "/var/lib/rancher/k3s/server/db/etcd",
        "/etc/kubernetes/manifests/etcd.yaml",
        "/etc/kubernetes/ssl/kube-etcd-*.pem",
    ];
    assert_eq!(missing.looked_at, wanted.map(|path| below(root.path(), path)));
    let missing = NotFound { looked_at: vec!["/a".into(), "/b".into()] };
    assert_eq!(missing.to_string(), "no etcd is found on this host: there is no /a, no /b");
}
