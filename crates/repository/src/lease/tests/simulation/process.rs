//! What one process does: it wants the lease, keeps it, and writes while it has it. Start at [`live`].

use super::world::{Far, Shared};
use super::*;
use futures::future::{Either, select};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Lives until it is dropped.
pub(super) async fn live(world: Shared, process: usize, omitted: Option<Omission>) {
    let time = world.lock().unwrap().time.clone();
    let clock = move || local(process, time.load(Ordering::SeqCst));
    let terms = Terms {
        holder: format!("p{process}"),
        ttl: Duration::from_millis(TTL_MS),
    };
    let far = Far { world: world.clone(), process };
    let mut lease = Lease::new(far, terms, clock).unwrap();
    lease.omitted = omitted;
    let me = Me { world, process, lease };
    loop {
        match me.lease.acquire().await {
            Ok(tenure) => {
                me.acquired(&tenure);
                me.hold(tenure).await;
            }
            Err(error) => {
                me.failed("acquire", &error);
                me.rest(TTL_MS / 4).await;
            }
        }
    }
}

/// A process's own clock: wrong by up to a twelfth, and begun at another time.
pub(super) fn local(process: usize, time_ms: u64) -> Duration {
    let (rate, begun_ms) = [(100, 7), (108, 50_000), (92, 300)][process];
    Duration::from_millis(begun_ms + time_ms * rate / 100)
}

struct Me<C> {
    world: Shared,
    process: usize,
    lease: Lease<Far, C>,
}

impl<C: Fn() -> Duration + Sync> Me<C> {
    /// Renews and writes side by side until the tenure is over, given back, or given up.
    async fn hold(&self, mut tenure: Tenure) {
        let writers = ["a", "b", "c"].map(|stream| tenure.writer(stream));
        let gives_back = {
            let writing = pin!(self.write(writers));
            let keeping = pin!(self.keep(&mut tenure));
            match select(keeping, writing).await {
                Either::Left((gives_back, _)) => gives_back,
                Either::Right(((), _)) => false,
            }
        };
        if gives_back {
            self.tell(|| "gives it back".to_owned());
            match self.lease.release(tenure).await {
                Ok(()) => self.world.lock().unwrap().tally.released += 1,
                Err(error) => self.failed("release", &error),
            }
        }
        self.world.lock().unwrap().beliefs[self.process] = None;
        self.rest(TTL_MS / 4).await;
    }

    /// Renews; says whether to give the lease back.
    async fn keep(&self, tenure: &mut Tenure) -> bool {
        loop {
            self.rest(TTL_MS / 4).await;
            match self.lease.renew(tenure).await {
                Ok(()) => self.world.lock().unwrap().tally.renewed += 1,
                Err(error) => {
                    self.failed("renew", &error);
                    if matches!(error, LeaseError::Fenced { .. }) {
                        return false;
                    }
                }
            }
            if self.one_in(2)
                && let Err(error) = self.lease.prune(tenure).await
            {
                self.failed("prune", &error);
            }
            if self.world.lock().unwrap().is_wild() && self.one_in(12) {
                return true;
            }
        }
    }

    /// Writes until it is fenced.
    async fn write(&self, mut writers: [Writer; 3]) {
        let mut written = 0_u64;
        loop {
            self.rest(TTL_MS / 5).await;
            let (which, since_ms) = {
                let mut world = self.world.lock().unwrap();
                (usize::try_from(world.chance.below(3)).unwrap(), world.now_ms())
            };
            written += 1;
            let content = format!("p{} {} {written} {since_ms}", self.process, writers[which].epoch);
            let appended = self.lease.append(&mut writers[which], content.as_bytes()).await;
            match appended {
                Ok(number) => self.acknowledged(&writers[which], number, content.as_bytes()),
                Err(error) => {
                    self.failed("append", &error);
                    if matches!(error, LeaseError::Fenced { .. }) {
                        return;
                    }
                }
            }
        }
    }

    fn acquired(&self, tenure: &Tenure) {
        self.tell(|| format!("has the lease in epoch {}", tenure.epoch()));
        let mut world = self.world.lock().unwrap();
        world.acquired(self.process, tenure.epoch(), tenure.belief());
    }

    fn acknowledged(&self, writer: &Writer, number: u64, content: &[u8]) {
        self.tell(|| format!("acknowledges {}/{number}", writer.stream));
        let entry = Entry { number, epoch: writer.epoch, hash: hash(content) };
        self.world.lock().unwrap().acknowledged(&writer.stream, &entry);
    }

    fn failed(&self, what: &str, error: &LeaseError) {
        self.tell(|| format!("{what}: {error}"));
        let mut world = self.world.lock().unwrap();
        match error {
            LeaseError::Fenced { .. } => world.tally.fenced += 1,
            LeaseError::Unknown { .. } => world.tally.unknown += 1,
            LeaseError::SetBack { .. } | LeaseError::Damaged { .. } | LeaseError::Invalid { .. } => {
                world.fail(format!("p{} finds damage that nobody did: {error}", self.process));
            }
            _ => {}
        }
    }

    async fn rest(&self, about_ms: u64) {
        let half_ms = about_ms / 2;
        let duration_ms = half_ms + self.world.lock().unwrap().chance.below(about_ms);
        self.lease.store.sleep(duration_ms).await;
    }

    fn one_in(&self, n: u64) -> bool {
        self.world.lock().unwrap().chance.one_in(n)
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        let process = self.process;
        self.world.lock().unwrap().tell(|| format!("p{process} {}", what()));
    }
}
