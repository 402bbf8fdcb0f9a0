//! The history's half of a capture: cuts what arrives into segments, chains them, and sends them to the shelf.
//!
//! Start at [`Line::run`].

use super::backlog::{Backlog, Waiting};
use super::bridge::{Gap, bridge};
use super::cutter::{Arrival, Cut, Cutter};
use super::feed::Event;
use super::gauge::Gauge;
use super::note::{Note, Tell};
use super::rivals::Rivals;
use super::stores::{Stored, Stores};
use super::take::Taken;
use super::{CaptureError, Options};
use crate::history::{
    Dictionary, Kind, LeaseSeen, Link, Name, Seen, SegmentHeader, Shelf, Source, Tail, encode_segment,
};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// No cut is due; whatever comes first is waited for.
const FOREVER: Duration = Duration::from_secs(3600);

/// What is being written to.
pub(super) struct Line {
    shelf: Arc<dyn Shelf>,
    options: Options,
    tell: Tell,
    gauge: Gauge,
    stores: Stores,
    /// What waits for one of those on their way to arrive.
    backlog: Backlog,
    rivals: Rivals,
    end: Option<End>,
    /// Gaps that can be bridged once everything through this revision is stored.
    gaps: VecDeque<(u64, Gap)>,
    bridging: JoinSet<()>,
}

/// Where the history ends.
struct End {
    timeline: u32,
    link: Link,
    dictionary: Option<Arc<Dictionary>>,
    source: Source,
    cutter: Cutter,
}

impl Line {
    /// Goes on behind `tail`, if there is a history already.
    pub(super) fn new(
        shelf: Arc<dyn Shelf>,
        options: Options,
        (tell, gauge): (Tell, Gauge),
        tail: Option<Tail>,
        rivals: Rivals,
    ) -> Self {
        if let Some(tail) = &tail {
            gauge.resumed((tail.timeline, tail.through), tail.seen_ms, Arrival::now());
        }
        let cutter = |tail: &Tail| Cutter::new(tail.through, tail.seen_ms, options.limits, ambient::monotonic());
        let end = tail.map(|tail| End {
            timeline: tail.timeline,
            link: tail.link,
            source: tail.source,
            cutter: cutter(&tail),
            dictionary: tail.dictionary,
        });
        let stores = Stores::new(Arc::clone(&shelf), Arc::clone(&tell), gauge.clone());
        let backlog = Backlog::new(options.spool.clone(), options.spool_bytes, options.spool_leaves);
        Self {
            shelf,
            options,
            tell,
            gauge,
            stores,
            backlog,
            rivals,
            end,
            gaps: VecDeque::new(),
            bridging: JoinSet::new(),
        }
    }

    /// Closes a gap that an earlier capture left.
    pub(super) fn mend(&mut self, gap: Gap) {
        let (shelf, spool, tell) = (Arc::clone(&self.shelf), self.options.spool.clone(), Arc::clone(&self.tell));
        self.bridging.spawn(async move {
            let bridged = tokio::task::spawn_blocking(move || bridge(&shelf, gap, &spool)).await;
            match bridged {
                Ok(Ok(hole)) => {
                    if let Some(hole) = hole {
                        tell(Note::Hole { after: hole.after, until: hole.until });
                    }
                    tell(Note::Bridged { after: gap.after, through: gap.through });
                }
                Ok(Err(e)) => tell(Note::Unbridged { why: e.to_string() }),
                Err(e) => tell(Note::Unbridged { why: e.to_string() }),
            }
        });
    }

    /// Takes what the source's half hears until that ends (`Ok(false)`) or `stop` says so (`Ok(true)`).
    pub(super) async fn run(
        &mut self,
        events: &mut mpsc::Receiver<Event>,
        stop: impl Future<Output = ()>,
    ) -> Result<bool, CaptureError> {
        tokio::pin!(stop);
        loop {
            let due = self.end.as_ref().and_then(|end| end.cutter.due());
            let wait = due.map_or(FOREVER, |due| due.saturating_duration_since(ambient::monotonic()));
            let is_free = self.backlog.is_empty() && self.stores.len() < self.options.in_flight;
            let is_full = self.end.as_ref().is_some_and(|end| end.cutter.is_full());
            // A store that is slow gets full segments, which it takes better than many small ones.
            let may_cut = is_free || (is_full && self.backlog.has_room());
            let waiting = self.end.as_ref().map_or(0, |end| end.cutter.bytes());
            tokio::select! {
                Some(stored) = self.stores.next() => self.stored(stored?),
                event = events.recv(), if waiting < self.options.pending_bytes => match event {
                    Some(event) => self.take(event)?,
                    None => return Ok(false),
                },
                () = ambient::sleep(wait), if due.is_some() && may_cut => match is_free {
                    true => { self.cut()?; }
                    false => self.cut_aside().await?,
                },
                found = self.rivals.look() => if let Some(name) = found {
                    return Err(CaptureError::Rival { name: name.to_string() });
                },
                Some(_) = self.bridging.join_next() => {}
                () = &mut stop => return Ok(true),
            }
        }
    }

