//! The source's half of a capture: finds a member that answers, watches it, and takes bases when that is not enough.
//!
//! Runs as a task of its own, start at [`Feed::run`]. What it hears goes, in order, to the other half ([`super::line`]), which cuts
//! and stores; when that half is full, nothing is read, and etcd keeps the rest in its database.

use super::backoff::Backoff;
use super::checks::{Checks, Said};
use super::course::Course;
use super::cutter::{Arrival, SeenLease};
use super::decide::{Facts, Go, Live, Seen, Why, changed_users, clock_back, decide};
use super::gauge::Gauge;
use super::identity::same_hash;
use super::leases::Leases;
use super::note::{Note, Tell};
use super::take::{Order, TakeError, Taken, take};
use super::{CaptureError, Options};
use crate::history::{Shelf, Source};
use crate::{AuthStatus, Client, Error, Heard, Members, Record, Status, Watch};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the source may be silent before it is asked how far it is.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// How long it may be silent although it is asked. A member that is being defragmented answers nothing meanwhile.
const SILENCE: Duration = Duration::from_secs(30);
/// After a base that could not be taken, how long none is tried that is only wished for.
const REST: Duration = Duration::from_secs(60);
/// How many times longer than the last base took none is taken that is only wished for: so much of etcd's time it may cost.
const REST_TIMES: u32 = 10;
/// How often the watch may skip the same revision.
const SKIPS: u32 = 3;

/// What was heard, in order.
pub(super) enum Event {
    /// A base: what follows goes on from it.
    Base(Box<Taken>),
    /// Changes.
    Changes {
        /// In order.
        records: Vec<Record>,
        /// Whether the last revision may go on.
        fragment: bool,
        /// Who told.
        source: Source,
        /// When.
        arrival: Arrival,
    },
    /// There is nothing beyond this revision.
    Progress {
        /// The revision.
        revision: u64,
        /// When.
        arrival: Arrival,
    },
    /// Who the source is, and how far its raft.
    Source(Source),
    /// A lease was looked up.
    Lease(SeenLease),
    /// The watch broke: it begins again behind the last whole revision.
    Broken,
}

/// The source, and how far it was heard.
pub(super) struct Feed {
    source: Members,
    /// Where the history is, for what has to be looked up in it.
    shelf: Arc<dyn Shelf>,
    options: Options,
    tell: Tell,
    gauge: Gauge,
    events: mpsc::Sender<Event>,
    /// The timeline that goes on; 0 before there is one.
    timeline: u32,
    /// How far the source was heard; `None` before there is a history.
    seen: Option<Seen>,
    course: Course,
    leases: Leases,
    /// The revision through which the source has compacted, as it said last.
    compaction: Option<u64>,
    /// Before then, no base is taken that is only wished for.
    rest_until: Option<Instant>,
    /// Whether it was told that users cannot be seen.
    users_unseen: bool,
    /// Whether the source was ever watched, and a base taken if it was needed: before that, errors are the caller's affair.
    answered: bool,
    /// Whether what there is of a history cannot be gone on with.
    distrusts: bool,
}

/// Why a watch, or an attempt at one, ended.
enum End {
    /// To be tried again.
    Lost(String),
    /// Something is known now that was not: decide anew.
    Again,
    /// Not worth trying again.
    Fatal(CaptureError),
    /// Nobody listens any more.
    Deaf,
}

impl Feed {
    pub(super) fn new(
        (source, shelf): (Members, Arc<dyn Shelf>),
        options: Options,
        (tell, gauge): (Tell, Gauge),
        events: mpsc::Sender<Event>,
        (timeline, seen, last): (u32, Option<Seen>, Option<Record>),
    ) -> Self {
        let mut course = Course::new(seen.map_or(0, |seen| seen.through));
        last.iter().for_each(|last| course.remember(last));
        Self {
            source,
            shelf,
            options,
            tell,
            gauge,
            events,
            timeline,
            seen,
            course,
            leases: Leases::default(),
            compaction: None,
            rest_until: None,
            users_unseen: false,
            answered: false,
            distrusts: false,
        }
    }

    /// The same where there is a history that is damaged.
    pub(super) fn distrusting(self) -> Self {
        Self { distrusts: true, ..self }
    }

