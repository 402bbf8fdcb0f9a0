//! Proving: etcd's members, one at a time and in turn, say by their own hash that the history is what they hold. The one whose disk
//! lies is found, and so is a history that lies. And judging, of the same state: whether the files of the newest point belong to it.

use super::{Guard, Running};
use estate::{Distribution, HashProof, Kind};
use etcd::history::History;
use etcd::proof::{Finding, every_member, verify_members};
use etcd::selection::{HistorySource, Source};
use protect::complete::{self, Finding as Found, Parts};
use protect::etcd::RepositoryShelf;
use protect::files::Files;
use recovery::Trouble;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_secs(1);
/// Before a proof that could not be had is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Of its time, a proof takes no more than one part of so many.
const SHARE: u32 = 50;

/// Proves for as long as the capture goes on.
pub(super) async fn prove(guard: Arc<Guard>, running: Arc<Running>) {
    let (mut due, mut turn) = (Duration::ZERO, 0);
    let mut files = running.files.subscribe();
    let mut judged: Option<Arc<Files>> = None;
    loop {
        ambient::sleep(LOOK).await;
        // Other files than were judged are looked at without delay.
        let newest = files.borrow_and_update().clone();
        if newest.is_some() && newest != judged {
            (due, judged) = (Duration::ZERO, newest.clone());
        }
        let is_stored = running.behind.borrow().stored.is_some() && running.behind.borrow().heard.is_some();
        if !is_stored || ambient::uptime() < due {
            continue;
        }
        let begun = ambient::uptime();
        let proven = guard.proof(&running, turn, newest).await;
        turn = turn.wrapping_add(1);
        let took = ambient::uptime().saturating_sub(begun);
        let pause = if proven.is_ok() {
            *guard.of.protect.etcd.prove
        } else {
            AGAIN
        };
        due = ambient::uptime() + pause.max(took * SHARE);
        guard.board.trouble(&guard.cluster, "proof", proven.as_ref().err());
        if let Ok(proof) = proven {
            guard.board.change(&guard.cluster, |entry| entry.proof = Some(proof));
        }
    }
}

impl Guard {
    /// Whether the files belong to what etcd holds.
    async fn judge(
        &self,
        distribution: Distribution,
        source: Arc<HistorySource>,
        files: Arc<Files>,
    ) -> Result<(), Trouble> {
        let now = ambient::now();
        let judging = tokio::task::spawn_blocking(move || {
            let records = complete::gathered(&*source, source.last_revision())?;
            Ok::<_, Trouble>(complete::judge(&Parts { distribution, files: &*files, records: &records, now }))
        });
        let broken = |reason: tokio::task::JoinError| Trouble::new("LB0099", Kind::Bug, reason.to_string());
        let complete = judging.await.map_err(broken)??;
        let (lacks, untested) = (said(complete.failing()), said(complete.unknown()));
        let warnings = said(complete.expiring());
        let new = self.board.change(&self.cluster, |entry| {
            let new: Vec<String> = lacks.iter().filter(|it| !entry.lacks.contains(it)).cloned().collect();
            (entry.judged, entry.lacks) = (Some(now), lacks);
            (entry.untested, entry.warnings) = (untested, warnings);
            new
        });
        for lack in new {
            self.board
                .say(&self.cluster, &format!("its recovery set is not complete: {lack}"));
        }
        Ok(())
    }

    /// Compares the history with the member whose turn it is.
    async fn proof(&self, running: &Running, turn: usize, files: Option<Arc<Files>>) -> Result<HashProof, Trouble> {
        let timeline = running.behind.borrow().timeline;
        let shelf = Arc::new(RepositoryShelf::new(&running.repository, &self.cluster));
        let opening = tokio::task::spawn_blocking(move || {
            let history = Arc::new(History::open(shelf)?);
            Ok::<_, Trouble>(HistorySource::new(history, timeline)?)
        });
        let broken = |reason: tokio::task::JoinError| Trouble::new("LB0099", Kind::Bug, reason.to_string());
        let source = opening.await.map_err(broken)??;
        let none =
            || Trouble::new("LB0407", Kind::Unreachable, format!("timeline {timeline} has nothing to compare yet"));
        let source = Arc::new(source.ok_or_else(none)?);
        if let Some(files) = files {
            self.judge(running.distribution, Arc::clone(&source), files).await?;
        }
        let asked = every_member(&running.connections).await?;
        let names = asked.clients.names();
        let member = names.get(turn % names.len().max(1)).cloned().unwrap_or_default();
        let verified = verify_members(source, std::slice::from_ref(&member), &asked.clients).await?;
        let finding = verified.members.into_iter().next().map(|it| it.finding);
        match finding {
            Some(Finding::Equal(answer)) => Ok(HashProof {
                member,
                at: ambient::now(),
                timeline,
                revision: answer.revision,
                compaction: answer.compact_revision,
                hash: answer.hash,
            }),
            Some(Finding::Differs { theirs, ours }) => {
                let message = format!(
                    "member {member} holds something else than the history: at revision {} its hash is {}, and the history's {ours}",
                    theirs.revision, theirs.hash
                );
                let hint =
                    format!("lifeboat etcd verify --cluster {} --here: which of the members agree", self.cluster);
                Err(Trouble::new("LB0409", Kind::Damaged, message).hint(hint))
            }
            Some(Finding::Unreachable(why) | Finding::NotComparable { why, .. }) => Err(Trouble::new(
                "LB0401",
                Kind::Unreachable,
                format!("member {member} cannot be compared: {why}"),
            )),
            None => Err(Trouble::new("LB0401", Kind::Unreachable, "no member answers")),
        }
    }
}

/// Findings in words, each with what to do about it.
fn said<'a>(findings: impl IntoIterator<Item = &'a Found>) -> Vec<String> {
    findings.into_iter().map(|it| format!("{it}; next: {}", it.next)).collect()
}