    /// Takes what was still on its way, cuts what is whole, and waits until all is stored.
    pub(super) async fn finish(mut self, events: &mut mpsc::Receiver<Event>) -> Result<(), CaptureError> {
        events.close();
        while let Some(event) = events.recv().await {
            self.take(event)?;
        }
        while self.cut()? {}
        self.stores.stop();
        while let Some(stored) = self.stores.next().await {
            self.stored(stored?);
        }
        while self.bridging.join_next().await.is_some() {}
        Ok(())
    }

    fn stored(&mut self, Stored { timeline, through }: Stored) {
        self.gauge.acknowledged(timeline, through);
        self.send();
        while let Some((_, gap)) = self.gaps.pop_front_if(|(needs, _)| *needs <= through) {
            self.mend(gap);
        }
    }

    fn take(&mut self, event: Event) -> Result<(), CaptureError> {
        if let Event::Base(taken) = event {
            return self.base(*taken);
        }
        // Nothing is heard before there is a base.
        let Some(end) = &mut self.end else { return Ok(()) };
        match event {
            Event::Base(_) => {}
            Event::Changes { records, fragment, source, arrival } => {
                end.source = source;
                end.cutter.take(records, fragment, arrival)?;
            }
            Event::Progress { revision, arrival } => end.cutter.progress(revision, arrival),
            Event::Source(source) => end.source = source,
            Event::Lease(lease) => end.cutter.lease(lease, ambient::monotonic()),
            Event::Broken => end.cutter.forget_open(),
        }
        Ok(())
    }

    /// Goes on from a base.
    fn base(&mut self, taken: Taken) -> Result<(), CaptureError> {
        let mut latest_ms = taken.taken_ms;
        while self.cut()? {}
        if let Some(before) = self.end.take() {
            // What a clock said that was wrong ends with what it was said of.
            if !taken.new_timeline && !taken.stands_alone {
                latest_ms = latest_ms.max(before.cutter.latest_ms());
                let gap = Gap {
                    timeline: before.timeline,
                    after: before.cutter.complete(),
                    prev: before.link,
                    through: taken.revision,
                    base: taken.written.chain,
                };
                self.gaps.push_back((taken.revision, gap));
            }
        }
        let source = taken.written.header.base().map(|it| it.source).unwrap_or_default();
        let pack = Arc::clone(&taken.pack);
        self.rivals.own(taken.written.name);
        self.backlog.push(Waiting {
            name: taken.written.name,
            through: taken.revision,
            body: Arc::new(move || Box::new(pack.reader())),
            is_refused: false,
        });
        self.send();
        self.end = Some(End {
            timeline: taken.written.name.timeline(),
            link: taken.written.chain,
            dictionary: taken.dictionary,
            source,
            cutter: Cutter::new(taken.revision, latest_ms, self.options.limits, ambient::monotonic()),
        });
        Ok(())
    }

    /// Sends on its way what may be, oldest first.
    fn send(&mut self) {
        while self.stores.len() < self.options.in_flight.max(1)
            && let Some(Waiting { name, through, body, .. }) = self.backlog.pop()
        {
            self.stores.put(name, through, body);
        }
        if let Some(note) = self.backlog.settled() {
            (self.tell)(note);
        }
    }

    /// Cuts one segment and sends it on its way, behind what waits for that; whether there was anything to cut.
    fn cut(&mut self) -> Result<bool, CaptureError> {
        let Some((name, through, bytes)) = self.segment()? else {
            return Ok(false);
        };
        let body = Arc::new(move || -> Box<dyn std::io::Read + Send> { Box::new(bytes.clone().reader()) });
        self.backlog.push(Waiting { name, through, body, is_refused: false });
        self.send();
        Ok(true)
    }

    /// Cuts one segment and lays it on the local disk.
    async fn cut_aside(&mut self) -> Result<(), CaptureError> {
        if let Some((name, through, bytes)) = self.segment()?
            && let Some(note) = self.backlog.lay(name, through, bytes).await
        {
            (self.tell)(note);
        }
        Ok(())
    }

    /// Cuts one segment: its name, the last revision in it, and its bytes.
    fn segment(&mut self) -> Result<Option<(Name, u64, Bytes)>, CaptureError> {
        let Some(end) = &mut self.end else { return Ok(None) };
        let Some(mut cut) = end.cutter.cut(ambient::monotonic()) else {
            return Ok(None);
        };
        let (through, records) = (cut.through, std::mem::take(&mut cut.records));
        let (bytes, written) = encode_segment(header(end, cut), &records, end.dictionary.as_ref())?;
        end.link = written.chain;
        self.rivals.own(written.name);
        Ok(Some((written.name, through, bytes)))
    }
}

fn header(end: &End, cut: Cut) -> SegmentHeader {
    let lease = |it: &super::SeenLease| LeaseSeen {
        id: it.id,
        granted_s: it.granted_s,
        remaining_s: it.remaining_s,
        at_ms: it.wall_ms,
    };
    SegmentHeader {
        timeline: end.timeline,
        kind: Kind::Captured,
        prev: end.link,
        after: cut.after,
        through: cut.through,
        count: 0,
        times: cut.times.iter().map(|&(revision, at_ms)| Seen { revision, at_ms }).collect(),
        leases: cut.leases.iter().map(lease).collect(),
        source: end.source,
    }
}

#[cfg(test)]
mod tests;