    /// Goes on until nobody listens (`Ok`), or for ever.
    pub(super) async fn run(mut self) -> Result<(), CaptureError> {
        let mut backoff = Backoff::default();
        let mut lost_since = None;
        loop {
            let heard = self.gauge.heard_at();
            let end = match self.session().await {
                Ok(never) => match never {},
                Err(end) => end,
            };
            if self.gauge.heard_at() > heard {
                backoff.reset();
                lost_since = None;
            }
            match end {
                End::Again => {}
                End::Fatal(e) => return Err(e),
                End::Deaf => return Ok(()),
                End::Lost(why) => {
                    let since = *lost_since.get_or_insert_with(ambient::monotonic);
                    let silent = ambient::monotonic().saturating_duration_since(since);
                    if self.options.give_up.is_some_and(|limit| silent >= limit) {
                        return Err(CaptureError::GaveUp { why, silent_s: silent.as_secs() });
                    }
                    (self.tell)(Note::Lost { why });
                    self.source.give_up();
                    backoff.wait().await;
                }
            }
            if self.course.forget_open() && self.events.send(Event::Broken).await.is_err() {
                return Ok(());
            }
        }
    }

    /// One member, as long as it answers.
    async fn session(&mut self) -> Result<std::convert::Infallible, End> {
        let (client, _) = self.source.connect().await.map_err(|e| self.unanswered(e))?;
        // The others are for when this one fails; without them it is waited for.
        let _ = self.source.discover(&client).await;
        let (status, live) = self.look(&client).await.map_err(|e| self.unanswered(e))?;
        self.gauge.heard(live.revision, ambient::monotonic());
        let tail = self.seen.map(|seen| Seen { through: self.course.complete(), ..seen });
        let mut go = decide(&Facts { tail, live, rates: self.options.rates, rests: self.rests() });
        if let (Go::Resume { from }, true) = (&go, self.course.skips() >= SKIPS) {
            go = Go::Rebase { why: Why::Skipped { revision: *from } };
        }
        if let (Go::NewTimeline { why }, None, true) = (&mut go, tail, self.distrusts) {
            *why = Why::Damaged;
        }
        let watch = match go {
            Go::Resume { from } => {
                let watch = client.watch(from).await.map_err(|e| self.unanswered(e))?;
                (self.tell)(Note::Connected { endpoint: client.endpoint().to_owned(), from });
                watch
            }
            Go::Rebase { why } => self.base(&client, (&status, &live), why, false).await?,
            Go::NewTimeline { why } => self.base(&client, (&status, &live), why, true).await?,
        };
        self.answered = true;
        let seen = self.seen.unwrap_or_default();
        self.seen = Some(Seen {
            through: self.course.complete(),
            cluster_id: live.cluster_id,
            raft_term: live.raft_term.max(seen.raft_term),
            raft_index: live.raft_index.max(seen.raft_index),
            users: seen.users.or(live.users),
            ..seen
        });
        self.is_now(&status).await?;
        if self.leases.begin()
            && let Ok(ids) = client.leases().await
        {
            ids.into_iter().for_each(|id| self.leases.see(id));
        }
        self.follow(&client, watch).await
    }

    /// What a member says of itself; after a read that needs a quorum, so that it is not behind what was heard before.
    async fn look(&mut self, client: &Client) -> Result<(Status, Live), Error> {
        let revision = client.range(&[0], &[], 0, 1).await?.header.revision;
        let status = client.status().await?;
        let same_hash = match self.seen {
            Some(seen) if seen.cluster_id == 0 => same_hash(Arc::clone(&self.shelf), client).await?,
            _ => None,
        };
        let users = client.auth_status().await;
        self.users_are_seen(&users);
        let live = Live {
            cluster_id: status.cluster_id,
            revision: revision.max(status.revision),
            raft_term: status.raft_term,
            raft_index: status.applied_index,
            compaction: self.compaction,
            db_bytes: status.db_size,
            same_last_change: self.course.same_last_change(client).await?,
            same_hash,
            now_ms: Arrival::now().wall_ms,
            users: users.ok(),
        };
        Ok((status, live))
    }

