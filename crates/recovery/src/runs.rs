//! Runs in the repository: their numbers, their plans, their journals. Start at [`begin`].

use crate::Trouble;
use async_trait::async_trait;
use engine::{Entry, Journal, JournalError, Runner, State};
use estate::{Kind, Name};
use plan::Plan;
use repository::{AppendError, Repository};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How often a number for a run is looked for.
const ATTEMPTS: usize = 5;

/// The journal of one run, kept in a repository.
#[derive(Debug)]
pub struct InRepository<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The run's number.
    pub run: u64,
}

#[async_trait]
impl Journal for InRepository<'_> {
    async fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        use repository::Error as E;
        let read = self.repository.entries(self.run).await.map_err(|error| match error {
            E::Damaged { .. } | E::Misplaced { .. } => JournalError::Damaged { reason: error.to_string() },
            // Also a key or a right that is missing here: nothing is wrong with the journal itself.
            _ => JournalError::Unavailable { reason: error.to_string() },
        })?;
        let parse = |(number, bytes): (u64, Vec<u8>)| {
            serde_json::from_slice(&bytes).map_err(|reason| JournalError::Damaged {
                reason: format!("entry {number} of run {}: {reason}", self.run),
            })
        };
        read.into_iter().map(parse).collect()
    }

    async fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(entry).map_err(|e| JournalError::Damaged { reason: e.to_string() })?;
        match self.repository.append(self.run, entry.seq, &bytes).await {
            Ok(()) => Ok(()),
            Err(AppendError::Taken { .. }) => Err(JournalError::Taken { seq: entry.seq }),
            Err(other) => Err(JournalError::Unavailable { reason: other.to_string() }),
        }
    }
}

/// The journal of one run, kept in a plain directory: a file an entry. For when no repository can be reached; it is as safe as that
/// directory, and whoever is to go on with the run must see it.
#[derive(Clone, Debug)]
pub struct InDirectory(pub PathBuf);

impl InDirectory {
    fn blocking_entries(&self) -> Result<Vec<Entry>, JournalError> {
        let unavailable =
            |reason: std::io::Error| JournalError::Unavailable { reason: format!("{}: {reason}", self.0.display()) };
        let mut names: Vec<(u64, PathBuf)> = Vec::new();
        let listed = match std::fs::read_dir(&self.0) {
            Ok(listed) => listed,
            Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(reason) => return Err(unavailable(reason)),
        };
        for entry in listed {
            let path = entry.map_err(unavailable)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let seq = name.and_then(|name| name.strip_suffix(".json")?.parse().ok());
            names.extend(seq.map(|seq| (seq, path.clone())));
        }
        names.sort();
        names
            .into_iter()
            .map(|(seq, path)| {
                let bytes = std::fs::read(&path).map_err(unavailable)?;
                serde_json::from_slice(&bytes).map_err(|reason| JournalError::Damaged {
                    reason: format!("entry {seq} in {}: {reason}", self.0.display()),
                })
            })
            .collect()
    }

    /// Makes the directory and those that it lies in; each name is synced in the one above it.
    fn blocking_create(&self) -> std::io::Result<()> {
        let missing: Vec<_> = self.0.ancestors().take_while(|path| !path.is_dir()).collect();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        for parent in missing.iter().rev().filter_map(|path| path.parent()) {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            std::fs::File::open(parent)?.sync_all()?;
        }
        Ok(())
    }

    /// Written whole and synced under another name, then linked to its own: of two one wins, and none is ever seen in part.
    fn blocking_append(&self, entry: &Entry) -> Result<(), JournalError> {
        let unavailable =
            |reason: std::io::Error| JournalError::Unavailable { reason: format!("{}: {reason}", self.0.display()) };
        let bytes = serde_json::to_vec(entry).map_err(|e| JournalError::Damaged { reason: e.to_string() })?;
        if !self.0.is_dir() {
            self.blocking_create().map_err(unavailable)?;
        }
        let mut file = tempfile::Builder::new()
            .prefix(".entry-")
            .tempfile_in(&self.0)
            .map_err(unavailable)?;
        file.write_all(&bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(unavailable)?;
        let path = self.0.join(format!("{:06}.json", entry.seq));
        match std::fs::hard_link(file.path(), &path) {
            Ok(()) => {}
            Err(reason) if reason.kind() == ErrorKind::AlreadyExists => {
                return Err(JournalError::Taken { seq: entry.seq });
            }
            Err(reason) => return Err(unavailable(reason)),
        }
        std::fs::File::open(&self.0)
            .and_then(|directory| directory.sync_all())
            .map_err(unavailable)
    }
}

#[async_trait]
impl Journal for InDirectory {
    async fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        let own = self.clone();
        let read = tokio::task::spawn_blocking(move || own.blocking_entries()).await;
        read.unwrap_or_else(|gone| Err(JournalError::Unavailable { reason: gone.to_string() }))
    }

