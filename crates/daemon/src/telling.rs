//! Saying, signed, what this site has seen as the newest in the repository, and noticing what somebody knows and is not there:
//! a store that was set back contradicts somebody.

use crate::{Daemon, disk};
use estate::PointId;
use recovery::Trouble;
use repository::{Error, Memory, Repository, Scope};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_secs(1);
/// Between two statements at least: each costs several requests. A new copy is worth one then.
pub(crate) const SOONEST: Duration = Duration::from_secs(60);
/// Between two statements at most, and so between two looks for what is not there any more.
pub(crate) const LATEST: Duration = Duration::from_secs(600);

/// Tells for as long as the daemon runs, where there are keys to open and to sign with.
pub(crate) async fn tell(daemon: Arc<Daemon>) {
    let mut repository: Option<Repository> = None;
    let (mut last, mut of): (Option<Duration>, Option<PointId>) = (None, None);
    loop {
        let now = ambient::uptime();
        let newest = daemon.newest_known();
        let since = last.map(|last| now.saturating_sub(last));
        if is_due(since, newest > of) && daemon.has_keys() {
            let told = daemon.tell_all(&mut repository).await;
            if told.is_err() {
                repository = None;
            }
            let trouble = told.unwrap_or_else(|trouble| Some(trouble.to_string()));
            daemon.trouble("evidence", trouble);
            (last, of) = (Some(now), newest);
        }
        ambient::sleep(LOOK).await;
    }
}

/// Whether it is time for a statement, so long after the last one.
fn is_due(since: Option<Duration>, is_newer: bool) -> bool {
    since.is_none_or(|since| since >= LATEST || (is_newer && since >= SOONEST))
}

/// What is not there although somebody knows it, in a sentence; nothing when all is.
fn lacking(behind: &BTreeMap<String, String>) -> Option<String> {
    let (object, who) = behind.first_key_value()?;
    let more = match behind.len() {
        1 => String::new(),
        number => format!(", and {} more", number - 1),
    };
    Some(format!(
        "{who}, and {object} is not there{more}: the newest was taken away, or the store was set back. lifeboat repository check"
    ))
}

impl Daemon {
    fn newest_known(&self) -> Option<PointId> {
        let state = self.state();
        let proven = state.proven.as_ref().map(|(proven, _)| &proven.id);
        state.copied.as_ref().max(proven).cloned()
    }

    /// Whether this host can open something in the repository, and sign.
    fn has_keys(&self) -> bool {
        let of = self.world.estate.repositories.get(&*self.of.repository);
        of.is_some_and(|of| self.world.has(&of.identity) && of.signer.as_ref().is_some_and(|it| self.world.has(it)))
    }

    /// Looks at each scope that can be opened here, and tells of each that may be written. What is not there although it should
    /// be, in words.
    pub(crate) async fn tell_all(&self, opened: &mut Option<Repository>) -> Result<Option<String>, Trouble> {
        let name = &*self.of.repository;
        let repository = match opened {
            Some(repository) => repository,
            None => opened.insert(self.world.repository(name)?),
        };
        let mut memory = self.memory(repository).await?;
        let mut behind = BTreeMap::new();
        for scope in self.world.scopes(name) {
            match self.tell_of(repository, &scope, &mut memory).await {
                Ok(found) => behind.extend(found),
                // Somebody else's scope.
                Err(
                    Error::NoIdentity { .. }
                    | Error::WrongKey { .. }
                    | Error::NoSigner { .. }
                    | Error::Untrusted { .. },
                ) => {}
                Err(other) => return Err(other.into()),
            }
        }
        self.remember(memory).await?;
        Ok(lacking(&behind))
    }

    async fn tell_of(
        &self,
        repository: &Repository,
        scope: &Scope,
        memory: &mut Memory,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut survey = repository.survey(scope, Some(memory)).await?;
        if !survey.behind.is_empty() {
            survey = survey.confirmed_by(repository.survey(scope, Some(memory)).await?);
        }
        memory.remember(scope, &survey.head);
        match repository.tell(scope, &survey.head).await {
            // What may only be read here is looked at all the same.
            Ok(_) | Err(Error::NoSigner { .. } | Error::Untrusted { .. }) => Ok(survey.behind),
            Err(other) => Err(other),
        }
    }

    /// What this site has seen, as it was left: of another repository, and where there is none, nothing.
    async fn memory(&self, repository: &Repository) -> Result<Memory, Trouble> {
        let (id, root) = (repository.id().await?, repository.root().await?);
        let known = match tokio::fs::read(self.memory_file()).await {
            Ok(bytes) => serde_json::from_slice::<Memory>(&bytes).ok(),
            Err(_) => None,
        };
        let known = known.filter(|known| known.repository == id && known.root == root);
        Ok(known.unwrap_or_else(|| Memory::new(id, root, ambient::now())))
    }

    async fn remember(&self, memory: Memory) -> Result<(), Trouble> {
        let path = self.memory_file();
        let to_write = path.clone();
        let written = tokio::task::spawn_blocking(move || disk::write(&to_write, &memory)).await;
        let failed = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason.to_string(),
            Err(reason) => reason.to_string(),
        };
        let message = format!("{} cannot be written: {failed}", path.display());
        Err(Trouble::new("LB0308", estate::Kind::Person, message))
    }

    fn memory_file(&self) -> PathBuf {
        self.directory.join(format!("seen-{}.json", self.of.repository))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_copy_is_worth_a_statement_and_silence_is_never_long() {
        let seconds = Duration::from_secs;
        assert!(is_due(None, false));
        assert!(!is_due(Some(seconds(59)), true));
        assert!(is_due(Some(seconds(60)), true));
        assert!(!is_due(Some(seconds(599)), false));
        assert!(is_due(Some(seconds(600)), false));
    }

    #[test]
    fn what_is_not_there_is_told_in_a_sentence() {
        assert_eq!(lacking(&BTreeMap::new()), None);
        let behind = |objects: &[&str]| {
            let known = objects
                .iter()
                .map(|it| ((*it).to_owned(), "evidence of main knows kit 4".to_owned()));
            lacking(&known.collect()).unwrap()
        };
        let one = behind(&["shared/kit/0000000004"]);
        assert!(
            one.starts_with("evidence of main knows kit 4, and shared/kit/0000000004 is not there: the newest"),
            "{one}"
        );
        assert!(behind(&["a", "b", "c"]).contains("a is not there, and 2 more: "));
    }
}
