//! `lifeboat etcd verify`: whether a copy is sound, and whether each member of a live etcd holds the same.

use super::apart;
use super::opened::{Found, Opened, Place, Which, broken};
use super::source::{Source, unanswered};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use ::etcd::proof::{
    Compared, Finding, HashAnswer, ReadAll, Verified, every_member, hash_kv, read_all, verify_database, verify_members,
};
use estate::Kind;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    source: Source,
    /// Compare with the etcd of this host
    #[arg(long, conflicts_with = "endpoints")]
    here: bool,
    /// Read only what the moment needs, and not all that a history has
    #[arg(long)]
    quick: bool,
    /// Fail unless the history ends where etcd does: with nothing that writes to it, nothing would be lost then
    #[arg(long)]
    complete: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// What was read, all of it.
    sound: String,
    timeline: Option<u32>,
    revision: u64,
    /// Up to here, versions are gone; the hash counts from it.
    compaction: u64,
    /// What an etcd with the same content answers to HashKV.
    hash_kv: u32,
    /// Of a history: how many objects were read, of all its timelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    members: Vec<Row>,
    #[serde(skip)]
    quick: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    member: String,
    /// `equal`, `differs`, `unreachable`, `notComparable`.
    finding: &'static str,
    /// The newest revision that it has.
    newest: Option<u64>,
    revision: Option<u64>,
    compaction: Option<u64>,
    hash: Option<u32>,
    note: String,
}

impl Report for Shown {
    fn text(&self) -> String {
        let timeline = self
            .timeline
            .map_or_else(String::new, |number| format!("timeline {number} of "));
        let read = match self.quick {
            true => "every record of that moment was read",
            false => "every record was read",
        };
        let mut text = format!(
            "{timeline}{} is sound through revision {}: {read}\nHashKV {}, compacted at {}",
            self.sound, self.revision, self.hash_kv, self.compaction
        );
        if !self.members.is_empty() {
            let number = |it: Option<u64>| it.map_or_else(String::new, |it| it.to_string());
            let rows = self.members.iter().map(|row| {
                let hash = row.hash.map_or_else(String::new, |hash| hash.to_string());
                [
                    row.member.clone(),
                    row.finding.to_owned(),
                    number(row.revision),
                    number(row.compaction),
                    hash,
                    row.note.clone(),
                ]
            });
            text += "\n\n";
            text += &table(["MEMBER", "FINDING", "REVISION", "COMPACTED AT", "HASH", "NOTE"], rows);
        }
        text
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<ExitCode, Failure> {
    let live = args.source.is_named() || args.here;
    if args.complete && !live {
        let message = "--complete compares with a live etcd, and none is named";
        return Err(Failure::new("LB0003", Kind::Invalid, message).hint("--here, or --endpoints URLS"));
    }
    // Before the long work: what is typed wrongly shows at once.
    let clients = if live {
        Some(every_member(&args.source.connections()?).await.map_err(unanswered)?)
    } else {
        None
    };
    let which = args.which.clone();
    let (place, found) = apart(move || Ok((which.place()?, which.find(true)?))).await?;
    let whole = match args.quick {
        true => None,
        false => whole(&place, args.which.spool.clone()).await?,
    };
    let (found, ours) = hashed(found).await?;
    let verified = match &clients {
        None => Verified { members: Vec::new() },
        Some(clients) => {
            let mut verified = verify_members(found.source.clone(), &clients.clients.names(), &clients.clients).await?;
            verified.members.extend(clients.silent.iter().map(|(member, why)| Compared {
                member: member.clone(),
                newest: None,
                finding: Finding::Unreachable(why.clone()),
            }));
            verified
        }
    };
    printer.show(&Shown {
        sound: place.shown(),
        timeline: found.timeline,
        revision: found.revision,
        compaction: ours.compact_revision,
        hash_kv: ours.hash,
        objects: whole.map(|it| it.objects),
        records: whole.map(|it| it.records),
        members: verified.members.iter().map(row).collect(),
        quick: args.quick,
    })?;
    if found.timeline.is_some() && args.which.at.is_none() {
        let (timeline, again) = (found.timeline, place.clone());
        let cut = apart(move || Ok(broken(&again.history()?))).await?;
        if let Some(cut) = cut.iter().find(|it| Some(it.timeline) == timeline) {
            let hint = format!("lifeboat etcd capture {}: goes on there, if etcd still can", place.typed_into());
            return Err(Failure::new("LB0405", Kind::Damaged, cut.text()).hint(hint));
        }
    }
    let differing: Vec<_> = verified.differing().collect();
    if !differing.is_empty() {
        let all = differing.len() == verified.members.len() && differing.len() > 1;
        let who = if all {
            "every member".to_owned()
        } else {
            format!("member {}", differing.join(", "))
        };
        let message = format!("{who} holds other content than {}", place.shown());
        return Err(Failure::new("LB0409", Kind::Damaged, message));
    }
    let behind: Vec<String> = verified
        .members
        .iter()
        .filter(|it| it.newest.is_some_and(|newest| newest > found.revision))
        .map(|it| it.member.clone())
        .collect();
    if args.complete && !behind.is_empty() {
        let message =
            format!("{} has more than {}: it is at work, or nobody captures", behind.join(", "), place.shown());
        return Err(Failure::new("LB0818", Kind::Unreachable, message).hint("the same command again"));
    }
    Ok(if !live || verified.all_equal() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Reads all of it, also what the moment does not need: of a history every object of every timeline.
async fn whole(place: &Place, spool: Option<PathBuf>) -> Result<Option<ReadAll>, Failure> {
    let place = place.clone();
    apart(move || match place.open(spool.as_deref())? {
        Opened::History(history) => Ok(Some(read_all(&history)?)),
        Opened::File(imported) => {
            verify_database(imported.database)?;
            Ok(None)
        }
    })
    .await
}

/// Computes the hash.
async fn hashed(found: Found) -> Result<(Found, HashAnswer), Failure> {
    let (revision, floor) = (found.revision, found.source.compaction().min(found.revision));
    apart(move || Ok(hash_kv(&*found.source, revision, floor).map(|hash| (found, hash))?)).await
}

fn row(it: &Compared) -> Row {
    let row = |finding, note: String| Row {
        member: it.member.clone(),
        finding,
        newest: it.newest,
        revision: None,
        compaction: None,
        hash: None,
        note,
    };
    match &it.finding {
        Finding::Equal(answer) => Row {
            revision: Some(answer.revision),
            compaction: Some(answer.compact_revision),
            hash: Some(answer.hash),
            ..row("equal", String::new())
        },
        Finding::Differs { theirs, ours } => Row {
            revision: Some(theirs.revision),
            compaction: Some(theirs.compact_revision),
            hash: Some(theirs.hash),
            ..row("differs", format!("the copy's hash is {ours}"))
        },
        Finding::Unreachable(why) => row("unreachable", why.clone()),
        // Where it could be, from some revision on, the reason says so.
        Finding::NotComparable { why, .. } => row("notComparable", why.clone()),
    }
}