    async fn append(&self, entry: &Entry) -> Result<(), JournalError> {
        let (own, entry) = (self.clone(), entry.clone());
        let written = tokio::task::spawn_blocking(move || own.blocking_append(&entry)).await;
        written.unwrap_or_else(|gone| Err(JournalError::Unavailable { reason: gone.to_string() }))
    }
}

/// Where journals of runs are.
#[derive(Clone, Copy, Debug)]
pub enum Kept<'a> {
    /// In a repository: all runs of its clusters, each with a number.
    Repository(&'a Repository),
    /// In a directory: one run, whose number is 0.
    Directory(&'a InDirectory),
}

impl<'a> Kept<'a> {
    /// The journal of run `number`.
    pub fn journal(self, number: u64) -> Box<dyn Journal + 'a> {
        match self {
            Self::Repository(repository) => Box::new(InRepository { repository, run: number }),
            Self::Directory(directory) => Box::new(directory.clone()),
        }
    }

    /// How run `number` is named in a command: `7`, or `0 --journal DIRECTORY`.
    pub fn typed(self, number: u64) -> String {
        match self {
            Self::Repository(_) => number.to_string(),
            Self::Directory(directory) => format!("0 --journal {}", directory.0.display()),
        }
    }

    /// Reads run `number`.
    ///
    /// # Errors
    /// As [`read`].
    pub async fn read(self, number: u64) -> Result<Run, Trouble> {
        let directory = match self {
            Self::Repository(repository) => return read(repository, number).await,
            Self::Directory(directory) => directory,
        };
        let none = |what: String| {
            let message = format!("there is no {what} in {}", directory.0.display());
            Trouble::new("LB0705", Kind::Invalid, message).hint(format!("ls {}", directory.0.display()))
        };
        if number != 0 {
            return Err(none(format!("run {number}")));
        }
        let damaged = |reason: String| {
            Trouble::new("LB0703", Kind::Damaged, format!("the run in {}: {reason}", directory.0.display()))
                .hint("lifeboat explain LB0703")
        };
        let entries = directory.entries().await.map_err(|error| damaged(error.to_string()))?;
        let state = State::of(&entries).map_err(|error| damaged(error.to_string()))?;
        let plan = state.plan.clone().ok_or_else(|| none("run".to_owned()))?;
        let plan = serde_json::from_value(plan).map_err(|error| damaged(format!("its plan: {error}")))?;
        Ok(Run {
            number,
            directory: Some(directory.0.clone()),
            state,
            plan,
            entries,
        })
    }

    /// The newest run of those asked for, as [`newest`].
    ///
    /// # Errors
    /// As [`read`].
    pub async fn newest(self, of: &(dyn Fn(&Plan) -> bool + Sync)) -> Result<Option<Run>, Trouble> {
        match self {
            Self::Repository(repository) => newest(repository, of).await,
            Self::Directory(_) => match self.read(0).await {
                Ok(run) => Ok(Some(run).filter(|run| of(&run.plan))),
                Err(trouble) if trouble.code == "LB0705" => Ok(None),
                Err(trouble) => Err(trouble),
            },
        }
    }

    /// Looks whether a run can be ended as it is, as [`ending`]. What is damaged in a directory is mended by nobody.
    ///
    /// # Errors
    /// As [`read`].
    pub async fn ending(self, number: u64) -> Result<Ending, Trouble> {
        match self {
            Self::Repository(repository) => ending(repository, number).await,
            Self::Directory(_) => self.read(number).await.map(|_run| Ending::Whole),
        }
    }

    /// Begins a run of `plan`, and returns its number.
    ///
    /// # Errors
    /// As [`begin`]; a directory keeps one run, and never another after it.
    pub async fn begin(self, plan: &Plan, runner: &Runner) -> Result<u64, Trouble> {
        let directory = match self {
            Self::Repository(repository) => return begin(repository, plan, runner).await,
            Self::Directory(directory) => directory,
        };
        let value = serde_json::to_value(plan).map_err(|e| Trouble::new("LB0099", Kind::Bug, e.to_string()))?;
        engine::begin(directory, value, runner).await.map_err(|error| match error {
            engine::Error::OtherPlan => {
                let place = directory.0.display();
                Trouble::new("LB0706", Kind::Conflict, format!("{place} keeps another run"))
                    .hint(format!("lifeboat run show 0 --journal {place}\nanother directory for another run"))
            }
            error => error.into(),
        })?;
        Ok(0)
    }
}