    /// Takes a base; the watch, which goes on behind it, begins first, so that nothing is between them.
    async fn base(
        &mut self,
        client: &Client,
        (status, live): (&Status, &Live),
        why: Why,
        new_timeline: bool,
    ) -> Result<Watch, End> {
        (self.tell)(Note::Taking { why, new_timeline });
        let begun = ambient::monotonic();
        // If it fails, the next session does without, so that changes are captured meanwhile.
        self.rest_until = Some(begun + REST);
        if new_timeline {
            self.gauge.begin_anew(self.timeline + 1);
        }
        let is_first = self
            .source
            .connections()
            .first()
            .is_some_and(|it| it.endpoint == client.endpoint());
        let order = Order {
            timeline: self.timeline + u32::from(new_timeline),
            new_timeline,
            why,
            spool: self.options.spool.clone(),
            db_file: self.options.db_file.clone().filter(|_| is_first),
            prove: self.options.prove,
            status: status.clone(),
            tell: self.tell.clone(),
        };
        let mut watch = Some(client.watch(order.status.revision + 1).await.map_err(|e| self.unanswered(e))?);
        let (taken, pending) = self.taking(client, &order, &mut watch).await?;
        self.timeline = order.timeline;
        self.compaction = None;
        self.course = Course::new(taken.revision);
        taken.last.iter().for_each(|last| self.course.remember(last));
        let before_ms = self
            .seen
            .filter(|_| !new_timeline && !taken.stands_alone)
            .map_or(0, |seen| seen.seen_ms);
        self.seen = Some(Seen {
            through: taken.revision,
            cluster_id: order.status.cluster_id,
            raft_term: order.status.raft_term,
            raft_index: order.status.applied_index,
            base: taken.revision,
            seen_ms: taken.taken_ms.max(before_ms),
            users: live.users,
        });
        let now = ambient::monotonic();
        self.rest_until = Some(now + now.saturating_duration_since(begun).saturating_mul(REST_TIMES));
        self.send(Event::Base(Box::new(taken))).await?;
        for (heard, arrival) in pending {
            self.pass(heard, arrival).await?;
        }
        watch.ok_or(End::Again)
    }

