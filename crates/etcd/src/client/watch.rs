//! Watching every change of every key, as records: what a history is captured from. Start at [`Client::watch`].
//!
//! The place of a change within its transaction (the sub-revision) is not told by etcd, but it is the place of the event among
//! those of its revision: a transaction appends each put, and each deleted key of a range in key order, to one list, gives each
//! its place in that list as sub-revision, and notifies watchers of the list as it is; a watcher that lags gets the records of
//! the database in the order of their keys there, which is the same. No place is skipped, and responses are cut between
//! revisions, or, in fragments, go on where the last one ended. Sources: etcd `server/storage/mvcc/kvstore_txn.go` (`put`,
//! `delete`), `watchable_store_txn.go` (`End`), `watchable_store.go` (`rangeEvents`), `watcher_group.go` (`eventBatch`),
//! `server/etcdserver/api/v3rpc/watch.go` (`sendFragments`). A key may come twice in one revision: nested transactions can put and
//! then delete it.

use super::{CALL_LIMIT, Client, Header, MESSAGE_BYTES_MAX, positive, signed};
use crate::failure::{refused, unanswered};
use crate::wire::event::EventType;
use crate::wire::watch_client::WatchClient;
use crate::wire::watch_request::RequestUnion;
use crate::wire::{Event, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use crate::{Error, KeyValue, Record, Revision};
use bytes::Bytes;
use std::fmt;
use tokio::sync::mpsc;
use tonic::Streaming;
use tonic::metadata::MetadataValue;

/// Under which name, and with which value, etcd is told to end a watch when the member has no leader
/// (`api/v3rpc/rpctypes/metadatafields.go`).
const REQUIRE_LEADER: (&str, &str) = ("hasleader", "true");

/// Requests on their way: the one that begins it, and one for progress.
const REQUESTS_MAX: usize = 2;

/// A watch of every key from a revision on, on one member. Ends when dropped.
///
/// Nothing is read ahead but what the connection buffers (2 MiB): who does not call [`Watch::next`] stops the stream, and etcd keeps
/// the rest in its database.
pub struct Watch {
    client: Client,
    answers: Streaming<WatchResponse>,
    requests: mpsc::Sender<WatchRequest>,
    began: Header,
    course: Course,
}

/// What a watch heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Changes, in the order of their revisions.
    Changes {
        /// The changes, as etcd stores them. There is at least one.
        records: Vec<Record>,
        /// Who told. Of a watch that catches up, its revision is the newest one, not that of the last record.
        header: Header,
        /// Whether the last record's revision may go on in the next answer. Only when this is false are revisions complete.
        fragment: bool,
    },
    /// Every change up to this revision has been heard.
    ///
    /// Caveat: before 3.4.25 and 3.5.8 an answer to [`Watch::ask_progress`] could overtake changes.
    Progress {
        /// The revision.
        revision: u64,
    },
    /// The changes that come next are compacted; the watch has ended.
    Compacted {
        /// The revision that the member is compacted to. A watch can begin at the one after it.
        compact_revision: u64,
    },
    /// The member has ended the watch for another reason.
    Canceled {
        /// The member's words.
        reason: String,
    },
}

impl Client {
    /// Watches every key from revision `from` on (at least 1; one in the future is waited for), without gaps. Returns once the
    /// member has the watch; [`Watch::began`] tells how far the member is.
    ///
    /// A member without a leader ends it with [`Error::Unreachable`], within a few election timeouts. A dead connection is
    /// noticed within 20 s. Where authentication is on, the right to read every key is needed when it begins; whether the token
    /// expires later does not matter.
    ///
    /// The watch is asked for from the revision before, which is then passed over: etcd serves a watch from just the revision
    /// that it is compacted to, and before 3.4.36 and 3.5.18 leaves out the deletions at that revision.
    ///
    /// # Errors
    /// As [`Client::status`]. That `from` is compacted is heard from [`Watch::next`].
    pub async fn watch(&self, from: u64) -> Result<Watch, Error> {
        let course = Course::from(from);
        let outcome = match self.try_watch(&course).await? {
            Err(reason) if self.login.can_renew(&reason) => {
                self.renew().await?;
                self.try_watch(&course).await?
            }
            outcome => outcome,
        };
        outcome.map_err(|reason| refused(&self.link.shown, &reason))
    }

