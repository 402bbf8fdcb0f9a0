//! Our own works, each as a process of its own, so that its time, CPU and memory are counted as a peer's are. Start at [`run`].
//!
//! `bench do NAME ARGUMENT...`; each ends when what it made is durable.

use crate::follow;
use anyhow::{Context, Result, bail, ensure};
use etcd::capture::{Options, Risk, Tell, capture};
use etcd::database::Database;
use etcd::history::{Directory, History, Shelf};
use etcd::rebuild::{DEFAULT_BUMP, Line, Marks, Members, Rebuilt, Request, Target, rebuild};
use etcd::selection::{DatabaseSource, Packs, Source};
use etcd::{Connection, Record};
use measure::{Usage, percentile, say};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// How often seconds at risk are looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Does what the words say.
pub(crate) async fn run(words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["first", endpoint, shelf, spool] => first(endpoint, shelf, spool, None).await,
        ["first", endpoint, shelf, spool, database] => first(endpoint, shelf, spool, Some(database.into())).await,
        ["watch", endpoint, shelf, spool, seconds] => sampled(endpoint, shelf, spool, seconds.parse()?).await,
        ["rebuild", shelf, into] => rebuilt(&of_history(shelf.as_ref())?, into.as_ref()),
        ["lookup", shelf, key] => found(&of_history(shelf.as_ref())?, key, true),
        ["scan", shelf, key] => found(&of_history(shelf.as_ref())?, key, false),
        ["follow", shelf, home] => follow::follow(shelf.as_ref(), home.as_ref()),
        ["promote", home, into] => follow::promote(home.as_ref(), into.as_ref()),
        ["churn", shelf, home, seconds] => follow::churn(shelf.as_ref(), home.as_ref(), seconds.parse()?).await,
        ["restore", file, into] => rebuilt(&of_file(file.as_ref())?, into.as_ref()),
        _ => bail!("{words:?} is nothing that can be done"),
    }
}

fn connection(endpoint: &str) -> Connection {
    Connection {
        endpoint: endpoint.to_owned(),
        ca_file: None,
        cert_file: None,
        key_file: None,
        user: None,
    }
}

/// Captures until there is a base.
async fn first(endpoint: &str, shelf: &str, spool: &str, database: Option<PathBuf>) -> Result<()> {
    let (behind, mut seen) = watch::channel(Risk::default().behind());
    let notes = Arc::new(Mutex::new(Vec::new()));
    let tell: Tell = {
        let notes = Arc::clone(&notes);
        Arc::new(move |note| notes.lock().unwrap_or_else(|e| e.into_inner()).push(note.to_string()))
    };
    let options = Options { db_file: database, ..Options::new(spool) };
    let done = async move {
        // The sender lives as long as the capture.
        _ = seen.wait_for(|behind| behind.stored.is_some()).await;
    };
    let shelf: Arc<dyn Shelf> = Arc::new(Directory::open(shelf.as_ref())?);
    capture(members(endpoint), shelf, options, tell, behind, done).await?;
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(|e| e.into_inner()));
    notes.iter().for_each(|note| say(note));
    Ok(())
}

/// Captures for so many seconds, once there is a base. Says then what it took, and how many seconds were at risk.
async fn sampled(endpoint: &str, shelf: &str, spool: &str, seconds: u64) -> Result<()> {
    let (behind, mut seen) = watch::channel(Risk::default().behind());
    let samples = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&samples);
    let done = async move {
        _ = seen.wait_for(|behind| behind.stored.is_some()).await;
        say("ready");
        let before = Usage::of("self").unwrap_or_default().cpu_s;
        let end = ambient::monotonic() + Duration::from_secs(seconds);
        while ambient::monotonic() < end {
            ambient::sleep(SAMPLE_EVERY).await;
            let at_risk = seen.borrow().at_risk(ambient::monotonic());
            kept.lock().unwrap_or_else(|e| e.into_inner()).push(at_risk.as_secs_f64());
        }
        let after = Usage::of("self").unwrap_or_default();
        say(&format!("{} {}", after.cpu_s - before, after.peak_mib));
    };
    let shelf: Arc<dyn Shelf> = Arc::new(Directory::open(shelf.as_ref())?);
    capture(members(endpoint), shelf, Options::new(spool), Arc::new(|_| {}), behind, done).await?;
    let samples = samples.lock().unwrap_or_else(|e| e.into_inner());
    let [middle, high, most] = [0.5, 0.99, 1.0].map(|share| percentile(&samples, share));
    say(&format!("{middle} {high} {most} {}", samples.len()));
    Ok(())
}

fn members(endpoint: &str) -> etcd::Members {
    etcd::Members::new(connection(endpoint), [])
}

/// A history at its newest revision.
fn of_history(shelf: &Path) -> Result<Packs> {
    let history = History::open(Arc::new(Directory::open(shelf)?))?;
    let timeline = history.newest().context("the history is empty")?;
    let newest = timeline.newest().context("the timeline is empty")?;
    Ok(Packs::of(&history.moment(timeline.number, newest)?)?)
}

/// Looks for one key; without reading the rest if it can. Says then how many bytes were read.
fn found(source: &dyn Source, key: &str, quickly: bool) -> Result<()> {
    let (revision, mut found) = (source.last_revision(), 0);
    let mut sink = |record: Record| {
        found += usize::from(record.key().is_ok_and(|it| *it == *key.as_bytes()));
        Ok(())
    };
    match quickly {
        true => source.live_under(key.as_bytes(), revision, &mut sink)?,
        false => source.live_at(revision, &mut sink)?,
    }
    ensure!(found == 1, "{key} was found {found} times");
    let io = std::fs::read_to_string("/proc/self/io")?;
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    say(read.context("/proc/self/io has no rchar")?);
    Ok(())
}

/// A snapshot, its hash checked.
fn of_file(file: &Path) -> Result<DatabaseSource> {
    let database = Database::open(file)?;
    database.verify_trailer()?;
    Ok(DatabaseSource::new(database)?)
}

fn rebuilt(source: &dyn Source, into: &Path) -> Result<()> {
    let members = Members::one("bench", "http://127.0.0.1:2380", "bench");
    let directories = vec![("bench".to_owned(), into.to_owned())];
    let request = Request {
        revision: source.last_revision(),
        line: Line::V3_6,
        marks: Marks::Bump(DEFAULT_BUMP),
        target: Target::DataDirectories { members, directories },
    };
    let Rebuilt { keys, bytes, .. } = rebuild(source, &request)?;
    say(&format!("{keys} keys, {bytes} bytes"));
    Ok(())
}
