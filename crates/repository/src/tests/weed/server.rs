//! A real SeaweedFS on free ports of the loopback address. Stands by itself, so that other tests can have it too.

#![allow(dead_code, reason = "what one set of tests does not need, another does")]

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How often a starting server is asked, some 20 ms apart, besides the time that asking takes.
const TRIES: usize = 1000;

/// Who may do what: `all` has every right, `reader` reads.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "all", "credentials": [{"accessKey": "all", "secretKey": "secret"}], "actions": ["Admin", "Read", "List", "Write"]},
    {"name": "reader", "credentials": [{"accessKey": "reader", "secretKey": "secret"}], "actions": ["Read", "List"]}
]}"#;

/// The ports that it listens on, S3's first.
const PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
];

/// A running server; it ends with the value.
pub(crate) struct Server {
    child: Child,
    pub(crate) endpoint: String,
    ports: [(&'static str, u16); 8],
    files: TempDir,
}

impl Server {
    /// Starts one, and waits until `try_it`, which gets its endpoint, says that it is of use.
    pub(crate) async fn start(try_it: impl AsyncFn(&str) -> Result<(), String>) -> Self {
        // Somebody else may take a free port before it does.
        for _ in 0..5 {
            if let Some(weed) = Self::spawn().ready(&try_it).await {
                return weed;
            }
        }
        panic!("weed ends again and again");
    }

    fn spawn() -> Self {
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("s3.json"), IDENTITIES).unwrap();
        let held = PORTS.map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
        let ports = held.map(|(name, socket)| (name, socket.local_addr().unwrap().port()));
        Self {
            child: Self::begin(&files, ports),
            endpoint: format!("http://127.0.0.1:{}", ports[0].1),
            ports,
            files,
        }
    }

    fn begin(files: &TempDir, ports: [(&'static str, u16); 8]) -> Child {
        let place = files.path();
        let path = |name: &str| place.join(name).display().to_string();
        let log = File::create(path("log")).unwrap();
        Command::new(program())
            .args([
                "-logtostderr=true",
                "server",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-s3",
            ])
            // Else these would be listened on at their fixed ports, which a second server cannot have.
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args([
                "-master.electionTimeout=1s",
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=64",
            ])
            .args([format!("-dir={}", path("")), format!("-s3.config={}", path("s3.json"))])
            .args(["filer", "s3"].map(|part| format!("-{part}.localSocket={}", path(part))))
            .args(ports.map(|(name, port)| format!("-{name}={port}")))
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Ends it at once; what it holds stays.
    pub(crate) fn stop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }

    /// Begins it again with what it held, at the same place. Whether it is of use yet, whoever needs it sees.
    pub(crate) fn go_on(&mut self) {
        self.stop();
        self.child = Self::begin(&self.files, self.ports);
    }

    async fn ready(mut self, try_it: &impl AsyncFn(&str) -> Result<(), String>) -> Option<Self> {
        let mut said = String::new();
        for _ in 0..TRIES {
            match try_it(&self.endpoint).await {
                Ok(()) => return Some(self),
                Err(error) => said = error,
            }
            if self.child.try_wait().unwrap().is_some() {
                assert!(self.log().contains("address already in use"), "weed ended: {}", self.log());
                return None;
            }
            ambient::sleep(Duration::from_millis(20)).await;
        }
        panic!("weed is of no use: {said}, {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        for (name, port) in self.ports {
            // It makes them there whatever it is told, and leaves them when it is killed.
            if let Some(part) = name.strip_suffix(".port.grpc") {
                let _absent = std::fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{port}.sock"));
            }
        }
    }
}

/// Where the lab has installed it.
fn program() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .expect("LIFEBOAT_CACHE or HOME is set");
    let tools = std::fs::read_dir(cache.join("tools")).into_iter().flatten();
    let mut found = tools
        .map(|entry| entry.unwrap().path().join("bin/weed"))
        .filter(|path| path.is_file());
    found.next().expect("SeaweedFS is not installed: run cargo xtask test")
}