    /// The inner error is the member's words for why it does not begin.
    async fn try_watch(&self, course: &Course) -> Result<Result<Watch, String>, Error> {
        let (requests, mut waiting) = mpsc::channel(REQUESTS_MAX);
        let create = WatchCreateRequest {
            key: Bytes::from_static(&[0]),
            range_end: Bytes::from_static(&[0]),
            start_revision: signed(course.from.saturating_sub(1).max(1)),
            progress_notify: true,
            fragment: true,
            ..WatchCreateRequest::default()
        };
        // There is room for it.
        let _ = requests.try_send(WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) });
        let waiting = futures::stream::poll_fn(move |context| waiting.poll_recv(context));
        let mut request = self.login.request(waiting);
        request
            .metadata_mut()
            .insert(REQUIRE_LEADER.0, MetadataValue::from_static(REQUIRE_LEADER.1));
        let mut stub = WatchClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let mut answers = match self.within(CALL_LIMIT, stub.watch(request)).await? {
            Ok(answer) => answer.into_inner(),
            Err(status) if self.login.can_renew(status.message()) => {
                return Ok(Err(status.message().to_owned()));
            }
            Err(status) => return Err(self.failed(&status).await),
        };
        let first = match self.within(CALL_LIMIT, answers.message()).await? {
            Ok(Some(first)) => first,
            Ok(None) => return Err(ended(self)),
            Err(status) => return Err(self.failed(&status).await),
        };
        if !first.created {
            return Err(self.senseless("its first answer to a watch is another"));
        }
        if first.canceled {
            return Ok(Err(first.cancel_reason));
        }
        let began = self.header(first.header)?;
        Ok(Ok(Watch {
            client: self.clone(),
            answers,
            requests,
            began,
            course: course.clone(),
        }))
    }
}

impl Watch {
    /// The member's state when the watch began. When its revision is lower than one that was seen before, then the source has
    /// jumped back.
    pub fn began(&self) -> Header {
        self.began
    }

    /// The member's URL.
    pub fn endpoint(&self) -> &str {
        self.client.endpoint()
    }

    /// Waits for what comes next, without a limit. Giving up waiting loses nothing. After [`Heard::Compacted`],
    /// [`Heard::Canceled`] and errors there is nothing more: watch anew from the revision after the last complete one.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the connection breaks, the member stops or has no leader; [`Error::Refused`];
    /// [`Error::Answer`] when changes do not come in order, or make no sense.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            let answer = match self.answers.message().await {
                Ok(Some(answer)) => answer,
                Ok(None) => return Err(ended(&self.client)),
                // Not looked into any further: that would take time, and what was heard would be lost by giving up waiting.
                Err(status) => return Err(unanswered(self.client.endpoint(), &status)),
            };
            let heard = self.course.hear(answer).map_err(|reason| self.client.senseless(reason))?;
            if let Some(heard) = heard {
                return Ok(heard);
            }
        }
    }

    /// Asks how far the watch is; the answer is [`Heard::Progress`]. A member that is behind with this watch does not answer,
    /// so ask again later. Costs hardly anything.
    pub fn ask_progress(&self) {
        let request = WatchRequest {
            request_union: Some(RequestUnion::ProgressRequest(WatchProgressRequest {})),
        };
        // No room: one is on its way. Nobody there: the next answer is an error.
        let _ = self.requests.try_send(request);
    }
}

fn ended(client: &Client) -> Error {
    Error::Unreachable {
        endpoint: client.endpoint().to_owned(),
        reason: "it ended the watch".to_owned(),
    }
}

/// How far a watch is: the part that decides, without a connection.
#[derive(Clone, Debug)]
struct Course {
    /// The first revision that is wanted.
    from: u64,
    /// The place that the last change had.
    last: Option<Revision>,
}

impl Course {
    fn from(from: u64) -> Self {
        Self { from: from.max(1), last: None }
    }

    /// What an answer says; `None` for nothing. The error is why it makes no sense.
    fn hear(&mut self, answer: WatchResponse) -> Result<Option<Heard>, String> {
        if answer.compact_revision != 0 {
            let compact_revision =
                positive(answer.compact_revision).ok_or("its compaction is at a negative revision")?;
            return Ok(Some(Heard::Compacted { compact_revision }));
        }
        if answer.canceled {
            return Ok(Some(Heard::Canceled { reason: crate::failure::cut(&answer.cancel_reason) }));
        }
        let header = Header::understood(answer.header)?;
        if answer.created {
            return Err("it announces a watch that nobody asked for".to_owned());
        }
        if answer.events.is_empty() {
            return Ok(Some(Heard::Progress { revision: header.revision }));
        }
        let mut records = Vec::with_capacity(answer.events.len());
        for event in answer.events {
            let record = self.record(event)?;
            if record.revision.main >= self.from {
                records.push(record);
            }
        }
        Ok((!records.is_empty()).then_some(Heard::Changes { records, header, fragment: answer.fragment }))
    }

    /// An event as etcd stores it.
    fn record(&mut self, event: Event) -> Result<Record, String> {
        let KeyValue { key, mod_revision: main, .. } = KeyValue::decode(&event.kv)?;
        let revision = match self.last {
            Some(last) if last.main == main => {
                let sub = last.sub.checked_add(1).ok_or("a revision has too many changes")?;
                Revision { main, sub }
            }
            Some(last) if last.main > main => return Err(format!("revision {main} comes after {}", last.main)),
            _ => Revision { main, sub: 0 },
        };
        if key.is_empty() {
            return Err(format!("the change at {revision} has no key"));
        }
        self.last = Some(revision);
        match event.r#type() {
            EventType::Delete => Ok(Record::deletion(revision, key)),
            // Of a kind that is not known yet, the number of which became that of a put.
            EventType::Put if event.r#type != 0 => Err(format!("the change at {revision} is of an unknown kind")),
            EventType::Put => Ok(Record { revision, tombstone: false, value: event.kv }),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("endpoint", &self.endpoint())
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
