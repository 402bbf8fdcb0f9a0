//! More revisions than a watch would bring in time, and a shelf that fails for so long that etcd forgets what was not stored: a base
//! is taken anew, and one segment holds what is known of the gap.

use super::round::{Seen, look, rebuilt_serves};
use super::running::{Load, Running, check_all, same_keys};
use crate::server::{Server, newest, versions};
use etcd::FileError;
use etcd::capture::{Arrival, Note, Options, Rates, Way, Why};
use etcd::history::{Directory, History, Hole, Kept, Name, Object, Put, SegmentName, Shelf};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// With these, more than 20 revisions are a backlog.
const SLOW: Rates = Rates {
    catch_up_per_s: 1,
    base_bytes_per_s: 200_000_000,
    patience_s: 20,
};

/// A history that ends at `after`, and what etcd had then and at some moments later, the last of them its newest revision.
struct Behind {
    after: u64,
    seen: Vec<Seen>,
    load: Load,
}

/// Captures for a while, and then writes without being captured.
async fn left_behind(server: &Server, folder: &Path) -> Behind {
    let client = server.client().await;
    let mut load = Load::new(client.clone());
    load.run(30).await;
    let running = Running::start(&server.connection, folder);
    running.stored(load.revision).await;
    load.run(10).await;
    running.stored(load.revision).await;
    running.stop().await;
    let (after, mut seen) = (load.revision, Vec::new());
    seen.push(look(&client, after).await);
    for steps in [40, 20] {
        load.run(steps).await;
        seen.push(look(&client, load.revision).await);
    }
    Behind { after, seen, load }
}

/// Captures on, with other rates perhaps, until the gap is closed: what was told.
async fn caught_up(server: &Server, folder: &Path, rates: Rates, load: &mut Load) -> Vec<Note> {
    let mut options = Options::new(folder);
    options.rates = rates;
    let running = Running::with(&server.connection, folder, options);
    running.told(|note| matches!(note, Note::Bridged { .. })).await;
    load.run(20).await;
    running.stored(load.revision).await;
    running.stop().await
}

