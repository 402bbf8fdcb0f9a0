//! `lifeboat repository`: makes, checks, mends, thins out and copies what a recovery depends on.

mod check;
mod copy;
mod cost;
pub(in crate::commands) mod init;
mod keys;
mod kit;
mod prune;
mod sheet;
mod stats;

use crate::commands::etcd::size;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Kind, Name};
use recovery::{Trouble, World};
use repository::{Error, Probed, Signer};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the repository, and print the recovery sheet
    Init(init::Args),
    /// Show who can open the repository and who may write it, or bring that in line with the estate
    Keys(keys::Args),
    /// Say which points are unharmed, and what is wrong with the rest
    Check(check::Args),
    /// Take from another repository what this one has lost
    Repair(check::RepairArgs),
    /// Let go of what the estate no longer keeps
    Prune(prune::Args),
    /// Keep a second repository that is the same
    Copy(copy::Args),
    /// Count objects and bytes
    Stats(stats::Args),
    /// Show the recovery kit, store it now, or fetch it onto an empty host
    Kit(kit::Args),
}

/// Which estate, and which of its repositories.
#[derive(clap::Args)]
struct Of {
    #[command(flatten)]
    which: Which,
    /// The repository; without this that of the management cluster, or the only one
    #[arg(long, value_name = "NAME")]
    repository: Option<Name>,
}

impl Of {
    fn open(&self) -> Result<(World, Name), Failure> {
        let world = self.which.open()?;
        let name = self.repository.clone().or_else(|| first(&world));
        let none = || {
            Trouble::new(
                "LB0202",
                Kind::Invalid,
                "the estate names several repositories, and --repository none of them",
            )
        };
        let name = name.ok_or_else(none)?;
        Ok((world, name))
    }
}

/// The repository of the management cluster, or the only one that is no copy.
fn first(world: &World) -> Option<Name> {
    let originals = world.estate.repositories.iter().filter(|(_, of)| of.copy_of.is_none());
    let mut originals = originals.map(|(name, _)| name);
    let only = originals.next().filter(|_| originals.next().is_none());
    let of_management = world.estate.management().map(|(_, of)| &*of.repository);
    of_management.or(only).cloned()
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Command::Init(args) => init::run(args, printer).await,
        Command::Keys(args) => keys::run(args, printer).await,
        Command::Check(args) => check::run(args, printer).await,
        Command::Repair(args) => check::repair(args, printer).await,
        Command::Prune(args) => prune::run(args, printer).await,
        Command::Copy(args) => copy::run(args, printer).await,
        Command::Stats(args) => stats::run(args, printer).await,
        Command::Kit(args) => kit::run(args, printer).await,
    }
}

/// The root's signing key from its file; made there if the file is not there and `make` says so.
fn root_key(path: &Path, make: bool) -> Result<(Signer, bool), Failure> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((Signer::parse("root key", &text).map_err(Trouble::from)?, false)),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound && make => {
            let (text, signer) = Signer::generate().map_err(Trouble::from)?;
            let text = format!(
                "# The root's signing key of a Lifeboat repository: it decides who can open it and who may write it.\n\
                 # Public: {}\n{}\n",
                signer.public(),
                *text
            );
            write_secret(path, text.as_bytes())?;
            Ok((signer, true))
        }
        Err(reason) => Err(Failure::new("LB0203", Kind::Person, format!("the root key {shown} cannot be read"))
            .because(&reason)
            .hint(format!("ls -l {shown}"))),
    }
}

/// Writes a file that only its owner reads, durably, where there is none.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(|reason| {
        Failure::new("LB0308", Kind::Person, format!("{} could not be written", path.display())).because(&reason)
    })
}

/// What is wrong with a store that a probe found wanting.
fn unfit(store: &str, probed: &Probed) -> Failure {
    Failure::new("LB0310", Kind::Person, format!("{store} fails its probe: {probed}")).hint("lifeboat explain LB0310")
}

/// What is wrong with the root key that was given, in words about it.
fn about_root(error: Error, path: &Path) -> Failure {
    let hint = format!("--root-key FILE: the file that init wrote for this repository, not {}", path.display());
    match error {
        Error::OtherRoot { .. } => Failure::from(Trouble::from(error).hint(hint)),
        Error::Untrusted { .. } => Failure::from(Trouble::from(error).hint(
            "lifeboat repository repair --from NAME, if it is one of yours that was harmed\nelse: lifeboat repository keys apply --remove-unsigned",
        )),
        other => Failure::from(Trouble::from(other)),
    }
}
