//! The client: what one member of etcd is asked.

use crate::connection::Link;
use crate::failure::unanswered;
use crate::receive::receive;
use crate::wire::maintenance_client::MaintenanceClient;
use crate::wire::{SnapshotRequest, StatusRequest, StatusResponse};
use crate::{Connection, Error, SnapshotInfo};
use std::fmt;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tonic::transport::Channel;

/// How long a member may take to tell its state.
const STATUS_LIMIT: Duration = Duration::from_secs(5);

/// How long a snapshot may stand still. A large one takes minutes, but never this long between two messages.
const SNAPSHOT_SILENCE: Duration = Duration::from_secs(30);

/// A connection to one member of etcd. Cheap to clone; clones share the connection.
///
/// Caveat: when the connection breaks it is made again at the next call, with the certificates that were read at first. After
/// an error, connect anew.
#[derive(Clone)]
pub struct Client {
    maintenance: MaintenanceClient<Channel>,
    link: Link,
}

/// The state of a member, as it sees itself and the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster that it belongs to.
    pub cluster_id: u64,
    /// Its own id.
    pub member_id: u64,
    /// Its version, as in `3.6.16`.
    pub version: String,
    /// The newest revision that it knows. A snapshot that is begun later holds it.
    pub revision: u64,
    /// The size of its database file in bytes, free pages included.
    pub db_size: u64,
    /// The current term of raft.
    pub raft_term: u64,
    /// The leader's id; `None` when there is none, that is when nothing can be written.
    pub leader: Option<u64>,
    /// Whether it is still catching up and has no vote.
    pub is_learner: bool,
    /// What etcd itself complains about: alarms (`NOSPACE`, `CORRUPT`), a missing leader. In its own words.
    pub errors: Vec<String>,
}

impl Client {
    /// Connects; must be called within a tokio runtime. Takes 7 s at most.
    ///
    /// # Errors
    /// [`Error::Endpoint`] and [`Error::Certificate`] when the connection is described wrongly, [`Error::Unreachable`],
    /// [`Error::Untrusted`]. That etcd does not accept the client certificate ([`Error::Refused`]) may show only later.
    pub async fn connect(connection: &Connection) -> Result<Self, Error> {
        let (channel, link) = connection.open().await?;
        Ok(Self { maintenance: MaintenanceClient::new(channel), link })
    }

    /// The member's URL.
    pub fn endpoint(&self) -> &str {
        &self.link.shown
    }

    /// Asks the member for its state. Takes 7 s at most. Members answer also when there is no leader.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Untrusted`], [`Error::Refused`], [`Error::Answer`].
    pub async fn status(&self) -> Result<Status, Error> {
        let mut maintenance = self.maintenance.clone();
        let answer = self.answered(STATUS_LIMIT, maintenance.status(StatusRequest {})).await?;
        understood(answer)
            .map_err(|reason| Error::Answer { endpoint: self.link.shown.clone(), reason: reason.to_owned() })
    }

    /// Writes the member's whole database into `into`, byte by byte the file that `etcdctl snapshot save` would make, and
    /// flushes it. Whether it survives a crash (fsync) is the caller's affair.
    ///
    /// Guarantees: `Ok` says that the stream was complete, that its SHA-256 is the one that etcd sent, and that it begins as a
    /// database of just this size. After an error what was written is worthless. Of the stream, no more than a few MiB are in
    /// memory at once.
    ///
    /// Caveats: it has no deadline of its own but 30 s without a message. While it runs, etcd cannot reuse pages, so its file
    /// grows: write to something local, not to a slow network. What is hashed is what etcd read: a page that has rotted on its
    /// disk is copied as it is.
    ///
    /// # Errors
    /// [`Error::Unreachable`] also when the stream breaks off; [`Error::Truncated`], [`Error::HashMismatch`] and
    /// [`Error::NotSnapshot`] when it ends but is not sound; [`Error::Spool`] when `into` cannot be written;
    /// [`Error::Untrusted`], [`Error::Refused`], [`Error::Answer`].
    pub async fn snapshot(&self, into: &mut (impl AsyncWrite + Unpin)) -> Result<SnapshotInfo, Error> {
        let mut maintenance = self.maintenance.clone();
        let stream = self
            .answered(SNAPSHOT_SILENCE, maintenance.snapshot(SnapshotRequest {}))
            .await?;
        receive(&self.link.shown, stream, into, SNAPSHOT_SILENCE).await
    }

    /// Waits for the beginning of an answer.
    async fn answered<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.link.explained(unanswered(&self.link.shown, &status)).await),
            Err(_) => Err(Error::Unreachable {
                endpoint: self.link.shown.clone(),
                reason: format!("no answer within {} s", limit.as_secs()),
            }),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.link.shown)
            .finish_non_exhaustive()
    }
}

fn understood(answer: StatusResponse) -> Result<Status, &'static str> {
    let header = answer.header.ok_or("its status names no cluster")?;
    Ok(Status {
        cluster_id: header.cluster_id,
        member_id: header.member_id,
        version: answer.version,
        revision: header.revision.try_into().map_err(|_| "its revision is negative")?,
        db_size: answer.db_size.try_into().map_err(|_| "the size of its database is negative")?,
        raft_term: answer.raft_term,
        leader: (answer.leader != 0).then_some(answer.leader),
        is_learner: answer.is_learner,
        errors: answer.errors,
    })
}