/// The one segment that leads from `after` to the base behind the gap.
fn bridge(history: &History, after: u64) -> SegmentName {
    let timeline = history.newest().unwrap();
    assert_eq!((timeline.number, timeline.stretches.len()), (1, 1));
    let stretch = &timeline.stretches[0];
    assert_eq!(stretch.bases.len(), 2);
    let from = stretch.chain.iter().filter(|it| it.after == after && it.through > after);
    let [bridge] = from.collect::<Vec<_>>()[..] else {
        panic!("{:?}", stretch.chain);
    };
    assert_eq!(bridge.through, stretch.bases[1].revision.max(stretch.bases[0].revision));
    *bridge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_backlog_is_left_to_a_new_base() {
    for tools in versions() {
        let server = Server::start(&tools, None).await;
        let folder = tempfile::tempdir().unwrap();
        let Behind { after, seen, mut load } = left_behind(&server, folder.path()).await;
        let backlog = load.revision - after;
        let notes = caught_up(&server, folder.path(), SLOW, &mut load).await;
        let [
            Note::Taking {
                why: Why::Backlog { revisions, watch_s, base_s: 0 },
                new_timeline: false,
            },
            Note::Based { way: Way::Stream, revision: base, .. },
            Note::Bridged { after: bridged, through },
        ] = notes[..]
        else {
            panic!("{notes:?}");
        };
        assert_eq!((revisions, watch_s, bridged, through), (backlog, backlog, after, base));
        // Nothing was compacted: nothing is lost, and each revision is there as etcd still has it.
        let client = server.client().await;
        let history = check_all(folder.path(), &client).await;
        assert_eq!(history.holes(1).unwrap(), []);
        assert_eq!(bridge(&history, after).kept, Kept::Merged);
        for revision in after..=load.revision {
            assert!(same_keys(&history, &client, revision).await);
        }
        for one in &seen {
            rebuilt_serves(&tools, &history, one, None).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn what_was_compacted_in_a_backlog_is_a_hole_between_moments_that_can_be_rebuilt() {
    for rates in [SLOW, Rates::default()] {
        let server = Server::start(&newest(), None).await;
        let folder = tempfile::tempdir().unwrap();
        let client = server.client().await;
        let Behind { after, mut seen, mut load } = left_behind(&server, folder.path()).await;
        let compaction = seen[1].revision;
        client.compact(compaction, true).await.unwrap();
        let notes = caught_up(&server, folder.path(), rates, &mut load).await;
        // A backlog shows before anything is watched, the compaction by the watch.
        let wanted = |note: &Note| match note {
            Note::Taking { why: Why::Backlog { .. }, new_timeline } => rates == SLOW && !new_timeline,
            Note::Taking { why, new_timeline } => {
                *why == Why::Compacted { through: after, compaction } && rates != SLOW && !new_timeline
            }
            _ => false,
        };
        assert_eq!(notes.iter().filter(|note| matches!(note, Note::Taking { .. })).count(), 1, "{notes:?}");
        assert!(notes.iter().any(wanted), "{notes:?}");
        assert!(notes.contains(&Note::Hole { after, until: compaction }), "{notes:?}");

        let history = check_all(folder.path(), &client).await;
        assert_eq!(history.holes(1).unwrap(), [Hole { after, until: compaction }]);
        assert_eq!(bridge(&history, after).kept, Kept::Synthetic);
        for revision in compaction..=load.revision {
            assert!(same_keys(&history, &client, revision).await);
        }
        for revision in after + 1..compaction {
            assert!(history.moment(1, revision).is_err(), "{revision}");
        }
        // Before the hole, at its end, and behind it, in the gap and after it.
        seen.push(look(&client, load.revision).await);
        for one in &seen {
            rebuilt_serves(&newest(), &history, one, None).await;
        }
    }
}

/// A directory that can be made to fail.
struct Failing {
    directory: Directory,
    fails: AtomicBool,
}

impl Shelf for Failing {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(FileError::Io {
                file: name.to_string(),
                doing: "stored",
                source: io::ErrorKind::StorageFull.into(),
            });
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

/// An etcd with something in it, and how it is captured onto a shelf that can be made to fail.
async fn onto_a_failing_shelf() -> (Server, TempDir, Load, Arc<Failing>, Options) {
    let server = Server::start(&newest(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::new(server.client().await);
    load.run(30).await;
    let shelf = Arc::new(Failing {
        directory: Directory::open(&folder.path().join("history")).unwrap(),
        fails: AtomicBool::new(false),
    });
    let mut options = Options::new(folder.path());
    options.limits.every = Duration::from_millis(50);
    options.spool_leaves = 0;
    (server, folder, load, shelf, options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn a_shelf_may_fail_for_longer_than_etcd_remembers() {
    let (server, folder, mut load, shelf, mut options) = onto_a_failing_shelf().await;
    let client = server.client().await;
    (options.in_flight, options.pending_bytes, options.spool_bytes) = (1, 64 << 10, 0);
    let running = Running::onto(&server.connection, Arc::clone(&shelf) as Arc<dyn Shelf>, options);
    running.stored(load.revision).await;
    let before = load.revision;

    shelf.fails.store(true, Ordering::SeqCst);
    // More than waits in memory, on the stream (2 MiB) and at etcd, which holds 128 answers for a watcher that does not read.
    let mut last = 0;
    for number in 0..400 {
        last = client
            .put(format!("new/{number:03}"), vec![b'v'; 20_000], 0)
            .await
            .unwrap()
            .revision;
    }
    running.told(|note| matches!(note, Note::Unstored { .. })).await;
    // What it says meanwhile is true: nothing new is stored, and what waits becomes older.
    let behind = running.now();
    assert!(behind.failures > 0 && behind.stored == Some(before), "{behind:?}");
    assert!(
        behind.waiting_bytes > 0 && behind.at_risk(Arrival::now().at) > Duration::ZERO,
        "{behind:?}"
    );
    let all = look(&client, last).await;
    client.compact(last, true).await.unwrap();

    shelf.fails.store(false, Ordering::SeqCst);
    running.told(|note| matches!(note, Note::Bridged { .. })).await;
    load.run(20).await;
    running.stored(load.revision).await;
    let notes = running.stop().await;
    let stored = notes.iter().filter(|note| matches!(note, Note::Stored)).count();
    assert!(stored >= 1, "{notes:?}");
    let history = check_all(folder.path(), &client).await;
    let [Hole { after, until }] = history.holes(1).unwrap()[..] else {
        panic!("{notes:?}");
    };
    // What had arrived is stored: the hole begins where the watch had come to, within what was written while nothing was stored.
    assert!(before < after && after < last && until == last, "{notes:?}");
    assert!(notes.contains(&Note::Hole { after, until }), "{notes:?}");
    let compacted = Why::Compacted { through: after, compaction: last };
    assert!(notes.contains(&Note::Taking { why: compacted, new_timeline: false }), "{notes:?}");
    assert_eq!(bridge(&history, after).kept, Kept::Synthetic);
    // Each key was written once: what was there at the hole's beginning is what is not younger.
    let pairs = all.pairs.iter().filter(|it| it.mod_revision <= after).cloned().collect();
    for one in [Seen { revision: after, pairs }, all, look(&client, load.revision).await] {
        rebuilt_serves(&newest(), &history, &one, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn the_local_disk_keeps_what_etcd_forgets_while_a_shelf_fails() {
    let (server, folder, load, shelf, mut options) = onto_a_failing_shelf().await;
    let client = server.client().await;
    (options.in_flight, options.pending_bytes, options.limits.bytes) = (1, 256 << 10, 64 << 10);
    let running = Running::onto(&server.connection, Arc::clone(&shelf) as Arc<dyn Shelf>, options);
    running.stored(load.revision).await;
    shelf.fails.store(true, Ordering::SeqCst);
    let mut last = 0;
    for number in 0..400 {
        last = client
            .put(format!("new/{:03}", number % 7), vec![b'v'; 20_000], 0)
            .await
            .unwrap()
            .revision;
    }
    // All has arrived: two dozen times what may wait in memory.
    running.shows(|behind| behind.waiting_bytes >= 400 * 20_000).await;
    client.compact(last, true).await.unwrap();
    shelf.fails.store(false, Ordering::SeqCst);
    running.stored(last).await;
    let notes = running.stop().await;
    let history = check_all(folder.path(), &client).await;
    assert_eq!(history.holes(1).unwrap(), [], "{notes:?}");
    assert!(
        !notes
            .iter()
            .any(|note| matches!(note, Note::Taking { why: Why::Compacted { .. }, .. })),
        "{notes:?}"
    );
}
