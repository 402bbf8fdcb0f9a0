//! Reading the files of a host as they were at one moment: listed, read, and listed again.

use super::gather::{Asked, Gathered, gather};
use super::listing::{Kind, Stat};
use super::sets::Need;
use super::tree::{Entry, Tree, What};
use super::wanted::{Limits, Wanted};
use crate::Error;
use cluster::{Exchange, Host};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::time::Duration;

/// How often files are read again that change meanwhile.
const ATTEMPTS: usize = 3;

/// How long a host may take to send its files.
const LIMIT: Duration = Duration::from_secs(300);

/// What tar adds to each file, in bytes, names of any length included.
const TAR_BYTES_MAX: u64 = 16 * 1024;

/// Sends the files whose names stand at standard input. One that is gone is left out: the list afterwards tells.
const SEND: &str = "tar --create --file=- --directory=/ --format=gnu --no-recursion --hard-dereference --no-xattrs \
    --ignore-failed-read --null --files-from=- 2>/dev/null || [ $? -le 2 ]";

/// What was read of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The files.
    pub tree: Tree,
    /// What is wanted and is not there, the required first.
    pub missing: Vec<Missing>,
    /// What is there and was left out.
    pub skipped: Vec<LeftOut>,
    /// Whether all that was read was there at the same moment. Otherwise, files were added or removed meanwhile.
    pub of_one_moment: bool,
}

/// A wanted item that is not there, or was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its path, or its glob.
    pub path: String,
    /// What it is needed for.
    pub why: String,
    /// Whether a recovery can do without.
    pub need: Need,
}

/// Something that is there, and was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has more bytes than one file may have.
    TooLarge {
        /// Its bytes.
        bytes: u64,
        /// The most.
        max: u64,
    },
    /// With it, the files would have more bytes than all may have.
    NoRoom {
        /// Its bytes.
        bytes: u64,
        /// The most for all.
        max: u64,
    },
    /// It may not be read by the user who reads it.
    Unreadable,
    /// It was changed or removed again and again while it was read.
    Changing,
    /// It is a device, a socket or a pipe.
    NoFile,
    /// Its name is no text in UTF-8.
    NoText,
    /// The symbolic link is copied, but what it leads to is not of the set: name that too.
    LeadsOut,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, max } => write!(f, "it has {bytes} bytes, and one file may have {max}"),
            Self::NoRoom { bytes, max } => write!(f, "it has {bytes} bytes, and all may have {max}"),
            Self::Unreadable => f.write_str("it may not be read"),
            Self::Changing => f.write_str("it was changed while it was read"),
            Self::NoFile => f.write_str("it is a device, a socket or a pipe"),
            Self::NoText => f.write_str("its name is no text"),
            Self::LeadsOut => f.write_str("it is copied as a link, but what it leads to is not"),
        }
    }
}

impl Taken {
    /// The files, if none is missing that a recovery needs.
    ///
    /// # Errors
    /// [`Error::Missing`] with the first of those; [`Error::Moved`] when they were not there at the same moment.
    pub fn whole(self, host: &str) -> Result<Tree, Error> {
        let host = host.to_owned();
        if let Some(it) = self.missing.into_iter().find(|it| it.need == Need::Required) {
            let left_out = self.skipped.iter().find(|left| left.path == it.path);
            let why = left_out.map_or(it.why, |left| left.why.to_string());
            return Err(Error::Missing { host, path: it.path, why });
        }
        if !self.of_one_moment {
            return Err(Error::Moved { host, names: "again and again".to_owned() });
        }
        Ok(self.tree)
    }
}

/// Reads what is `wanted` of `host`.
///
/// Guarantees: what was read is what was there at one moment, or [`Taken`] says what was not. Nothing on the host is changed.
///
/// # Errors
/// [`Error::Host`], or [`Error::Unusable`] when links go in circles. What is missing or cannot be read is no error.
pub async fn take(host: &Host, wanted: &Wanted) -> Result<Taken, Error> {
    let mut before = gather(host, wanted).await?;
    for attempt in 1.. {
        let choice = choose(&before, &wanted.limits);
        let contents = fetch(host, &choice).await?;
        let after = gather(host, wanted).await?;
        if settled(&before, &after) && choice.paths.iter().all(|path| contents.contains_key(path))
            || attempt == ATTEMPTS
        {
            return Ok(taken(wanted, (&before, &after), choice, contents));
        }
        before = after;
    }
    Ok(Taken::default())
}

/// What is read, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) paths: Vec<String>,
    pub(super) bytes: u64,
    pub(super) skipped: Vec<LeftOut>,
}

