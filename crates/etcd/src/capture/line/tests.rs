use super::*;
use crate::capture::{Arrival, Behind, Limits, SeenLease};
use crate::history::{BaseHeader, BaseWriter, Began, Directory, History, Name, Object, Put};
use crate::{FileError, Record, Revision};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio::sync::watch;

/// A directory that refuses, or waits, as long as a test wants.
struct Moody {
    directory: Directory,
    refusals: AtomicU32,
    gate: Mutex<()>,
}

impl Shelf for Moody {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        drop(self.gate.lock());
        let refuses = |left: u32| left.checked_sub(1);
        if self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuses).is_ok() {
            return Err(FileError::io(name, "stored")(io::ErrorKind::StorageFull.into()));
        }
        self.directory.create(name, body)
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        self.directory.list()
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        self.directory.open(name)
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        self.directory.remove(name)
    }
}

/// A line that goes on behind a base at revision 10.
struct Scene {
    _folder: TempDir,
    shelf: Arc<Moody>,
    line: Line,
    events: mpsc::Sender<Event>,
    arriving: mpsc::Receiver<Event>,
    behind: watch::Receiver<Behind>,
    notes: Arc<Mutex<Vec<Note>>>,
    gauge: Gauge,
}

fn scene(change: impl FnOnce(&mut Options)) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let header = BaseHeader {
        timeline: 1,
        revision: 10,
        compaction: 0,
        taken_ms: 1,
        source: Source::default(),
        etcd_version: String::new(),
        began: Began::First,
        note: String::new(),
        stands_for: None,
        live: 0,
        older: 0,
        raw: 0,
    };
    let (written, body) = BaseWriter::new(Vec::new())
        .unwrap()
        .finish(header, &Default::default())
        .unwrap();
    directory.create(&written.name, &mut &*body).unwrap();
    let shelf = Arc::new(Moody { directory, refusals: AtomicU32::new(0), gate: Mutex::new(()) });
    let mut options = Options::new(folder.path());
    options.limits.every = Duration::ZERO;
    change(&mut options);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notes);
    let tell: Tell = Arc::new(move |note| heard.lock().unwrap().push(note));
    let (sender, behind) = watch::channel(super::super::Risk::default().behind());
    let gauge = Gauge::new(sender);
    let history = History::open(Arc::clone(&shelf) as Arc<dyn Shelf>).unwrap();
    let shelf_too = Arc::clone(&shelf) as Arc<dyn Shelf>;
    let rivals = Rivals::new(Arc::clone(&shelf_too), options.look_around, shelf.list().unwrap());
    let line = Line::new(shelf_too, options, (tell, gauge.clone()), history.tail().unwrap(), rivals);
    let (events, arriving) = mpsc::channel(4);
    Scene {
        _folder: folder,
        shelf,
        line,
        events,
        arriving,
        behind,
        notes,
        gauge,
    }
}

impl Scene {
    /// One revision with a value of `bytes` arrives.
    async fn arrive(events: &mpsc::Sender<Event>, gauge: &Gauge, main: u64, bytes: usize) {
        let arrival = Arrival::now();
        let key = format!("key {main}").into_bytes().into();
        let it = crate::KeyValue {
            key,
            create_revision: main,
            mod_revision: main,
            version: 1,
            value: vec![7; bytes].into(),
            lease: 0,
        };
        let record = Record::put(Revision { main, sub: 0 }, &it);
        gauge.arrived(main, record.value.len(), arrival.at);
        let event = Event::Changes {
            records: vec![record],
            fragment: false,
            source: Source::default(),
            arrival,
        };
        assert!(events.send(event).await.is_ok());
    }

    fn history(&self) -> History {
        History::open(Arc::clone(&self.shelf) as Arc<dyn Shelf>).unwrap()
    }
}

#[tokio::test]
async fn segments_follow_each_other_and_stopping_stores_the_rest() {
    let mut scene = scene(|options| options.limits.bytes = 500);
    let Scene { line, events, arriving, behind, gauge, .. } = &mut scene;
    let feeding = async {
        for main in 11..=60 {
            Scene::arrive(events, gauge, main, 100).await;
        }
        behind.wait_for(|behind| behind.stored >= Some(50)).await.unwrap();
        for main in 61..=70 {
            Scene::arrive(events, gauge, main, 100).await;
        }
    };
    assert!(line.run(arriving, feeding).await.unwrap());
    let Scene { line, mut arriving, behind, shelf, .. } = scene;
    line.finish(&mut arriving).await.unwrap();
    let behind = *behind.borrow();
    assert_eq!(
        (behind.stored, behind.waiting_bytes, behind.waiting_since, behind.revisions()),
        (Some(70), 0, None, 0)
    );
    let history = History::open(shelf).unwrap();
    assert_eq!(revisions(&history, 70), (11..=70).collect::<Vec<_>>());
    assert_eq!(history.unused(), []);
}

