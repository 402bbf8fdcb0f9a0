//! What goes wrong, in the one form that journals and people have it: a code, the object and the reason, the next command.

mod history;

use engine::Problem;
use estate::Kind;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::Path;

/// How hints end about what somebody has to mend.
const AGAIN: &str = "then the same command again";

/// Something that went wrong. Every crate's error becomes one; its code has a page in the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The code of its page.
    pub code: Cow<'static, str>,
    /// What has to be done about it.
    pub kind: Kind,
    /// The object and the reason.
    pub message: String,
    /// The reasons below, outermost first.
    pub causes: Vec<String>,
    /// The next command, where there is one.
    pub hint: Option<String>,
}

impl Trouble {
    /// A trouble without causes or hint.
    pub fn new(code: impl Into<Cow<'static, str>>, kind: Kind, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    fn of(code: &'static str, kind: Kind, error: &dyn Error) -> Self {
        let mut trouble = Self::new(code, kind, error.to_string());
        let mut next = error.source();
        while let Some(cause) = next {
            trouble.causes.push(cause.to_string());
            next = cause.source();
        }
        trouble
    }

    /// The same with a next command.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether another attempt may help without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Unreachable)
    }

    /// Whether a copy of which this is said cannot be used, here and now or later, so that another has to be taken. What a later
    /// version wrote is among it: anybody can write an object that begins like that.
    pub fn is_of_the_copy(&self) -> bool {
        self.kind == Kind::Damaged || self.code == "LB0307"
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Trouble {}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        Self {
            code: trouble.code.into_owned(),
            kind: trouble.kind.to_string(),
            message: trouble.message,
            causes: trouble.causes,
            hint: trouble.hint,
        }
    }
}

impl From<repository::Error> for Trouble {
    fn from(error: repository::Error) -> Self {
        use repository::Error as E;
        let said = |hint: &'static str| Some(Cow::Borrowed(hint));
        let check = said("lifeboat check");
        let (code, hint) = match &error {
            E::Unreachable { .. } => ("LB0301", check),
            E::NoBucket { store } => (
                "LB0302",
                Some(format!("{}\nlifeboat repository init, if none was ever made", whether_there(store)).into()),
            ),
            E::Refused { .. } | E::Settings { .. } => ("LB0302", check),
            E::NotFound { .. } => ("LB0303", said("lifeboat points")),
            E::NoIdentity { .. } => ("LB0304", None),
            E::WrongKey { .. } | E::WrongPassword { .. } => ("LB0305", said("lifeboat repository keys")),
            E::Damaged { .. } | E::Misplaced { .. } => (
                "LB0306",
                said(
                    "lifeboat points, then lifeboat failover --yes --copy OLDER; a run that has begun is ended first: lifeboat run cancel",
                ),
            ),
            E::Untrusted { .. } => ("LB0311", said("lifeboat repository keys")),
            E::OtherRoot { .. } => (
                "LB0312",
                said(
                    "compare repositories.NAME.root in the estate with Root on the recovery sheet\nlifeboat explain LB0312",
                ),
            ),
            E::NoSigner { .. } => ("LB0313", said("lifeboat repository keys new --into DIRECTORY")),
            E::Format { .. } => ("LB0307", said("lifeboat version, here and where it was written")),
            E::File { path, .. } => ("LB0308", Some(room(path).into())),
            E::Taken { .. } => ("LB0310", check),
            E::Uninitialised { store, known: true } => ("LB0314", Some(whether_there(store).into())),
            E::Uninitialised { .. } => ("LB0314", said("lifeboat repository init")),
            E::Clock { .. } => ("LB0315", said("lifeboat clock, here and where the store is")),
            E::MarkerLost { .. } => ("LB0316", said("lifeboat explain LB0316")),
            E::NotHeld { .. } => ("LB0319", said("lifeboat points")),
            E::NoLeases { .. } => ("LB0318", said("lifeboat explain LB0318")),
            E::Invalid { .. } | E::Bug { .. } => ("LB0099", None),
        };
        let trouble = Self::of(code, error.kind(), &error);
        match hint {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        }
    }
}

/// What shows whether a store that should be there is the one that was meant.
fn whether_there(store: &str) -> String {
    match Path::new(store).is_absolute() {
        true => format!(
            "findmnt --target {store}: whether its disk is mounted\nls -la {store}: whether the estate's url is right"
        ),
        false => "compare url and endpoint in the estate with the recovery sheet\nlifeboat check".to_owned(),
    }
}

