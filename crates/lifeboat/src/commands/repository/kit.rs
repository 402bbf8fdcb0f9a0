//! `lifeboat repository kit`: the estate and its secrets as the repository has them.

use super::Of;
use crate::commands::span;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use estate::{Kind, SecretRef};
use recovery::{Trouble, kit};
use repository::{FoundKit, Repository, Settings};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Store the kit now, if something has changed
    Store(StoreArgs),
    /// Write the estate and its secrets into a directory; needs no estate
    Fetch(FetchArgs),
}

#[derive(clap::Args)]
struct StoreArgs {
    #[command(flatten)]
    of: Of,
}

#[derive(clap::Args)]
struct FetchArgs {
    /// The store, as the recovery sheet has it
    #[arg(long, value_name = "URL")]
    url: String,
    /// The store's server, if it is not the cloud's own
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The region of an S3 bucket
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// The root's public key, as the recovery sheet has it: what others have signed is then refused
    #[arg(long, value_name = "KEY")]
    root: String,
    /// The file of an identity that opens the repository
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// This kit; without this the newest that is sound
    #[arg(long, value_name = "NUMBER")]
    number: Option<u64>,
    /// An empty directory, made if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    number: u64,
    made: jiff::Timestamp,
    age_s: i64,
    writer: String,
    holds: Vec<String>,
    left_out: Vec<(String, String)>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let holds = self.holds.iter().map(|name| [name.clone(), "sealed".to_owned()]);
        let left_out = self
            .left_out
            .iter()
            .map(|(name, why)| [name.clone(), format!("left out: {why}")]);
        let head = format!("kit {} of {}, {} old", self.number, self.writer, span(self.age_s));
        format!("{head}\n\n{}", table(["WHAT", "STATE"], holds.chain(left_out)))
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        None => show(&args.of, printer).await,
        Some(Command::Store(args)) => store(&args.of, printer).await,
        Some(Command::Fetch(args)) => fetch(args, printer).await,
    }
}

async fn show(of: &Of, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = of.open()?;
    printer.show(&shown(&newest(&world.repository(&name)?, printer).await?))
}

/// The newest kit that is sound. Which newer ones are not, and why, is said.
async fn newest(repository: &Repository, printer: &Printer) -> Result<FoundKit, Failure> {
    let search = repository.find_kit().await.map_err(Trouble::from)?;
    let Some(found) = search.found else {
        let none = Trouble::new("LB0303", Kind::Invalid, format!("{} has no recovery kit", repository.store()))
            .hint("lifeboat repository kit store, on a host that has the estate");
        let newest = search.passed_over.into_iter().next().map(Trouble::from);
        return Err(newest.unwrap_or(none).into());
    };
    for error in search.passed_over {
        printer.talk(&format!("passed over: {error}"));
    }
    Ok(found)
}

fn shown(found: &FoundKit) -> Shown {
    let kit = &found.kit;
    Shown {
        number: found.number,
        made: kit.made,
        age_s: ambient::now().duration_since(kit.made).as_secs(),
        writer: found.writer.clone(),
        holds: kit.files.keys().cloned().collect(),
        left_out: kit.left_out.iter().map(|(name, why)| (name.clone(), why.clone())).collect(),
    }
}

async fn store(of: &Of, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = of.open()?;
    let sealed = kit::seal(&world, &world.repository(&name)?).await?;
    match sealed.number {
        Some(number) => printer.talk(&format!("kit {number} is stored")),
        None => printer.talk("nothing has changed since the newest kit"),
    }
    show(of, printer).await?;
    sealed.kept().map_or(Ok(()), |kept| Err(kept.into()))
}

async fn fetch(args: FetchArgs, printer: &Printer) -> Result<(), Failure> {
    let repository = Repository::open(settings(&args)?).map_err(Trouble::from)?;
    let found = match args.number {
        Some(number) => repository.kit_numbered(number).await.map_err(Trouble::from)?,
        None => newest(&repository, printer).await?,
    };
    let laid = kit::lay(&found.kit, &args.into)?;
    for (there, belongs) in &laid.elsewhere {
        printer.talk(&format!("the estate looks for {}: cp {} there", belongs.display(), there.display()));
    }
    if let Some(variables) = &laid.variables {
        printer.talk(&format!("set -a; . {}; set +a", variables.display()));
    }
    let estate = laid.estate.display();
    if let Some(identity) = &args.identity {
        let all = brought(identity, &laid.estate, &args.url);
        all.iter().for_each(|line| printer.talk(&format!("hint: {line}")));
        if all.is_empty() {
            printer.talk("hint: copy the identity to where the estate looks for it");
        }
    }
    printer.talk(&format!("hint: lifeboat check --estate {estate}"));
    printer.show(&shown(&found))
}

/// How an identity gets to where the estate looks for that of the repository at `url`, or else for those of all: lines to type.
fn brought(identity: &Path, estate: &Path, url: &str) -> BTreeSet<String> {
    let Ok(world) = crate::estate::read(estate) else {
        return BTreeSet::new();
    };
    let beside = estate.parent().unwrap_or(Path::new("."));
    let identity = identity.display();
    let line = |of: &estate::Repository| match &of.identity {
        SecretRef::File(path) => format!("install -m 600 -D {identity} {}", beside.join(path).display()),
        SecretRef::Env(name) => format!("export {name}=\"$(cat {identity})\""),
    };
    let all = || world.estate.repositories.values();
    let of_url: BTreeSet<_> = all().filter(|of| world.url(of).to_string() == url).map(line).collect();
    match of_url.is_empty() {
        true => all().map(line).collect(),
        false => of_url,
    }
}

fn settings(args: &FetchArgs) -> Result<Settings, Failure> {
    let identity = args.identity.as_deref().map(read).transpose()?;
    let store = recovery::store_settings(&args.url, args.endpoint.as_deref(), args.region.as_deref())?;
    Ok(Settings {
        store,
        identity,
        identity_missing: None,
        passphrase: std::env::var("LIFEBOAT_PASSPHRASE").ok(),
        signer: None,
        root: Some(args.root.clone()),
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|reason| {
        Failure::new("LB0203", Kind::Person, format!("the identity {} cannot be read", path.display())).because(&reason)
    })
}
