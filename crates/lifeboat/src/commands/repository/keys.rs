//! `lifeboat repository keys`: who can open the repository, and who may write it.

use super::{Of, about_root, root_key, write_secret};
use crate::failure::Failure;
use crate::printer::{Printer, Report, card, table};
use estate::Kind;
use recovery::{Trouble, World};
use repository::{KeyringInfo, Recipient, Repository, Scope, Signer, Writer};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make an identity and a signing key for a host or a person, and print what the estate needs of them
    New(NewArgs),
    /// Wrap the keys for the estate's recipients, and list the estate's writers
    Apply(ApplyArgs),
}

#[derive(clap::Args)]
struct NewArgs {
    /// A directory that is there; identity.txt and signer.key are written below it, readable by their owner alone
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
}

#[derive(clap::Args)]
struct ApplyArgs {
    #[command(flatten)]
    of: Of,
    /// The root's signing key
    #[arg(long, value_name = "FILE", default_value = "lifeboat-root.key")]
    root_key: PathBuf,
    /// Also make a new key for each scope: who is no recipient any more cannot open what is written from then on
    #[arg(long)]
    rotate: bool,
    /// First remove what stands above the newest keyrings and list of writers and is not signed: only if it was planted, and is
    /// no later one that another repository still has
    #[arg(long)]
    remove_unsigned: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    keyrings: Vec<KeyringInfo>,
    writers: Vec<Writer>,
    /// What the estate says otherwise.
    differences: Vec<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let rows = self.keyrings.iter().flat_map(|ring| {
            ring.recipients.iter().map(|it| {
                [
                    ring.scope.to_string(),
                    ring.number.to_string(),
                    ring.keys.len().to_string(),
                    it.name.to_string(),
                    it.recipient.clone(),
                ]
            })
        });
        let opens = table(["SCOPE", "KEYRING", "KEYS", "OPENED BY", "WITH"], rows);
        let rows = self.writers.iter().map(|it| {
            let scopes: Vec<String> = it.scopes.iter().map(ToString::to_string).collect();
            [it.name.to_string(), scopes.join(", "), it.key.to_string()]
        });
        let writes = table(["WRITER", "MAY WRITE", "SIGNS WITH"], rows);
        let differences: String = self.differences.iter().map(|it| format!("\n{it}")).collect();
        format!("{opens}\n\n{writes}\n{differences}")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct New {
    recipient: String,
    writer: String,
    identity: PathBuf,
    signer: PathBuf,
}

impl Report for New {
    fn text(&self) -> String {
        card([
            ("identity", self.identity.display().to_string()),
            ("its recipient", self.recipient.clone()),
            ("signer", self.signer.display().to_string()),
            ("its public key", self.writer.clone()),
        ])
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        None => show(&args.of, printer).await,
        Some(Command::New(args)) => new(&args, printer),
        Some(Command::Apply(args)) => apply(args, printer).await,
    }
}

fn new(args: &NewArgs, printer: &Printer) -> Result<(), Failure> {
    let (identity, recipient) = repository::new_identity();
    let (text, signer) = Signer::generate().map_err(Trouble::from)?;
    let files = [args.into.join("identity.txt"), args.into.join("signer.key")];
    write_secret(&files[0], format!("# public key: {recipient}\n{}\n", *identity).as_bytes())?;
    write_secret(&files[1], format!("# public key: {}\n{}\n", signer.public(), *text).as_bytes())?;
    let [identity, signer_file] = files;
    printer.show(&New {
        recipient,
        writer: signer.public().to_string(),
        identity,
        signer: signer_file,
    })
}

async fn show(of: &Of, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = of.open()?;
    let repository = world.repository(&name)?;
    let mut shown = Shown {
        keyrings: keyrings(&repository).await?,
        writers: repository.writers().await.map_err(Trouble::from)?,
        differences: Vec::new(),
    };
    let wanted = Wanted::of(&world, &name)?;
    for scope in &wanted.scopes {
        let ring = shown.keyrings.iter().find(|ring| ring.scope == *scope);
        match ring {
            None => shown.differences.push(format!("{scope} has no keys yet")),
            Some(ring) if !same(&ring.recipients, &wanted.recipients(scope)) => {
                shown.differences.push(format!("the estate has other recipients of {scope}"));
            }
            Some(_) => {}
        }
    }
    if shown.writers != wanted.writers {
        shown.differences.push("the estate has other writers".to_owned());
    }
    if !shown.differences.is_empty() {
        printer.talk("hint: lifeboat repository keys apply brings the repository in line with the estate");
    }
    printer.show(&shown)
}

async fn apply(args: ApplyArgs, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    let repository = world.repository(&name)?;
    let (root, _) = root_key(&args.root_key, false)?;
    if args.remove_unsigned {
        let removed = repository.remove_unsigned(&root).await;
        let removed = removed.map_err(|error| about_root(error, &args.root_key))?;
        removed.iter().for_each(|key| printer.talk(&format!("removed {key}")));
    }
    let wanted = Wanted::of(&world, &name)?;
    let founding = repository::Founding {
        root: &root,
        scopes: wanted.scopes.clone(),
        recipients: wanted.grants.clone(),
        writers: wanted.writers.clone(),
    };
    let made = repository
        .complete(&founding)
        .await
        .map_err(|error| about_root(error, &args.root_key))?;
    made.iter().for_each(|made| printer.talk(&format!("made {made}")));
    for scope in &wanted.scopes {
        let ring = repository.keyring_info(scope).await.map_err(Trouble::from)?;
        let recipients = wanted.recipients(scope);
        if recipients.is_empty() {
            let message = format!("the estate names nobody who could open {scope}");
            return Err(Failure::new("LB0202", Kind::Invalid, message));
        }
        if args.rotate || !same(&ring.recipients, &recipients) {
            let number = repository
                .rewrap(&root, scope, recipients, args.rotate)
                .await
                .map_err(|error| about_root(error, &args.root_key))?;
            printer.talk(&format!("{scope} has keyring {number}"));
        }
    }
    if repository.writers().await.map_err(Trouble::from)? != wanted.writers {
        let number = repository
            .set_writers(&root, wanted.writers)
            .await
            .map_err(|error| about_root(error, &args.root_key))?;
        printer.talk(&format!("list {number} of writers is in force"));
    }
    show(&args.of, printer).await
}

async fn keyrings(repository: &Repository) -> Result<Vec<KeyringInfo>, Failure> {
    let mut keyrings = Vec::new();
    for scope in repository.scopes().await.map_err(Trouble::from)? {
        keyrings.push(repository.keyring_info(&scope).await.map_err(Trouble::from)?);
    }
    Ok(keyrings)
}

/// What the estate says.
struct Wanted {
    scopes: Vec<Scope>,
    grants: Vec<repository::Grant>,
    writers: Vec<Writer>,
}

impl Wanted {
    fn of(world: &World, name: &estate::Name) -> Result<Self, Failure> {
        Ok(Self {
            scopes: world.scopes(name),
            grants: world.grants(name)?,
            writers: world.writers(name)?,
        })
    }

    fn recipients(&self, scope: &Scope) -> Vec<Recipient> {
        let opens = |grant: &&repository::Grant| grant.opens(scope);
        self.grants.iter().filter(opens).map(|grant| grant.recipient.clone()).collect()
    }
}

fn same(a: &[Recipient], b: &[Recipient]) -> bool {
    a.len() == b.len() && a.iter().all(|it| b.contains(it))
}