/// What shows why there is no writing to a file: its folder, or the first above it that is there.
fn room(path: &Path) -> String {
    let folder = path.ancestors().skip(1).find(|at| at.exists());
    // Of a relative path, the last one is empty.
    let folder = folder
        .filter(|at| !at.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .display();
    format!("df -h {folder}; ls -ld {folder}")
}

impl From<protect::snapshots::Error> for Trouble {
    fn from(error: protect::snapshots::Error) -> Self {
        use protect::snapshots::Error as E;
        match error {
            E::Store(error) => error.into(),
            E::Host(error) => error.into(),
            E::Damaged { .. } => Self::of("LB0405", error.kind(), &error),
            E::Newer { .. } => Self::of("LB0406", error.kind(), &error),
            E::Scratch { .. } => Self::of("LB0308", error.kind(), &error),
            E::Bug { .. } => Self::of("LB0099", error.kind(), &error),
            _ => Self::of("LB0416", error.kind(), &error),
        }
    }
}

impl From<protect::verify::Error> for Trouble {
    fn from(error: protect::verify::Error) -> Self {
        use ::etcd::import::ImportError;
        use protect::verify::Error as E;
        match error {
            E::Repository(error) => error.into(),
            E::Unmade(error) => error.into(),
            E::Import(ImportError::File(error)) => error.into(),
            E::Import(error @ ImportError::Running { .. }) => Self::of("LB0410", error.kind(), &error),
            E::Import(error @ ImportError::Etcd { .. }) => Self::of("LB0409", error.kind(), &error),
            E::Place { .. } => Self::of("LB0308", error.kind(), &error),
        }
    }
}

impl From<protect::Error> for Trouble {
    fn from(error: protect::Error) -> Self {
        use protect::Error as E;
        match error {
            E::Etcd(error) => error.into(),
            E::Repository(error) => error.into(),
            E::Host(error) => error.into(),
            E::NoEtcd { .. } => Self::of("LB0411", error.kind(), &error),
            E::Behind { .. } => Self::of("LB0414", error.kind(), &error).hint("lifeboat status"),
            E::Missing { .. } | E::Unusable { .. } | E::Moved { .. } => Self::of("LB0404", error.kind(), &error),
            E::Differs { .. } => Self::of("LB0420", error.kind(), &error),
            E::Archive(_) => Self::of("LB0306", error.kind(), &error),
            E::Pattern(_) => Self::of("LB0202", error.kind(), &error),
            E::Spool { .. } => Self::of("LB0308", error.kind(), &error),
            E::Id(_) => Self::of("LB0099", error.kind(), &error),
        }
    }
}

impl From<etcd::Error> for Trouble {
    fn from(error: etcd::Error) -> Self {
        use etcd::Error as E;
        let code = match &error {
            E::Unreachable { .. } => "LB0401",
            E::Endpoint { .. } | E::Certificate { .. } | E::Untrusted { .. } | E::Refused { .. } => "LB0402",
            E::Answer { .. }
            | E::Compacted { .. }
            | E::Future { .. }
            | E::Truncated { .. }
            | E::HashMismatch { .. }
            | E::NotSnapshot { .. } => "LB0403",
            E::Spool { .. } | E::Read { .. } => "LB0308",
        };
        Self::of(code, error.kind(), &error)
    }
}

impl From<cluster::HostError> for Trouble {
    fn from(error: cluster::HostError) -> Self {
        use cluster::HostError as E;
        let first = match &error {
            E::TimedOut { host, .. } => format!("see what keeps {host} busy"),
            E::DiskFull { host, .. } => format!("make room on {host}"),
            E::Missing { host, program } => format!("install {program} on {host}"),
            E::Failed { host, .. } => format!("mend that on {host}"),
            E::Busy { .. } => "lifeboat runs".to_owned(),
            _ => "lifeboat check".to_owned(),
        };
        let code = match &error {
            E::Unreachable { .. } => "LB0801",
            E::Denied { .. } => "LB0802",
            E::TimedOut { .. } => "LB0804",
            E::DiskFull { .. } => "LB0805",
            E::Missing { .. } => "LB0806",
            E::Busy { .. } => "LB0701",
            E::Source { .. } => "LB0308",
            _ => "LB0803",
        };
        Self::of(code, error.kind(), &error).hint(format!("{first}, {AGAIN}"))
    }
}

impl From<cluster::Error> for Trouble {
    fn from(error: cluster::Error) -> Self {
        Self::of("LB0810", error.kind(), &error)
    }
}

impl From<cluster::ManagerError> for Trouble {
    fn from(error: cluster::ManagerError) -> Self {
        Self::of("LB0808", error.kind(), &error)
    }
}

impl From<dns::Error> for Trouble {
    fn from(error: dns::Error) -> Self {
        use dns::Error as E;
        let first = match &error {
            E::Key { key, .. } | E::Secret { key, .. } => {
                Some(format!("compare dns.key in the estate with the key {key} at the name server"))
            }
            E::Clock { .. } | E::Skewed { .. } => Some("put the clock right: lifeboat clock".to_owned()),
            E::Denied { .. } => {
                Some("compare the credential of the name's provider in the estate with the service's".to_owned())
            }
            E::Changed { .. } => Some("find out who changed it".to_owned()),
            _ => None,
        };
        let code = match &error {
            E::Unreachable { .. } | E::Away { .. } | E::Busy { .. } => "LB0501",
            E::Key { .. } | E::Secret { .. } | E::Clock { .. } | E::Denied { .. } | E::Skewed { .. } => "LB0502",
            E::Refused { .. } | E::Answer { .. } | E::Rejected { .. } | E::Garbled { .. } => "LB0503",
            E::Changed { .. } => "LB0506",
            E::Lost { .. } => "LB0507",
            E::Request { .. } => "LB0099",
            _ => "LB0504",
        };
        let hint = first.map(|first| format!("{first}, {AGAIN}"));
        Self { hint, ..Self::of(code, error.kind(), &error) }
    }
}

impl From<notify::Error> for Trouble {
    fn from(error: notify::Error) -> Self {
        let code = match &error {
            notify::Error::Settings { .. } => "LB0902",
            notify::Error::Unreachable { .. } | notify::Error::Refused { .. } => "LB0901",
        };
        Self::of(code, error.kind(), &error).hint(format!("lifeboat explain {code}"))
    }
}

impl From<peers::Error> for Trouble {
    fn from(error: peers::Error) -> Self {
        use peers::Error as E;
        let code = match &error {
            E::Key { .. } | E::Setup { .. } | E::Stranger { .. } => "LB0602",
            _ => "LB0601",
        };
        Self::of(code, error.kind(), &error).hint("lifeboat status")
    }
}

impl From<plan::NoPlan> for Trouble {
    fn from(error: plan::NoPlan) -> Self {
        match &error {
            plan::NoPlan::Copy { .. } => Self::of("LB0306", error.kind(), &error).hint("lifeboat points"),
            plan::NoPlan::Playbook(_) => Self::of("LB0205", error.kind(), &error).hint("lifeboat playbook check"),
            plan::NoPlan::Lacks { .. } => Self::of("LB0206", error.kind(), &error).hint("lifeboat explain LB0206"),
            _ => Self::of("LB0604", error.kind(), &error).hint("lifeboat status"),
        }
    }
}

impl From<engine::Error> for Trouble {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        match error {
            E::StepFailed { step, attempt, problem } => Self::of_step(&step, attempt, *problem),
            E::TurnedBack { step, problem, gate } => {
                let back = gate.unwrap_or_else(|| "its beginning".to_owned());
                let mut told = Self::of_step(&step, 1, *problem.clone());
                told.message = format!("step {step} failed, and the run is undone back to {back}: {}", problem.message);
                told
            }
            E::UndoFailed { step, attempt, problem } => {
                let mut told = Self::of_step(&step, attempt, *problem.clone());
                told.message = format!("step {step} could not be undone at attempt {attempt}: {}", problem.message);
                told
            }
            E::Unsure { .. } => Self::of("LB0707", Kind::Person, &error),
            E::Back { .. } => Self::of("LB0708", Kind::Person, &error),
            E::Busy { .. } => Self::of("LB0701", Kind::Conflict, &error).hint("lifeboat runs"),
            E::Superseded { .. } | E::Over { .. } => Self::of("LB0702", Kind::Conflict, &error).hint("lifeboat runs"),
            E::Journal { .. } => Self::of("LB0703", Kind::Unreachable, &error)
                .hint("the same command again: the run goes on where it was"),
            E::Damaged { .. } => Self::of("LB0703", Kind::Damaged, &error),
            E::NotBegun | E::OtherPlan | E::Steps { .. } => Self::of("LB0702", Kind::Conflict, &error),
        }
    }
}

impl Trouble {
    /// What a journal has about a step that failed: the same code and kind as when it happened.
    fn of_step(step: &str, attempt: u32, problem: Problem) -> Self {
        // The engine's own problems, a step that did not end in time and one that was broken off, have words for codes.
        let own = !problem.code.starts_with("LB");
        Self {
            code: if own { "LB0704".into() } else { problem.code.into() },
            kind: problem.kind.parse().unwrap_or(Kind::Unreachable),
            message: format!("step {step} failed at attempt {attempt}: {}", problem.message),
            causes: problem.causes,
            hint: problem.hint,
        }
    }
}
