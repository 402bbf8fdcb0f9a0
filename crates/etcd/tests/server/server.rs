//! A real etcd on loopback, for as long as a test holds it.

use crate::certificates::Files;
use etcd::{Client, Connection};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// The directories with etcd, etcdctl and etcdutl, one for each version, oldest first.
pub(crate) fn versions() -> Vec<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(directory) = from("LIFEBOAT_ETCD") {
        return vec![directory];
    }
    let cache = from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .expect("LIFEBOAT_ETCD, LIFEBOAT_CACHE or HOME is set");
    let entries = std::fs::read_dir(cache.join("tools")).into_iter().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("etcdutl").is_file())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no etcd is installed: run cargo xtask test, or set LIFEBOAT_ETCD");
    found
}

/// The newest version.
pub(crate) fn newest() -> PathBuf {
    versions().pop().unwrap()
}

/// What a program printed, if it ended well.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) connection: Connection,
    pub(crate) port: u16,
    tools: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts etcd of the version in `tools`, with TLS both ways if there are `files`, and waits until it says that it serves.
    pub(crate) async fn start(tools: &Path, files: Option<&Files>) -> Self {
        // Somebody else may take a free port before etcd does.
        for _ in 0..5 {
            match Self::try_start(tools, files).await {
                Ok(server) => return server,
                Err(log) => assert!(log.contains("address already in use"), "etcd ended before it served:\n{log}"),
            }
        }
        panic!("five times, somebody else took a port before etcd did");
    }

    async fn try_start(tools: &Path, files: Option<&Files>) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let (port, peer_port) = free_ports();
        let scheme = if files.is_some() { "https" } else { "http" };
        let (client, peer) = (format!("{scheme}://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
        let mut command = tokio::process::Command::new(tools.join("etcd"));
        command.arg("--data-dir").arg(folder.path().join("data"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args([
            "--initial-cluster",
            &format!("default={peer}"),
            "--logger",
            "zap",
            "--log-level",
            "info",
        ]);
        if let Some(files) = files {
            command
                .arg("--cert-file")
                .arg(&files.server_cert)
                .arg("--key-file")
                .arg(&files.server_key);
            command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(&files.ca);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let ready = async {
            let mut said = Vec::new();
            while let Some(line) = log.next_line().await.unwrap() {
                if line.contains("ready to serve client requests") {
                    return Ok(());
                }
                said.push(line);
            }
            Err(said.join("\n"))
        };
        tokio::time::timeout(Duration::from_secs(120), ready)
            .await
            .expect("etcd serves")?;
        // A full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let connection = Connection {
            endpoint: client,
            ca_file: files.map(|f| f.ca.clone()),
            cert_file: files.map(|f| f.client_cert.clone()),
            key_file: files.map(|f| f.client_key.clone()),
            user: None,
        };
        Ok(Self { process, connection, port, tools: tools.to_owned(), folder })
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.connection).await.unwrap()
    }

    /// Runs etcdctl against it, which must end well.
    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        run(Command::new(self.tools.join("etcdctl"))
            .args(["--endpoints", &self.connection.endpoint])
            .args(arguments))
    }

    /// Writes `count` values of 1 MiB.
    pub(crate) fn fill(&self, count: usize) {
        let value = self.folder.path().join("value");
        std::fs::write(&value, vec![b'v'; 1 << 20]).unwrap();
        for number in 0..count {
            let mut command = Command::new(self.tools.join("etcdctl"));
            command.args(["--endpoints", &self.connection.endpoint, "put", &format!("key{number}")]);
            run(command.stdin(std::fs::File::open(&value).unwrap()));
        }
    }

    /// A path in a folder that goes when this does.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Two ports that nobody listens on.
fn free_ports() -> (u16, u16) {
    let [one, two] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    (one.local_addr().unwrap().port(), two.local_addr().unwrap().port())
}
