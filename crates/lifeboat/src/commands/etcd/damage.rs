//! Records that are damaged, where one only looks: they are told beside what can be read. Start at [`Damage::of`].

use crate::failure::Failure;
use crate::printer::{Printer, shown};
use ::etcd::selection::{Aside, Damaged};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use estate::Kind;
use protect::resources::Look;
use serde::Serialize;

/// So much is told on stderr.
const FEW: usize = 10;
/// So many bytes of each are shown there.
const FEW_BYTES: usize = 32;

/// What was met that is damaged.
pub(super) struct Damage {
    rows: Vec<Row>,
    more: usize,
    secret: bool,
}

/// A record that is damaged, or where several are.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    file: String,
    place: String,
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// Its key, as far as one can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// How many bytes there are.
    bytes: usize,
    /// What they are, or its beginning, if that may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip)]
    hex: String,
}

impl Damage {
    /// What was set aside until now.
    pub(super) fn of(aside: &Aside, look: &Look) -> Self {
        let (noted, more) = aside.noted();
        let rows: Vec<Row> = noted.iter().map(|it| row(it, look)).collect();
        let secret = rows.iter().any(|row| row.bytes > 0 && row.base64.is_none());
        Self { rows, more, secret }
    }

    /// For programs.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.clone()
    }

    /// Says it on stderr.
    pub(super) fn tell(&self, printer: &Printer) {
        for row in self.rows.iter().take(FEW) {
            printer.talk(&format!("warning: {}", row.line()));
        }
        let more = self.rows.len().saturating_sub(FEW) + self.more;
        if more > 0 {
            printer.talk(&format!("warning: and {more} more"));
        }
        if self.secret {
            printer.talk("hint: --reveal shows the bytes of what is damaged");
        }
    }

    /// An object that is not found may be what is damaged.
    pub(super) fn may_be(&self, object: &str) -> Result<(), Failure> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let message = format!("{object} is not there, or is among what is damaged");
        Err(Failure::new("LB0405", Kind::Damaged, message).hint("lifeboat explain LB0405"))
    }

    /// Among what is damaged may be more of what was to be brought back, and newer states of what was.
    pub(super) fn may_hide(&self) -> Result<(), Failure> {
        let count = self.rows.len() + self.more;
        if count == 0 {
            return Ok(());
        }
        let message =
            format!("{count} damaged records were met: objects may be missing, and others older than they seem");
        Err(Failure::new("LB0405", Kind::Damaged, message).hint("another copy of the history, or an earlier moment"))
    }

    /// Ends a command that showed everything else. `place` is what was looked at, as it is typed.
    pub(super) fn ended(&self, place: &str) -> Result<(), Failure> {
        let count = self.rows.len() + self.more;
        if count == 0 {
            return Ok(());
        }
        let message = match count {
            1 => format!("a record that was met in {place} is damaged; all others are shown"),
            _ => format!("{count} records that were met in {place} are damaged; all others are shown"),
        };
        Err(Failure::new("LB0405", Kind::Damaged, message)
            .hint(format!("lifeboat etcd verify {place}\nlifeboat explain LB0405")))
    }
}

impl Row {
    fn line(&self) -> String {
        let key = self.key.as_ref().map_or_else(String::new, |key| format!("{key}: "));
        let bytes = match (self.bytes, self.base64.is_some()) {
            (0, _) => String::new(),
            (bytes, true) => format!("; {bytes} bytes: {}", self.hex),
            (bytes, false) => format!("; {bytes} bytes, masked"),
        };
        shown(&format!("{key}{} is damaged at {}: {}{bytes}", self.file, self.place, self.why))
    }
}

fn row(it: &Damaged, look: &Look) -> Row {
    // Without a key, they may be a Secret's.
    let shows = look.reveal || it.key.as_ref().is_some_and(|key| look.shows_bytes(key));
    let begins = it.bytes.get(..FEW_BYTES).unwrap_or(&it.bytes);
    let hex: String = begins.iter().map(|byte| format!("{byte:02x}")).collect();
    Row {
        file: it.file.clone(),
        place: it.place.clone(),
        why: it.reason.clone(),
        revision: it.revision.map(|it| it.main),
        key: it.key.as_ref().map(|key| key.escape_ascii().to_string()),
        bytes: it.size,
        base64: (shows && it.size > 0).then(|| BASE64_STANDARD.encode(&it.bytes)),
        hex: if it.size > begins.len() {
            format!("{hex}...")
        } else {
            hex
        },
    }
}
