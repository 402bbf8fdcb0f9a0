//! The store, and the time that requests take. Start at [`World::next`].

use super::audit::{Known, Placed};
use super::*;
use crate::Error;
use crate::tests::chance::Chance;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::task::Poll;

pub(super) type Shared = Arc<Mutex<World>>;

/// What is asked of the store.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Create(u64, Vec<u8>),
    Read(u64),
    List,
    Remove(u64),
    Streams,
    Entries(String),
    Entry(String, u64),
    CreateEntry(String, u64, Epoch, Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Done(bool),
    Bytes(Option<Vec<u8>>),
    Numbers(Vec<u64>),
    Names(Vec<String>),
    Entry(Option<Entry>),
    /// Nobody knows.
    None,
}

enum Happening {
    /// A request reaches the store, and may be answered.
    Arrive {
        call: u64,
        process: usize,
        request: Request,
        answered: bool,
    },
    Answer {
        call: u64,
        process: usize,
        answer: Answer,
    },
    Wake {
        process: usize,
    },
    Restart {
        process: usize,
    },
}

/// What the one who drives the processes has to do.
pub(super) enum Event {
    Nothing,
    Poll { process: usize },
    Crash { process: usize },
}

pub(super) struct World {
    pub(super) time: Arc<AtomicU64>,
    pub(super) chance: Chance,
    wild: bool,
    /// One message in so many is slow.
    slow: u64,
    tell: bool,
    queue: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    answers: BTreeMap<u64, Answer>,
    /// Who is not to be polled: paused or crashed. Answers wait.
    still: [bool; PROCESSES],
    pub(super) records: BTreeMap<u64, Vec<u8>>,
    pub(super) streams: BTreeMap<String, BTreeMap<u64, Placed>>,
    pub(super) known: Known,
    pub(super) beliefs: [Option<Belief>; PROCESSES],
    pub(super) tally: Tally,
    pub(super) wrong: Option<String>,
    pub(super) story: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, wild: bool, tell: bool) -> Self {
        Self {
            time: Arc::default(),
            chance: Chance::new(seed),
            wild,
            slow: 10 << (seed % 4),
            tell,
            queue: BTreeMap::new(),
            sequence: 0,
            answers: BTreeMap::new(),
            still: [false; PROCESSES],
            records: BTreeMap::new(),
            streams: BTreeMap::new(),
            known: Known::default(),
            beliefs: [const { None }; PROCESSES],
            tally: Tally::default(),
            wrong: None,
            story: Vec::new(),
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.time.load(Ordering::SeqCst)
    }

    pub(super) fn is_wild(&self) -> bool {
        self.wild && self.now_ms() < WILD_MS
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.tell {
            let line = format!("{:>6} ms  {}", self.now_ms(), what());
            self.story.push(line);
        }
    }

    fn after(&mut self, delay_ms: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now_ms() + delay_ms, self.sequence), happening);
    }

    pub(super) fn wake(&mut self, process: usize) {
        self.after(0, Happening::Wake { process });
    }

    /// Nobody waits for long after the wild time.
    fn at_most(&self, delay_ms: u64) -> u64 {
        delay_ms.min((WILD_MS + TTL_MS / 2).saturating_sub(self.now_ms()))
    }

    /// How long a message is under way.
    fn delay_ms(&mut self) -> u64 {
        match self.is_wild() && self.chance.one_in(self.slow) {
            true => {
                let delay_ms = self.chance.below(5 * TTL_MS);
                self.at_most(delay_ms)
            }
            false => 1 + self.chance.below(15),
        }
    }

    /// Sends a request, and decides its fate.
    fn send(&mut self, process: usize, request: Request) -> u64 {
        self.sequence += 1;
        let call = self.sequence;
        let out_ms = self.delay_ms();
        let late_ms = self.chance.below(6 * TTL_MS);
        let fate = if self.is_wild() {
            self.chance.below(60)
        } else {
            u64::MAX
        };
        let again = Happening::Arrive { call, process, request: request.clone(), answered: false };
        match fate {
            0 => {}
            1 => self.after(out_ms, again),
            2 => self.after(late_ms, again),
            3 => {
                self.after(late_ms, again);
                self.after(out_ms, Happening::Arrive { call, process, request, answered: true });
            }
            _ => self.after(out_ms, Happening::Arrive { call, process, request, answered: true }),
        }
        if fate <= 2 {
            let gives_up_ms = 50 + self.chance.below(TTL_MS / 2);
            self.after(gives_up_ms, Happening::Answer { call, process, answer: Answer::None });
        }
        call
    }

    fn sleep(&mut self, process: usize, duration_ms: u64) -> u64 {
        self.sequence += 1;
        let call = self.sequence;
        self.after(duration_ms, Happening::Answer { call, process, answer: Answer::Done(true) });
        call
    }

    /// Lets the next thing happen.
    pub(super) fn next(&mut self) -> Option<Event> {
        let ((at, _), happening) = self.queue.pop_first()?;
        self.time.store(at, Ordering::SeqCst);
        Some(match happening {
            Happening::Arrive { call, process, request, answered } => {
                let answer = self.carry_out(process, request);
                if answered {
                    let delay_ms = self.delay_ms();
                    self.after(delay_ms, Happening::Answer { call, process, answer });
                }
                Event::Nothing
            }
            Happening::Answer { call, process, answer } => {
                self.answers.insert(call, answer);
                self.awake(process)
            }
            Happening::Wake { process } => {
                self.still[process] = false;
                Event::Poll { process }
            }
            Happening::Restart { process } => {
                self.still[process] = false;
                self.tell(|| format!("p{process} starts again"));
                Event::Crash { process }
            }
        })
    }

    /// An answer is there: the process goes on, or is paused just now, or crashes.
    fn awake(&mut self, process: usize) -> Event {
        if self.still[process] {
            return Event::Nothing;
        }
        let hit = if self.is_wild() {
            self.chance.below(400)
        } else {
            u64::MAX
        };
        let length_ms = TTL_MS / 4 + self.chance.below(4 * TTL_MS);
        let length_ms = self.at_most(length_ms);
        match hit {
            0..=9 => {
                self.tell(|| format!("p{process} is paused for {length_ms} ms"));
                self.tally.paused += 1;
                self.still[process] = true;
                self.after(length_ms, Happening::Wake { process });
                Event::Nothing
            }
            10 => {
                self.tell(|| format!("p{process} crashes"));
                self.tally.crashed += 1;
                self.still[process] = true;
                self.beliefs[process] = None;
                self.after(length_ms, Happening::Restart { process });
                Event::Nothing
            }
            _ => Event::Poll { process },
        }
    }

    fn carry_out(&mut self, process: usize, request: Request) -> Answer {
        match request {
            Request::Create(number, bytes) => {
                let done = !self.records.contains_key(&number);
                self.tell(|| format!("p{process} creates {}: {done}", String::from_utf8_lossy(&bytes)));
                if done {
                    self.record_created(number, &bytes);
                    self.records.insert(number, bytes);
                }
                Answer::Done(done)
            }
            Request::Read(number) => Answer::Bytes(self.records.get(&number).cloned()),
            Request::List => Answer::Numbers(self.records.keys().copied().collect()),
            Request::Remove(number) => {
                self.tell(|| format!("p{process} removes record {number}"));
                self.tally.removed += u64::from(self.records.remove(&number).is_some());
                Answer::Done(true)
            }
            Request::Streams => Answer::Names(self.streams.keys().cloned().collect()),
            Request::Entries(stream) => {
                let entries = self.streams.get(&stream);
                Answer::Numbers(entries.map(|entries| entries.keys().copied().collect()).unwrap_or_default())
            }
            Request::Entry(stream, number) => {
                let placed = self.streams.get(&stream).and_then(|entries| entries.get(&number));
                Answer::Entry(placed.map(|placed| placed.entry.clone()))
            }
            Request::CreateEntry(stream, number, epoch, content) => {
                let done = self.streams.get(&stream).is_none_or(|entries| !entries.contains_key(&number));
                self.tell(|| format!("p{process} creates {stream}/{number} in epoch {epoch}: {done}"));
                if done {
                    let placed = self.entry_created(Entry { number, epoch, hash: hash(&content) });
                    self.streams.entry(stream).or_default().insert(number, placed);
                }
                Answer::Done(done)
            }
        }
    }
}

