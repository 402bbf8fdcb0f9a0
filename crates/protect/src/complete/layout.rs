//! Where each distribution has what a recovery needs. Start at [`Layout::of`].
//!
//! Sources: kubeadm `cmd/kubeadm/app/constants` and `app/phases/certs/certlist.go`; k3s `pkg/daemons/control/deps/deps.go` (RKE2 is
//! the same with another name); RKE `pki/constants.go` and `pki/util.go`.

use super::CapturedFiles;
use super::pod::Pod;
use crate::files::PKI;
use crate::manifest::{MANIFESTS, PARKED};
use estate::Distribution;
use objects::key::REGISTRY;

/// RKE1's directory of certificates.
pub(super) const SSL: &str = "/etc/kubernetes/ssl";

/// Where a cluster's files are.
pub(super) struct Layout {
    /// What the API server's keys in etcd begin with.
    pub(super) registry: String,
    /// Where the files are that the rest is named after: certificates, or the data directory of a k3s or RKE2 server.
    pub(super) base: String,
    /// Its CAs.
    pub(super) authorities: Vec<Authority>,
    /// EncryptionConfigurations may be here.
    pub(super) encryption: Vec<String>,
    /// The private key that signs tokens of service accounts.
    pub(super) signing: String,
    /// All keys that may verify them, the same one too.
    pub(super) verifying: Vec<String>,
}

/// A CA.
pub(super) struct Authority {
    /// What it is for.
    pub(super) name: &'static str,
    pub(super) certificate: String,
    pub(super) key: String,
    /// Whether every cluster has it.
    pub(super) required: bool,
    /// Whether its key may be kept elsewhere, and is known to be.
    pub(super) external: bool,
    /// What it signs.
    pub(super) leaves: Vec<Leaf>,
    /// Where objects tell of it.
    pub(super) told: &'static [Told],
}

/// A certificate that a CA signs.
pub(super) struct Leaf {
    /// A path; of RKE1's, what it begins with.
    path: String,
    form: Form,
    /// Whether a recovery issues it anew.
    pub(super) anew: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Pem,
    Kubeconfig,
    /// Several, whose paths begin so and end with `.pem`, but not with `-key.pem`.
    Begins,
}

/// Where an object tells of a CA.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// The kubeconfig in `kube-public/cluster-info`.
    ClusterInfo,
    /// What pods check the API server by: `kube-system/kube-root-ca.crt`.
    Root,
    /// What extension servers check clients by.
    Client,
    /// What extension servers check the API server by.
    RequestHeader,
}

impl Layout {
    /// The layout of a distribution, as the captured files tell it.
    pub(super) fn of(distribution: Distribution, files: &dyn CapturedFiles) -> Self {
        match distribution {
            Distribution::Kubeadm => kubeadm(files),
            Distribution::K3s => server("k3s", files),
            Distribution::Rke2 => server("rke2", files),
            Distribution::Rke1 => rke1(),
            Distribution::Other => other(files),
        }
    }
}

impl Authority {
    fn new(name: &'static str, certificate: String, key: String, told: &'static [Told], leaves: Vec<Leaf>) -> Self {
        let (required, external) = (true, false);
        Self { name, certificate, key, required, external, leaves, told }
    }
}

impl Leaf {
    /// Its files on a host, and the certificate in each that counts.
    pub(super) fn on<'a>(
        &self,
        files: &'a dyn CapturedFiles,
        host: &str,
    ) -> Vec<(&'a str, Option<super::pki::Certificate>)> {
        let whole = |path: &&str| match self.form {
            Form::Begins => path.ends_with(".pem") && !path.ends_with("-key.pem"),
            _ => *path == self.path,
        };
        let paths = files.list(host, &self.path).into_iter().filter(whole);
        let read = |path| {
            let file = files.get(host, path)?;
            let all = match self.form {
                Form::Kubeconfig => super::pki::client_certificates(file),
                _ => super::pki::certificates(file),
            };
            // A kubeconfig may do without: with a token, or with files of its own.
            let first = all.into_iter().next();
            (first.is_some() || self.form != Form::Kubeconfig).then_some((path, first))
        };
        paths.filter_map(read).collect()
    }
}

