//! The recovery kit of an estate: its file, and what it refers to, as this host has it. Start at [`seal`]; [`lay`] is the way back.

use crate::{Trouble, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::{Kind, SecretRef, What};
use repository::{Hidden, Kit, Repository};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use zeroize::Zeroizing;

/// The longest file of a kit, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// What was put where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    /// The estate file.
    pub estate: PathBuf,
    /// Files, where they were put.
    pub files: Vec<PathBuf>,
    /// Files that the estate names by an absolute path: where they were put, and where they belong.
    pub elsewhere: Vec<(PathBuf, PathBuf)>,
    /// The file with the variables, if there are any.
    pub variables: Option<PathBuf>,
}

/// What became of a kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number, if it was stored: it is not where the newest one holds the same.
    pub number: Option<u64>,
    /// What cannot be read here and stays as the newest kit has it, by its name in the kit, and why not.
    pub kept: BTreeMap<String, String>,
}

impl Sealed {
    /// What a person should know of what stays as it was: it may have changed since.
    pub fn kept(&self) -> Option<Trouble> {
        let kept: Vec<String> = self.kept.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        (!kept.is_empty()).then(|| {
            let message = format!(
                "the kit keeps what the one before it has of what cannot be read here: {}",
                kept.join(", ")
            );
            Trouble::new("LB0203", Kind::Person, message)
                .hint("bring it, then lifeboat repository kit store; or name it in the estate's kit.leaveOut")
        })
    }
}

/// Gathers the kit and seals it into the repository. A file that cannot be read at the moment takes nothing away: it stays as
/// the newest sound kit has it.
///
/// # Errors
/// As [`Repository::find_kit`] and [`Repository::put_kit`].
pub async fn seal(world: &World, repository: &Repository) -> Result<Sealed, Trouble> {
    let before = repository.find_kit().await?.found;
    let (kit, kept) = gather(world, before.as_ref().map(|found| &found.kit));
    let number = repository.put_kit(&kit).await?;
    Ok(Sealed { number, kept })
}

/// The kit, and by name what of it comes from the one `before`, since it cannot be read here, and why not. What is not on this
/// host and not in that one, or is left out by the estate's `kit.leaveOut`, is named in the kit.
fn gather(world: &World, before: Option<&Kit>) -> (Kit, BTreeMap<String, String>) {
    let name = world
        .file
        .file_name()
        .unwrap_or(world.file.as_os_str())
        .to_string_lossy()
        .into_owned();
    let text = Hidden::from(STANDARD.encode(world.text.as_bytes()));
    let mut files = BTreeMap::from([(name.clone(), text)]);
    let (mut left_out, mut kept) = (BTreeMap::new(), BTreeMap::new());
    for referred in world.estate.referred() {
        if world.estate.kit.leave_out.iter().any(|it| **it == referred.place) {
            left_out.insert(referred.place, "the estate leaves it out".to_owned());
            continue;
        }
        let named = match referred.what {
            What::File(path) => Ok(path),
            What::Secret(SecretRef::File(path)) => Ok(path.as_path()),
            What::Secret(SecretRef::Env(variable)) => Err(variable),
        };
        let (key, found) = match named {
            Ok(path) => match plain(path) {
                Some(plain) => (plain, read(&world.path(path))),
                None => {
                    let why = format!("{}: it leads out of the estate's directory", path.display());
                    left_out.insert(referred.place, why);
                    continue;
                }
            },
            Err(variable) => {
                let value = std::env::var(variable).map_err(|_| format!("the variable {variable} is not set here"));
                let value = value.map(|value| Hidden::from(STANDARD.encode(Zeroizing::new(value).as_bytes())));
                (format!("env:{variable}"), value)
            }
        };
        match (found, before.and_then(|before| held(before, &key))) {
            (Ok(text), _) => drop(files.insert(key, text)),
            (Err(why), Some(text)) => {
                files.insert(key.clone(), text.clone());
                kept.insert(key, why);
            }
            (Err(why), None) => {
                let is_file = matches!(named, Ok(_path));
                drop(left_out.insert(referred.place, if is_file { format!("{key}: {why}") } else { why }));
            }
        }
    }
    (Kit::new(ambient::now(), name, files, left_out), kept)
}

