//! `lifeboat etcd promote --followed CLUSTER`: a data directory of what this host's `lifeboat serve` follows. It is asked for it, since it has
//! that open; where none runs, what it has left is taken.

use super::Args;
use crate::commands::status::{json, refused};
use crate::failure::Failure;
use crate::printer::{Output, Printer, Report, card};
use ::etcd::follow::Least;
use daemon::{Answer, DIRECTORY, Promote, Question, followed};
use estate::{Kind, Name};
use recovery::{Promoted, Trouble};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long this host's Lifeboat may take: it may have to ask the history for what is missing, and checks the file from end to end.
const LIMIT: Duration = Duration::from_secs(280);

/// What was made, and of which state.
#[derive(Serialize)]
struct Shown {
    into: PathBuf,
    #[serde(flatten)]
    promoted: Promoted,
}

impl Report for Shown {
    fn text(&self) -> String {
        let it = &self.promoted;
        let seen = it.seen.map_or_else(String::new, |at| format!(", seen at {at:.3}"));
        card([
            (if it.made { "made" } else { "would be made" }, self.into.display().to_string()),
            ("timeline", it.timeline.to_string()),
            ("content of revision", format!("{}{seen}", it.revision)),
            (
                "behind",
                match it.behind {
                    Some(0) => "nothing".to_owned(),
                    Some(behind) => format!("{behind} revisions"),
                    None => "not known: the history was not looked at".to_owned(),
                },
            ),
        ])
    }
}

/// Asks for it, and shows what came of it; as JSON it is the answer as it was given.
pub(in crate::commands::etcd) async fn run(args: Args, cluster: Name, printer: &Printer) -> Result<(), Failure> {
    let members = args.member.iter().map(|it| (it.name.clone(), it.peer_urls.clone()));
    // Whoever answers may stand in another directory.
    let into = std::path::absolute(&args.into).map_err(|reason| {
        let why = format!("{} cannot be found", args.into.display());
        Failure::new("LB0003", Kind::Invalid, why).because(&reason)
    })?;
    let wanted = Promote {
        cluster: cluster.clone(),
        into,
        members: members.collect(),
        name: args.name()?,
        token: args.token.clone(),
        line: args.how.line.map(|line| line.to_string()),
        bump: (!args.how.no_bump).then_some(args.how.bump),
        least: least(&args, &cluster).await?,
        dry: args.dry_run,
    };
    let answer = match daemon::ask(&args.control, &Question::Promote(wanted.clone()), LIMIT).await {
        Ok(answer) => answer,
        Err(silent) => left(wanted.clone(), silent).await,
    };
    if printer.output() == Output::Json {
        printer.text(&json(&answer)?)?;
    }
    match answer {
        Answer::Promoted(_) if printer.output() == Output::Json => Ok(()),
        Answer::Promoted(promoted) => printer.show(&Shown { into: wanted.into, promoted }),
        Answer::Refused { code, kind, message, hint } => {
            let mut trouble = Trouble::new(code, kind.parse().unwrap_or(Kind::Person), message);
            trouble.hint = hint;
            Err(trouble.into())
        }
        Answer::Report { .. } | Answer::Point { .. } => {
            let message = "this host's Lifeboat gave another answer than was asked for";
            Err(Failure::new("LB0415", Kind::Invalid, message)
                .hint("lifeboat version, and that of lifeboat serve here"))
        }
    }
}

/// What has to be in it: as it is said, or what a copy has.
async fn least(args: &Args, cluster: &Name) -> Result<Option<Least>, Failure> {
    let Some(copy) = &args.copy else {
        return Ok(args.least());
    };
    let world = args.elsewhere.world()?;
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let again = format!("lifeboat etcd promote --followed {cluster} --copy newest");
    let (point, _) = recovery::asked::point(&repository, cluster, copy, &again).await?;
    Ok(Some(Least {
        timeline: point.timeline,
        revision: u64::try_from(point.revision).unwrap_or(0),
        cluster_id: point.etcd_cluster_id,
    }))
}

/// With what a Lifeboat has left that does not answer.
async fn left(wanted: Promote, silent: Trouble) -> Answer {
    let directory = followed(Path::new(DIRECTORY), &wanted.cluster);
    if !directory.is_dir() {
        return refused(&silent);
    }
    let promoted = tokio::task::spawn_blocking(move || daemon::promote(&directory, &wanted)).await;
    match promoted {
        Ok(Ok(promoted)) => Answer::Promoted(promoted),
        // It lives, and has it: that it does not answer is what is wrong.
        Ok(Err(trouble)) if trouble.code == "LB0410" => refused(&silent),
        Ok(Err(trouble)) => refused(&trouble),
        Err(reason) => refused(&Trouble::new("LB0099", Kind::Bug, reason.to_string())),
    }
}