#[tokio::test]
async fn a_shelf_that_fails_is_tried_again_and_what_waits_is_at_risk() {
    let mut scene = scene(|_| {});
    scene.shelf.refusals.store(3, Ordering::SeqCst);
    let Scene { line, events, arriving, behind, gauge, .. } = &mut scene;
    let feeding = async {
        let begin = ambient::monotonic();
        // Nothing has changed since the history's end.
        gauge.heard(10, begin);
        Scene::arrive(events, gauge, 11, 10).await;
        behind.wait_for(|behind| behind.failures == 2).await.unwrap();
        let now = *behind.borrow();
        assert_eq!((now.stored, now.revisions()), (Some(10), 1));
        assert!(now.waiting_since.unwrap() >= begin && now.waiting_bytes > 10);
        behind.wait_for(|behind| behind.stored == Some(11)).await.unwrap();
    };
    assert!(line.run(arriving, feeding).await.unwrap());
    let notes = scene.notes.lock().unwrap().clone();
    assert!(matches!(&notes[..], [Note::Unstored { .. }, Note::Stored]), "{notes:?}");
    assert_eq!(scene.history().tail().unwrap().unwrap().through, 11);
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_shelf_that_fails() {
    let mut scene = scene(|_| {});
    scene.shelf.refusals.store(u32::MAX, Ordering::SeqCst);
    let Scene { line, events, arriving, behind, gauge, .. } = &mut scene;
    let feeding = async {
        Scene::arrive(events, gauge, 11, 10).await;
        behind.wait_for(|behind| behind.failures > 0).await.unwrap();
    };
    assert!(line.run(arriving, feeding).await.unwrap());
    let error = scene.line.finish(&mut scene.arriving).await.unwrap_err();
    assert_eq!(error.kind(), estate::Kind::Person, "{error}");
}

/// A line that has little room: two segments of so many bytes on their way, and five thousand in memory.
fn narrow(segment_bytes: usize, change: impl FnOnce(&mut Options)) -> Scene {
    scene(|options| {
        (options.in_flight, options.pending_bytes) = (2, 5_000);
        // Whatever else lies on the disk of who runs this.
        options.spool_leaves = 0;
        options.limits = Limits { bytes: segment_bytes, ..options.limits };
        change(options);
    })
}

/// The shelf, for as long as it stores nothing.
struct Held {
    release: std::sync::mpsc::Sender<()>,
    holder: std::thread::JoinHandle<()>,
}

impl Held {
    fn new(shelf: &Arc<Moody>) -> Self {
        let (shelf, (held, is_held)) = (Arc::clone(shelf), std::sync::mpsc::channel());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let _held = shelf.gate.lock().unwrap();
            held.send(()).unwrap();
            let _ = released.recv();
        });
        is_held.recv().unwrap();
        Self { release, holder }
    }

    fn release(self) {
        drop(self.release);
        self.holder.join().unwrap();
    }
}

/// The revisions of all changes behind the base, as they are stored.
fn revisions(history: &History, through: u64) -> Vec<u64> {
    let moment = history.moment(1, through).unwrap();
    let mut revisions = Vec::new();
    for number in 0..moment.segments().len() {
        let pack = moment.segment(number).unwrap();
        for frame in pack.frames_of(crate::history::Role::Changes) {
            revisions.extend(pack.records(frame).unwrap().map(|it| it.unwrap().revision.main));
        }
    }
    revisions
}