/// What a kit has under a name, however it is spelt there.
fn held<'a>(kit: &'a Kit, key: &str) -> Option<&'a Hidden> {
    let spelt = |name: &str| !name.starts_with("env:") && plain(Path::new(name)).as_deref() == Some(key);
    let other = || kit.files.iter().find(|(name, _)| spelt(name)).map(|(_, text)| text);
    kit.files.get(key).or_else(other)
}

/// The one spelling of a path: without `.` and doubled slashes. `None` if it leads out of the estate's directory.
fn plain(path: &Path) -> Option<String> {
    let below = inside(path)?;
    let whole = if path.is_absolute() {
        Path::new("/").join(below)
    } else {
        below
    };
    Some(whole.display().to_string())
}

fn read(path: &Path) -> Result<Hidden, String> {
    let told = |reason: std::io::Error| match reason.kind() {
        ErrorKind::NotFound => "it is not here".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        other => format!("it cannot be read: {other}"),
    };
    if path.metadata().map_err(told)?.len() > FILE_MAX {
        return Err(format!("it has more than {FILE_MAX} bytes"));
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(told)?);
    Ok(Hidden::from(STANDARD.encode(&*bytes)))
}

/// Writes a kit's files below `into`, readable by their owner alone. What the estate names by an absolute path is put below
/// `into`, too: a kit must not write all over the host that reads it. Nothing is written of a kit that is damaged.
///
/// # Errors
/// A file is there already, a path leads out of `into`, two files belong in one place, or the disk refuses.
pub fn lay(kit: &Kit, into: &Path) -> Result<Laid, Trouble> {
    let mut laid = Laid { estate: into.join(&kit.estate), ..Laid::default() };
    let mut variables = Zeroizing::new(String::new());
    let mut files: BTreeMap<PathBuf, Zeroizing<Vec<u8>>> = BTreeMap::new();
    for (name, text) in &kit.files {
        let damaged = |why: &str| Trouble::new("LB0306", Kind::Damaged, format!("{name} in the kit {why}"));
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_bad| damaged("is not base64"))?;
        if let Some(variable) = name.strip_prefix("env:") {
            let value = str::from_utf8(&bytes).map_err(|_bad| damaged("is no text"))?;
            // In single quotes, as a shell reads it.
            variables.push_str(&format!("{variable}='{}'\n", value.replace('\'', r"'\''")));
            continue;
        }
        let named = Path::new(name);
        let inside = inside(named).ok_or_else(|| damaged("leads out of its directory"))?;
        let there = into.join(inside);
        // One file can be there under two spellings of its path.
        if files.get(&there).is_some_and(|known| *known != bytes) {
            return Err(damaged("belongs where another of its files belongs"));
        }
        files.insert(there.clone(), bytes);
        if named.is_absolute() {
            laid.elsewhere.push((there, named.to_owned()));
        }
    }
    let elsewhere = |there: &&PathBuf| laid.elsewhere.iter().any(|(it, _)| it == *there);
    laid.files = files.keys().filter(|there| !elsewhere(there)).cloned().collect();
    for (there, bytes) in &files {
        write(there, bytes)?;
    }
    if !variables.is_empty() {
        let there = into.join("variables.env");
        write(&there, variables.as_bytes())?;
        laid.variables = Some(there);
    }
    Ok(laid)
}

/// The path below a directory; `None` if it leads out of it.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut below = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (below.file_name().is_some()).then_some(below)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let written = || {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().map_err(|reason: std::io::Error| {
        let message = format!("{} cannot be written: {reason}", path.display());
        Trouble::new("LB0308", Kind::Person, message).hint("choose an empty directory")
    })
}

#[cfg(test)]
mod tests;
