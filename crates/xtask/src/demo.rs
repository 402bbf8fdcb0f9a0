//! `cargo xtask demo`: the main job, from a protected estate to agents that are back, as a session that anyone could type.

use crate::install::install;
use crate::printer::{heading, live, say};
use crate::runner::{binary, command, root, run as run_command};
use crate::tally::Tally;
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The demo's own lab: whatever bears this name is left from a demo that was stopped.
const NAME: &str = "demo";
/// The limit on whatever is waited for: several times what it takes on a slow machine.
const LONG: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(500);
/// What the same recovery took a person who typed without a pause, in seconds after the loss of power (docs/lab.md).
const BY_HAND: [(&str, &str); 4] = [
    ("restored", "14 to 18"),
    ("serving", "16 to 21"),
    ("resolving", "21 to 29"),
    ("agents", "70 to 71"),
];

/// Plays the session. The lab is taken down whatever happens.
pub(crate) fn run() -> Result<ExitCode> {
    let started = ambient::monotonic();
    heading("install what is missing");
    install()?;
    heading("build lifeboat");
    run_command(command("cargo build --locked --package lifeboat"), &mut Tally::default())?;
    let mut demo = Demo {
        lifeboat: binary()?,
        estate: PathBuf::new(),
        runtime: Runtime::new().context("a runtime")?,
    };
    // Mostly there is nothing.
    _ = Command::new(&demo.lifeboat).args(["lab", "down", "--name", NAME]).output();
    let played = demo.play();
    heading("nothing stays behind");
    let removed = demo.type_in(&format!("lab down --name {NAME}"));
    let table = played?;
    removed?;
    heading("measured");
    say(&table);
    say(&format!("\nthe demo took {:.1} s", started.elapsed().as_secs_f32()));
    Ok(ExitCode::SUCCESS)
}

struct Demo {
    lifeboat: PathBuf,
    estate: PathBuf,
    runtime: Runtime,
}

impl Demo {
    /// The session itself; returns the table of what was measured.
    fn play(&mut self) -> Result<String> {
        heading("two sites, their clusters, and the agents between them");
        self.type_in(&format!("lab up --name {NAME}"))?;
        let lab = lab::Lab::open(&NAME.parse().context("the lab's name")?)?;
        self.estate = lab.estate_file().context("the lab has no estate file")?;
        heading("Lifeboat at each site: it takes copies, proves them, and watches");
        self.type_in(&format!("lab serve --name {NAME}"))?;
        self.wait("a proven copy", |demo| {
            let status = demo.status()?;
            let sites = status["sites"].as_array()?;
            let proven = sites.iter().any(|site| !site["report"]["proven"].is_null());
            (proven && status["verdict"]["kind"] == "stay").then_some(())
        })?;
        // Rancher looks at its agents every 15 s; only a copy that says `Connected` says whom to wait for.
        self.wait("the manager's first look at its agents", Self::agents_known)?;
        let known = ambient::now();
        self.wait("a copy that knows them", |demo| (demo.proven_until()? > known).then_some(()))?;
        self.type_in("status")?;
        self.type_in("points --newest 3")?;

        heading("the main site loses power");
        let cut = (ambient::monotonic(), ambient::now());
        self.type_in(&format!("lab break --name {NAME} site main --power"))?;
        heading("nobody does anything");
        let measured = self.watch(cut.0)?;
        self.type_in("run show")?;

        heading("power comes back: the old site must not serve again");
        self.type_in(&format!("lab heal --name {NAME}"))?;
        self.wait("the old site to know that it is fenced", |demo| {
            let status = demo.status()?;
            let main = status["sites"].as_array()?.iter().find(|site| site["name"] == "main")?.clone();
            (main["report"]["serving"]["state"] == "fenced").then_some(())
        })?;
        self.type_in("status")?;
        table(&measured, cut.1)
    }

    /// Follows the run until it has succeeded, and says what happens as it happens.
    fn watch(&self, cut: Instant) -> Result<Value> {
        let mut said = 0;
        let mut verdict = String::new();
        loop {
            let after = cut.elapsed();
            ensure!(after < LONG, "no failover has succeeded after {} s", LONG.as_secs());
            if said == 0
                && let Some(status) = self.status()
                && let Some(kind) = status["verdict"]["kind"].as_str().filter(|kind| **kind != *verdict)
            {
                verdict = kind.to_owned();
                say(&format!("{:6.1} s  verdict: {kind}", after.as_secs_f32()));
            }
            if let Some(run) = self.json("run show") {
                let steps = run["steps"].as_array().cloned().unwrap_or_default();
                let done: Vec<&Value> = steps.iter().filter(|step| !step["done"].is_null()).collect();
                for step in done.iter().skip(said) {
                    say(&format!("{:6.1} s  done: {}", after.as_secs_f32(), step["step"].as_str().unwrap_or("?")));
                }
                said = said.max(done.len());
                match run["state"].as_str() {
                    Some("succeeded") => return Ok(run),
                    Some("stopped" | "cancelled" | "failed") => bail!("the run did not succeed: {}", run["problem"]),
                    _ => {}
                }
            }
            live(&format!("{:6.1} s", cut.elapsed().as_secs_f32()));
            self.runtime.block_on(ambient::sleep(PAUSE));
        }
    }