/// One process's way to the store.
pub(super) struct Far {
    pub(super) world: Shared,
    pub(super) process: usize,
}

impl Far {
    async fn ask(&self, request: Request) -> Answer {
        let call = self.world.lock().unwrap().send(self.process, request);
        self.answer(call).await
    }

    pub(super) async fn sleep(&self, duration_ms: u64) {
        let call = self.world.lock().unwrap().sleep(self.process, duration_ms);
        self.answer(call).await;
    }

    async fn answer(&self, call: u64) -> Answer {
        poll_fn(|_| match self.world.lock().unwrap().answers.remove(&call) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    async fn outcome(&self, request: Request) -> Outcome {
        match self.ask(request).await {
            Answer::Done(true) => Outcome::Created,
            Answer::Done(false) => Outcome::Taken,
            _ => Outcome::Unknown(silent()),
        }
    }
}

fn silent() -> Error {
    Error::Unreachable {
        store: "the simulation".to_owned(),
        object: "something".to_owned(),
        reason: "no answer".to_owned(),
    }
}

impl LeaseStore for Far {
    async fn create(&self, number: u64, bytes: Vec<u8>) -> Outcome {
        self.outcome(Request::Create(number, bytes)).await
    }

    async fn read(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.ask(Request::Read(number)).await {
            Answer::Bytes(bytes) => Ok(bytes),
            _ => Err(silent()),
        }
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        match self.ask(Request::List).await {
            Answer::Numbers(numbers) => Ok(numbers),
            _ => Err(silent()),
        }
    }

    async fn remove(&self, number: u64) -> Result<(), Error> {
        match self.ask(Request::Remove(number)).await {
            Answer::Done(_) => Ok(()),
            _ => Err(silent()),
        }
    }

    async fn streams(&self) -> Result<Vec<String>, Error> {
        match self.ask(Request::Streams).await {
            Answer::Names(names) => Ok(names),
            _ => Err(silent()),
        }
    }

    async fn entries(&self, stream: &str) -> Result<Numbers, Error> {
        match self.ask(Request::Entries(stream.to_owned())).await {
            Answer::Numbers(there) => Ok(Numbers { floor: 0, there }),
            _ => Err(silent()),
        }
    }

    async fn entry(&self, stream: &str, number: u64) -> Result<Option<Entry>, Error> {
        match self.ask(Request::Entry(stream.to_owned(), number)).await {
            Answer::Entry(entry) => Ok(entry),
            _ => Err(silent()),
        }
    }

    async fn create_entry(&self, stream: &str, number: u64, epoch: Epoch, content: &[u8]) -> Outcome {
        self.outcome(Request::CreateEntry(stream.to_owned(), number, epoch, content.to_vec()))
            .await
    }
}
