//! What is asked of this host's Lifeboat, by whoever may open its socket: one line of JSON with a [`Question`], one with an
//! [`Answer`]. Start at [`ask`] and [`answer`].

use crate::board::Board;
use crate::following::Asked;
use crate::guard::Wanted;
use crate::promoting::{self, Before, Promote};
use crate::{Line, Say};
use estate::{ChannelState, Copying, Kind, Name, PointId, Protection};
use jiff::Timestamp;
use recovery::{Promoted, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// The socket, unless told otherwise: in /run, which no boot survives.
pub const CONTROL: &str = "/run/lifeboat/control.sock";
/// A question is short.
const QUESTION_BYTES: u64 = 64 << 10;
/// An answer names every cluster.
const ANSWER_BYTES: u64 = 16 << 20;
/// How long whoever asks may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Question {
    /// What is done here, and how far it is.
    Report,
    /// A point, now.
    Point {
        /// Of which cluster.
        cluster: Name,
        /// Why.
        reason: String,
        /// Whether it is held against retention from the start.
        #[serde(default)]
        hold: bool,
    },
    /// What is followed here becomes a member's data.
    Promote(Promote),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "answer")]
pub enum Answer {
    /// What is done here.
    Report {
        /// Lifeboat's version.
        version: String,
        /// This host's wall clock.
        now: Timestamp,
        /// What is done for each cluster.
        protections: Vec<Protection>,
        /// The repositories that are kept as copies of others.
        copies: Vec<Copying>,
        /// The channels by which people are told.
        channels: Vec<ChannelState>,
        /// What else is wrong.
        troubles: Vec<String>,
    },
    /// A point was made.
    Point {
        /// It.
        point: PointId,
        /// Whether it is held: who is older than holds knows nothing of them.
        #[serde(default)]
        held: bool,
    },
    /// What is followed became a member's data, or would.
    Promoted(Promoted),
    /// It was not to be.
    Refused {
        /// The code of its page.
        code: String,
        /// What has to be done about it.
        kind: String,
        /// The object and the reason.
        message: String,
        /// The next command.
        hint: Option<String>,
    },
}

/// Who answers: the board, the guards that make points, and what is wrong besides.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) board: Board,
    guards: Arc<Mutex<BTreeMap<Name, mpsc::Sender<Wanted>>>>,
    followers: Arc<Mutex<BTreeMap<Name, mpsc::Sender<Asked>>>>,
    promoted: Arc<Mutex<BTreeMap<Name, Before>>>,
    troubles: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Desk {
    pub(crate) fn new(board: Board) -> Self {
        Self {
            board,
            guards: Arc::default(),
            followers: Arc::default(),
            promoted: Arc::default(),
            troubles: Arc::default(),
        }
    }

    /// From now on, points of `cluster` are asked for there; or nowhere.
    pub(crate) fn guard(&self, cluster: &Name, ask: Option<mpsc::Sender<Wanted>>) {
        known(&self.guards, cluster, ask);
    }

    /// From now on, what is followed of `cluster` is asked for there; or nowhere.
    pub(crate) fn follower(&self, cluster: &Name, ask: Option<mpsc::Sender<Asked>>) {
        known(&self.followers, cluster, ask);
    }

    /// Notes what is wrong about something, or that nothing is; whether that is new.
    pub(crate) fn trouble(&self, about: &str, trouble: Option<String>) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => troubles.insert(about.to_owned(), trouble.clone()) != Some(trouble),
            None => troubles.remove(about).is_some(),
        }
    }

    /// Notes what is wrong about something, or that nothing is, and says so when it changes.
    pub(crate) fn tell(&self, say: &Say, about: &str, trouble: Option<String>) {
        match (self.trouble(about, trouble.clone()), trouble) {
            (true, Some(trouble)) => say.line(Line::warn(trouble).about(about)),
            (true, None) => say.line(Line::info("all is well again").about(about)),
            (false, _) => {}
        }
    }

    /// What is done here, and how far it is.
    pub(crate) fn report(&self) -> Answer {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let troubles = troubles.iter().map(|(about, trouble)| format!("{about}: {trouble}"));
        Answer::Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: ambient::now(),
            protections: self.board.reports(),
            copies: self.board.copying(),
            channels: self.board.channels(),
            troubles: troubles.chain(self.board.troubles()).collect(),
        }
    }

    async fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Report => self.report(),
            Question::Point { cluster, reason, hold } => match self.point(&cluster, reason, hold).await {
                Ok(point) => Answer::Point { point, held: hold },
                Err(trouble) => refused(trouble),
            },
            Question::Promote(wanted) => match self.promote(wanted).await {
                Ok(promoted) => Answer::Promoted(promoted),
                Err(trouble) => refused(trouble),
            },
        }
    }

    async fn promote(&self, wanted: Promote) -> Result<Promoted, Trouble> {
        let before = of(&self.promoted, &wanted.cluster);
        if let Some(again) = before.and_then(|before| before.again(&wanted)) {
            return Ok(again);
        }
        let follower = of(&self.followers, &wanted.cluster);
        let (nobody, cluster, into) = (promoting::nothing(&wanted), wanted.cluster.clone(), wanted.into.clone());
        let Some(follower) = follower else { return Err(nobody) };
        let (told, answer) = oneshot::channel();
        let asked = Asked { wanted, at: ambient::monotonic(), told };
        let answer = match follower.send(asked).await {
            Ok(()) => answer.await.map_err(|_gone| nobody)??,
            Err(_gone) => return Err(nobody),
        };
        if let Some(before) = Before::of(&into, &answer) {
            known(&self.promoted, &cluster, Some(before));
        }
        Ok(answer)
    }

    async fn point(&self, cluster: &Name, reason: String, hold: bool) -> Result<PointId, Trouble> {
        let guard = of(&self.guards, cluster);
        let nobody = || {
            let message = format!("this host's Lifeboat does not capture {cluster} just now");
            Trouble::new("LB0415", Kind::Unreachable, message).hint("lifeboat status: who does")
        };
        let guard = guard.ok_or_else(nobody)?;
        let (told, answer) = oneshot::channel();
        guard.send(Wanted { reason, hold, told }).await.map_err(|_gone| nobody())?;
        answer.await.map_err(|_gone| nobody())?
    }
}