/// The first manifest of a program among the captured ones, on this host or on any.
pub(super) fn pod(files: &dyn CapturedFiles, host: Option<&str>, program: &str) -> Option<Pod> {
    let hosts = files.hosts().into_iter().filter(|it| host.is_none_or(|host| host == *it));
    let mut paths = hosts.flat_map(|host| [MANIFESTS, PARKED].map(|dir| (host, format!("{dir}/{program}.yaml"))));
    paths.find_map(|(host, path)| Pod::parse(files.get(host, &path)?))
}

fn leaves(base: &str, names: &str, anew: bool) -> Vec<Leaf> {
    let leaf = |name| Leaf { path: format!("{base}/{name}"), form: Form::Pem, anew };
    names.split_whitespace().map(leaf).collect()
}

fn kubeadm(files: &dyn CapturedFiles) -> Layout {
    let api = pod(files, None, "kube-apiserver");
    let flag = |name: &str| api.as_ref().and_then(|pod| Some(pod.on_host(pod.flag(name)?)));
    let base = flag("client-ca-file").and_then(|path| Some(path.rsplit_once('/')?.0.to_owned()));
    let base = base.unwrap_or_else(|| PKI.to_owned());
    // Without its key, kubeadm starts the controller manager with an empty flag (`app/phases/controlplane/manifests.go`).
    let external =
        pod(files, None, "kube-controller-manager").is_some_and(|pod| pod.flag("cluster-signing-key-file") == Some(""));
    let ca = |name, file: &str, told, signed: &str| {
        let (certificate, key) = (format!("{base}/{file}.crt"), format!("{base}/{file}.key"));
        Authority::new(name, certificate, key, told, leaves(&base, signed, true))
    };
    let mut main = ca(
        "CA",
        "ca",
        &[Told::ClusterInfo, Told::Root, Told::Client],
        "apiserver.crt apiserver-kubelet-client.crt",
    );
    for config in ["admin", "super-admin", "controller-manager", "scheduler"] {
        let path = format!("/etc/kubernetes/{config}.conf");
        main.leaves.push(Leaf { path, form: Form::Kubeconfig, anew: true });
    }
    let mut front = ca("front proxy CA", "front-proxy-ca", &[Told::RequestHeader], "front-proxy-client.crt");
    let signed = "etcd/server.crt etcd/peer.crt etcd/healthcheck-client.crt apiserver-etcd-client.crt";
    let mut etcd = ca("etcd CA", "etcd/ca", &[], signed);
    (main.external, front.external) = (external, external);
    // An etcd outside has its own CA, which is not kubeadm's.
    let servers = api.as_ref().and_then(|pod| pod.flag("etcd-servers")).unwrap_or("127.0.0.1");
    etcd.required = ["127.0.0.1", "localhost", "[::1]"].iter().any(|it| servers.contains(it));
    let mut verifying = vec![format!("{base}/sa.pub"), format!("{base}/sa.key")];
    if let Some(pod) = &api {
        verifying.extend(pod.flags("service-account-key-file").iter().map(|path| pod.on_host(path)));
    }
    verifying.sort();
    verifying.dedup();
    Layout {
        registry: flag("etcd-prefix").unwrap_or_else(|| REGISTRY.to_owned()),
        authorities: vec![main, etcd, front],
        // Without the manifest, whatever is one.
        encryption: flag("encryption-provider-config").map_or_else(|| configurations(files), |path| vec![path]),
        signing: format!("{base}/sa.key"),
        verifying,
        base,
    }
}

