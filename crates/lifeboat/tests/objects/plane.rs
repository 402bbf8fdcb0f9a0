//! A control plane without nodes on loopback, for as long as a test holds it: etcd, an API server that encrypts at rest by each
//! provider, and a controller manager. Start at [`Plane::start`].

use crate::server::{Server, newest};
use cluster::Client;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Secrets by aescbc, config maps by aesgcm, service accounts by secretbox.
pub(crate) const ENCRYPTION: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aescbc: { keys: [{ name: one, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= }] }
- resources: [configmaps]
  providers:
  - aesgcm: { keys: [{ name: one, secret: AAECAwQFBgcICQoLDA0ODw== }] }
- resources: [serviceaccounts]
  providers:
  - secretbox: { keys: [{ name: one, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= }] }
";

const TOKEN: &str = "of-a-test";

/// What runs, and what it is reached by.
pub(crate) struct Plane {
    pub(crate) etcd: Server,
    pub(crate) client: Client,
    pub(crate) folder: tempfile::TempDir,
    processes: Vec<Child>,
}

impl Plane {
    /// Starts one, and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::start_on(Server::start(&newest(), None).await).await
    }

    /// The same on an etcd.
    pub(crate) async fn start_on(etcd: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let keys = rcgen::KeyPair::generate().unwrap();
        fs::write(at("sa.key"), keys.serialize_pem()).unwrap();
        fs::write(at("sa.pub"), keys.public_key_pem()).unwrap();
        fs::write(at("tokens.csv"), format!("{TOKEN},tester,tester,\"system:masters\"\n")).unwrap();
        fs::write(at("encryption.yaml"), ENCRYPTION).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": format!("https://127.0.0.1:{port}"), "insecure-skip-tls-verify": true } }],
            "users": [{ "name": "u", "user": { "token": TOKEN } }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        });
        fs::write(at("admin.conf"), kubeconfig.to_string()).unwrap();
        let file = |flag: &str, name: &str| format!("--{flag}={}", at(name).display());
        let api = begin(
            folder.path(),
            "kube-apiserver",
            &[
                format!("--etcd-servers={}", etcd.connection.endpoint),
                format!("--secure-port={port}"),
                "--bind-address=127.0.0.1".to_owned(),
                file("cert-dir", "certificates"),
                "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                file("service-account-key-file", "sa.pub"),
                file("service-account-signing-key-file", "sa.key"),
                file("token-auth-file", "tokens.csv"),
                "--authorization-mode=AlwaysAllow".to_owned(),
                "--disable-admission-plugins=ServiceAccount".to_owned(),
                "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
                "--endpoint-reconciler-type=none".to_owned(),
                "--allow-privileged=true".to_owned(),
                file("encryption-provider-config", "encryption.yaml"),
            ],
        );
        let client = Client::from_kubeconfig(&at("admin.conf")).await.unwrap();
        let mut plane = Self { etcd, client, folder, processes: vec![api] };
        plane
            .wait("the API server to be ready", async |it| it.client.ready().await.is_ok())
            .await;
        let manager = begin(
            plane.folder.path(),
            "kube-controller-manager",
            &[
                format!("--kubeconfig={}", plane.kubeconfig().display()),
                // No pods and nothing of what their owners would do: there are no nodes.
                "--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,root-ca-certificate-publisher-controller"
                    .to_owned(),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                "--kube-api-qps=1000".to_owned(),
                "--kube-api-burst=2000".to_owned(),
            ],
        );
        plane.processes.push(manager);
        plane
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("admin.conf")
    }

    /// Waits for something, for two minutes.
    pub(crate) async fn wait(&self, what: &str, is: impl AsyncFn(&Self) -> bool) {
        let begun = ambient::monotonic();
        while !is(self).await {
            assert!(begun.elapsed() < Duration::from_secs(120), "waiting for {what}: {}", self.last_words());
            ambient::sleep(Duration::from_millis(100)).await;
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("kube-apiserver.log")).unwrap_or_default();
        log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    }

    /// Runs `lifeboat` in the folder.
    pub(crate) fn lifeboat(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command.args(line.split(' ')).current_dir(self.folder.path());
        command
    }

    /// The same, which must end well; what it wrote.
    pub(crate) fn must(&self, line: &str) -> String {
        let done = self.lifeboat(line);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "lifeboat {line}: {}\n{said}", done.status);
        String::from_utf8(done.stdout).unwrap()
    }

    /// The same as JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.must(&format!("{line} --output json"))).unwrap()
    }

    /// Takes a history of all that is there now.
    pub(crate) fn captured(&self) {
        self.must(&format!(
            "etcd capture --once --into history --endpoints {}",
            self.etcd.connection.endpoint
        ));
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn begin(folder: &Path, program: &str, flags: &[String]) -> Child {
    let log = fs::File::create(folder.join(format!("{program}.log"))).unwrap();
    Command::new(lab::tools::kubernetes().join(program))
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|reason| panic!("{program}: {reason}: run cargo xtask test, which installs it"))
}
