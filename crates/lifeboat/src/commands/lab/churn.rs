//! `lifeboat lab churn`: a cluster as busy as asked for.

use super::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use crate::progress::Progress;
use lab::content::{self, Churn, Churned};
use serde::Serialize;
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The cluster
    #[arg(long, default_value = "rancher")]
    cluster: String,
    /// Objects that stand at any time
    #[arg(long, default_value_t = 200)]
    objects: usize,
    /// Changes per second
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// Where the changes come from: one seed changes the same objects
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how many seconds; until Ctrl-C where it is left out
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=8_640_000))]
    duration: Option<u64>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.01..=10_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("from 0.01 to 10000 a second".into())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    done: u64,
    failed: u64,
    errors: u64,
    missed: u64,
    seconds: f64,
    rate: f64,
    slowest_ms: u128,
    resource_version: u64,
    last_error: Option<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        card([
            ("changes", format!("{} in {:.1} s, {:.1} a second", self.done, self.seconds, self.rate)),
            ("not done", format!("{} given up, {} left out", self.failed, self.missed)),
            (
                "errors",
                format!(
                    "{}{}",
                    self.errors,
                    self.last_error.iter().map(|e| format!("; last: {e}")).collect::<String>()
                ),
            ),
            ("slowest", format!("{} ms", self.slowest_ms)),
            ("revision", self.resource_version.to_string()),
        ])
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let lab = args.which.open()?;
    let client = lab.client(&args.cluster).await?;
    let progress = Progress::new(*printer);
    let asked = Churn {
        objects: args.objects,
        rate: args.rate,
        seed: args.seed,
        duration: args.duration.map(Duration::from_secs),
        stop: async {
            // Without a way to hear of Ctrl-C the process simply ends with it.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        },
    };
    let outcome = content::churn(&client, asked, |so_far: &Churned| {
        progress.step(&format!(
            "{} changes, {:.1} a second, {} failed",
            so_far.done,
            so_far.rate(),
            so_far.failed
        ));
    })
    .await;
    progress.clear();
    let churned = outcome.map_err(|source| lab::Error::Cluster {
        cluster: args.cluster.clone(),
        doing: "setting up the objects to change".into(),
        source: source.into(),
    })?;
    printer.show(&Shown {
        done: churned.done,
        failed: churned.failed,
        errors: churned.errors,
        missed: churned.missed,
        seconds: churned.elapsed.as_secs_f64(),
        rate: churned.rate(),
        slowest_ms: churned.slowest.as_millis(),
        resource_version: churned.resource_version,
        last_error: churned.last_error,
    })
}