/// k3s and RKE2.
fn server(name: &str, files: &dyn CapturedFiles) -> Layout {
    let configured = files.hosts().into_iter().find_map(|host| {
        let config = super::generation::server_config(name, files, host);
        Some(config.get("data-dir")?.trim_end_matches('/').to_owned())
    });
    // It may be told by a flag or the environment too, of which nothing is captured.
    let mut captured = files.hosts().into_iter().flat_map(|host| files.list(host, "/"));
    let seen = captured.find_map(|path| path.strip_suffix("/server/tls/server-ca.crt").map(str::to_owned));
    let data = configured.or(seen).unwrap_or_else(|| format!("/var/lib/rancher/{name}"));
    let base = format!("{data}/server");
    let tls = format!("{base}/tls");
    let ca = |name, file: &str, told, signed: &str| {
        let (certificate, key) = (format!("{tls}/{file}.crt"), format!("{tls}/{file}.key"));
        Authority::new(name, certificate, key, told, leaves(&tls, signed, true))
    };
    let client = "client-admin.crt client-supervisor.crt client-controller.crt client-scheduler.crt client-kube-apiserver.crt \
                  client-kube-proxy.crt client-k3s-controller.crt client-rke2-controller.crt client-k3s-cloud-controller.crt \
                  client-rke2-cloud-controller.crt";
    Layout {
        registry: REGISTRY.to_owned(),
        authorities: vec![
            ca("server CA", "server-ca", &[Told::Root], "serving-kube-apiserver.crt"),
            ca("client CA", "client-ca", &[Told::Client], client),
            ca("request header CA", "request-header-ca", &[Told::RequestHeader], "client-auth-proxy.crt"),
            ca("etcd server CA", "etcd/server-ca", &[], "etcd/client.crt etcd/server-client.crt"),
            ca("etcd peer CA", "etcd/peer-ca", &[], "etcd/peer-server-client.crt"),
        ],
        encryption: vec![format!("{base}/cred/encryption-config.json")],
        signing: format!("{tls}/service.key"),
        verifying: vec![format!("{tls}/service.key"), format!("{tls}/service.current.key")],
        base,
    }
}

fn rke1() -> Layout {
    let ca = |name, file: &str, told, signed: &str| {
        let (certificate, key) = (format!("{SSL}/{file}.pem"), format!("{SSL}/{file}-key.pem"));
        Authority::new(name, certificate, key, told, leaves(SSL, signed, false))
    };
    let signed =
        "kube-apiserver.pem kube-admin.pem kube-controller-manager.pem kube-scheduler.pem kube-proxy.pem kube-node.pem";
    let mut main = ca("CA", "kube-ca", &[Told::Root, Told::Client], signed);
    let path = format!("{SSL}/kube-etcd-");
    main.leaves.push(Leaf { path, form: Form::Begins, anew: false });
    let front = "kube-apiserver-requestheader-ca";
    Layout {
        registry: REGISTRY.to_owned(),
        base: SSL.to_owned(),
        authorities: vec![
            main,
            ca("request header CA", front, &[Told::RequestHeader], "kube-apiserver-proxy-client.pem"),
        ],
        encryption: vec![format!("{SSL}/encryption.yaml")],
        signing: format!("{SSL}/kube-service-account-token-key.pem"),
        verifying: vec![
            format!("{SSL}/kube-service-account-token.pem"),
            format!("{SSL}/kube-service-account-token-key.pem"),
        ],
    }
}

/// Only what can be told by the files themselves.
fn other(files: &dyn CapturedFiles) -> Layout {
    Layout {
        registry: REGISTRY.to_owned(),
        base: "/".to_owned(),
        authorities: Vec::new(),
        encryption: configurations(files),
        signing: String::new(),
        verifying: Vec::new(),
    }
}

/// The files that look like an EncryptionConfiguration, wherever they are.
fn configurations(files: &dyn CapturedFiles) -> Vec<String> {
    const KIND: &[u8] = b"EncryptionConfiguration";
    let mut all = Vec::new();
    for host in files.hosts() {
        let paths = files.list(host, "/").into_iter().filter(|path| {
            let file = files.get(host, path).unwrap_or_default();
            // Of what is larger, nobody writes one by hand.
            file.len() < 1 << 20 && file.windows(KIND.len()).any(|words| words == KIND)
        });
        all.extend(paths.map(str::to_owned));
    }
    all.sort();
    all.dedup();
    all
}