/// A run as its journal has it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number.
    pub number: u64,
    /// The directory that its journal is in, if it is in none of a repository.
    pub directory: Option<PathBuf>,
    /// Where it stands.
    pub state: State,
    /// Its plan.
    pub plan: Plan,
    /// Its journal.
    pub entries: Vec<Entry>,
}

impl Run {
    /// Whether it is over.
    pub fn ended(&self) -> bool {
        self.state.ended.is_some()
    }
}

/// What there is under a run's number.
enum Found {
    /// A run, whole up to its end.
    Run(Box<Run>),
    /// None, or one of which nothing can be read yet: somebody is just writing its first entry.
    None,
    /// A run of which something cannot be read, and which may not be over: its number of sound entries, and why.
    Broken(u64, Trouble),
    /// Nothing that opens: it was planted, or all of it is harmed.
    Planted(Trouble),
}

async fn found(repository: &Repository, number: u64) -> Result<Found, Trouble> {
    let damaged = |reason: String| {
        Trouble::new("LB0703", Kind::Damaged, format!("run {number}: {reason}"))
            .hint(format!("lifeboat explain LB0703, then lifeboat run cancel {number} --yes"))
    };
    let read = repository.sound_entries(number).await?;
    let broken = read.broken.map(|error| damaged(error.to_string()));
    if let (Some(trouble), false) = (&broken, read.genuine) {
        return Ok(Found::Planted(trouble.clone()));
    }
    let sound = read.entries.len() as u64;
    let parse = |(seq, bytes): (u64, Vec<u8>)| {
        serde_json::from_slice::<Entry>(&bytes).map_err(|reason| damaged(format!("entry {seq}: {reason}")))
    };
    let entries = read.entries.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let state = State::of(&entries).map_err(|error| damaged(error.to_string()))?;
    if let Some(trouble) = broken.filter(|_| state.ended.is_none()) {
        return Ok(Found::Broken(sound, trouble));
    }
    let Some(plan) = state.plan.clone() else {
        return Ok(Found::None);
    };
    let plan = serde_json::from_value(plan).map_err(|error| damaged(format!("its plan: {error}")))?;
    // No entry follows the end: whatever stands there counts for nothing.
    Ok(Found::Run(Box::new(Run { number, directory: None, state, plan, entries })))
}

/// Reads a run.
///
/// # Errors
/// There is none, it cannot be read, or it is damaged.
pub async fn read(repository: &Repository, number: u64) -> Result<Run, Trouble> {
    match found(repository, number).await? {
        Found::Run(run) => Ok(*run),
        Found::Broken(_, trouble) | Found::Planted(trouble) => Err(trouble),
        Found::None => {
            Err(Trouble::new("LB0705", Kind::Invalid, format!("there is no run {number}")).hint("lifeboat runs"))
        }
    }
}

/// The newest run whose plan is one of those asked for, if there is any. What stands above it and opens with no key was planted, and is
/// passed over.
///
/// # Errors
/// As [`read`].
pub async fn newest(repository: &Repository, of: &(dyn Fn(&Plan) -> bool + Sync)) -> Result<Option<Run>, Trouble> {
    Ok(newest_and_next(repository, of).await?.0)
}

/// The newest run of those asked for, and the number of the next of all.
async fn newest_and_next(
    repository: &Repository,
    of: &(dyn Fn(&Plan) -> bool + Sync),
) -> Result<(Option<Run>, u64), Trouble> {
    let mut numbers = repository.runs().await?;
    numbers.sort_unstable();
    let (mut newest, mut planted, mut last) = (None, BTreeSet::new(), 0);
    while let Some(number) = numbers.pop() {
        match found(repository, number).await? {
            Found::Run(run) => {
                last = last.max(number);
                if of(&run.plan) {
                    newest = Some(*run);
                    break;
                }
            }
            Found::Broken(_, trouble) => return Err(trouble),
            Found::Planted(_) => drop(planted.insert(number)),
            // Until its first entry is there, there is no such run.
            Found::None => {}
        }
    }
    let mut next = last + 1;
    while planted.contains(&next) {
        next += 1;
    }
    Ok((newest, next))
}

