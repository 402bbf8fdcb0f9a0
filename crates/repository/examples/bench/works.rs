//! Our own works, each as a process of its own, so that its time, CPU and memory are counted as a peer's are. Start at [`run`].
//!
//! `bench do NAME ARGUMENT...`; each ends when what it made is durable.

use crate::home::{Home, cluster, point, point_id};
use anyhow::{Context, Result, bail, ensure};
use measure::{Cost, itself, settle};
use repository::{Put, Restoring, Taking};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The part of the point.
const PART: &str = "etcd";
/// The object of the history.
const OBJECT: &str = "bench";
/// How much of a history's object is asked for at once.
const PIECE: u64 = 4 << 20;

/// Does what the words say.
pub(crate) async fn run(words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words {
        ["part", home, file] => part(home.as_ref(), file.as_ref()).await,
        ["fetch", home, into] => fetch(home.as_ref(), into.as_ref()).await,
        ["history", home, file] => history(home.as_ref(), file.as_ref()).await,
        ["unpack", home, into] => unpack(home.as_ref(), into.as_ref()).await,
        ["take", home, folder] => take(home.as_ref(), folder.as_ref()).await,
        ["restore", home, into] => restore(home.as_ref(), into.as_ref()).await,
        _ => bail!("{words:?} is nothing that can be done"),
    }
}

/// What it takes to do a work on the repository at `home`, with a file or folder.
pub(crate) async fn measured(work: &str, home: &Path, with: &Path) -> Result<Cost> {
    settle().await?;
    Ok(measure::run(itself()?.arg(work).arg(home).arg(with)).await?.1)
}

/// Stores a point of one part.
async fn part(home: &Path, file: &Path) -> Result<()> {
    let mut new = Home::at(home).open()?.begin(&cluster()?, &point_id()?);
    let part = new.part(PART, file).await?;
    Ok(new.commit(&point(part)?).await?)
}

/// Fetches the part as a recovery does.
async fn fetch(home: &Path, into: &Path) -> Result<()> {
    let (repository, cluster) = (Home::at(home).open()?, cluster()?);
    let point = repository.point(&cluster, &point_id()?).await?;
    Ok(repository.fetch(&cluster, &point, PART, into).await?)
}

/// Stores an object of a history, which reads it back.
async fn history(home: &Path, file: &Path) -> Result<()> {
    let repository = Home::at(home).open()?;
    let put = repository.put_history(&cluster()?, OBJECT, 0, File::open(file)?).await?;
    ensure!(put == Put::Created, "it was there already");
    Ok(())
}

/// Reads an object of a history from its beginning to its end.
async fn unpack(home: &Path, into: &Path) -> Result<()> {
    let opened = Home::at(home).open()?.open_history(&cluster()?, OBJECT).await?;
    let (mut file, mut at) = (File::create(into)?, 0);
    while at < opened.len() {
        let length = PIECE.min(opened.len() - at);
        file.write_all(&opened.read_at(at, usize::try_from(length)?).await?)?;
        at += length;
    }
    Ok(file.sync_all()?)
}

/// Copies files.
async fn take(home: &Path, folder: &Path) -> Result<()> {
    let files = Home::at(home).open()?.files(&cluster()?).await?;
    let options = Taking { host: "main-1".to_owned(), ..Taking::default() };
    let taken = files.take(&[folder.to_owned()], &options).await?;
    ensure!(taken.unread.is_empty(), "{:?} could not be read", taken.unread);
    Ok(())
}

/// Puts the files of the only snapshot back.
async fn restore(home: &Path, into: &Path) -> Result<()> {
    let files = Home::at(home).open()?.files(&cluster()?).await?;
    let snapshots = files.list().await?.snapshots;
    let snapshot = snapshots.first().context("nothing was copied")?;
    let restored = files.restore(&snapshot.id, into, Restoring::default()).await?;
    ensure!(restored.unset.is_empty(), "{:?} could not be set", restored.unset);
    Ok(())
}