/// How much of `most` the line took while the shelf stored nothing: none that it leaves waiting for longer than `patience`.
async fn sent_to_a_held_shelf(scene: &mut Scene, most: u64, patience: Duration) -> u64 {
    let Scene { line, events, arriving, gauge, shelf, .. } = scene;
    let held = Held::new(shelf);
    let mut sent = 0;
    let feeding = async {
        for main in 11..11 + most {
            let sending = Scene::arrive(events, gauge, main, 1000);
            if tokio::time::timeout(patience, sending).await.is_err() {
                break;
            }
            sent += 1;
        }
    };
    let stopped = line.run(arriving, feeding).await;
    held.release();
    assert!(stopped.unwrap());
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_disk_takes_what_a_slow_shelf_does_not() {
    let mut scene = narrow(4_000, |_| {});
    assert_eq!(sent_to_a_held_shelf(&mut scene, 1000, Duration::from_secs(60)).await, 1000);
    assert_eq!(scene.notes.lock().unwrap()[..], []);
    let Scene { line, mut arriving, shelf, behind, .. } = scene;
    line.finish(&mut arriving).await.unwrap();
    assert_eq!((behind.borrow().stored, behind.borrow().waiting_bytes), (Some(1010), 0));
    let history = History::open(shelf).unwrap();
    assert_eq!((history.newest().unwrap().newest(), history.unused()), (Some(1010), Vec::new()));
    assert_eq!(revisions(&history, 1010), (11..=1010).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_disk_that_takes_nothing_loses_nothing() {
    let mut scene = narrow(4_000, |options| options.spool = "/nowhere/at/all".into());
    let sent = sent_to_a_held_shelf(&mut scene, 1000, Duration::from_millis(500)).await;
    assert!((10..40).contains(&sent), "{sent}");
    let notes = scene.notes.lock().unwrap().clone();
    assert!(matches!(&notes[..], [Note::Unspooled { .. }]), "{notes:?}");
    let Scene { line, mut arriving, shelf, notes, .. } = scene;
    line.finish(&mut arriving).await.unwrap();
    assert!(notes.lock().unwrap().contains(&Note::Spooled), "nothing waits any more");
    let history = History::open(shelf).unwrap();
    assert_eq!(history.newest().unwrap().newest(), Some(10 + sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_slow_shelf_is_bounded_and_goes_into_larger_segments() {
    let mut scene = narrow(100_000, |_| {});
    // One event has 1,000 bytes: two segments on their way, no more than six thousand bytes in the cutter, four events in between.
    let sent = sent_to_a_held_shelf(&mut scene, 1000, Duration::from_millis(500)).await;
    assert!((3..30).contains(&sent), "{sent}");
    scene.line.finish(&mut scene.arriving).await.unwrap();
    let history = History::open(Arc::clone(&scene.shelf) as Arc<dyn Shelf>).unwrap();
    assert_eq!(history.newest().unwrap().newest(), Some(10 + sent));
    assert!(history.newest().unwrap().newest_stretch().unwrap().chain.len() < 10);
}

#[tokio::test]
async fn leases_and_silence_are_stored_too() {
    let mut scene = scene(|options| options.limits.quiet = Duration::ZERO);
    let Scene { line, events, arriving, .. } = &mut scene;
    let feeding = async {
        let lease = SeenLease { id: -5, granted_s: 60, remaining_s: 59, wall_ms: 7 };
        assert!(events.send(Event::Lease(lease)).await.is_ok());
        let progress = Event::Progress { revision: 10, arrival: Arrival::now() };
        assert!(events.send(progress).await.is_ok());
        tokio::task::yield_now().await;
    };
    assert!(line.run(arriving, feeding).await.unwrap());
    let Scene { line, mut arriving, shelf, .. } = scene;
    line.finish(&mut arriving).await.unwrap();
    let history = History::open(Arc::clone(&shelf) as Arc<dyn Shelf>).unwrap();
    let chain = &history.newest().unwrap().newest_stretch().unwrap().chain;
    let mut leases = Vec::new();
    for name in chain {
        assert_eq!((name.after, name.through), (10, 10));
        let name = Name::Segment(*name);
        let pack = crate::history::Pack::open(&name, shelf.open(&name).unwrap()).unwrap();
        leases.extend(pack.header().segment().unwrap().leases.clone());
    }
    assert_eq!(leases, [LeaseSeen { id: -5, granted_s: 60, remaining_s: 59, at_ms: 7 }]);
}

#[tokio::test]
async fn a_revision_that_is_lost_between_the_halves_ends_it() {
    let mut scene = scene(|_| {});
    let Scene { line, events, arriving, gauge, .. } = &mut scene;
    Scene::arrive(events, gauge, 12, 10).await;
    let error = line.run(arriving, std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the watch goes on at revision 12 where 11 was expected");
}
