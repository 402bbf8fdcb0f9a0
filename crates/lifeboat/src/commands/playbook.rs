//! `lifeboat playbook`: which playbooks there are, as they are written, and what is wrong with them.

use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use ::estate::{Kind, Name};
use plan::{Book, Books, Lint};
use recovery::World;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the playbooks of the estate and those that Lifeboat brings
    List(ListArgs),
    /// Print a playbook as it is written
    Show(OneArgs),
    /// Copy one of Lifeboat's own playbooks out, to be changed
    Eject(EjectArgs),
    /// Say what is wrong with playbooks, where, and how to cure it
    Check(CheckArgs),
}

#[derive(clap::Args)]
struct ListArgs {
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
struct OneArgs {
    #[command(flatten)]
    which: Which,
    /// The playbook
    name: Name,
}

#[derive(clap::Args)]
struct EjectArgs {
    #[command(flatten)]
    which: Which,
    /// The playbook
    name: Name,
    /// The file; without this playbooks/NAME.yaml beside the estate file
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

#[derive(clap::Args)]
struct CheckArgs {
    #[command(flatten)]
    which: Which,
    /// The playbooks; without this all
    names: Vec<Name>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    source: String,
    steps: usize,
    what: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Listed>);

impl Report for List {
    fn text(&self) -> String {
        let rows = self.0.iter().map(|it| {
            [
                it.name.clone(),
                it.source.clone(),
                it.steps.to_string(),
                it.what.clone(),
            ]
        });
        table(["PLAYBOOK", "FROM", "STEPS", "WHAT"], rows)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wrong {
    playbook: String,
    rule: &'static str,
    is_error: bool,
    file: String,
    line: u64,
    column: u64,
    message: String,
    cure: String,
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Checked(Vec<Wrong>);

impl Report for Checked {
    fn text(&self) -> String {
        match self.0.is_empty() {
            true => "nothing is wrong with the playbooks\n".to_owned(),
            false => self.0.iter().map(|wrong| format!("{}\n\n", wrong.text)).collect(),
        }
    }
}

pub(crate) fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    match args.command {
        Command::List(args) => {
            let books = args.which.open()?.books()?;
            let listed = books.iter().map(|book| Listed {
                name: book.name.to_string(),
                source: if book.is_builtin {
                    "Lifeboat".to_owned()
                } else {
                    book.source.clone()
                },
                steps: book.playbook.steps.len(),
                what: book.playbook.what.clone(),
            });
            printer.show(&List(listed.collect()))
        }
        Command::Show(args) => {
            let books = args.which.open()?.books()?;
            let book = found(&books, &args.name)?;
            match (book.is_builtin, book.source.ends_with("lifeboat.yaml")) {
                // A playbook in the estate file is a part of that text.
                (false, true) => printer.text(&within(&book.text, &book.name)),
                _ => printer.text(&book.text),
            }
        }
        Command::Eject(args) => eject(&args, printer),
        Command::Check(args) => check(&args, printer),
    }
}

fn found<'a>(books: &'a Books, name: &Name) -> Result<&'a Book, Failure> {
    books.get(name).ok_or_else(|| {
        let names: Vec<&str> = books.names().map(Name::as_str).collect();
        let near = ::estate::nearest(name.as_str(), names.iter().copied());
        let near = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
        let message = format!("there is no playbook called {:?}{near}", name.as_str());
        Failure::new("LB0205", Kind::Invalid, message).hint(format!("one of: {}", names.join(", ")))
    })
}

/// The lines of a playbook in an estate file, as they stand there.
fn within(text: &str, name: &Name) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("playbooks:")).skip(1);
    let head = format!("{name}:");
    let Some(first) = lines
        .by_ref()
        .find(|line| line.trim_start().starts_with(&head) && depth(line) > 0)
    else {
        return text.to_owned();
    };
    let rest = lines.take_while(|line| line.trim().is_empty() || depth(line) > depth(first));
    let mut shown = format!("{}\n", first.trim_start());
    for line in rest {
        shown += line.get(depth(first)..).unwrap_or(line.trim_start());
        shown.push('\n');
    }
    shown
}

fn eject(args: &EjectArgs, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let name = &args.name;
    let Some(text) = Books::builtin_text(name) else {
        let message = format!("{name} is none of Lifeboat's own playbooks");
        return Err(Failure::new("LB0205", Kind::Invalid, message).hint("lifeboat playbook list"));
    };
    let beside = PathBuf::from(format!("playbooks/{name}.yaml"));
    let path = args.into.clone().unwrap_or_else(|| world.path(&beside));
    let cannot = |reason: std::io::Error| {
        let failure = Failure::new("LB0308", Kind::Person, format!("{} cannot be written", path.display()));
        match reason.kind() {
            ErrorKind::AlreadyExists => failure.because(&reason).hint("it is there already: --into another file"),
            _ => failure.because(&reason),
        }
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(cannot)?;
    }
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    printer.talk(&format!("written: {}", path.display()));
    let named = world.estate.playbooks.get(name).is_some_and(|book| book.file.is_some());
    if !named {
        let relative = path.strip_prefix(&world.directory).unwrap_or(&path);
        printer.talk(&format!(
            "to use it, name it in the estate:\nplaybooks:\n  {name}: {{file: {}}}",
            relative.display()
        ));
    }
    Ok(())
}

fn check(args: &CheckArgs, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let books = world.books()?;
    for name in &args.names {
        found(&books, name)?;
    }
    let wanted = |book: &&Book| args.names.is_empty() || args.names.contains(&book.name);
    let lints: Vec<Lint> = books
        .iter()
        .filter(wanted)
        .flat_map(|book| all_of(&world, &books, book))
        .collect();
    let errors = lints.iter().filter(|lint| lint.which.is_error()).count();
    printer.show(&Checked(lints.iter().map(told).collect()))?;
    match errors {
        0 => Ok(()),
        n => {
            Err(Failure::new("LB0205", Kind::Invalid, format!("{n} mistakes in playbooks"))
                .hint("lifeboat explain LB0205"))
        }
    }
}

fn all_of(world: &World, books: &Books, book: &Book) -> Vec<Lint> {
    plan::lints(&world.estate, books, book)
}

fn told(lint: &Lint) -> Wrong {
    Wrong {
        playbook: lint.playbook.to_string(),
        rule: lint.which.name(),
        is_error: lint.which.is_error(),
        file: lint.shown.name.clone(),
        line: lint.shown.line,
        column: lint.shown.column,
        message: lint.shown.message.clone(),
        cure: lint.cure.clone(),
        text: lint.to_string(),
    }
}