    /// Whether the manager has written down of all its agents that they are connected.
    fn agents_known(&self) -> Option<()> {
        let status = self.json(&format!("lab status --name {NAME}"))?;
        let agents = status["agents"].as_array()?;
        agents.iter().all(|agent| agent["condition"] == "True").then_some(())
    }

    /// The moment up to which the newest proven copy has everything.
    fn proven_until(&self) -> Option<Timestamp> {
        let status = self.status()?;
        let begun = status["sites"]
            .as_array()?
            .iter()
            .find_map(|site| site["report"]["proven"]["begun"].as_str());
        begun?.parse().ok()
    }

    fn wait(&self, what: &str, ready: impl Fn(&Self) -> Option<()>) -> Result<()> {
        let begun = ambient::monotonic();
        say(&format!("... waiting for {what}"));
        while ready(self).is_none() {
            ensure!(begun.elapsed() < LONG, "there is not {what} after {} s", LONG.as_secs());
            self.runtime.block_on(ambient::sleep(PAUSE));
        }
        Ok(())
    }

    /// Runs `lifeboat LINE` on this terminal, so that its progress shows as it would for anyone.
    fn type_in(&self, line: &str) -> Result<()> {
        say(&format!("$ lifeboat {line}"));
        let status = self
            .command(line)
            .status()
            .with_context(|| format!("cannot start {}", self.lifeboat.display()))?;
        // A status that needs a person has told it.
        let told = line == "status" && status.code() == Some(3);
        ensure!(status.success() || told, "`lifeboat {line}` ended with {status}");
        Ok(())
    }

    /// What `lifeboat status` says of who serves the management cluster; it says so, too, when a person is needed.
    fn status(&self) -> Option<Value> {
        let mut command = self.command("status --output json");
        let output = command.stderr(Stdio::null()).output().ok()?;
        let mut status: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(status["serves"].take()).filter(|serves| !serves.is_null())
    }

    /// What `lifeboat LINE --output json` says; `None` while it fails.
    fn json(&self, line: &str) -> Option<Value> {
        let output = self
            .command(line)
            .args(["--output", "json"])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.lifeboat);
        command.args(line.split_whitespace()).current_dir(root());
        if !self.estate.as_os_str().is_empty() {
            command.env("LIFEBOAT_ESTATE", &self.estate);
        }
        command
    }
}

/// Times after the loss of power, beside those of a person, and what was lost.
fn table(run: &Value, cut: Timestamp) -> Result<String> {
    let after = |at: &Value| -> Result<f64> {
        let at: Timestamp = at.as_str().context("a time is missing in the run")?.parse()?;
        Ok(at.duration_since(cut).as_secs_f64())
    };
    let step = |id: &str| {
        let steps = run["steps"].as_array().into_iter().flatten();
        steps
            .into_iter()
            .find(|step| step["step"] == id)
            .cloned()
            .with_context(|| format!("the run has no step {id}"))
    };
    let agents = step("agents")?;
    let connected = agents["outcome"]["agents"].as_array().cloned().unwrap_or_default();
    ensure!(!connected.is_empty(), "no agent is back");
    let rows = [
        ("declared", after(&run["begun"])?),
        ("restored", after(&step("control-plane")?["done"])?),
        ("serving", after(&step("manager")?["done"])?),
        ("resolving", after(&step("dns")?["done"])?),
        ("agents", after(&agents["done"])?),
    ];
    let mut text = format!(
        "{:<34}{:>12}   {}\n",
        "after the loss of power", "Lifeboat", "by hand, typed without a pause"
    );
    for (name, seconds) in rows {
        let what = match name {
            "declared" => "the site is declared lost",
            "restored" => "control plane restored and acting",
            "serving" => "manager serving",
            "resolving" => "its name switched and resolving",
            _ => "all agents connected",
        };
        let hand = BY_HAND.iter().find(|(step, _)| *step == name).map_or("-", |(_, hand)| hand);
        text += &format!("{what:<34}{seconds:>10.1} s   {hand}{}\n", if hand == "-" { "" } else { " s" });
    }
    let copy: Timestamp = run["pointBegun"]
        .as_str()
        .context("the run does not say how old its copy is")?
        .parse()?;
    // What was promoted is newer than the copy, unless nothing was written since.
    let seen = run["newer"]["seen"].as_str().and_then(|seen| seen.parse().ok());
    let until = seen.map_or(copy, |seen: Timestamp| seen.max(copy));
    let lost = cut.duration_since(until).as_secs_f64();
    text += &format!(
        "{:<34}{lost:>10.1} s   {} revisions of etcd known\n",
        "lost: written after what came back", run["revisionsLost"]
    );
    Ok(text)
}
