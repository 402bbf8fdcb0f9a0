//! `lifeboat protect CLUSTER --now`: a point, now, by the Lifeboat that captures the cluster, here or on another host.

use crate::commands::known::{ask_there, told};
use crate::commands::status::{json, refused};
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Output, Printer, Report};
use daemon::{Answer, CONTROL, Question};
use estate::{Kind, Name, PointId};
use recovery::{Trouble, World};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long all of it may take: what waits for it is something risky.
const LIMIT: Duration = Duration::from_secs(120);
/// A reason stands in a list.
const REASON_BYTES: usize = 200;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cluster
    cluster: Name,
    #[command(flatten)]
    which: Which,
    /// Make the point now; by themselves, points are made on their schedule
    #[arg(long, required = true)]
    now: bool,
    /// Why it is made, for whoever lists it: "before upgrade"
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Hold it against retention, until lifeboat points release
    #[arg(long)]
    hold: bool,
    /// Where this host's Lifeboat can be asked
    #[arg(long, value_name = "SOCKET", default_value = CONTROL)]
    control: PathBuf,
    /// Ask only this host's Lifeboat, and answer as it does
    #[arg(long, hide = true)]
    here: bool,
}

/// The point that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    cluster: Name,
    point: PointId,
    /// Whether it is held against retention.
    held: bool,
    /// Whose Lifeboat made it; none for this host's.
    host: Option<Name>,
}

impl Report for Made {
    fn text(&self) -> String {
        format!("{}\n", self.point)
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    if args.reason.len() > REASON_BYTES {
        let message = format!("the reason has {} bytes, and {REASON_BYTES} are the most", args.reason.len());
        return Err(Failure::new("LB0003", Kind::Invalid, message));
    }
    let question = Question::Point {
        cluster: args.cluster.clone(),
        reason: args.reason.clone(),
        hold: args.hold,
    };
    if args.here {
        return here(&args, &question, printer).await;
    }
    let world = args.which.open()?;
    world.cluster(&args.cluster)?;
    let begun = ambient::monotonic();
    let own = daemon::ask(&args.control, &question, LIMIT)
        .await
        .and_then(|answer| point(answer, &args));
    let (point, host) = match own {
        Ok(point) => (point, None),
        Err(trouble) if is_elsewhere(&trouble) => {
            let (point, host) = elsewhere(&world, &args, trouble, begun).await?;
            (point, Some(host))
        }
        Err(trouble) => return Err(trouble.into()),
    };
    printer.show(&Made { cluster: args.cluster, point, held: args.hold, host })
}

/// Asks the other hosts that protect it, one after the other: only one of them can.
async fn elsewhere(world: &World, args: &Args, own: Trouble, begun: Instant) -> Result<(PointId, Name), Trouble> {
    let cluster = world.cluster(&args.cluster)?;
    let mut hosts = cluster.protectors();
    if hosts.is_empty() {
        hosts.extend(world.estate.hosts.keys());
    }
    hosts.retain(|host| world.here.as_ref() != Some(*host));
    let mut causes = vec![told(&own).text];
    let mut words = vec![
        "protect",
        args.cluster.as_str(),
        "--now",
        "--here",
        "--reason",
        &args.reason,
    ];
    words.extend(args.hold.then_some("--hold"));
    for host in hosts {
        let left = LIMIT.saturating_sub(ambient::monotonic().saturating_duration_since(begun));
        if left.is_zero() {
            causes.push(format!("{host} was not asked: the time of {} s is over", LIMIT.as_secs()));
            break;
        }
        match ask_there(world, host, &words, left)
            .await
            .and_then(|answer| point(answer, args))
        {
            Ok(point) => return Ok((point, host.clone())),
            Err(trouble) => causes.push(told(&trouble).text),
        }
    }
    let message = format!("no point of {} was made", args.cluster);
    let mut trouble = Trouble::new("LB0415", Kind::Unreachable, message);
    trouble.causes = causes;
    Err(trouble.hint(format!("lifeboat status {}: who captures it", args.cluster)))
}

/// Only this host's Lifeboat: its answer, and then as an error what it refuses.
async fn here(args: &Args, question: &Question, printer: &Printer) -> Result<(), Failure> {
    let answer = match daemon::ask(&args.control, question, LIMIT).await {
        Ok(answer) => answer,
        Err(trouble) => refused(&trouble),
    };
    if printer.output() == Output::Json {
        printer.text(&json(&answer)?)?;
    }
    let point = point(answer, args)?;
    match printer.output() {
        Output::Json => Ok(()),
        _ => printer.show(&Made {
            cluster: args.cluster.clone(),
            point,
            held: args.hold,
            host: None,
        }),
    }
}

/// The point of an answer, or why there is none.
fn point(answer: Answer, args: &Args) -> Result<PointId, Trouble> {
    match answer {
        Answer::Point { point, held: false } if args.hold => {
            let message =
                format!("point {point} was made, and is not held: the Lifeboat that made it is older than holds");
            Err(Trouble::new("LB0415", Kind::Invalid, message)
                .hint(format!("lifeboat points hold {} {point}", args.cluster)))
        }
        Answer::Point { point, .. } => Ok(point),
        Answer::Refused { code, kind, message, hint } => {
            let mut trouble = Trouble::new(code, kind.parse().unwrap_or(Kind::Person), message);
            trouble.hint = hint;
            Err(trouble)
        }
        Answer::Report { .. } | Answer::Promoted(_) => {
            let message = "this host's Lifeboat gave another answer than was asked for";
            Err(Trouble::new("LB0415", Kind::Invalid, message)
                .hint("lifeboat version, and that of lifeboat serve here"))
        }
    }
}

/// Whether somebody else may be able to: nobody here captures it, or nobody is here.
fn is_elsewhere(trouble: &Trouble) -> bool {
    trouble.code == "LB0415"
}
