//! A `lifeboat serve` that runs, and is asked on its control socket how far it is: [`Serving::begin`].

use crate::home::{Home, name};
use anyhow::{Context, Result, bail, ensure};
use daemon::{Answer, Question};
use estate::{Duty, Protection};
use measure::Usage;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;

/// Far more than any turn needs until all is protected.
const PROTECTED_LIMIT: Duration = Duration::from_secs(600);
/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks whether all is protected.
const LOOK: Duration = Duration::from_millis(200);

/// The process.
pub(crate) struct Serving {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Serving {
    /// Begins to protect the first `count` clusters.
    pub(crate) fn begin(home: &Home, count: usize) -> Result<Self> {
        let (socket, log) = (home.path("control.sock"), home.path("log"));
        let mut command = home.lifeboat("serve --host main-1 --directory state")?;
        command.arg("--control").arg(&socket);
        for at in 0..count {
            command.args(["--cluster", &name(at)]);
        }
        let file = std::fs::File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true);
        let child = command.spawn().context("starting lifeboat serve")?;
        Ok(Self { child, socket, log })
    }

    /// What it says of each cluster.
    pub(crate) async fn says(&self) -> Result<Vec<Protection>> {
        match daemon::ask(&self.socket, &Question::Report, ANSWER_LIMIT).await {
            Ok(Answer::Report { protections, .. }) => Ok(protections),
            Ok(other) => bail!("lifeboat serve answers {other:?}"),
            Err(trouble) => bail!("{}\n{}", trouble.message, self.said()),
        }
    }

    /// Waits until each of `count` clusters is captured, has a point, and is proven.
    pub(crate) async fn protected(&mut self, count: usize) -> Result<()> {
        let deadline = ambient::monotonic() + PROTECTED_LIMIT;
        loop {
            ensure!(self.child.try_wait()?.is_none(), "lifeboat serve has ended:\n{}", self.said());
            // Before it listens, it cannot be asked.
            let all = self.says().await.unwrap_or_default();
            let is_protected = |it: &Protection| {
                it.duty == Duty::Captures && it.at_risk_ms.is_some() && it.newest.is_some() && it.proof.is_some()
            };
            if all.iter().filter(|it| is_protected(it)).count() == count {
                return Ok(());
            }
            ensure!(ambient::monotonic() < deadline, "not all is protected: {all:?}\n{}", self.said());
            ambient::sleep(LOOK).await;
        }
    }

    /// What it has used.
    pub(crate) fn usage(&self) -> Usage {
        self.child.id().and_then(|id| Usage::of(&id.to_string())).unwrap_or_default()
    }

    /// Ends it as a host does.
    pub(crate) async fn end(mut self) -> Result<()> {
        let id = self.child.id().context("lifeboat serve has ended")?;
        kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
        let status = self.child.wait().await?;
        ensure!(status.success(), "lifeboat serve ended with {status}:\n{}", self.said());
        Ok(())
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