    /// Waits for a base, and keeps what its watch hears meanwhile, as much as may wait.
    async fn taking(
        &mut self,
        client: &Client,
        order: &Order,
        watch: &mut Option<Watch>,
    ) -> Result<(Taken, Vec<(Heard, Arrival)>), End> {
        let (mut pending, mut bytes) = (Vec::new(), 0);
        let taking = take(client, order);
        tokio::pin!(taking);
        loop {
            let listening = async {
                match watch.as_mut() {
                    Some(watch) if bytes < self.options.pending_bytes => watch.next().await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                taken = &mut taking => return taken.map(|taken| (taken, pending)).map_err(|e| self.untaken(e)),
                () = self.events.closed() => return Err(End::Deaf),
                heard = listening => match heard {
                    Ok(Heard::Changes { records, header, fragment }) => {
                        let arrival = Arrival::now();
                        let size = size(&records);
                        let last = records.last().map_or(0, |last| last.revision.main);
                        self.gauge.arrived(last, size, arrival.at);
                        bytes += size;
                        pending.push((Heard::Changes { records, header, fragment }, arrival));
                    }
                    Ok(Heard::Progress { revision }) => self.gauge.heard(revision, ambient::monotonic()),
                    // The base does not need it: afterwards it is opened anew.
                    Ok(Heard::Compacted { .. } | Heard::Canceled { .. }) | Err(_) => *watch = None,
                },
            }
        }
    }

    /// Passes on what a watch hears.
    async fn follow(&mut self, client: &Client, mut watch: Watch) -> Result<std::convert::Infallible, End> {
        let mut heard_at = ambient::monotonic();
        let mut checks = Checks::new(client.clone(), self.options.look_around);
        loop {
            self.leases.look_up(client);
            let now_ms = Arrival::now().wall_ms;
            if self.can_wish() && self.seen.is_some_and(|seen| clock_back(seen.seen_ms, now_ms).is_some()) {
                return Err(End::Again);
            }
            tokio::select! {
                heard = watch.next() => {
                    self.pass(heard.map_err(|e| self.unanswered(e))?, Arrival::now()).await?;
                    heard_at = ambient::monotonic();
                }
                said = checks.next() => match said {
                    Said::Status(Ok(status)) => self.is_now(&status).await?,
                    Said::Users(users) => {
                        self.users_are_seen(&users);
                        if let (Some(seen), Ok(is)) = (&mut self.seen, users) {
                            let was = *seen.users.get_or_insert(is);
                            if changed_users(was, is).is_some() && self.can_wish() {
                                return Err(End::Again);
                            }
                        }
                    }
                    // Whether it is there, the watch tells.
                    Said::Status(Err(_)) => {}
                },
                Some(lease) = self.leases.next() => self.send(Event::Lease(lease)).await?,
                () = ambient::sleep(ASK_AFTER) => {
                    if ambient::monotonic().saturating_duration_since(heard_at) > SILENCE {
                        return Err(End::Lost(format!("{} is silent", watch.endpoint())));
                    }
                    watch.ask_progress();
                }
                () = self.events.closed() => return Err(End::Deaf),
            }
        }
    }

    /// Takes note of how far raft is, and tells the other half.
    async fn is_now(&mut self, status: &Status) -> Result<(), End> {
        let Some(seen) = &mut self.seen else { return Ok(()) };
        if seen.cluster_id != status.cluster_id {
            return Err(End::Again);
        }
        seen.raft_term = seen.raft_term.max(status.raft_term);
        seen.raft_index = seen.raft_index.max(status.applied_index);
        let source = Source {
            cluster_id: status.cluster_id,
            member_id: status.member_id,
            raft_term: seen.raft_term,
            raft_index: seen.raft_index,
        };
        self.send(Event::Source(source)).await
    }

    /// Tells, once, when the source does not say which users it has.
    fn users_are_seen(&mut self, users: &Result<AuthStatus, Error>) {
        match users {
            Ok(_) => self.users_unseen = false,
            Err(e) if e.kind() == estate::Kind::Unreachable => {}
            Err(e) if !std::mem::replace(&mut self.users_unseen, true) => {
                (self.tell)(Note::UsersUnseen { why: e.to_string() });
            }
            Err(_) => {}
        }
    }

    /// Whether it is too soon for a base that is only wished for.
    fn rests(&self) -> bool {
        self.rest_until.is_some_and(|until| ambient::monotonic() < until)
    }

    /// Whether one that is only wished for would be taken now.
    fn can_wish(&self) -> bool {
        !self.rests() && self.seen.is_some_and(|seen| self.course.complete() > seen.base)
    }

    async fn pass(&mut self, heard: Heard, arrival: Arrival) -> Result<(), End> {
        if let Some(seen) = &mut self.seen {
            seen.seen_ms = seen.seen_ms.max(arrival.wall_ms);
        }
        match heard {
            Heard::Changes { records, header, fragment } => {
                if self.seen.is_some_and(|seen| seen.cluster_id != header.cluster_id) {
                    return Err(End::Again);
                }
                self.course.take(&records, fragment).map_err(|e| End::Lost(e.to_string()))?;
                let mut raft_index = 0;
                if let Some(seen) = &mut self.seen {
                    seen.raft_term = header.raft_term.max(seen.raft_term);
                    raft_index = seen.raft_index;
                }
                let source = Source {
                    cluster_id: header.cluster_id,
                    member_id: header.member_id,
                    raft_term: header.raft_term,
                    raft_index,
                };
                self.leases.see_all(&records);
                let last = records.last().map_or(0, |last| last.revision.main);
                // First how far the source is: after a silence, all through there is as old as the silence.
                self.gauge.heard(header.revision, arrival.at);
                self.gauge.arrived(last, size(&records), arrival.at);
                self.send(Event::Changes { records, fragment, source, arrival }).await
            }
            Heard::Progress { revision } => {
                self.gauge.heard(revision, arrival.at);
                self.send(Event::Progress { revision, arrival }).await
            }
            Heard::Compacted { compact_revision } => {
                self.compaction = Some(compact_revision);
                Err(End::Again)
            }
            Heard::Canceled { reason } => Err(End::Lost(format!("etcd ended the watch: {reason}"))),
        }
    }

    async fn send(&mut self, event: Event) -> Result<(), End> {
        self.events.send(event).await.map_err(|_| End::Deaf)
    }

    /// What an error of etcd's means. Until the source has answered once, what a person has to mend is not tried again.
    fn unanswered(&self, e: Error) -> End {
        if self.answered || e.kind() == estate::Kind::Unreachable {
            End::Lost(e.to_string())
        } else {
            End::Fatal(CaptureError::Etcd(e))
        }
    }

    /// The first base must be possible; later, what stands in its way is waited for.
    fn untaken(&self, e: TakeError) -> End {
        match e {
            TakeError::Etcd(e) => self.unanswered(e),
            TakeError::File(e) if self.seen.is_none() => End::Fatal(CaptureError::File(e)),
            TakeError::File(e) => End::Lost(e.to_string()),
        }
    }
}

/// The bytes of records, as they count against limits.
fn size(records: &[Record]) -> usize {
    records.iter().map(|record| record.value.len()).sum()
}
