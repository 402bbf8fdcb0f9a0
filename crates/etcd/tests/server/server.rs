//! A real etcd on loopback, for as long as a test holds it. Start at [`Server::start`], or at [`Setup`] for anything but one fresh
//! member; [`Cluster`] is several.
//!
//! Stands by itself with `certificates`, so that other tests can have it too: `#[path = "../server/server.rs"] mod server;`.

#![allow(
    dead_code,
    unused_imports,
    reason = "what one set of tests does not need, another does"
)]

use crate::certificates::Files;
use etcd::{Client, Connection, User};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

#[path = "versions.rs"]
mod versions;
pub(crate) use versions::{newest, versions};

/// What a program printed, if it ended well.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// How a member is started. What is not said is chosen: a fresh data directory, free ports, the name `default`, a cluster of one.
#[derive(Clone)]
pub(crate) struct Setup {
    tools: PathBuf,
    tls: Option<Tls>,
    name: String,
    data: Option<PathBuf>,
    ports: Option<(u16, u16)>,
    initial_cluster: Option<String>,
    flags: Vec<OsString>,
}

#[derive(Clone)]
struct Tls {
    connection: Connection,
    flags: Vec<OsString>,
}

impl Setup {
    pub(crate) fn new(tools: &Path) -> Self {
        Self {
            tools: tools.to_owned(),
            tls: None,
            name: "default".to_owned(),
            data: None,
            ports: None,
            initial_cluster: None,
            flags: Vec::new(),
        }
    }

    /// With TLS both ways for clients. The files are read again at each restart, so hold them.
    pub(crate) fn tls(mut self, files: &Files) -> Self {
        let named = [
            ("--cert-file", &files.server_cert),
            ("--key-file", &files.server_key),
            ("--trusted-ca-file", &files.ca),
        ];
        let mut flags: Vec<OsString> = vec!["--client-cert-auth".into()];
        flags.extend(named.into_iter().flat_map(|(flag, file)| [flag.into(), file.into()]));
        let connection = Connection {
            endpoint: String::new(),
            ca_file: Some(files.ca.clone()),
            cert_file: Some(files.client_cert.clone()),
            key_file: Some(files.client_key.clone()),
            user: None,
        };
        self.tls = Some(Tls { connection, flags });
        self
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// On this data directory, which stays when the server goes.
    pub(crate) fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// With these ports for clients and peers: see [`free_ports`].
    pub(crate) fn ports(mut self, client: u16, peer: u16) -> Self {
        self.ports = Some((client, peer));
        self
    }

    /// The value of `--initial-cluster`, as in `a=http://127.0.0.1:1,b=http://127.0.0.1:2`.
    pub(crate) fn initial_cluster(mut self, members: &str) -> Self {
        self.initial_cluster = Some(members.to_owned());
        self
    }

    /// Further flags, as in `["--initial-cluster-token", "other", "--force-new-cluster"]`.
    pub(crate) fn flags<F: Into<OsString>>(mut self, flags: impl IntoIterator<Item = F>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// Starts it, and waits until it says that it serves.
    pub(crate) async fn start(&self) -> Server {
        // Somebody else may take a free port before etcd does.
        for _ in 0..5 {
            match self.try_start().await {
                Ok(server) => return server,
                Err(log) => assert!(
                    log.contains("address already in use") && self.ports.is_none(),
                    "etcd ended before it served:\n{log}"
                ),
            }
        }
        panic!("five times, somebody else took a port before etcd did");
    }

    /// Starts it; if it ends before it serves, that is what it said.
    pub(crate) async fn try_start(&self) -> Result<Server, String> {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (port, peer_port) = self.ports.unwrap_or_else(free_ports);
        let data = self.data.clone().unwrap_or_else(|| folder.path().join("data"));
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (client, peer) = (format!("{scheme}://127.0.0.1:{port}"), peer_url(peer_port));
        let cluster = self.initial_cluster.clone().unwrap_or_else(|| format!("{}={peer}", self.name));
        let mut arguments: Vec<OsString> = vec!["--data-dir".into(), data.clone().into()];
        arguments.extend(["--name", &self.name, "--initial-cluster", &cluster].map(Into::into));
        arguments.extend(["--listen-client-urls", &client, "--advertise-client-urls", &client].map(Into::into));
        arguments.extend(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer].map(Into::into));
        arguments.extend(["--logger", "zap", "--log-level", "info"].map(Into::into));
        arguments.extend(self.tls.iter().flat_map(|tls| tls.flags.clone()));
        arguments.extend(self.flags.iter().cloned());
        let plain = || Connection {
            endpoint: String::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            user: None,
        };
        let connection = self.tls.as_ref().map_or_else(plain, |tls| tls.connection.clone());
        let process = spawn(&self.tools, &arguments).await?;
        Ok(Server {
            process,
            connection: Connection { endpoint: client, ..connection },
            port,
            peer_port,
            data,
            tools: self.tools.clone(),
            arguments,
            folder,
        })
    }
}

/// A member that runs, or did.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) connection: Connection,
    pub(crate) port: u16,
    pub(crate) peer_port: u16,
    /// Its data directory.
    pub(crate) data: PathBuf,
    tools: PathBuf,
    arguments: Vec<OsString>,
    folder: Arc<TempDir>,
}