/// Begins a run of `plan` under the next number. Of two who begin one for the same cluster at once one wins, and the other is told of it.
///
/// # Errors
/// Another run of this cluster is not over that [is in its way](Plan::is_in_the_way_of), or was begun at the same moment; the repository
/// does not answer.
pub async fn begin(repository: &Repository, plan: &Plan, runner: &Runner) -> Result<u64, Trouble> {
    let value = serde_json::to_value(plan).map_err(|e| Trouble::new("LB0099", Kind::Bug, e.to_string()))?;
    let in_the_way = |other: &Plan| other.is_in_the_way_of(plan);
    let mut lost_to = 0;
    // Another cluster's run may take the number meanwhile.
    for _attempt in 0..ATTEMPTS {
        let (newest, number) = newest_and_next(repository, &in_the_way).await?;
        if let Some(run) = newest.as_ref().filter(|run| !run.ended()) {
            return Err(unfinished(run.number));
        }
        match engine::begin(&InRepository { repository, run: number }, value.clone(), runner).await {
            Ok(()) => return Ok(number),
            Err(engine::Error::OtherPlan) => lost_to = number,
            Err(error) => return Err(error.into()),
        }
    }
    Err(unfinished(lost_to))
}

/// How many runs are looked at for one that is not over: there is one at a time for a cluster.
const LOOKED_AT: usize = 10;

/// The run of `cluster` that is not over, if one of the newest is. Of those that are, only the last entry is read.
///
/// # Errors
/// As [`read`].
pub async fn unfinished_of(repository: &Repository, cluster: &Name) -> Result<Option<Run>, Trouble> {
    let mut numbers = repository.runs().await?;
    numbers.sort_unstable();
    for number in numbers.into_iter().rev().take(LOOKED_AT) {
        let last = repository.last_entry(number).await?;
        let ended = |(_, bytes): &(u64, Vec<u8>)| {
            serde_json::from_slice::<Entry>(bytes).is_ok_and(|entry| matches!(entry.event, engine::Event::Ended { .. }))
        };
        if last.as_ref().is_none_or(ended) {
            continue;
        }
        match found(repository, number).await? {
            Found::Run(run) if run.plan.cluster == *cluster && !run.ended() => return Ok(Some(*run)),
            Found::Broken(_, trouble) => return Err(trouble),
            _ => {}
        }
    }
    Ok(None)
}

/// How many earlier runs are read to tell how long steps take.
const MEASURED: usize = 5;

/// How long each step of a playbook took in the newest runs for a cluster that succeeded, in milliseconds, the median of them. What cannot
/// be read is left out: nobody waits for a time.
pub async fn took(repository: &Repository, cluster: &Name, playbook: &str) -> BTreeMap<String, u64> {
    let mut numbers = repository.runs().await.unwrap_or_default();
    numbers.sort_unstable();
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let (mut read, mut looked_at) = (0, 0);
    while let Some(number) = numbers.pop().filter(|_| read < MEASURED && looked_at < 4 * MEASURED) {
        looked_at += 1;
        let Ok(Found::Run(run)) = found(repository, number).await else {
            continue;
        };
        let is_such = run.plan.cluster == *cluster && run.plan.playbook == playbook;
        if !is_such || run.state.ended != Some(engine::Ended::Succeeded) {
            continue;
        }
        read += 1;
        for step in &run.plan.steps {
            let first =
                |wanted: &dyn Fn(&engine::Event) -> bool| run.entries.iter().find(|e| wanted(&e.event)).map(|e| e.at);
            let begun = first(&|event| matches!(event, engine::Event::Intent { step: id, .. } if *id == step.id));
            let done = first(&|event| matches!(event, engine::Event::Done { step: id, .. } if *id == step.id));
            if let Some((begun, done)) = begun.zip(done) {
                let took = u64::try_from(done.duration_since(begun).as_millis()).unwrap_or(0);
                all.entry(step.id.clone()).or_default().push(took);
            }
        }
    }
    let median = |mut times: Vec<u64>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    all.into_iter().map(|(step, times)| (step, median(times))).collect()
}

/// How a run stands that somebody wants to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its journal is whole.
    Whole,
    /// So many entries can be read, and something after them cannot.
    Broken {
        /// How many.
        sound: u64,
    },
}

/// Looks whether a run can be ended as it is.
///
/// # Errors
/// As [`read`], but not when its journal is damaged.
pub async fn ending(repository: &Repository, number: u64) -> Result<Ending, Trouble> {
    match found(repository, number).await? {
        Found::Broken(sound, _) => Ok(Ending::Broken { sound }),
        Found::Planted(_) => Ok(Ending::Broken { sound: 0 }),
        Found::Run(_) | Found::None => read(repository, number).await.map(|_run| Ending::Whole),
    }
}

fn unfinished(number: u64) -> Trouble {
    Trouble::new(
        "LB0706",
        Kind::Conflict,
        format!("run {number} is not over, and there is one at a time for a cluster"),
    )
    .hint(format!("lifeboat run show {number}"))
}
