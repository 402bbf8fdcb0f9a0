//! A real etcd on loopback, for as long as it is held, and what it takes: [`Server::start`].

use crate::workload::Write;
use anyhow::{Context, Result, bail};
use etcd::{Change, Client, Connection};
use measure::Usage;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Far more than any bench needs.
const START_LIMIT: Duration = Duration::from_secs(300);

/// A member that is a cluster by itself.
pub(crate) struct Server {
    child: Child,
    /// The way in.
    pub(crate) client: Client,
    /// How to connect anew.
    pub(crate) connection: Connection,
    /// Its data directory.
    pub(crate) data: PathBuf,
}

impl Server {
    /// Starts etcd on `data`, which may be empty or a seed.
    pub(crate) async fn start(tools: &Path, data: &Path, more: &[&str]) -> Result<Self> {
        let (port, peer_port) = free_ports()?;
        let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
        let mut command = Command::new(tools.join("etcd"));
        command
            .arg("--data-dir")
            .arg(data)
            .args(["--name", "bench", "--quota-backend-bytes", "8589934592"]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command
            .args(["--initial-cluster", &format!("bench={peer}"), "--log-level", "info"])
            .args(more);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("starting etcd")?;
        let mut log = BufReader::new(child.stderr.take().context("etcd's log")?).lines();
        let ready = async {
            let mut said = Vec::new();
            while let Some(line) = log.next_line().await? {
                if line.contains("ready to serve client requests") {
                    return Ok(());
                }
                said.push(line);
            }
            bail!("etcd ended before it served:\n{}", said.join("\n"))
        };
        tokio::time::timeout(START_LIMIT, ready)
            .await
            .context("etcd does not serve")??;
        // A full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let connection = Connection {
            endpoint: client,
            ca_file: None,
            cert_file: None,
            key_file: None,
            user: None,
        };
        let client = Client::connect(&connection).await?;
        Ok(Self { child, client, connection, data: data.to_owned() })
    }

    /// What it has used.
    pub(crate) fn usage(&self) -> Usage {
        self.child.id().and_then(|id| Usage::of(&id.to_string())).unwrap_or_default()
    }

    /// Its database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("member/snap/db")
    }

    /// Stops it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("stopping etcd")
    }

    /// Makes a write; its revision.
    pub(crate) async fn write(&self, write: Write) -> Result<u64> {
        let revision = match write {
            Write::Put { key, value, lease } => self.client.put(key, value, lease).await?.revision,
            Write::Delete { key } => self.client.delete(key, "").await?.0.revision,
            Write::Grant { lease, ttl_s } => {
                self.client.grant_lease(lease, ttl_s.cast_unsigned()).await?;
                0
            }
            Write::Revoke { lease } => {
                self.client.revoke_lease(lease).await?;
                0
            }
        };
        Ok(revision)
    }

    /// Makes puts in one transaction.
    pub(crate) async fn write_all(&self, writes: &[Write]) -> Result<u64> {
        let puts = writes.iter().filter_map(|write| match write {
            Write::Put { key, value, lease } => {
                Some(Change::Put { key: key.clone(), value: value.clone(), lease: *lease })
            }
            _ => None,
        });
        Ok(self.client.txn(Vec::new(), puts.collect()).await?.0.revision)
    }
}

/// Two ports that nobody listens on.
fn free_ports() -> Result<(u16, u16)> {
    let one = TcpListener::bind("127.0.0.1:0")?;
    let two = TcpListener::bind("127.0.0.1:0")?;
    Ok((one.local_addr()?.port(), two.local_addr()?.port()))
}