/// What is known of a cluster.
fn of<T: Clone>(all: &Mutex<BTreeMap<Name, T>>, cluster: &Name) -> Option<T> {
    all.lock().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned()
}

/// From now on this is known of a cluster; or nothing any more.
fn known<T>(all: &Mutex<BTreeMap<Name, T>>, cluster: &Name, it: Option<T>) {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    match it {
        Some(it) => drop(all.insert(cluster.clone(), it)),
        None => drop(all.remove(cluster)),
    }
}

fn refused(trouble: Trouble) -> Answer {
    Answer::Refused {
        code: trouble.code.to_string(),
        kind: trouble.kind.to_string(),
        message: crate::board::text(&trouble),
        hint: trouble.hint,
    }
}

/// Listens at `path`, which only its owner may open. Whoever lives and listens there keeps it.
pub(crate) fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, "another lifeboat serve answers there"));
    }
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if let Some(directory) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    // One that a killed predecessor has left.
    match std::fs::remove_file(path) {
        Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => return Err(reason),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers everybody, until it is dropped.
pub(crate) async fn answer(listener: UnixListener, desk: Desk) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(one(stream, desk.clone()))),
            // Too many files are open, for example: that passes.
            Err(_) => ambient::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn one(stream: UnixStream, desk: Desk) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(QUESTION_BYTES));
    let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await else {
        return;
    };
    let answer = match serde_json::from_str(&line) {
        Ok(question) => desk.answer(question).await,
        Err(reason) => refused(Trouble::new(
            "LB0003",
            Kind::Invalid,
            format!("the question cannot be understood: {reason}"),
        )),
    };
    let mut text = serde_json::to_vec(&answer).unwrap_or_default();
    text.push(b'\n');
    // Whoever asked may be gone.
    _ = write.write_all(&text).await;
}

/// Asks this host's Lifeboat.
///
/// # Errors
/// None runs here, it may not be asked by this user, or it does not answer within `limit`.
pub async fn ask(path: &Path, question: &Question, limit: Duration) -> Result<Answer, Trouble> {
    let unreachable = |reason: String| {
        let message = format!("this host's Lifeboat does not answer at {}: {reason}", path.display());
        Trouble::new("LB0415", Kind::Unreachable, message).hint("is lifeboat serve running here?")
    };
    let asked = async {
        let mut stream = UnixStream::connect(path).await?;
        let mut text = serde_json::to_vec(question)?;
        text.push(b'\n');
        stream.write_all(&text).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(limit, asked).await;
    let answer = answer.map_err(|_late| unreachable(format!("nothing came within {} s", limit.as_secs())))?;
    let answer = answer.map_err(|reason| unreachable(reason.to_string()))?;
    serde_json::from_slice(&answer).map_err(|reason| unreachable(format!("its answer cannot be understood: {reason}")))
}
