//! `lifeboat repository stats`: what a repository holds.

use super::{Of, size};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use recovery::Trouble;
use repository::Stats;
use serde::Serialize;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Stats);

impl Report for Shown {
    fn text(&self) -> String {
        let mut rows = Vec::new();
        for (scope, of) in &self.0.scopes {
            for (kind, amount) in &of.kinds {
                let newest = of.newest.as_ref().filter(|_| *kind == repository::Kind::Points);
                rows.push([
                    scope.to_string(),
                    kind.to_string(),
                    amount.objects.to_string(),
                    size(amount.bytes),
                    newest.map(ToString::to_string).unwrap_or_default(),
                ]);
            }
        }
        for (kind, amount) in &self.0.others {
            rows.push([
                String::new(),
                kind.to_string(),
                amount.objects.to_string(),
                size(amount.bytes),
                String::new(),
            ]);
        }
        let all = &self.0.all;
        rows.push([
            "all".to_owned(),
            String::new(),
            all.objects.to_string(),
            size(all.bytes),
            String::new(),
        ]);
        table(["SCOPE", "KIND", "OBJECTS", "SIZE", "NEWEST"], rows)
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    let stats = world.repository(&name)?.stats().await.map_err(Trouble::from)?;
    printer.show(&Shown(stats))
}