/// Chooses the files to read: the smaller ones first, so that a large one takes nobody's place.
pub(super) fn choose(gathered: &Gathered, limits: &Limits) -> Choice {
    let odd = gathered.odd.iter().map(|path| LeftOut { path: path.clone(), why: Why::NoText });
    let mut choice = Choice { skipped: odd.collect(), ..Choice::default() };
    let link = |path: &str| match gathered.found.get(path).map(|(stat, _)| &stat.kind) {
        Some(Kind::Link(to)) => Some(to.clone()),
        _ => None,
    };
    let mut files: Vec<(u64, &String)> = Vec::new();
    for (path, (stat, asked)) in &gathered.found {
        let why = match &stat.kind {
            Kind::File if !stat.readable => Some(Why::Unreadable),
            Kind::Directory if !stat.readable && *asked == Asked::Yes => Some(Why::Unreadable),
            Kind::File if stat.bytes > limits.file_bytes => {
                Some(Why::TooLarge { bytes: stat.bytes, max: limits.file_bytes })
            }
            Kind::File => {
                files.push((stat.bytes, path));
                None
            }
            Kind::Other => Some(Why::NoFile),
            Kind::Link(_) => {
                let to = super::tree::resolved(path, link);
                let inside = to.is_some_and(|to| gathered.found.contains_key(&to));
                (!inside).then_some(Why::LeadsOut)
            }
            Kind::Directory => None,
        };
        choice.skipped.extend(why.map(|why| LeftOut { path: path.clone(), why }));
    }
    files.sort();
    for (bytes, path) in files {
        if choice.bytes.saturating_add(bytes) > limits.bytes {
            let why = Why::NoRoom { bytes, max: limits.bytes };
            choice.skipped.push(LeftOut { path: path.clone(), why });
            continue;
        }
        choice.bytes += bytes;
        choice.paths.push(path.clone());
    }
    choice.paths.sort();
    choice
}

/// The content of each file that could be read.
pub(super) async fn fetch(host: &Host, choice: &Choice) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let names: Vec<u8> = choice
        .paths
        .iter()
        .flat_map(|path| [&path.as_bytes()[1..], b"\0"].concat())
        .collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Files may grow meanwhile; then they are read again.
    let most = choice.bytes.saturating_mul(2) + TAR_BYTES_MAX * (choice.paths.len() as u64 + 64);
    let it = Exchange {
        what: "reading its files",
        script: SEND,
        input: &names,
        output_bytes_max: usize::try_from(most).unwrap_or(usize::MAX),
        limit: LIMIT,
        alone: false,
    };
    let said = host.exchange(&it).await?;
    contents(&said).map_err(|reason| Error::Unusable {
        host: host.name().to_owned(),
        path: "what tar says there".to_owned(),
        reason: reason.to_string(),
    })
}

fn contents(tar: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = format!("/{}", String::from_utf8_lossy(&entry.path_bytes()));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        contents.insert(path, bytes);
    }
    Ok(contents)
}

/// Whether nothing of the set has changed. Of directories, what is in them shows that.
fn settled(before: &Gathered, after: &Gathered) -> bool {
    let all = before.found.len() == after.found.len();
    all && before
        .found
        .iter()
        .all(|(path, (stat, _))| after.found.get(path).is_some_and(|(other, _)| alike(stat, other)))
}

/// Whether something is as it was.
pub(super) fn alike(one: &Stat, other: &Stat) -> bool {
    if one.kind == Kind::Directory {
        let facts = |it: &Stat| (it.kind.clone(), it.mode, it.owner, it.label.clone());
        return facts(one) == facts(other);
    }
    one == other
}

fn taken(
    wanted: &Wanted,
    (before, after): (&Gathered, &Gathered),
    choice: Choice,
    mut contents: BTreeMap<String, Vec<u8>>,
) -> Taken {
    let mut taken = Taken {
        skipped: choice.skipped,
        of_one_moment: settled(before, after),
        ..Taken::default()
    };
    for (path, (stat, asked)) in &before.found {
        let what = match &stat.kind {
            Kind::Directory if *asked == Asked::Above => What::Parent,
            Kind::Directory => What::Directory,
            Kind::Link(to) => What::Link(to.clone()),
            Kind::Other => continue,
            Kind::File if choice.paths.binary_search(path).is_err() => continue,
            Kind::File => {
                let still = after.found.get(path).is_some_and(|(other, _)| alike(stat, other));
                let Some(bytes) = contents.remove(path).filter(|_| still) else {
                    taken.skipped.push(LeftOut { path: path.clone(), why: Why::Changing });
                    continue;
                };
                let seconds = stat.modified.split('.').next().and_then(|it| it.parse().ok());
                What::File { bytes, modified: seconds.unwrap_or(0) }
            }
        };
        let entry = Entry {
            mode: stat.mode,
            owner: stat.owner,
            label: stat.label.clone(),
            what,
        };
        taken.tree.0.insert(path.clone(), entry);
    }
    let items = wanted.items.iter().zip(&before.at);
    let absent = items.filter(|(_, at)| !at.iter().any(|path| taken.tree.0.contains_key(path)));
    taken.missing = absent
        .map(|((pattern, item), _)| Missing {
            path: pattern.as_str().to_owned(),
            why: item.why.to_string(),
            need: item.need,
        })
        .collect();
    taken.missing.sort_by_key(|it| it.need);
    taken.skipped.sort_by(|one, another| one.path.cmp(&another.path));
    taken
}
