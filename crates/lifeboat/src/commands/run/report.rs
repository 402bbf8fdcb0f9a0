//! `lifeboat run report`: the report of a run, to be kept: what was done, how long it took against the objectives, what went otherwise.
//! It is signed by this host's key, and `verify-report` says by whom.

use super::{At, Of};
use crate::failure::Failure;
use crate::printer::Printer;
use ::estate::{Kind, Name};
use recovery::Trouble;
use recovery::report::Measured;
use repository::Scope;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Its number; without this the newest
    number: Option<u64>,
    /// How it is written
    #[arg(long, value_enum, default_value = "md")]
    format: Format,
    /// The file, beside which its signature is put as FILE.sig; without this it is printed, unsigned
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

// The values have no doc comments: clap would then spread them over lines of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Md,
    Html,
    Json,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    of: Of,
    /// The report; its signature lies beside it as FILE.sig
    file: PathBuf,
    /// The cluster that it is about; not needed where one has a standby, or where there is one
    #[arg(long, value_name = "NAME")]
    about: Option<Name>,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let place = args.at.open()?;
    let run = place.named(args.number).await?;
    let measured = Measured::of(&run, ambient::now());
    let text = match args.format {
        Format::Md => measured.markdown(),
        Format::Html => {
            let title = format!("Run {}: {}", measured.run, measured.title());
            plan::page::html(&title, &title, &measured.markdown())
        }
        Format::Json => serde_json::to_string_pretty(&measured)
            .map_err(|error| Failure::new("LB0099", Kind::Bug, "the report has no written form").because(&error))?,
    };
    let Some(file) = &args.into else {
        return printer.text(&text);
    };
    let scope = Scope::Cluster(run.plan.cluster.clone());
    // Without a key that counts, the report is written all the same, and that is said.
    let signed = place.repository.sign_document(&scope, text.as_bytes()).await;
    write(file, &text)?;
    match signed {
        Ok(signature) => {
            write(&beside(file), &signature)?;
            printer.talk(&format!("written: {0}, signed in {1}", file.display(), beside(file).display()));
            Ok(())
        }
        Err(error) => {
            printer.talk(&format!("written: {}, not signed", file.display()));
            Err(Trouble::from(error).into())
        }
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|reason| {
        Failure::new("LB0308", Kind::Person, format!("{} cannot be written", file.display())).because(&reason)
    })
}

pub(super) async fn verify(args: VerifyArgs, printer: &Printer) -> Result<(), Failure> {
    let (world, repository) = args.of.open()?;
    let read = |path: &Path| {
        std::fs::read(path).map_err(|reason| {
            Failure::new("LB0308", Kind::Person, format!("{} cannot be read", path.display())).because(&reason)
        })
    };
    let clusters: Vec<Name> = match &args.about {
        Some(name) => vec![name.clone()],
        None => world.estate.clusters.keys().cloned().collect(),
    };
    let (text, signature) = (read(&args.file)?, read(&beside(&args.file))?);
    let signature = String::from_utf8_lossy(&signature).into_owned();
    let mut last = None;
    for cluster in clusters {
        match repository
            .check_document(&Scope::Cluster(cluster.clone()), &text, &signature)
            .await
        {
            Ok(writer) => {
                printer.talk(&format!(
                    "{} is as {writer} signed it, who may write about {cluster}",
                    args.file.display()
                ));
                return Ok(());
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(
        || Failure::new("LB0202", Kind::Invalid, "the estate has no clusters"),
        |error| Trouble::from(error).into(),
    ))
}
