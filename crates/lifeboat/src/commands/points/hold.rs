//! `lifeboat points hold` and `release`: what no rule lets go of, until somebody says so.

use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown};
use estate::{Kind, Name, PointId};
use recovery::Trouble;
use repository::{Held, Repository};
use serde::Serialize;

/// A reason stands in a list.
const REASON_BYTES: usize = 200;

/// Which point.
#[derive(clap::Args)]
struct Of {
    #[command(flatten)]
    which: Which,
    /// The cluster
    cluster: Name,
    /// The point
    point: PointId,
}

#[derive(clap::Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    of: Of,
    /// Why, for whoever lists it: "until the audit"
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    of: Of,
}

/// A point that is held, or was.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    cluster: Name,
    point: PointId,
    /// Whether it is held now.
    held: bool,
    /// What holds it, or did.
    hold: Held,
    /// Whether this command changed that.
    is_new: bool,
}

impl Report for Shown {
    fn text(&self) -> String {
        let what = match (self.held, self.is_new) {
            (true, true) => "is held",
            (true, false) => "is held already,",
            (false, _) => "is released; it was held",
        };
        format!("point {} of {} {what} {}\n", self.point, self.cluster, shown(&self.hold.to_string()))
    }
}

impl Of {
    fn open(&self) -> Result<Repository, Failure> {
        let world = self.which.open()?;
        Ok(world.repository(&world.cluster(&self.cluster)?.repository)?)
    }
}

pub(super) async fn hold(args: HoldArgs, printer: &Printer) -> Result<(), Failure> {
    if let Some(reason) = args.reason.as_ref().filter(|it| it.len() > REASON_BYTES) {
        let message = format!("the reason has {} bytes, and {REASON_BYTES} are the most", reason.len());
        return Err(Failure::new("LB0003", Kind::Invalid, message));
    }
    let repository = args.of.open()?;
    let Of { cluster, point, .. } = args.of;
    let done = repository.hold(&cluster, &point, args.reason.as_deref()).await;
    let (hold, is_new) = done.map_err(|error| missing(error, &cluster))?;
    let hold = Held::By(hold);
    printer.show(&Shown { cluster, point, held: true, hold, is_new })
}

pub(super) async fn release(args: ReleaseArgs, printer: &Printer) -> Result<(), Failure> {
    let repository = args.of.open()?;
    let Of { cluster, point, .. } = args.of;
    let done = repository.release(&cluster, &point).await;
    let hold = done.map_err(|error| missing(error, &cluster))?;
    printer.show(&Shown { cluster, point, held: false, hold, is_new: true })
}

/// The next command where it is not there, or not held: the list of this cluster.
fn missing(error: repository::Error, cluster: &Name) -> Trouble {
    let is_missing = matches!(error, repository::Error::NotFound { .. } | repository::Error::NotHeld { .. });
    match is_missing {
        true => Trouble::from(error).hint(format!("lifeboat points {cluster}")),
        false => error.into(),
    }
}
