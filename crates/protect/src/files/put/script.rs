//! The commands that put files back. Start at [`script`].

use super::super::tree::What;
use super::Act;
use cluster::quoted;
use std::fmt::Write as _;

/// What the lines below it call. Everything is done within its directory, which is entered once: whatever is put into the way
/// above it afterwards leads nobody elsewhere. New files are made with `set -C`, which follows no link.
const FUNCTIONS: &str = r#"umask 077
die() { echo "$1" >&2; exit 1; }
into() { cd -P -- "$1" 2>/dev/null && [ "$(pwd -P; echo .)" = "$1
." ] || die "$1 is no directory, or is behind a symbolic link"; }
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
same() {
  if [ -L "$1" ] || [ -L "$2" ]; then [ -L "$1" ] && [ -L "$2" ] && [ "$(readlink -- "$1")" = "$(readlink -- "$2")" ]
  else cmp -s -- "$1" "$2"; fi
}
kept_is_sound() {
  ! is_there "$aside/old$1" || same "$aside/old$1" "$1" ||
    die "$1 was replaced already, and is different again: name another directory for what is replaced"
}
keep() {
  to="$aside/old$1"
  is_there "$to" && return 0
  mkdir -p -- "${to%/*}"
  rm -rf -- "$to.partial"
  cp -aT -- "./$2" "$to.partial"
  [ -L "$to.partial" ] || sync -- "$to.partial"
  mv -T -- "$to.partial" "$to"
  sync -- "${to%/*}"
}
keep_directory() {
  is_there "$aside/directories$1" && return 0
  mkdir -p -- "$aside/directories$1"
  chmod --reference="$1" -- "$aside/directories$1"
  chown --reference="$1" -- "$aside/directories$1"
}
made() { printf '%s\0' "$1" >>"$aside/made"; }
label() {
  [ -n "$labels" ] && [ -n "$2" ] || return 0
  chcon -h -- "$2" "$1" 2>/dev/null || printf '%s\0' "$3"
}
relabel() { [ -z "$labels" ] || [ -n "$2" ] || restorecon -- "$1" 2>/dev/null || :; }
own() { chown -h -- "$2" "$1"; }
"#;

/// Commands that do `acts`, with `aside` for what is replaced and `id` in the names of what is not in its place yet.
pub(super) fn script(acts: &[Act<'_>], aside: &str, id: &str, selinux: &str) -> String {
    let mut script = format!(
        "{FUNCTIONS}aside={aside}
labels=; [ ! -e {selinux} ] || labels=yes
mkdir -p -- \"$aside\"
[ ! -L \"$aside\" ] || die \"$aside is a symbolic link\"
chmod 700 -- \"$aside\"
rm -rf -- \"$aside/new\"
mkdir -- \"$aside/new\"
tar --extract --no-same-owner --directory=\"$aside/new\" --strip-components=1 --file=-
",
        aside = quoted(aside),
        selinux = quoted(selinux),
    );
    for act in acts.iter().filter(|act| act.replaces && !act.entry.is_directory()) {
        _ = writeln!(script, "kept_is_sound {}", quoted(act.path));
    }
    for act in acts.iter().filter(|act| act.entry.is_directory()) {
        directory(&mut script, act, id);
    }
    let mut numbered: Vec<(usize, &Act<'_>)> = acts.iter().enumerate().collect();
    numbered.retain(|(_, act)| !act.entry.is_directory());
    for among in numbered.chunk_by(|(_, one), (_, another)| parts(one.path).0 == parts(another.path).0) {
        files(&mut script, among, id);
    }
    script += "rm -rf -- \"$aside/new\"\nsync -- \"$aside\"\n";
    script
}

/// The directory and the name of a path.
fn parts(path: &str) -> (&str, &str) {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    (if directory.is_empty() { "/" } else { directory }, name)
}

fn directory(script: &mut String, act: &Act<'_>, id: &str) {
    let (above, name) = parts(act.path);
    let (path, name, above) = (quoted(act.path), quoted(name), quoted(above));
    let attributes = |at: &str| {
        let (label, owner) = (quoted(act.entry.label.as_deref().unwrap_or("")), act.entry.owner);
        format!(
            "own {at} {}:{}; chmod {:o} -- {at}; label {at} {label} {path}",
            owner.0, owner.1, act.entry.mode
        )
    };
    if act.replaces {
        let attributes = attributes(".");
        _ = writeln!(script, "( into {path}; keep_directory {path}; {attributes}; sync -- . )");
    } else {
        // Under its own name only when it is as it must be: it may never be looked at again.
        let new = format!("./.lifeboat-new.{id}");
        let (attributes, label) = (attributes(&new), quoted(act.entry.label.as_deref().unwrap_or("")));
        _ = writeln!(
            script,
            "( into {above}; rm -rf ./.lifeboat-new.*; mkdir -- {new}; {attributes}; made {path}; mv -nT -- {new} ./{name}; \
             [ ! -e {new} ] || die {path}' is there already'; relabel ./{name} {label}; sync -- . )"
        );
    }
}

/// All files of one directory: written, synced at once, then renamed.
fn files(script: &mut String, among: &[(usize, &Act<'_>)], id: &str) {
    let Some((_, first)) = among.first() else { return };
    _ = writeln!(script, "( into {}\nrm -rf ./.lifeboat-new.*\nset -C", quoted(parts(first.path).0));
    let (mut sync, mut rename) = (String::new(), String::new());
    for (number, act) in among {
        let (name, path) = (quoted(parts(act.path).1), quoted(act.path));
        let new = format!("./.lifeboat-new.{id}.{number}");
        let label = quoted(act.entry.label.as_deref().unwrap_or(""));
        let owner = format!("{}:{}", act.entry.owner.0, act.entry.owner.1);
        if act.replaces {
            _ = writeln!(script, "keep {path} {name}");
        }
        match &act.entry.what {
            What::Link(to) => _ = writeln!(script, "ln -s -- {} {new}; own {new} {owner}", quoted(to)),
            What::File { modified, .. } => {
                let mode = act.entry.mode;
                _ = writeln!(
                    script,
                    "cat \"$aside/new/{number}\" >{new}; own {new} {owner}; chmod {mode:o} -- {new}; touch -d @{modified} -- {new}"
                );
                _ = write!(sync, " {new}");
            }
            What::Directory | What::Parent => {}
        }
        _ = writeln!(script, "label {new} {label} {path}");
        if !act.replaces {
            _ = writeln!(rename, "made {path}");
        }
        // Without -T, a link to a directory in its place would be entered.
        _ = writeln!(rename, "mv -fT -- {new} ./{name}; relabel ./{name} {label}");
    }
    if !sync.is_empty() {
        _ = writeln!(script, "sync --{sync}");
    }
    _ = writeln!(script, "set +C\n{rename}sync -- . )");
}
