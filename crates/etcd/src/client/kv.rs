//! Reading and writing keys: for proofs, tests and benchmarks. A history is captured by watching and by the snapshot.

use super::{CALL_LIMIT, Client, Header, MESSAGE_BYTES_MAX, WORK_LIMIT, positive, signed};
use crate::wire::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::wire::kv_client::KvClient;
use crate::wire::request_op::Request as Operation;
use crate::wire::{
    CompactionRequest, Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
};
use crate::{Error, KeyValue};
use bytes::Bytes;
use tonic::transport::Channel;

/// Keys as they were at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Who answered. Its revision is the newest one, not the one that was asked for.
    pub header: Header,
    /// The keys in order, with what they hold.
    pub pairs: Vec<KeyValue>,
    /// Whether there are more in the range than the limit allowed.
    pub more: bool,
    /// How many there are in the range.
    pub count: u64,
}

/// A change of keys.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// A key gets a value.
    Put {
        /// The key, which may not be empty.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// The lease that it hangs on; 0 for none.
        lease: i64,
    },
    /// Keys go.
    Delete {
        /// The first key.
        key: Bytes,
        /// The key after the last one; empty for `key` alone, one zero byte for all from `key` on.
        end: Bytes,
    },
}

/// What a transaction asks before it changes anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The key.
    pub key: Bytes,
    /// The revision at which it must have been changed last; 0 when it must not exist.
    pub mod_revision: u64,
}

impl Client {
    /// The keys from `key` up to `end` (empty for `key` alone, one zero byte for all from `key` on; both one zero byte for
    /// everything) as they were at `revision`, 0 for now; no more than `limit`, 0 for all. Everything comes in one message of
    /// 512 MiB at most.
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::Future`]; otherwise as [`Client::status`].
    pub async fn range(&self, key: &[u8], end: &[u8], revision: u64, limit: u64) -> Result<Range, Error> {
        let message = RangeRequest {
            key: Bytes::copy_from_slice(key),
            range_end: Bytes::copy_from_slice(end),
            revision: signed(revision),
            limit: signed(limit),
            ..RangeRequest::default()
        };
        let answer = self
            .ask(CALL_LIMIT, message, |request| {
                let mut kv = self.kv();
                async move { kv.range(request).await }
            })
            .await?;
        let pairs: Result<Vec<_>, _> = answer.kvs.iter().map(KeyValue::decode).collect();
        Ok(Range {
            header: self.header(answer.header)?,
            pairs: pairs.map_err(|reason| self.senseless(reason))?,
            more: answer.more,
            count: positive(answer.count).ok_or_else(|| self.senseless("its number of keys is negative"))?,
        })
    }

    /// Writes a key; `lease` is 0 for none. The revision in the answer is the one that it was written at.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>, lease: i64) -> Result<Header, Error> {
        let message = PutRequest {
            key: key.into(),
            value: value.into(),
            lease,
            ..PutRequest::default()
        };
        let answer = self
            .ask(CALL_LIMIT, message, |request| {
                let mut kv = self.kv();
                async move { kv.put(request).await }
            })
            .await?;
        self.header(answer.header)
    }

    /// Deletes the keys from `key` up to `end`, as in [`Client::range`]; how many those were.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn delete(&self, key: impl Into<Bytes>, end: impl Into<Bytes>) -> Result<(Header, u64), Error> {
        let message = DeleteRangeRequest { key: key.into(), range_end: end.into(), prev_kv: false };
        let answer = self
            .ask(CALL_LIMIT, message, |request| {
                let mut kv = self.kv();
                async move { kv.delete_range(request).await }
            })
            .await?;
        Ok((self.header(answer.header)?, positive(answer.deleted).unwrap_or(0)))
    }

    /// Makes all `changes` at one revision, if all `guards` hold; whether they did.
    ///
    /// # Errors
    /// [`Error::Refused`] also when a key is changed twice, or when there are more changes than the member allows (128 by
    /// default); otherwise as [`Client::status`].
    pub async fn txn(&self, guards: Vec<Guard>, changes: Vec<Change>) -> Result<(Header, bool), Error> {
        let message = TxnRequest {
            compare: guards.into_iter().map(Compare::from).collect(),
            success: changes
                .into_iter()
                .map(|change| RequestOp { request: Some(change.into()) })
                .collect(),
            failure: Vec::new(),
        };
        let answer: TxnResponse = self
            .ask(CALL_LIMIT, message, |request| {
                let mut kv = self.kv();
                async move { kv.txn(request).await }
            })
            .await?;
        Ok((self.header(answer.header)?, answer.succeeded))
    }

    /// Forgets what was superseded up to `revision`. With `physical`, waits until it is gone from the member's database.
    ///
    /// # Errors
    /// [`Error::Compacted`], [`Error::Future`]; otherwise as [`Client::status`].
    pub async fn compact(&self, revision: u64, physical: bool) -> Result<Header, Error> {
        let answer = self
            .ask(WORK_LIMIT, CompactionRequest { revision: signed(revision), physical }, |request| {
                let mut kv = self.kv();
                async move { kv.compact(request).await }
            })
            .await?;
        self.header(answer.header)
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

impl From<Change> for Operation {
    fn from(change: Change) -> Self {
        match change {
            Change::Put { key, value, lease } => {
                Self::RequestPut(PutRequest { key, value, lease, ..PutRequest::default() })
            }
            Change::Delete { key, end } => {
                Self::RequestDeleteRange(DeleteRangeRequest { key, range_end: end, prev_kv: false })
            }
        }
    }
}

impl From<Guard> for Compare {
    fn from(guard: Guard) -> Self {
        Self {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: guard.key,
            range_end: Bytes::new(),
            target_union: Some(TargetUnion::ModRevision(signed(guard.mod_revision))),
        }
    }
}

/// Keys only: values are what Kubernetes keeps secret.
impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Put { key, value, .. } => {
                write!(f, "put of {}, {} bytes", crate::record::shown(key), value.len())
            }
            Self::Delete { key, end } => {
                write!(f, "deletion of {} up to {}", crate::record::shown(key), crate::record::shown(end))
            }
        }
    }
}
