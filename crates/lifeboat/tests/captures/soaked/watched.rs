//! Somebody who asks Lifeboat all the time what is at risk, and compares it with what etcd has acknowledged: [`Watched`].

use super::writer::Writer;
use daemon::{Answer, Question};
use estate::{Duty, Protection};
use plan::AtRisk;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is not told: etcd is asked every second, and called silent after five; as much again for a machine that is busy.
const UNTOLD: Duration = Duration::from_secs(10);

/// What was heard in all looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks {
    /// How often something was told.
    pub(super) told: u64,
    /// How often it was not known how much is at risk.
    pub(super) unknown: u64,
    /// The most that was at risk, in milliseconds.
    pub(super) most_ms: u64,
    /// Where less was told than was at risk.
    pub(super) lies: Vec<String>,
}

/// It looks for as long as this is there.
pub(super) struct Watched {
    looks: Arc<Mutex<Looks>>,
    looking: JoinHandle<()>,
    socket: PathBuf,
}

impl Watched {
    /// Begins to look.
    pub(super) fn begin(socket: &str, writer: &Arc<Writer>) -> Self {
        let (looks, socket) = (Arc::default(), PathBuf::from(socket));
        let looking = tokio::spawn(look(socket.clone(), Arc::clone(writer), Arc::clone(&looks)));
        Self { looks, looking, socket }
    }

    /// Waits until what is told is as it should be.
    pub(super) async fn until(
        &self,
        what: &str,
        limit: Duration,
        mut is_so: impl FnMut(&Protection) -> bool,
    ) -> Protection {
        let deadline = ambient::monotonic() + limit;
        let mut last = None;
        while ambient::monotonic() < deadline {
            last = told(&self.socket).await;
            if let Some(it) = last.as_ref().filter(|it| is_so(it)) {
                return it.clone();
            }
            ambient::sleep(LOOK).await;
        }
        panic!("not {what}: {last:?}, {:?}", self.looks());
    }

    /// What was heard until now.
    pub(super) fn looks(&self) -> Looks {
        self.looks.lock().unwrap().clone()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// What is told of the one cluster; nothing when nobody answers.
async fn told(socket: &std::path::Path) -> Option<Protection> {
    match daemon::ask(socket, &Question::Report, PATIENCE).await {
        Ok(Answer::Report { protections, .. }) => protections.into_iter().next(),
        _ => None,
    }
}

async fn look(socket: PathBuf, writer: Arc<Writer>, looks: Arc<Mutex<Looks>>) {
    loop {
        let asked = ambient::monotonic();
        if let Some(it) = told(&socket).await {
            let mut looks = looks.lock().unwrap();
            looks.told += 1;
            match AtRisk::heard(it.at_risk_ms, it.silent_ms).most_ms() {
                Some(ms) => {
                    looks.most_ms = looks.most_ms.max(ms);
                    looks.lies.extend(lie(&it, ms, asked, &writer));
                }
                None => looks.unknown += 1,
            }
        }
        ambient::sleep(LOOK).await;
    }
}

/// Whether something older is not stored than is said to be at risk.
fn lie(it: &Protection, ms: u64, asked: Instant, writer: &Writer) -> Option<String> {
    let safe = asked.checked_sub(Duration::from_millis(ms) + UNTOLD)?;
    let (acknowledged, stored) = (writer.by(safe), it.stored.unwrap_or(0));
    (it.duty == Duty::Captures && acknowledged > stored)
        .then(|| format!("{ms} ms are at risk, but revision {acknowledged}, which is older, is not stored: {it:?}"))
}
