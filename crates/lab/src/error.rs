//! What can go wrong with a lab: the object, the reason and the next command, with a code that has a page in the manual.

use estate::Kind;
use std::path::PathBuf;

/// The outcome of everything a lab does.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the message names")]
pub enum Error {
    /// A lab makes namespaces, links and mounts; that takes root.
    #[error("a lab needs root, and this is user {uid}; missing: {missing}")]
    NotRoot { uid: u32, missing: String },
    /// A program that the lab runs is not installed.
    #[error("missing tools: {}", .0.join(", "))]
    MissingTool(Vec<String>),
    /// The options or the topology file ask for something that cannot be.
    #[error("{object}: {reason}")]
    Topology { object: String, reason: String },
    /// The lab's address range is routed elsewhere on this machine.
    #[error("addresses {subnet} are in use on this machine: {route}")]
    AddressInUse { subnet: String, route: String },
    /// A network name that the lab needs exists already and is not the lab's.
    #[error("{object} exists on this machine and was not made by this lab")]
    NameInUse { object: String },
    /// A lab of that name runs.
    #[error("lab {name:?} is already up")]
    AlreadyUp { name: String },
    /// There is no lab of that name.
    #[error("no lab is called {name:?}")]
    NoLab { name: String },
    /// The lab has no such part.
    #[error("lab {lab:?} has no {what} {name:?}; it has: {known}")]
    NoSuch { lab: String, what: &'static str, name: String, known: String },
    /// A command that builds or changes the lab failed.
    #[error("{purpose}: `{command}` ended with {status}: {output}")]
    Command { purpose: String, command: String, status: String, output: String },
    /// Something was given its time and is still not ready.
    #[error("{object} is not ready after {seconds} s: {last}; its log: {log}")]
    NotReady { object: String, seconds: u64, last: String, log: String },
    /// The fault makes no sense for that target.
    #[error("cannot break {target} this way: {reason}")]
    Fault { target: String, reason: String },
    /// The machine is too small or too full.
    #[error("not enough {what}: {needed} MiB needed, {found} MiB free")]
    NotEnough { what: &'static str, needed: u64, found: u64 },
    /// Another process holds the lab's lock.
    #[error("another lifeboat process is changing lab {name:?}")]
    Busy { name: String },
    /// The lab's record cannot be read.
    #[error("the record of the lab, {}, cannot be understood: {reason}", path.display())]
    Record { path: PathBuf, reason: String },
    /// A tool could not be downloaded or built.
    #[error("installing {tool} failed: {reason}")]
    Install { tool: String, reason: String },
    /// The saved lab is missing, or in the way.
    #[error("saved lab {name:?} {reason}")]
    Saved { name: String, reason: &'static str },
    /// A file of the lab could not be read or written.
    #[error("{}: {doing}", path.display())]
    File {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// A cluster of the lab refused a request.
    #[error("cluster {cluster}: {doing}")]
    Cluster {
        cluster: String,
        doing: String,
        #[source]
        source: Box<cluster::Error>,
    },
    /// Certificates could not be made.
    #[error("making the certificate of {name}")]
    Certificate {
        name: String,
        #[source]
        source: rcgen::Error,
    },
}

impl Error {
    /// The code whose page in the manual explains this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotRoot { .. } => "LB0101",
            Self::MissingTool(_) => "LB0102",
            Self::Topology { .. } => "LB0103",
            Self::AddressInUse { .. } => "LB0104",
            Self::NameInUse { .. } => "LB0105",
            Self::AlreadyUp { .. } => "LB0106",
            Self::NoLab { .. } => "LB0107",
            Self::NoSuch { .. } => "LB0108",
            Self::Command { .. } | Self::File { .. } | Self::Cluster { .. } | Self::Certificate { .. } => "LB0109",
            Self::NotReady { .. } => "LB0110",
            Self::Fault { .. } => "LB0111",
            Self::NotEnough { .. } => "LB0112",
            Self::Busy { .. } => "LB0113",
            Self::Record { .. } => "LB0114",
            Self::Install { .. } => "LB0115",
            Self::Saved { .. } => "LB0116",
        }
    }

    /// What the person must do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Topology { .. }
            | Self::NoLab { .. }
            | Self::NoSuch { .. }
            | Self::Fault { .. }
            | Self::Saved { .. }
            | Self::AlreadyUp { .. } => Kind::Invalid,
            Self::NotRoot { .. } | Self::AddressInUse { .. } | Self::NameInUse { .. } | Self::NotEnough { .. } => {
                Kind::Person
            }
            Self::Busy { .. } => Kind::Conflict,
            Self::Record { .. } => Kind::Damaged,
            Self::Cluster { source, .. } => source.kind(),
            Self::MissingTool(_)
            | Self::Command { .. }
            | Self::NotReady { .. }
            | Self::Install { .. }
            | Self::File { .. }
            | Self::Certificate { .. } => Kind::Unreachable,
        }
    }

    /// The next command, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRoot { .. } => "run it again as root, for example with sudo".into(),
            Self::MissingTool(_) => "lifeboat lab install".into(),
            Self::Topology { .. } => "lifeboat lab up --help".into(),
            Self::AddressInUse { .. } => {
                "lifeboat lab up --subnet 10.N.0.0/16, with a range that nothing here uses".into()
            }
            Self::AlreadyUp { name } => {
                format!("lifeboat lab status --name {name}, or lifeboat lab down --name {name}")
            }
            Self::NoLab { name } => format!("lifeboat lab up --name {name}"),
            Self::NoSuch { lab, .. } => format!("lifeboat lab status --name {lab}"),
            Self::NotReady { .. } => {
                "lifeboat lab status, then lifeboat lab exec HOST -- tail LOG (with --name for a lab of another name)"
                    .into()
            }
            Self::Busy { name } => format!("wait for it, then try again; lifeboat lab status --name {name}"),
            Self::Record { .. } => "lifeboat lab down, with the lab's --name: it needs no record".into(),
            Self::Saved { .. } => "lifeboat lab load --list".into(),
            Self::Install { .. } => "lifeboat lab install, once the package registries can be reached".into(),
            Self::NameInUse { .. }
            | Self::Command { .. }
            | Self::Fault { .. }
            | Self::NotEnough { .. }
            | Self::File { .. }
            | Self::Cluster { .. }
            | Self::Certificate { .. } => return None,
        })
    }

    pub(crate) fn file(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, doing, source }
    }
}
