//! `lifeboat repository init`: makes the repository, and prints the recovery sheet.

use super::sheet::Sheet;
use super::{Of, about_root, root_key};
use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Kind, Name};
use recovery::{Trouble, World, kit};
use repository::{Error, Founding, Repository};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    /// The root's signing key, which decides who can open the repository and who may write it; made there if it is not there
    #[arg(long, value_name = "FILE", default_value = "lifeboat-root.key")]
    root_key: PathBuf,
    /// Make a lifeboat.json anew that was lost: the id on the recovery sheet
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Leave identity and store credentials off the sheet
    #[arg(long)]
    without_secrets: bool,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    if let Some(id) = &args.id {
        mark_anew(&world, &name, &args.root_key, id, printer).await?;
    }
    let repository = make(&world, &name, &args.root_key, printer).await?;
    if world.repository_of(&name)?.root.is_none() {
        let root = repository.root().await.map_err(Trouble::from)?;
        printer.talk(&format!("add this to repository {name} in the estate, on every host: root: {root}"));
    }
    let sheet = sheet(&world, &name, &repository, args.without_secrets).await?;
    printer.show(&sheet)
}

/// A repository whose marker was lost has its id on paper.
async fn mark_anew(world: &World, name: &Name, root_file: &Path, id: &str, printer: &Printer) -> Result<(), Failure> {
    let repository = world.repository(name)?;
    let (root, _) = root_key(root_file, false)?;
    let made = repository.mark_anew(&root, id).await;
    if made.map_err(|error| about_root(error, root_file))? {
        printer.talk(&format!("{} is marked as repository {id} again", repository.store()));
    }
    Ok(())
}

/// Makes the repository, or completes it, and stores the recovery kit in it.
pub(in crate::commands) async fn make(
    world: &World,
    name: &Name,
    root_file: &Path,
    printer: &Printer,
) -> Result<Repository, Failure> {
    let repository = world.repository(name)?;
    probe(&repository).await?;
    let (root, is_new) = root_key(root_file, true)?;
    if is_new {
        let file = root_file.display();
        printer.talk(&format!("{file} is new: keep it as you keep the sheet, and on no host that is protected"));
    }
    let founding = Founding {
        root: &root,
        scopes: world.scopes(name),
        recipients: world.grants(name)?,
        writers: world.writers(name)?,
    };
    let made = repository
        .found(&founding)
        .await
        .map_err(|error| about_root(error, root_file))?;
    match made.as_slice() {
        [] => printer.talk(&format!("{} was a repository already", repository.store())),
        made => printer.talk(&format!("made {}", made.join(", "))),
    }
    store_kit(world, &repository, printer).await?;
    Ok(repository)
}

/// A store that forgets or lies about conditions must be known before anything depends on it.
async fn probe(repository: &Repository) -> Result<(), Failure> {
    repository.prepare().map_err(Trouble::from)?;
    let probed = repository.probe().await.map_err(Trouble::from)?;
    let failing =
        |check: &repository::Check| format!("{}: {}", check.what, check.failed.as_deref().unwrap_or_default());
    let failing: Vec<String> = probed.failing().map(failing).collect();
    if failing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} does not do what copies and journals are built on: {}",
        repository.store(),
        failing.join("; ")
    );
    Err(Failure::new("LB0310", Kind::Person, message).hint("lifeboat explain LB0310"))
}

async fn store_kit(world: &World, repository: &Repository, printer: &Printer) -> Result<(), Failure> {
    match repository.put_kit(&kit::gather(world)?).await {
        Ok(_) => Ok(()),
        // Whoever makes a repository need not be one of its writers.
        Err(Error::NoSigner { .. } | Error::Untrusted { .. } | Error::NoIdentity { .. } | Error::WrongKey { .. }) => {
            printer.talk("the recovery kit is not stored yet: a host that may write shared things does it, or lifeboat repository kit store");
            Ok(())
        }
        Err(other) => Err(Trouble::from(other).into()),
    }
}

async fn sheet(world: &World, name: &Name, repository: &Repository, bare: bool) -> Result<Sheet, Failure> {
    let of = world.repository_of(name)?;
    let of_everything = of.recipients.iter().filter(|it| it.clusters.is_none());
    let shown = |secret: Option<&estate::SecretRef>| -> Result<Option<String>, Failure> {
        match secret.filter(|secret| !bare && world.has(secret)) {
            Some(secret) => Ok(Some(world.secret(secret)?)),
            None => Ok(None),
        }
    };
    let mut credentials = Vec::new();
    for (variable, secret) in [
        ("AWS_ACCESS_KEY_ID", &of.access_key),
        ("AWS_SECRET_ACCESS_KEY", &of.secret_key),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", &of.service_account),
        ("AZURE_STORAGE_ACCOUNT_KEY", &of.account_key),
    ] {
        if let Some(secret) = secret {
            credentials.push((variable.to_owned(), shown(Some(secret))?));
        }
    }
    let identity = shown(Some(&of.identity))?;
    Ok(Sheet {
        estate: world.estate.name.to_string(),
        repository: name.to_string(),
        url: world.url(of).to_string(),
        endpoint: of.endpoint.as_ref().map(|it| it.to_string()),
        id: repository.id().await.map_err(Trouble::from)?.to_owned(),
        root: repository.root().await.map_err(Trouble::from)?.to_string(),
        credentials,
        identity: identity.map(|text| secret_line(&text)),
        recipients: of_everything.map(|it| format!("{} ({})", it.name, it.key)).collect(),
    })
}

/// The identity itself, without the comments of its file.
fn secret_line(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
