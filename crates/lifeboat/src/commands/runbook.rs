//! `lifeboat runbook`: a playbook as a document for people, with this estate's names, addresses and commands.

use crate::commands::plan::{Asked, ask_for_print};
use crate::failure::Failure;
use crate::printer::Printer;
use ::estate::Kind;
use plan::{Made, Plan};
use recovery::World;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    asked: Asked,
    /// How it is written
    #[arg(long, value_enum, default_value = "md")]
    format: Format,
    /// The file; a PDF needs one, the others are printed without it
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Print only the stamp: a print with another one is stale
    #[arg(long)]
    stamp: bool,
}

// The values have no doc comments: clap would then spread them over lines of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Md,
    Html,
    Pdf,
}

/// What makes PDFs, by the names that systems give it.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
    "chromium-headless-shell",
];

/// How long a print may take.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (world, cluster) = args.asked.open()?;
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let plan = ask_for_print(&args.asked, &world, &cluster, &repository).await?;
    let stamp = stamp(&world, &plan)?;
    if args.stamp {
        return printer.text(&stamp);
    }
    let made = Made {
        estate: &world.estate,
        stamp: &stamp,
        version: env!("CARGO_PKG_VERSION"),
    };
    let text = plan::runbook(&plan, made);
    let title = format!("Runbook: {} for {}", plan.playbook, plan.cluster);
    let foot = format!("{title}, stamp {stamp}");
    let page = || plan::page::html(&title, &foot, &text);
    match (args.format, &args.into) {
        (Format::Md, None) => printer.text(&text),
        (Format::Html, None) => printer.text(&page()),
        (Format::Pdf, None) => {
            Err(Failure::new("LB0003", Kind::Invalid, "a PDF is no text for a terminal").hint("--into FILE.pdf"))
        }
        (Format::Md, Some(file)) => write(file, text.as_bytes(), printer),
        (Format::Html, Some(file)) => write(file, page().as_bytes(), printer),
        (Format::Pdf, Some(file)) => {
            print(&page(), file).await?;
            printer.talk(&format!("written: {}, stamp {stamp}", file.display()));
            Ok(())
        }
    }
}

/// Of all that a runbook is made from and that can change: the playbooks, the estate's text, what Lifeboat does in each step. Not the copy,
/// nor the times: a print outlives those.
fn stamp(world: &World, plan: &Plan) -> Result<String, Failure> {
    let unprintable =
        |error: serde_json::Error| Failure::new("LB0099", Kind::Bug, "the plan has no written form").because(&error);
    // What is typed and seen, and the order: what stands on the paper.
    let lasting = plan.steps.iter().map(|step| {
        let undo = step.undo.to_string();
        (
            &step.id,
            &step.after,
            &step.what,
            &step.why,
            step.by_hand.to_string(),
            step.check.to_string(),
            undo,
        )
    });
    let steps = serde_json::to_string(&lasting.collect::<Vec<_>>()).map_err(unprintable)?;
    let steps = plan
        .point
        .as_ref()
        .map_or(steps.clone(), |point| steps.replace(&point.to_string(), "newest"));
    // A restore keeps what it replaces under the time at which it was planned.
    let steps = steps.replace(&plan.made.strftime("%Y%m%dT%H%M%SZ").to_string(), "TIME");
    let mut hash = Sha256::new();
    for part in [world.text.as_str(), &plan.playbook, &steps, env!("CARGO_PKG_VERSION")] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digits = format!("{:x}", hash.finalize());
    Ok(digits.chars().take(8).collect())
}

fn write(file: &Path, bytes: &[u8], printer: &Printer) -> Result<(), Failure> {
    std::fs::write(file, bytes).map_err(|reason| cannot(file).because(&reason))?;
    printer.talk(&format!("written: {}", file.display()));
    Ok(())
}

fn cannot(file: &Path) -> Failure {
    Failure::new("LB0308", Kind::Person, format!("{} cannot be written", file.display()))
}

/// Prints a page by a browser that is installed. It is started without a network: the page needs none.
async fn print(page: &str, file: &Path) -> Result<(), Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = BROWSERS
        .iter()
        .find_map(|name| places.iter().map(|place| place.join(name)).find(|at| at.is_file()));
    let Some(browser) = found else {
        let message = "a PDF is printed by Chromium, and none is installed here";
        return Err(Failure::new("LB0207", Kind::Person, message)
            .hint("--format html --into FILE.html, and print that from any browser\napt-get install chromium"));
    };
    let failed = |reason: &dyn std::error::Error| {
        Failure::new("LB0207", Kind::Person, format!("{} could not print it", browser.display())).because(reason)
    };
    let directory = tempfile::tempdir().map_err(|reason| failed(&reason))?;
    let source = directory.path().join("runbook.html");
    let target = directory.path().join("runbook.pdf");
    std::fs::write(&source, page).map_err(|reason| failed(&reason))?;
    let mut command = Command::new(&browser);
    command
        .args([
            "--headless=new",
            "--disable-gpu",
            "--no-pdf-header-footer",
            "--no-first-run",
            "--disable-sync",
        ])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--proxy-server=http://127.0.0.1:9",
        ])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", target.display()));
    if nix::unistd::geteuid().is_root() {
        // It refuses root otherwise; the page is Lifeboat's own.
        command.arg("--no-sandbox");
    }
    command
        .arg(&source)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let status = tokio::time::timeout(LIMIT, command.status()).await;
    // It ends with 0 whether it has printed or not: the file says it.
    let bytes = std::fs::read(&target).unwrap_or_default();
    if !bytes.starts_with(b"%PDF") {
        let said = match status {
            Err(_) => format!("it did not end within {} s", LIMIT.as_secs()),
            Ok(Err(reason)) => reason.to_string(),
            Ok(Ok(status)) => format!("it left no PDF, and ended with {status}"),
        };
        let message = format!("{} could not print it: {said}", browser.display());
        return Err(Failure::new("LB0207", Kind::Person, message)
            .hint("--format html --into FILE.html, and print that from any browser"));
    }
    std::fs::write(file, bytes).map_err(|reason| cannot(file).because(&reason))
}
