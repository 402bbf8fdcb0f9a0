//! `lifeboat gate`: stands before what serves, and lets it start only where it may.

use crate::estate::{Which, me};
use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Kind, Name, Report, Serving};
use recovery::{Trouble, World};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(300);
const ANSWER: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Say at once whether it may start instead of waiting until it may
    #[arg(long)]
    now: bool,
}

/// Returns once this site may start what serves.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let here = world
        .here
        .as_ref()
        .and_then(|host| world.estate.site_on(host.as_str()))
        .cloned();
    let site = here.ok_or_else(|| {
        let message = "this host is none on which a site's Lifeboat runs, so there is nobody to ask";
        Failure::new("LB0204", Kind::Invalid, message).hint("hostname, or --host NAME")
    })?;
    let mut said = String::new();
    loop {
        let why = match ask(&world, &site).await {
            Ok(Serving::Serving { .. } | Serving::Standby | Serving::Never) => return Ok(()),
            Ok(Serving::Fenced { standing }) => format!("{site} is fenced: {standing} is newer"),
            Ok(Serving::Alone { epoch }) => format!("no majority confirms epoch {epoch} of {site}"),
            Ok(Serving::TakingOver { epoch }) => format!("a run is bringing the cluster up here in epoch {epoch}"),
            Ok(Serving::Unknown) => format!("it is not known yet whether {site} may serve"),
            Err(trouble) => format!("no word from the Lifeboat of {site}: {trouble}"),
        };
        if args.now {
            return Err(Failure::new("LB0605", Kind::Person, format!("nothing that serves may start here: {why}"))
                .hint("lifeboat status"));
        }
        if why != said {
            printer.talk(&format!("waiting at the gate: {why}"));
            said = why;
        }
        ambient::sleep(PAUSE).await;
    }
}

async fn ask(world: &World, site: &Name) -> Result<Serving, Trouble> {
    let report: Report = recovery::ask_site(world, &me(world), site, "report", &(), ANSWER).await?;
    Ok(report.serving)
}
