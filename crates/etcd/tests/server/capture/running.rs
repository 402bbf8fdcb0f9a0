//! A capture that runs, something that it captures, and the comparison with etcd.

use etcd::capture::{Arrival, Behind, CaptureError, Note, Options, Tell, capture};
use etcd::history::{Directory, History, Role, Shelf};
use etcd::selection::{Packs, Source};
use etcd::{Change, Client, Connection, Error, KeyValue, Members, Record, proof};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Longer than anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Running {
    task: JoinHandle<Result<(), CaptureError>>,
    behind: watch::Receiver<Behind>,
    stop: oneshot::Sender<()>,
    notes: Arc<Mutex<Vec<Note>>>,
}

impl Running {
    pub(crate) fn start(source: &Connection, folder: &Path) -> Self {
        Self::with(source, folder, Options::new(folder))
    }

    pub(crate) fn with(source: &Connection, folder: &Path, options: Options) -> Self {
        Self::onto(source, Arc::new(Directory::open(&folder.join("history")).unwrap()), options)
    }

    /// The same with a shelf of the test's own.
    pub(crate) fn onto(source: &Connection, shelf: Arc<dyn Shelf>, options: Options) -> Self {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&notes);
        let tell: Tell = Arc::new(move |note| heard.lock().unwrap().push(note));
        let empty = etcd::capture::Risk::default().behind();
        let (sender, behind) = watch::channel(empty);
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let source = Members::new(source.clone(), []);
        let task = tokio::spawn(capture(source, shelf, options, tell, sender, stopped));
        Self { task, behind, stop, notes }
    }

    /// Waits until everything through `revision` is stored.
    pub(crate) async fn stored(&self, revision: u64) {
        let mut behind = self.behind.clone();
        let stored = behind.wait_for(|behind| behind.stored.is_some_and(|stored| stored >= revision));
        match tokio::time::timeout(LIMIT, stored).await {
            Ok(Ok(_)) => {}
            outcome => panic!("{revision} is not stored: {outcome:?}; {:?}", self.notes.lock().unwrap()),
        }
    }

    /// How far it is behind.
    pub(crate) fn now(&self) -> Behind {
        *self.behind.borrow()
    }

    /// Waits until the numbers are as they should be.
    pub(crate) async fn shows(&self, wanted: impl FnMut(&Behind) -> bool) {
        let mut behind = self.behind.clone();
        match tokio::time::timeout(LIMIT, behind.wait_for(wanted)).await {
            Ok(Ok(_)) => {}
            outcome => panic!("{outcome:?}; {:?}; {:?}", self.now(), self.notes.lock().unwrap()),
        }
    }

    /// Waits for a note.
    pub(crate) async fn told(&self, wanted: impl Fn(&Note) -> bool) {
        let begin = Arrival::now().at;
        while !self.notes.lock().unwrap().iter().any(&wanted) {
            assert!(Arrival::now().at.duration_since(begin) < LIMIT, "{:?}", self.notes.lock().unwrap());
            ambient::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it, which must go well: what it told.
    pub(crate) async fn stop(self) -> Vec<Note> {
        let _ = self.stop.send(());
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap().unwrap();
        let behind = *self.behind.borrow();
        assert_eq!(
            (behind.at_risk(Arrival::now().at), behind.waiting_bytes),
            (Duration::ZERO, 0),
            "{behind:?}"
        );
        self.notes.lock().unwrap().clone()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) -> Result<(), CaptureError> {
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap()
    }
}

/// Writes what Kubernetes writes, and worse: puts, deletions of keys and ranges, transactions, leases, large values.
pub(crate) struct Load {
    client: Client,
    step: u64,
    /// The last revision that was written.
    pub(crate) revision: u64,
}

impl Load {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, step: 0, revision: 1 }
    }

    /// The same with another client.
    pub(crate) fn go_on(self, client: Client) -> Self {
        Self { client, ..self }
    }

    pub(crate) async fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            self.step().await.unwrap();
        }
    }

    /// The same while etcd comes and goes.
    pub(crate) async fn insist(&mut self, steps: u64) {
        for _ in 0..steps {
            let begin = Arrival::now().at;
            while let Err(e) = self.step().await {
                assert!(Arrival::now().at.duration_since(begin) < LIMIT, "{e}");
                ambient::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Error> {
        self.step += 1;
        let step = self.step;
        let [random, size] = ambient::random_bytes();
        let key = |n: u8| format!("/registry/pods/{:02}", n % 50);
        let value = vec![size; usize::from(size) * if step.is_multiple_of(97) { 4000 } else { 8 }];
        let put = |n: u8| Change::Put {
            key: key(n).into(),
            value: vec![n; usize::from(n)].into(),
            lease: 0,
        };
        let delete = |n: u8| Change::Delete { key: key(n).into(), end: "".into() };
        let header = match step % 8 {
            0 => self.client.delete(key(random), "").await?.0,
            1 if random < 40 => self.client.delete(key(10), key(14)).await?.0,
            2 | 3 => {
                self.client
                    .txn(vec![], vec![put(random), put(random.wrapping_add(1)), delete(random.wrapping_add(2))])
                    .await?
                    .0
            }
            4 => {
                let lease = self.client.grant_lease(0, 600 + u64::from(random)).await?;
                self.client.put(format!("/registry/events/{step}"), value, lease).await?
            }
            _ => self.client.put(key(random), value, 0).await?,
        };
        self.revision = self.revision.max(header.revision);
        Ok(())
    }
}

/// Compares the newest state of a history with etcd: the chain has no gap and no duplicate, the hash is the member's own, and so is
/// every key.
pub(crate) async fn check(folder: &Path, client: &Client) -> History {
    let history = History::open(Arc::new(Directory::open(&folder.join("history")).unwrap())).unwrap();
    let tail = history.tail().unwrap().unwrap();
    let packs = packs(&history, tail.timeline, tail.through);
    let mut last = packs.base().header().base().unwrap().revision;
    let mut sub = 0;
    for pack in packs.segments() {
        for frame in pack.frames_of(Role::Changes) {
            for record in pack.records(frame).unwrap() {
                let revision = record.unwrap().revision;
                let is_next = revision.main == last + 1 && revision.sub == 0;
                assert!(
                    is_next || (revision.main == last && revision.sub == sub + 1),
                    "{revision} after {last}.{sub}"
                );
                (last, sub) = (revision.main, revision.sub);
            }
        }
    }
    assert_eq!(last, tail.through);
    let theirs = client.hash_kv(tail.through).await.unwrap();
    let ours = proof::hash_kv(&packs, tail.through, theirs.compact_revision);
    assert_eq!(
        ours.unwrap().hash,
        theirs.hash,
        "at {} compacted at {}",
        tail.through,
        theirs.compact_revision
    );
    same_keys(&history, client, tail.through).await;
    history
}

/// The same, and every revision that both have.
pub(crate) async fn check_all(folder: &Path, client: &Client) -> History {
    let history = check(folder, client).await;
    let tail = history.tail().unwrap().unwrap();
    let base = packs(&history, tail.timeline, tail.through)
        .base()
        .header()
        .base()
        .unwrap()
        .revision;
    let mut compared = 0;
    for revision in base.max(1)..=tail.through {
        compared += u64::from(same_keys(&history, client, revision).await);
    }
    assert!(compared > 0);
    history
}

/// Whether etcd still has this revision; if so, its keys are those of the history.
pub(crate) async fn same_keys(history: &History, client: &Client, revision: u64) -> bool {
    let theirs = match client.range(&[0], &[0], revision, 0).await {
        Ok(range) => range.pairs,
        Err(Error::Compacted { .. }) => return false,
        Err(e) => panic!("{e}"),
    };
    let ours = live(history, revision);
    let keys = |pairs: &[KeyValue]| pairs.iter().map(|it| it.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&ours), keys(&theirs), "the keys at {revision}");
    assert!(ours == theirs, "the values at {revision}");
    true
}

/// What a history says of a revision, in the order of keys.
pub(crate) fn live(history: &History, revision: u64) -> Vec<KeyValue> {
    let timeline = history.newest().unwrap().number;
    let mut pairs = Vec::new();
    let mut sink = |record: Record| {
        pairs.push(record.decode().unwrap());
        Ok(())
    };
    packs(history, timeline, revision).live_at(revision, &mut sink).unwrap();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    pairs
}

pub(crate) fn packs(history: &History, timeline: u32, revision: u64) -> Packs {
    let moment = history.moment(timeline, revision).unwrap();
    let segments = (0..moment.segments().len()).map(|at| Arc::new(moment.segment(at).unwrap()));
    Packs::new(Arc::clone(moment.base()), segments.collect()).unwrap()
}
