//! What is there on a host, without content: one command of `find` for any number of paths. Start at [`list`].

use super::archive::is_label;
use super::pattern::Pattern;
use crate::Error;
use cluster::{Exchange, Host, quoted};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// A name and what is known of it are some 200 bytes.
const BYTES_MAX: usize = 32 << 20;

/// How long a host may look for its files.
const LIMIT: Duration = Duration::from_secs(120);

/// What `find` says of each thing, each followed by a zero byte; labels are asked for only where there are some.
const FIELDS: &str = r"%y\0%m\0%U\0%G\0%s\0%T@\0%C@\0%D:%i\0%p\0%l\0";

/// How many there are: whether it may be read and the label come first.
const FIELDS_COUNT: usize = 12;

/// Lists what is there of the paths at standard input. A directory that may not be read is told, and not entered.
const FIND: &str = r#"fields=$1 label=$2 depth=$3
shift 3
for path do
  shift
  if [ -e "$path" ] || [ -L "$path" ]; then set -- "$@" "$path"; fi
done
[ $# -eq 0 ] && exit
# What has no label is told as an error, and is none.
{ said=$(find "$@" -ignore_readdir_race $depth \
    \( -readable -printf 'r\0' -o -printf 'u\0' \) -printf "$label\0" -printf "$fields" \
    \( -type d ! -readable -prune -o -true \) 2>&1 >&3) && exit; } 3>&1
printf '%s\n' "$said" | grep -v 'getfilecon failed' >&2 || exit 0
exit 1"#;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) pattern: Pattern,
    /// Whether with all that is in it. Otherwise it is no glob.
    pub(super) whole: bool,
}

/// What is known of something on a host without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) kind: Kind,
    pub(super) readable: bool,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) label: Option<String>,
    pub(super) bytes: u64,
    /// When it was written, in seconds since 1970, as `find` says it.
    pub(super) modified: String,
    /// When anything of it was changed.
    pub(super) changed: String,
    /// Its file system and its number there.
    pub(super) place: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link(String),
    /// A device, a socket, a pipe.
    Other,
}

/// What is there, by its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) stats: BTreeMap<String, Stat>,
    /// Names that are no text, as far as they can be shown.
    pub(super) odd: Vec<String>,
    /// Whether the host has SELinux.
    pub(super) labels: bool,
}

/// Lists what is there of `asks` on `host`. What is not there is no error.
pub(super) async fn list(host: &Host, asks: &[Ask], selinux: &str) -> Result<Listing, Error> {
    let it = Exchange {
        what: "looking for its files",
        script: &script(asks, selinux),
        input: &exact(asks),
        output_bytes_max: BYTES_MAX,
        limit: LIMIT,
        alone: false,
    };
    let said = host.exchange(&it).await?;
    parse(&said).ok_or_else(|| Error::Unusable {
        host: host.name().to_owned(),
        path: "what find says there".to_owned(),
        reason: "it is no list of files; GNU find is needed".to_owned(),
    })
}

/// The paths that are asked for alone: they are no globs, and may be many.
fn exact(asks: &[Ask]) -> Vec<u8> {
    let exact = asks.iter().filter(|ask| !ask.whole);
    exact
        .flat_map(|ask| [ask.pattern.as_str().as_bytes(), b"\0"].concat())
        .collect()
}

fn script(asks: &[Ask], selinux: &str) -> String {
    let whole: String = asks
        .iter()
        .filter(|ask| ask.whole)
        .map(|ask| format!(" {}", ask.pattern.for_shell()))
        .collect();
    let mut script = format!(
        "label=; [ ! -e {selinux} ] || label=%Z
         [ -z \"$label\" ] && printf 'n\\0' || printf 'l\\0'
         list() {{ xargs -0 -r sh -c {find} sh {fields} \"$label\" \"$1\"; }}
         list '-maxdepth 0'\n",
        selinux = quoted(selinux),
        find = quoted(FIND),
        fields = quoted(FIELDS),
    );
    if !whole.is_empty() {
        _ = writeln!(script, "printf '%s\\0'{whole} | list ''");
    }
    script
}

/// `None` when it is not what the script writes.
pub(super) fn parse(said: &[u8]) -> Option<Listing> {
    let said = said.strip_suffix(b"\0")?;
    let mut fields = said.split(|byte| *byte == 0);
    let labels = match fields.next()? {
        b"l" => true,
        b"n" => false,
        _ => return None,
    };
    let mut listing = Listing { labels, ..Listing::default() };
    let fields: Vec<&[u8]> = fields.collect();
    let records = fields.chunks_exact(FIELDS_COUNT);
    if !records.remainder().is_empty() {
        return None;
    }
    for record in records {
        let text: Option<Vec<&str>> = record.iter().map(|field| std::str::from_utf8(field).ok()).collect();
        let Some(text) = text else {
            listing.odd.push(String::from_utf8_lossy(record[10]).into_owned());
            continue;
        };
        let stat = Stat {
            readable: text[0] == "r",
            label: Some(text[1]).filter(|label| is_label(label)).map(str::to_owned),
            kind: match text[2] {
                "f" => Kind::File,
                "d" => Kind::Directory,
                "l" => Kind::Link(text[11].to_owned()),
                _ => Kind::Other,
            },
            mode: u32::from_str_radix(text[3], 8).ok()? & 0o7777,
            owner: (text[4].parse().ok()?, text[5].parse().ok()?),
            bytes: text[6].parse().ok()?,
            modified: text[7].to_owned(),
            changed: text[8].to_owned(),
            place: text[9].to_owned(),
        };
        listing.stats.insert(text[10].to_owned(), stat);
    }
    Some(listing)
}
