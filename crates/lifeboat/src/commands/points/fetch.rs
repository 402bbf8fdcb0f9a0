//! `lifeboat points fetch`: a point in plain files.

use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::Printer;
use estate::Name;
use recovery::Trouble;
use recovery::asked::{self as copies, Asked};
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(allow_missing_positional = true)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The cluster; without this the one that has a standby
    cluster: Option<Name>,
    /// The point, or `newest`: the newest that opens
    #[arg(value_name = "POINT|newest", value_parser = asked)]
    point: Asked,
    /// A directory that is there; the parts are written below it, readable by their owner alone
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
    /// Accept this point even if nobody who is trusted has signed it
    #[arg(long)]
    accept_unsigned: bool,
    /// Leave out the snapshot of etcd, which is made out of the cluster's history
    #[arg(long)]
    files_only: bool,
}

/// A point as it is typed: its id, or `newest`.
pub(in crate::commands) fn asked(text: &str) -> Result<Asked, estate::InvalidPointId> {
    match text {
        "newest" => Ok(Asked::Newest),
        id => Ok(Asked::Point { id: id.parse()?, accept_unsigned: false }),
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = match args.cluster {
        Some(cluster) => (args.which.open()?, cluster),
        None => args.which.open_cluster()?,
    };
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let id = match args.point {
        Asked::Point { id, .. } => id,
        asked => {
            let again = format!("lifeboat points fetch {cluster} newest");
            let (point, _) = copies::point(&repository, &cluster, &asked, &again).await?;
            printer.talk(&format!("the newest point is {}, of {:.3}", point.id, point.begun));
            point.id
        }
    };
    let point = match args.accept_unsigned {
        true => {
            let (point, unsigned) = repository.point_unsigned(&cluster, &id).await.map_err(Trouble::from)?;
            if let Some(reason) = unsigned {
                printer.talk(&format!("point {id} is not to be trusted, and is accepted: {reason}"));
            }
            point
        }
        false => repository.point(&cluster, &id).await.map_err(Trouble::from)?,
    };
    for part in &point.parts {
        let file = args.into.join(&part.name);
        repository
            .fetch(&cluster, &point, &part.name, &file)
            .await
            .map_err(Trouble::from)?;
        printer.talk(&format!("{} is whole and sound", file.display()));
    }
    if args.files_only {
        return Ok(());
    }
    let file = args.into.join("etcd");
    protect::etcd::export(&repository, &cluster, &point, None, &file)
        .await
        .map_err(Trouble::from)?;
    printer.talk(&format!("{} is a snapshot of etcd at revision {}", file.display(), point.revision));
    Ok(())
}
