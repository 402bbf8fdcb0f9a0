//! What the commands share that look at objects: how values are read, which objects are meant, and words that follow a history.

use super::moment::At;
use super::opened::{Elsewhere, Found, Which};
use crate::failure::Failure;
use ::etcd::history::History;
use estate::Kind;
use jiff::Timestamp;
use objects::encryption::Decryption;
use objects::key::{self, Filter, Wanted};
use objects::{Content, Opaque};
use protect::resources::{Look, Moment, Scope};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// How values are read.
#[derive(clap::Args)]
pub(super) struct Reading {
    /// The EncryptionConfiguration of the API server, to read what is encrypted at rest (kubeadm: what
    /// --encryption-provider-config names; k3s, RKE2: server/cred/encryption-config.json)
    #[arg(long, value_name = "FILE")]
    encryption_config: Option<PathBuf>,
    /// What the API server's keys begin with (its --etcd-prefix)
    #[arg(long, value_name = "PREFIX", default_value = key::REGISTRY)]
    etcd_prefix: String,
    /// Show what is secret
    #[arg(long)]
    reveal: bool,
}

impl Reading {
    pub(super) fn look(&self) -> Result<Look, Failure> {
        let decryption = match &self.encryption_config {
            None => Decryption::default(),
            Some(file) => {
                let shown = file.display();
                let text = std::fs::read_to_string(file).map_err(|reason| {
                    Failure::new("LB0308", Kind::Person, format!("{shown} cannot be read")).because(&reason)
                })?;
                Decryption::parse(&text)
                    .map_err(|why| Failure::new("LB0418", Kind::Invalid, format!("{shown}: {why}")))?
            }
        };
        // As the API server itself takes it.
        let registry = format!("/{}", self.etcd_prefix.trim_matches('/'));
        Ok(Look { registry, decryption, reveal: self.reveal })
    }

    /// What to do about values that cannot be read.
    pub(super) fn hint(&self, opaque: &Opaque) -> Option<&'static str> {
        match (&opaque.encrypted, &self.encryption_config) {
            (Some((provider, _)), None) if provider != "kms" => {
                Some("--encryption-config FILE: the configuration that the API server had")
            }
            _ => None,
        }
    }
}

/// Which objects.
#[derive(clap::Args)]
pub(super) struct Only {
    /// Only objects in this namespace, and itself
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// Only objects of these resources, as kubectl takes them: deploy, secrets, certificates.cert-manager.io
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    resource: Vec<String>,
    /// Only keys that begin so, as etcd has them
    #[arg(long, value_name = "KEY")]
    prefix: Option<String>,
}

impl Only {
    /// Whether a resource is asked for by its name.
    pub(super) fn names(&self, resource: &str) -> bool {
        self.resource.iter().any(|it| key::resource(it) == resource)
    }

    /// Whether it is said which.
    pub(super) fn is_open(&self) -> bool {
        self.prefix.is_none() && self.resource.is_empty() && self.namespace.is_none()
    }

    /// What is meant, of what was there at any of some moments. A resource that nobody knows is an error: it is mistyped.
    pub(super) fn scope(&self, look: &Look, moments: &[&Moment]) -> Result<Scope, Failure> {
        let mut resources = Vec::new();
        for typed in &self.resource {
            let resource = key::resource(typed);
            let mut found = None;
            for at in moments {
                found = found.or(look.resource(at, &resource)?);
            }
            let Some(found) = found else {
                let revisions: Vec<String> = moments.iter().map(|at| at.revision.to_string()).collect();
                let message = format!("there is no resource {typed} at revision {}", revisions.join(" or "));
                return Err(Failure::new("LB0417", Kind::Invalid, message)
                    .hint("lifeboat etcd keys HISTORY: which resources there are"));
            };
            resources.push(found);
        }
        Ok(Scope {
            prefix: self.prefix.clone(),
            filter: Filter { resources, namespace: self.namespace.clone() },
        })
    }
}