impl Server {
    /// Starts etcd of the version in `tools`, with TLS both ways if there are `files`, and waits until it says that it serves.
    pub(crate) async fn start(tools: &Path, files: Option<&Files>) -> Self {
        let setup = Setup::new(tools);
        files.map_or(setup.clone(), |files| setup.tls(files)).start().await
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.connection).await.unwrap()
    }

    /// The id of its process; `None` when it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends it at once (SIGKILL), and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again as it was started, on the same data directory and ports; kills it first if it runs.
    pub(crate) async fn restart(&mut self) {
        if self.pid().is_some() {
            self.kill().await;
        }
        self.process = spawn(&self.tools, &self.arguments).await.expect("etcd serves again");
    }

    /// Lets it stand still (SIGSTOP), which it does when this returns, or go on: its connections stay, but nothing answers.
    pub(crate) fn freeze(&self, stand_still: bool) {
        use nix::sys::signal::{Signal, kill};
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        let pid = nix::unistd::Pid::from_raw(self.pid().unwrap().cast_signed());
        kill(pid, if stand_still { Signal::SIGSTOP } else { Signal::SIGCONT }).unwrap();
        if stand_still {
            // Until each of its threads has heard of the signal, it may still answer.
            waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT).unwrap();
        }
    }

    /// Runs etcdctl against it, which must end well.
    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        run(self.etcdctl_command().args(arguments))
    }

    /// The same as `root`, after [`Server::enable_auth`].
    pub(crate) fn as_root(&self, arguments: &[&str]) -> String {
        run(self.etcdctl_command().args(["--user", "root:secret"]).args(arguments))
    }

    fn etcdctl_command(&self) -> Command {
        let mut command = Command::new(self.tools.join("etcdctl"));
        command.args(["--endpoints", &self.connection.endpoint]);
        // Its 5 s are not enough for a password's hash on a machine that is busy.
        command.args(["--command-timeout", "60s", "--dial-timeout", "30s"]);
        let files = [
            ("--cacert", &self.connection.ca_file),
            ("--cert", &self.connection.cert_file),
            ("--key", &self.connection.key_file),
        ];
        for (flag, file) in files {
            command.args(file.iter().flat_map(|file| [flag.as_ref(), file.as_os_str()]));
        }
        command
    }

    /// A program of its version: `etcd`, `etcdctl` or `etcdutl`.
    pub(crate) fn tool(&self, name: &str) -> Command {
        Command::new(self.tools.join(name))
    }

    /// Turns authentication on, with the users `root`, who may do everything, `reader`, who may read every key, and `nobody`, all
    /// with the password `secret`.
    pub(crate) fn enable_auth(&self) {
        for user in ["root", "reader", "nobody"] {
            self.etcdctl(&["user", "add", &format!("{user}:secret")]);
        }
        self.etcdctl(&["role", "add", "reader"]);
        self.etcdctl(&["role", "grant-permission", "reader", "read", "", "--prefix=true"]);
        self.etcdctl(&["user", "grant-role", "reader", "reader"]);
        self.etcdctl(&["user", "grant-role", "root", "root"]);
        self.etcdctl(&["auth", "enable"]);
    }

    /// The connection as one of these users.
    pub(crate) fn as_user(&self, name: &str) -> Connection {
        let user = User { name: name.to_owned(), password: "secret".into() };
        Connection { user: Some(user), ..self.connection.clone() }
    }

    /// Writes `count` values of 1 MiB.
    pub(crate) fn fill(&self, count: usize) {
        let value = self.folder.path().join("value");
        std::fs::write(&value, vec![b'v'; 1 << 20]).unwrap();
        for number in 0..count {
            let mut command = self.etcdctl_command();
            command.args(["put", &format!("key{number}")]);
            run(command.stdin(std::fs::File::open(&value).unwrap()));
        }
    }

    /// A path in a folder that goes when this does.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Several members of one cluster, named `m0`, `m1` and so on.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Server>,
}

impl Cluster {
    /// Starts `count` members, and waits until all serve.
    pub(crate) async fn start(tools: &Path, files: Option<&Files>, count: usize) -> Self {
        for _ in 0..5 {
            let ports: Vec<_> = (0..count).map(|_| free_ports()).collect();
            let all: Vec<_> = ports
                .iter()
                .enumerate()
                .map(|(at, ports)| format!("m{at}={}", peer_url(ports.1)))
                .collect();
            let setup = |at: usize| {
                let setup = Setup::new(tools).name(&format!("m{at}")).ports(ports[at].0, ports[at].1);
                let setup = setup.initial_cluster(&all.join(","));
                files.map_or(setup.clone(), |files| setup.tls(files))
            };
            let setups: Vec<_> = (0..count).map(setup).collect();
            let started = futures::future::join_all(setups.iter().map(Setup::try_start)).await;
            match started.into_iter().collect::<Result<Vec<_>, String>>() {
                Ok(members) => return Self { members },
                Err(log) => {
                    assert!(log.contains("address already in use"), "etcd ended before it served:\n{log}")
                }
            }
        }
        panic!("five times, somebody else took a port before etcd did");
    }

    /// The place of the leader in `members`.
    pub(crate) async fn leader(&self) -> usize {
        for (at, server) in self.members.iter().enumerate() {
            let status = server.client().await.status().await.unwrap();
            if status.leader == Some(status.member_id) {
                return at;
            }
        }
        panic!("no member leads");
    }
}

/// Starts etcd, and waits until it says that it serves, or ends with what it said.
async fn spawn(tools: &Path, arguments: &[OsString]) -> Result<Child, String> {
    let mut command = tokio::process::Command::new(tools.join("etcd"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = command.kill_on_drop(true).spawn().unwrap();
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
    Ok(process)
}

/// The URL of a peer that listens on `port`.
pub(crate) fn peer_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Two ports that nobody listens on, for clients and peers. Below those that the system gives to outgoing connections, so that a
/// member that restarts finds them free.
pub(crate) fn free_ports() -> (u16, u16) {
    let one = || loop {
        let port = 10_000 + u16::from_ne_bytes(ambient::random_bytes()) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    };
    (one(), one())
}
