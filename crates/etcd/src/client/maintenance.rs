//! What a member says of itself and its database: [`Status`], snapshots, [`HashKv`], alarms, defragmentation.

use super::{CALL_LIMIT, Client, Header, MESSAGE_BYTES_MAX, PROMPT_LIMIT, WORK_LIMIT, positive, signed};
use crate::receive::receive;
use crate::wire::alarm_request::AlarmAction;
use crate::wire::maintenance_client::MaintenanceClient;
use crate::wire::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, HashKvRequest, SnapshotRequest,
    StatusRequest, StatusResponse,
};
use crate::{Error, SnapshotInfo};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tonic::transport::Channel;

/// How long a snapshot may stand still. A large one takes minutes, but never this long between two messages.
const SNAPSHOT_SILENCE: Duration = Duration::from_secs(30);

/// The state of a member, as it sees itself and the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The cluster that it belongs to.
    pub cluster_id: u64,
    /// Its own id.
    pub member_id: u64,
    /// Its version, as in `3.6.16`.
    pub version: String,
    /// The version of its database's form, as in `3.6.0`; `None` before etcd 3.6, and until the members have agreed on one.
    pub storage_version: Option<String>,
    /// The newest revision that it knows. A snapshot that is begun later holds it.
    pub revision: u64,
    /// The size of its database file in bytes, free pages included.
    pub db_size: u64,
    /// The bytes of its database file that are in use.
    pub db_size_in_use: u64,
    /// The bytes that its database may grow to, after which it takes no more writes; `None` before etcd 3.6.
    pub quota: Option<u64>,
    /// The current term of raft.
    pub raft_term: u64,
    /// The index of the newest entry that is committed.
    pub raft_index: u64,
    /// The index of the newest entry that is applied.
    pub applied_index: u64,
    /// The leader's id; `None` when there is none, that is when nothing can be written.
    pub leader: Option<u64>,
    /// Whether it is still catching up and has no vote.
    pub is_learner: bool,
    /// What etcd itself complains about: alarms (`NOSPACE`, `CORRUPT`), a missing leader. In its own words.
    pub errors: Vec<String>,
}

/// A member's hash of all its records up to a revision. Two are comparable only if both revisions are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C, as etcd's `server/storage/mvcc/hash.go` computes it.
    pub hash: u32,
    /// The revision up to which the member had compacted when it began; 0 for never. Before etcd 3.6 a member that has never
    /// compacted says -1, which is told as 0 too.
    pub compact_revision: u64,
    /// The revision that was hashed; `None` before etcd 3.6, which hashes what was asked for.
    pub hash_revision: Option<u64>,
    /// Who answered. Its revision is the newest one, not the one that was hashed.
    pub header: Header,
}

/// An alarm that a member has raised. Alarms stay until they are disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised it.
    pub member_id: u64,
    /// What it is about.
    pub kind: AlarmKind,
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// The quota is used up: the cluster takes no writes.
    NoSpace,
    /// The members differ, or a member's database is damaged.
    Corrupt,
    /// Another, by the number that a later etcd gives it.
    Other(i32),
}

impl Client {
    /// Asks the member for its state. Takes 7 s at most. Members answer also when there is no leader.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Untrusted`], [`Error::Refused`], [`Error::Answer`].
    pub async fn status(&self) -> Result<Status, Error> {
        let answer = self
            .ask(PROMPT_LIMIT, StatusRequest {}, |request| {
                let mut maintenance = self.maintenance();
                async move { maintenance.status(request).await }
            })
            .await?;
        understood(answer).map_err(|reason| self.senseless(reason))
    }