/// A history, a snapshot or a database that stands before other words, or the history of a cluster.
#[derive(clap::Args)]
pub(super) struct Before {
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// The timeline; without this the youngest, or of a time the one that it falls into
    #[arg(long, value_name = "NUMBER")]
    timeline: Option<u32>,
    /// Where an archive is unpacked while it is read; without this the system's temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    spool: Option<PathBuf>,
}

impl Before {
    /// What stands first, and the words behind it.
    pub(super) fn part_of<'a>(&self, words: &'a [String]) -> Result<(Option<PathBuf>, &'a [String]), Failure> {
        match words.split_first() {
            _ if self.elsewhere.is_named() => Ok((None, words)),
            Some((from, rest)) => Ok((Some(PathBuf::from(from)), rest)),
            None => Err(Failure::new("LB0003", Kind::Invalid, "neither a history nor a cluster is named")
                .hint("lifeboat etcd show HISTORY, or --cluster NAME with an estate")),
        }
    }

    /// The same, with at least one word behind it.
    pub(super) fn part<'a>(
        &self,
        words: &'a [String],
        (what, usage): (&str, &str),
    ) -> Result<(Option<PathBuf>, &'a [String]), Failure> {
        let (from, rest) = self.part_of(words)?;
        if rest.is_empty() {
            let hint = format!("lifeboat etcd {usage}");
            return Err(Failure::new("LB0003", Kind::Invalid, format!("{what} is missing")).hint(hint));
        }
        Ok((from, rest))
    }

    /// The moment.
    pub(super) fn at(&self, from: Option<PathBuf>, at: Option<At>) -> Which {
        Which::new(from, self.elsewhere.clone(), at, self.timeline, self.spool.clone())
    }
}

/// A moment of what stands before other words, and how its values are read.
#[derive(clap::Args)]
pub(super) struct Looking {
    #[command(flatten)]
    pub(super) before: Before,
    /// The moment, and not later: a revision, a time with its zone, or a time ago (1h-ago); without this the newest
    #[arg(long, value_name = "REVISION|TIME")]
    pub(super) at: Option<At>,
    #[command(flatten)]
    pub(super) reading: Reading,
}

/// An object as it is typed.
pub(super) fn wanted(text: &str) -> Result<Wanted, Failure> {
    text.parse().map_err(|why: String| {
        Failure::new("LB0003", Kind::Invalid, format!("{text}: {why}"))
            .hint("lifeboat etcd keys HISTORY --list: what is there")
    })
}

/// The moment, for those who look.
pub(super) fn moment(found: &Found) -> Moment {
    Moment {
        source: Arc::clone(&found.source),
        revision: found.revision,
        aside: found.aside.clone(),
    }
}

/// When revisions were seen first.
pub(super) struct Times {
    of: Option<(Arc<History>, u32)>,
    known: HashMap<u64, Option<Timestamp>>,
}

impl Times {
    pub(super) fn of(found: &Found) -> Self {
        let of = found.history.clone().zip(found.timeline);
        Self { of, known: HashMap::new() }
    }

    /// `None` where nobody knows: a single file knows no times.
    pub(super) fn seen(&mut self, revision: u64) -> Result<Option<Timestamp>, Failure> {
        let Some((history, timeline)) = &self.of else {
            return Ok(None);
        };
        if let Some(known) = self.known.get(&revision) {
            return Ok(*known);
        }
        let ms = history.seen_at(*timeline, revision)?.and_then(|ms| i64::try_from(ms).ok());
        let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        self.known.insert(revision, at);
        Ok(at)
    }
}

/// A time in a column.
pub(super) fn column(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!("{at:.0}"))
}

/// A value of a field on one line, cut where it is long.
pub(super) fn short(value: &serde_json::Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What kind of object something is.
pub(super) fn kind(content: &Content) -> Option<(&str, &str)> {
    match content {
        Content::Object(it) => Some((&it.api_version, &it.kind)),
        Content::Opaque(it) => it.kind.as_ref().map(|(version, kind)| (version.as_str(), kind.as_str())),
    }
}
