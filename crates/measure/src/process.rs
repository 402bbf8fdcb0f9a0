//! Other programs, and what they take: [`run`] one to its end; read what a running one has used so far with [`Usage::of`].

use anyhow::{Context, Result, ensure};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Ticks in which Linux counts CPU time: USER_HZ, 100 on all that this runs on.
const TICKS: f64 = 100.0;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time, in seconds.
    pub wall_s: f64,
    /// CPU time of the program, in seconds.
    pub cpu_s: f64,
    /// Its peak resident memory, in MiB.
    pub peak_mib: f64,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time, in seconds.
    pub cpu_s: f64,
    /// That of its children which have ended.
    pub children_cpu_s: f64,
    /// Peak resident memory, in MiB.
    pub peak_mib: f64,
}

impl Usage {
    /// What process `id` has used; `self` for this one. `None` when it is gone.
    pub fn of(id: &str) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in brackets, may hold anything; the state follows it.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<f64> = fields
            .split_whitespace()
            .skip(11)
            .take(4)
            .filter_map(|n| n.parse().ok())
            .collect();
        let [user, system, children_user, children_system] = *fields else {
            return None;
        };
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        Some(Self {
            cpu_s: (user + system) / TICKS,
            children_cpu_s: (children_user + children_system) / TICKS,
            peak_mib: peak.unwrap_or_default() / 1024.0,
        })
    }
}

impl Cost {
    /// What two took, one after the other.
    #[must_use]
    pub fn and(self, then: Self) -> Self {
        Self {
            wall_s: self.wall_s + then.wall_s,
            cpu_s: self.cpu_s + then.cpu_s,
            peak_mib: self.peak_mib.max(then.peak_mib),
        }
    }
}

/// This program, about to do a work of its own: as a process of its own, so that it is counted as a peer is.
///
/// # Errors
/// It does not know where it lies.
pub fn itself() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("do");
    Ok(command)
}

/// Waits until nothing is left to write of what came before.
///
/// # Errors
/// `sync` cannot be run.
pub async fn settle() -> Result<()> {
    run(&mut Command::new("sync")).await?;
    Ok(())
}

/// Runs a program, which must end well; what it printed, and what it took.
///
/// # Errors
/// It cannot be started, or ends otherwise: what it said.
pub async fn run(command: &mut Command) -> Result<(String, Cost)> {
    let own = || Usage::of("self").unwrap_or_default().children_cpu_s;
    let before = own();
    let began = ambient::monotonic();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let id = child.id().unwrap_or_default().to_string();
    let end = child.wait_with_output();
    tokio::pin!(end);
    let mut peak = 0.0_f64;
    let output = loop {
        tokio::select! {
            output = &mut end => break output?,
            () = ambient::sleep(LOOK_EVERY) => {
                peak = peak.max(Usage::of(&id).unwrap_or_default().peak_mib);
            }
        }
    };
    let wall_s = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    let cost = Cost { wall_s, cpu_s: own() - before, peak_mib: peak };
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), cost))
}
