//! `lifeboat init`: a commented first lifeboat.yaml, from what is found on this host and in kubeconfigs.
//!
//! `look` reads files, and asks nobody; [`estate::first_file`] makes the text, purely. `lifeboat repository init`, which makes a
//! repository, comes later.

mod look;

use crate::failure::Failure;
use crate::printer::Printer;
use estate::{Estate, Kind, Name, first_file};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write it into this file; `-` prints it
    #[arg(long, value_name = "FILE", default_value = "lifeboat.yaml")]
    into: PathBuf,
    /// Write over the file that is there
    #[arg(long)]
    force: bool,
    /// Also look into this kubeconfig; may be repeated. Without it, $KUBECONFIG and ~/.kube/config
    #[arg(long = "kubeconfig", value_name = "FILE")]
    kubeconfigs: Vec<PathBuf>,
    /// What to call this host, if not by the machine's host name
    #[arg(long, value_name = "NAME")]
    host: Option<Name>,
    /// This host's address, where it has several
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// The host's root directory
    #[arg(long, value_name = "DIRECTORY", default_value = "/", hide = true)]
    root: PathBuf,
}

/// What is to be done with what was written.
const NEXT: &str = "next:\n  \
    1. lifeboat repository keys new --into .   the keys that the file asks for\n  \
    2. mend the lines that are marked TO DO\n  \
    3. lifeboat repository init --root-key lifeboat-root.key --into sheet.txt\n  \
    4. lifeboat check                          whether all is as it must be\n  \
    5. lifeboat serve                          on the hosts that protect the clusters\n";

pub(crate) fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let found = look::look(&args)?;
    let text = first_file(&found);
    // It is ours, so a mistake in it would be a bug, which is told before anybody has mended the rest of it.
    Estate::parse("the first file", &text).map_err(|error| {
        Failure::new("LB0202", Kind::Invalid, error.to_string())
            .hint("--host NAME and --address ADDRESS; or leave that kubeconfig out")
    })?;
    if args.into == Path::new("-") {
        printer.text(&text)?;
    } else {
        write(&args.into, &text, args.force)?;
        printer.talk(&format!("wrote {}", args.into.display()));
    }
    printer.talk(&told(&found));
    printer.talk(NEXT);
    Ok(())
}

/// What was found, in a line or two.
fn told(found: &estate::Found) -> String {
    let mut text = match &found.cluster {
        Some(cluster) => format!("found a control plane of {} on this host", cluster.distribution),
        None => "found no control plane on this host".to_owned(),
    };
    if !found.contexts.is_empty() {
        text += &format!(", and {} contexts in kubeconfigs, each as a comment", found.contexts.len());
    }
    let notes = found.notes.iter().map(|note| format!("\nnote: {note}"));
    notes.fold(text, |text, note| text + &note)
}

/// Never over a file that is there, unless that is wanted.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options.open(file).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|reason| match reason.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} is there already, and would be written over", file.display());
            Failure::new("LB0308", Kind::Person, message).hint("--into FILE: one that is not there yet; or --force")
        }
        _ => Failure::new("LB0308", Kind::Person, format!("{} cannot be written", file.display())).because(&reason),
    })
}

#[cfg(test)]
mod tests;
