//! The client: what one member of etcd is asked. Start at [`Client::connect`]; the calls stand by their service: [`maintenance`]
//! (status, snapshot, hash), [`watch`], [`kv`], [`lease`], [`cluster`].

pub(crate) mod cluster;
pub(crate) mod kv;
pub(crate) mod lease;
pub(crate) mod maintenance;
pub(crate) mod users;
pub(crate) mod watch;

use crate::auth::Login;
use crate::connection::Link;
use crate::failure::unanswered;
use crate::wire::ResponseHeader;
use crate::{Connection, Error};
use std::fmt;
use std::time::Duration;
use tonic::Request;
use tonic::transport::Channel;

/// How long a member may take for what it has at hand.
pub(crate) const PROMPT_LIMIT: Duration = Duration::from_secs(5);

/// How long a read or a write may take: long enough for a cluster that elects a leader meanwhile.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How long work on the whole database may take: hashing, defragmenting, compacting.
pub(crate) const WORK_LIMIT: Duration = Duration::from_secs(600);

/// The largest answer that is taken. etcd sends a range as one message however large it is; and the changes that gathered
/// before a watch was announced too, fragments or not (`sendLoop` in `server/etcdserver/api/v3rpc/watch.go`).
pub(crate) const MESSAGE_BYTES_MAX: usize = 512 << 20;

/// A connection to one member of etcd. Cheap to clone; clones share the connection, and the user's token.
///
/// Caveat: when the connection breaks it is made again at the next call, with the certificates that were read at first. After
/// an error, connect anew.
#[derive(Clone)]
pub struct Client {
    pub(crate) channel: Channel,
    pub(crate) link: Link,
    pub(crate) login: Login,
}

/// Who answered, and how far it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The cluster that it belongs to.
    pub cluster_id: u64,
    /// Its own id.
    pub member_id: u64,
    /// The newest revision when it answered.
    pub revision: u64,
    /// The term of raft then.
    pub raft_term: u64,
}

impl Client {
    /// Connects, and asks for a token if there is a user; must be called within a tokio runtime. Takes 7 s at most, with a user
    /// 12 s.
    ///
    /// # Errors
    /// [`Error::Endpoint`] and [`Error::Certificate`] when the connection is described wrongly, [`Error::Unreachable`],
    /// [`Error::Untrusted`]. [`Error::Refused`] when user or password are wrong. That etcd does not accept the client certificate
    /// (also [`Error::Refused`]) may show only later.
    pub async fn connect(connection: &Connection) -> Result<Self, Error> {
        let (channel, link) = connection.open().await?;
        let client = Self { channel, link, login: Login::new(connection.user.as_ref()) };
        client.renew().await?;
        Ok(client)
    }

    /// The same member by a connection of its own, which ends with it: for much at once, driven by the runtime that this is called on.
    ///
    /// # Errors
    /// As [`Client::connect`], as far as connecting is concerned.
    pub(crate) async fn apart(&self) -> Result<Self, Error> {
        Ok(Self { channel: self.link.connect().await?, ..self.clone() })
    }

    /// The member's URL.
    pub fn endpoint(&self) -> &str {
        &self.link.shown
    }

    /// Makes a call, and waits no longer than `limit` for the beginning of the answer. Once more if the token was stale.
    pub(crate) async fn ask<Q: Clone, A, F>(
        &self,
        limit: Duration,
        message: Q,
        call: impl Fn(Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        F: Future<Output = Result<tonic::Response<A>, tonic::Status>>,
    {
        let first = self.within(limit, call(self.login.request(message.clone()))).await?;
        let outcome = match first {
            Err(status) if self.login.can_renew(status.message()) => {
                self.renew().await?;
                self.within(limit, call(self.login.request(message))).await?
            }
            outcome => outcome,
        };
        match outcome {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(self.failed(&status).await),
        }
    }

    /// Gets a new token.
    pub(crate) async fn renew(&self) -> Result<(), Error> {
        match self.within(PROMPT_LIMIT, self.login.renew(self.channel.clone())).await? {
            Ok(()) => Ok(()),
            Err(status) => Err(self.failed(&status).await),
        }
    }

    /// What did not end well, as an error.
    pub(crate) async fn failed(&self, status: &tonic::Status) -> Error {
        self.link.explained(unanswered(&self.link.shown, status)).await
    }

    /// An answer that makes no sense.
    pub(crate) fn senseless(&self, reason: impl ToString) -> Error {
        Error::Answer {
            endpoint: self.link.shown.clone(),
            reason: reason.to_string(),
        }
    }

    /// The header of an answer.
    pub(crate) fn header(&self, header: Option<ResponseHeader>) -> Result<Header, Error> {
        Header::understood(header).map_err(|reason| self.senseless(reason))
    }

    pub(crate) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout(limit, work).await.map_err(|_| Error::Unreachable {
            endpoint: self.link.shown.clone(),
            reason: format!("no answer within {} s", limit.as_secs()),
        })
    }
}

impl Header {
    pub(crate) fn understood(header: Option<ResponseHeader>) -> Result<Self, &'static str> {
        let header = header.ok_or("it names no cluster")?;
        Ok(Self {
            cluster_id: header.cluster_id,
            member_id: header.member_id,
            revision: positive(header.revision).ok_or("its revision is negative")?,
            raft_term: header.raft_term,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.link.shown)
            .finish_non_exhaustive()
    }
}

/// etcd counts in signed numbers what is never negative.
pub(crate) fn positive(number: i64) -> Option<u64> {
    number.try_into().ok()
}

/// The other way; what no etcd can have becomes the largest number.
pub(crate) fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
