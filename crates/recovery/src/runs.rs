//! Runs in the repository: their numbers, their plans, their journals. Start at [`begin`].

use crate::Trouble;
use async_trait::async_trait;
use engine::{Entry, Journal, JournalError, Runner, State};
use estate::Kind;
use plan::Plan;
use repository::{AppendError, Repository};

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

/// A run as its journal has it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number.
    pub number: u64,
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

/// Reads a run.
///
/// # Errors
/// There is none, it cannot be read, or it is damaged.
pub async fn read(repository: &Repository, number: u64) -> Result<Run, Trouble> {
    let entries = repository.entries(number).await?;
    let damaged = |reason: String| Trouble::new("LB0703", Kind::Damaged, format!("run {number}: {reason}"));
    let parse = |(seq, bytes): (u64, Vec<u8>)| {
        serde_json::from_slice::<Entry>(&bytes).map_err(|reason| damaged(format!("entry {seq}: {reason}")))
    };
    let entries = entries.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let state = State::of(&entries).map_err(|error| damaged(error.to_string()))?;
    let Some(plan) = state.plan.clone() else {
        return Err(Trouble::new("LB0705", Kind::Invalid, format!("there is no run {number}")).hint("lifeboat runs"));
    };
    let plan = serde_json::from_value(plan).map_err(|error| damaged(format!("its plan: {error}")))?;
    Ok(Run { number, state, plan, entries })
}

/// The newest run, if there is any.
///
/// # Errors
/// As [`read`].
pub async fn newest(repository: &Repository) -> Result<Option<Run>, Trouble> {
    let mut numbers = repository.runs().await?;
    numbers.sort_unstable();
    while let Some(number) = numbers.pop() {
        match read(repository, number).await {
            // Somebody is just writing its first entry: until that is there, there is no such run.
            Err(trouble) if trouble.code == "LB0705" => {}
            found => return found.map(Some),
        }
    }
    Ok(None)
}

/// Begins a run of `plan` under the next number. Of two who begin at once one wins, and the other is told of it.
///
/// # Errors
/// Another run is not over, or was begun at the same moment; the repository does not answer.
pub async fn begin(repository: &Repository, plan: &Plan, runner: &Runner) -> Result<u64, Trouble> {
    let newest = newest(repository).await?;
    if let Some(run) = newest.as_ref().filter(|run| !run.ended()) {
        return Err(unfinished(run.number));
    }
    let number = newest.map_or(1, |run| run.number + 1);
    let plan = serde_json::to_value(plan).map_err(|e| Trouble::new("LB0099", Kind::Bug, e.to_string()))?;
    match engine::begin(&InRepository { repository, run: number }, plan, runner).await {
        Ok(()) => Ok(number),
        Err(engine::Error::OtherPlan) => Err(unfinished(number)),
        Err(error) => Err(error.into()),
    }
}

fn unfinished(number: u64) -> Trouble {
    Trouble::new("LB0706", Kind::Conflict, format!("run {number} is not over, and there is one at a time"))
        .hint(format!("lifeboat run show {number}"))
}
