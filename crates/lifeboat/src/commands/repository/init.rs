//! `lifeboat repository init`: makes the repository, and writes the recovery sheet.

use super::sheet::{Access, Sheet};
use super::{Of, about_root, cost, root_key, unfit, write_secret};
use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Kind, Name};
use recovery::{Trouble, World, kit};
use repository::{Founding, PublicKey, Repository, Scope};
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
    /// Make a repository though the estate names a root, so that there was one: only if that one is lost
    #[arg(long, conflicts_with = "id")]
    new: bool,
    /// Leave identity and store credentials off the sheet
    #[arg(long)]
    without_secrets: bool,
    /// Write the sheet into this new file, which only its owner can read, instead of printing it
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, name) = args.of.open()?;
    if let Some(original) = &world.repository_of(&name)?.copy_of {
        let message = format!("repository {name} is a copy of {original}: copying makes it");
        let hint =
            format!("lifeboat repository copy --repository {original} --to {name}, or lifeboat serve at its site");
        return Err(Failure::new("LB0202", Kind::Invalid, message).hint(hint));
    }
    if let Some(file) = args.into.as_deref().filter(|file| file.symlink_metadata().is_ok()) {
        let message = format!("{} is there already, and would be written over", file.display());
        return Err(Failure::new("LB0308", Kind::Person, message).hint("--into FILE: one that is not there yet"));
    }
    if let Some(id) = &args.id {
        mark_anew(&world, &name, &args.root_key, id, printer).await?;
    }
    let repository = make(&world, &name, &args.root_key, args.new, printer).await?;
    if world.repository_of(&name)?.root.is_none() {
        let root = repository.root().await.map_err(Trouble::from)?;
        printer.talk(&format!("add this to repository {name} in the estate, on every host: root: {root}"));
    }
    let locked = say_lock(&world, &name, &repository, printer).await?;
    for said in cost::said(&world, &name, &repository, locked).await {
        printer.talk(&format!("\n{said}\n"));
    }
    let sheet = sheet(&world, &name, &repository, args.without_secrets).await?;
    if let Some(lacks) = &sheet.identity_lacks {
        let able = sheet.recipients.join(", ");
        printer.talk(&format!(
            "warning: the recovery sheet lacks an identity: {lacks}: write that of one of {able} on it"
        ));
    }
    let Some(file) = args.into else {
        return printer.show(&sheet);
    };
    write_secret(&file, format!("{}\n", printer.written(&sheet)?.trim_end()).as_bytes())?;
    printer.talk(&format!(
        "the recovery sheet is in {0}: print it, and remove it: shred -u {0}",
        file.display()
    ));
    Ok(())
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