    /// Writes the member's whole database into `into`, byte by byte the file that `etcdctl snapshot save` would make, and
    /// flushes it. Whether it survives a crash (fsync) is the caller's affair. Needs the role `root` where authentication is on.
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
        let stream = self.snapshot_stream().await?;
        receive(&self.link.shown, stream, into, SNAPSHOT_SILENCE).await
    }

    /// Tries whether a snapshot may be taken: begins one, and ends it after its first piece. Needs the role `root` where authentication
    /// is on.
    ///
    /// # Errors
    /// [`Error::Refused`] when it may not; otherwise as [`Client::status`].
    pub async fn try_snapshot(&self) -> Result<(), Error> {
        let mut stream = self.snapshot_stream().await?;
        let first = self.within(PROMPT_LIMIT, stream.message()).await?;
        match first {
            Ok(_) => Ok(()),
            Err(status) => Err(self.failed(&status).await),
        }
    }

    /// Hashes the member's records up to `revision`, 0 for its newest one. Takes seconds for a large database, and time of
    /// that member. Needs the role `root` where authentication is on.
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::Future`]; otherwise as [`Client::status`].
    pub async fn hash_kv(&self, revision: u64) -> Result<HashKv, Error> {
        let answer = self
            .ask(WORK_LIMIT, HashKvRequest { revision: signed(revision) }, |request| {
                let mut maintenance = self.maintenance();
                async move { maintenance.hash_kv(request).await }
            })
            .await?;
        Ok(HashKv {
            hash: answer.hash,
            compact_revision: positive(answer.compact_revision).unwrap_or(0),
            hash_revision: positive(answer.hash_revision).filter(|&revision| revision > 0),
            header: self.header(answer.header)?,
        })
    }

    /// The alarms of all members.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn alarms(&self) -> Result<Vec<Alarm>, Error> {
        let request = AlarmRequest { action: AlarmAction::Get.into(), ..AlarmRequest::default() };
        Ok(self.alarm(request).await?.alarms.iter().map(told).collect())
    }

    /// Disarms an alarm, whose cause must be gone. Needs the role `root` where authentication is on.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn disarm(&self, alarm: Alarm) -> Result<(), Error> {
        let kind = match alarm.kind {
            AlarmKind::NoSpace => AlarmType::Nospace.into(),
            AlarmKind::Corrupt => AlarmType::Corrupt.into(),
            AlarmKind::Other(number) => number,
        };
        let request = AlarmRequest {
            action: AlarmAction::Deactivate.into(),
            member_id: alarm.member_id,
            alarm: kind,
        };
        self.alarm(request).await.map(drop)
    }

    /// Rewrites the member's database without its free pages. The member answers nobody meanwhile. Needs the role `root` where
    /// authentication is on.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn defragment(&self) -> Result<(), Error> {
        self.ask(WORK_LIMIT, DefragmentRequest {}, |request| {
            let mut maintenance = self.maintenance();
            async move { maintenance.defragment(request).await }
        })
        .await
        .map(drop)
    }

    /// Begins a snapshot: the stream of its messages, of which nothing is checked yet. As long as it is held and not read to its
    /// end, every page of the database stays as it was when it began.
    pub(crate) async fn snapshot_stream(&self) -> Result<tonic::Streaming<crate::wire::SnapshotResponse>, Error> {
        self.ask(SNAPSHOT_SILENCE, SnapshotRequest {}, |request| {
            let mut maintenance = self.maintenance();
            async move { maintenance.snapshot(request).await }
        })
        .await
    }

    async fn alarm(&self, request: AlarmRequest) -> Result<AlarmResponse, Error> {
        self.ask(CALL_LIMIT, request, |request| {
            let mut maintenance = self.maintenance();
            async move { maintenance.alarm(request).await }
        })
        .await
    }

    fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

fn told(alarm: &AlarmMember) -> Alarm {
    let kind = match AlarmType::try_from(alarm.alarm) {
        Ok(AlarmType::Nospace) => AlarmKind::NoSpace,
        Ok(AlarmType::Corrupt) => AlarmKind::Corrupt,
        _ => AlarmKind::Other(alarm.alarm),
    };
    Alarm { member_id: alarm.member_id, kind }
}

fn understood(answer: StatusResponse) -> Result<Status, &'static str> {
    let header = Header::understood(answer.header)?;
    Ok(Status {
        cluster_id: header.cluster_id,
        member_id: header.member_id,
        version: answer.version,
        storage_version: Some(answer.storage_version).filter(|version| !version.is_empty()),
        revision: header.revision,
        db_size: positive(answer.db_size).ok_or("the size of its database is negative")?,
        db_size_in_use: positive(answer.db_size_in_use).ok_or("the size of its database is negative")?,
        quota: positive(answer.db_size_quota).filter(|&quota| quota > 0),
        raft_term: answer.raft_term,
        raft_index: answer.raft_index,
        applied_index: answer.raft_applied_index,
        leader: (answer.leader != 0).then_some(answer.leader),
        is_learner: answer.is_learner,
        errors: answer.errors,
    })
}
