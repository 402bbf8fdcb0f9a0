//! The members of a live cluster, each put to the proof.
//!
//! Start at [`verify_members`]. Every member is compared with the history rather than with the others, so the one whose disk
//! lies is named, also where there is only one; and a member that was compacted meanwhile is compared under its new compaction.

use super::{HashAnswer, hash_kv};
use crate::selection::{SelectionError, Source};
use std::collections::HashMap;
use std::sync::Arc;

/// How often a member is asked for another revision, when it is compacted past the one before.
const ATTEMPTS: usize = 5;

/// How members are asked. A live cluster's client is one; a test's table is another.
pub trait Ask: Sync {
    /// The newest revision that the member has applied.
    fn revision(&self, member: &str) -> impl Future<Output = Result<u64, Refused>> + Send;

    /// Its `HashKV` at a revision.
    fn hash_kv(&self, member: &str, revision: u64) -> impl Future<Output = Result<HashAnswer, Refused>> + Send;
}

/// Why a member gives no hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is compacted past the revision.
    Compacted,
    /// It has not got to the revision yet.
    Future,
    /// It cannot be asked, and why.
    Unreachable(String),
}

/// What the proof says of each member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a proof that nobody reads proves nothing"]
pub struct Verified {
    /// The members in the order in which they were named.
    pub members: Vec<Compared>,
}

/// What the proof says of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Its name, as it was given.
    pub member: String,
    /// The newest revision that it had applied when it was asked first, if it answered.
    pub newest: Option<u64>,
    /// What was found.
    pub finding: Finding,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It holds what the history holds, up to the answer's revision.
    Equal(HashAnswer),
    /// It holds something else: it, or the history, is wrong.
    Differs {
        /// The member's answer.
        theirs: HashAnswer,
        /// What the history makes of the same revision and compaction.
        ours: u32,
    },
    /// It gave no answer, and why.
    Unreachable(String),
    /// It answered, and the history cannot tell.
    NotComparable {
        /// Why, for people.
        why: String,
        /// The lowest compaction and revision for which the history has an answer.
        since: u64,
    },
}

impl Verified {
    /// Whether every member was compared and is equal. Of no members that is not said.
    pub fn all_equal(&self) -> bool {
        !self.members.is_empty() && self.members.iter().all(|it| matches!(it.finding, Finding::Equal(_)))
    }

    /// The members that hold something else.
    pub fn differing(&self) -> impl Iterator<Item = &str> {
        let differs = |it: &&Compared| matches!(it.finding, Finding::Differs { .. });
        self.members.iter().filter(differs).map(|it| it.member.as_str())
    }
}

/// Compares each member with the history: all at one revision that all of them and the history have, where there is one.
///
/// # Errors
/// What reading the history meets. What a member does is a finding.
pub async fn verify_members(
    source: Arc<dyn Source>,
    members: &[String],
    ask: &impl Ask,
) -> Result<Verified, SelectionError> {
    let newest = futures::future::join_all(members.iter().map(|it| ask.revision(it))).await;
    // One that lags so far behind that the history no longer answers for it does not hold up the others.
    let near = newest.iter().flatten().copied().filter(|&it| it >= source.compaction());
    let common = near.chain([source.last_revision()]).min().unwrap_or_default();
    let newest_of: Vec<Option<u64>> = newest.iter().map(|it| it.as_ref().ok().copied()).collect();
    let answers = members.iter().zip(newest).map(async |(member, newest)| match newest {
        Ok(_) => answer(source.as_ref(), member, common, ask).await,
        Err(refused) => Err(refused),
    });
    let answers = futures::future::join_all(answers).await;
    let mut ours = HashMap::new();
    let mut verified = Verified { members: Vec::new() };
    for ((member, newest), answer) in members.iter().zip(newest_of).zip(answers) {
        let finding = match answer {
            Ok(theirs) => compare(&source, theirs, &mut ours).await?,
            Err(Refused::Unreachable(why)) => Finding::Unreachable(why),
            Err(Refused::Compacted) => Finding::NotComparable {
                why: format!("it is compacted past revision {}, where the history ends", source.last_revision()),
                since: source.compaction(),
            },
            Err(Refused::Future) => Finding::NotComparable {
                why: format!("it has not got to revision {common}"),
                since: source.compaction(),
            },
        };
        verified.members.push(Compared { member: member.clone(), newest, finding });
    }
    Ok(verified)
}

/// A member's answer: at the revision that all have, or, when it is compacted past that, at the newest that it and the history
/// have.
async fn answer(source: &dyn Source, member: &str, common: u64, ask: &impl Ask) -> Result<HashAnswer, Refused> {
    let mut answer = ask.hash_kv(member, common).await;
    for _ in 1..ATTEMPTS {
        if !matches!(answer, Err(Refused::Compacted | Refused::Future)) {
            break;
        }
        let revision = ask.revision(member).await?.min(source.last_revision());
        answer = ask.hash_kv(member, revision).await;
    }
    let answer = answer?;
    if answer.compact_revision >= source.compaction() {
        return Ok(answer);
    }
    // For the revision of a compaction, etcd repeats the hash that it took then, under the compaction before. Those beside it it
    // works out anew.
    for revision in [answer.revision.saturating_add(1), answer.revision.saturating_sub(1)] {
        if revision > source.last_revision() || revision < source.compaction() {
            continue;
        }
        match ask.hash_kv(member, revision).await {
            Ok(beside) if beside.compact_revision >= source.compaction() => return Ok(beside),
            _ => {}
        }
    }
    Ok(answer)
}

/// What the history says to a member's answer. Each pair of revision and compaction is worked out once.
async fn compare(
    source: &Arc<dyn Source>,
    theirs: HashAnswer,
    ours: &mut HashMap<(u64, u64), u32>,
) -> Result<Finding, SelectionError> {
    let (revision, compact_revision) = (theirs.revision, theirs.compact_revision);
    let since = source.compaction();
    let not_comparable = |why| Ok(Finding::NotComparable { why, since });
    if compact_revision < since {
        return not_comparable(format!(
            "it is compacted at revision {compact_revision}, and the history holds every version only from {since} on"
        ));
    }
    if compact_revision > revision || revision > source.last_revision() {
        return not_comparable(format!(
            "it answered for revision {revision}, compacted at {compact_revision}, and was not asked for that"
        ));
    }
    let hash = match ours.get(&(revision, compact_revision)) {
        Some(&hash) => hash,
        None => {
            let (source, hashed) =
                (Arc::clone(source), move |source: &dyn Source| hash_kv(source, revision, compact_revision));
            let hash = match tokio::task::spawn_blocking(move || hashed(source.as_ref())).await {
                Ok(Ok(ours)) => ours.hash,
                Ok(Err(SelectionError::File(e))) => return Err(e.into()),
                Ok(Err(refused)) => return not_comparable(refused.to_string()),
                Err(stopped) => return not_comparable(format!("the history's hash was not worked out: {stopped}")),
            };
            ours.insert((revision, compact_revision), hash);
            hash
        }
    };
    Ok(if hash == theirs.hash {
        Finding::Equal(theirs)
    } else {
        Finding::Differs { theirs, ours: hash }
    })
}