/// Makes the repository, or completes it, and stores the recovery kit in it. Where the estate names a root and there is none, only
/// if it is to be a `new` one.
pub(in crate::commands) async fn make(
    world: &World,
    name: &Name,
    root_file: &Path,
    new: bool,
    printer: &Printer,
) -> Result<Repository, Failure> {
    let repository = world.repository(name)?;
    let is_there = look(&repository, new).await?;
    let makes_key = is_there.is_none() && !repository.is_pinned();
    if !makes_key && !root_file.exists() {
        return Err(no_root_key(world, name, is_there, root_file)?);
    }
    probe(&repository).await?;
    let (root, is_new) = root_key(root_file, makes_key)?;
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

/// The root of the repository that is there, before anything is made. Where none is and the estate names a root, another one would
/// hide that the store is the wrong one.
async fn look(repository: &Repository, new: bool) -> Result<Option<PublicKey>, Failure> {
    use repository::Error as E;
    match repository.root().await {
        Ok(root) => Ok(Some(root)),
        Err(error @ (E::Uninitialised { .. } | E::NoBucket { .. })) if repository.is_pinned() && !new => {
            let mut trouble = Trouble::from(error);
            let first = trouble.hint.take().unwrap_or_default();
            let first = first.lines().next().unwrap_or_default();
            Err(trouble
                .hint(format!(
                    "{first}\nlifeboat repository init --new, if the one that the estate means is lost"
                ))
                .into())
        }
        Err(E::Uninitialised { .. } | E::NoBucket { .. }) => Ok(None),
        Err(other) => Err(Trouble::from(other).into()),
    }
}

/// That there is no root key here, where a new one would be none of the repository's.
fn no_root_key(world: &World, name: &Name, there: Option<PublicKey>, file: &Path) -> Result<Failure, Failure> {
    let pinned = world.repository_of(name)?.root.as_deref().cloned();
    let root = there.map(|root| root.to_string()).or(pinned).unwrap_or_default();
    let message = format!("the root key {} is not here, and repository {name} has the root {root}", file.display());
    Ok(Failure::new("LB0203", Kind::Person, message).hint(
        "--root-key FILE: the file that init wrote when it made the repository; it is kept with the recovery sheet",
    ))
}

/// A store that forgets or lies about conditions must be known before anything depends on it.
async fn probe(repository: &Repository) -> Result<(), Failure> {
    repository.prepare().map_err(Trouble::from)?;
    let probed = repository.probe().await.map_err(Trouble::from)?;
    match probed.sound() {
        true => Ok(()),
        false => Err(unfit(repository.store(), &probed)),
    }
}

/// What becomes there of the object lock that the estate wants: it is said. Whether anything is locked.
async fn say_lock(world: &World, name: &Name, repository: &Repository, printer: &Printer) -> Result<bool, Failure> {
    let wanted = world.repository_of(name)?.lock.as_deref().copied();
    let state = repository.lock_state(wanted).await;
    match &state {
        Ok(state) => printer.talk(&format!("object lock: {state}")),
        Err(error) => printer.talk(&format!("object lock: it could not be tried: {error}")),
    }
    Ok(state.is_ok_and(|state| state.mode().is_some()))
}

async fn store_kit(world: &World, repository: &Repository, printer: &Printer) -> Result<(), Failure> {
    match kit::seal(world, repository).await {
        Ok(sealed) => {
            if let Some(kept) = sealed.kept() {
                printer.talk(&kept.to_string());
            }
            Ok(())
        }
        // Whoever makes a repository need not be one of its writers: no signing key, or one that does not count, or no identity.
        Err(other) if ["LB0304", "LB0305", "LB0311", "LB0313"].contains(&&*other.code) => {
            printer.talk("the recovery kit is not stored yet: a host that may write shared things does it, or lifeboat repository kit store");
            Ok(())
        }
        Err(other) => Err(other.into()),
    }
}

async fn sheet(world: &World, name: &Name, repository: &Repository, bare: bool) -> Result<Sheet, Failure> {
    let of = world.repository_of(name)?;
    let of_everything = of.recipients.iter().filter(|it| it.clusters.is_none());
    let identity = Some(&of.identity).filter(|secret| !bare && world.has(secret));
    let identity = identity.map(|secret| world.secret(secret)).transpose()?;
    let (identity, identity_lacks) = match identity {
        Some(text) => fitting(world, of, repository, text).await?,
        None if bare => (None, None),
        None => (None, Some(format!("{} is not here", world.place_of(&of.identity)))),
    };
    Ok(Sheet {
        estate: world.estate.name.to_string(),
        repository: name.to_string(),
        url: world.url(of).to_string(),
        endpoint: of.endpoint.as_ref().map(|it| it.to_string()),
        id: repository.id().await.map_err(Trouble::from)?.to_owned(),
        root: repository.root().await.map_err(Trouble::from)?.to_string(),
        access: Access::of(world, of, bare, |name| std::env::var(name).ok())?,
        identity: identity.map(|text| secret_line(&text)),
        identity_lacks,
        recipients: of_everything.map(|it| format!("{} ({})", it.name, it.key)).collect(),
    })
}

/// The identity, if it opens what is shared and so the recovery kit, and what it does not open.
async fn fitting(
    world: &World,
    of: &estate::Repository,
    repository: &Repository,
    text: String,
) -> Result<(Option<String>, Option<String>), Failure> {
    let passphrase = std::env::var("LIFEBOAT_PASSPHRASE").ok();
    let closed = repository
        .closed_to(&text, passphrase.as_deref())
        .await
        .map_err(Trouble::from)?;
    if closed.is_empty() {
        return Ok((Some(text), None));
    }
    let scopes: Vec<String> = closed.iter().map(ToString::to_string).collect();
    let lacks = format!("{} does not open {}", world.place_of(&of.identity), scopes.join(", "));
    match closed.contains(&Scope::Shared) {
        true => Ok((None, Some(format!("{lacks}, so not the recovery kit, and is left off")))),
        false => Ok((Some(text), Some(lacks))),
    }
}

/// The identity itself, without the comments of its file.
fn secret_line(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
