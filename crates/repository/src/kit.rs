//! The recovery kit: the estate file, what it includes, and the secrets that it refers to, so that the store, this binary and one
//! identity are enough on an empty host.
//!
//! Kits are numbered; the newest that is sound counts. Its form is in docs/repository-format.md.

mod find;

pub use find::{FoundKit, KitSearch};

use crate::error::counting;
use crate::{Error, Hidden, Repository, failure, layout, numbers};
use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// How many kits before the newest are kept: who changed something by mistake finds what was there before.
pub(crate) const KEPT: usize = 20;

/// The longest kit, in bytes: it is held in memory.
const LONGEST: usize = 8 << 20;

/// What a recovery needs besides the copies.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    format: u64,
    /// When it was made, by its writer's clock.
    pub made: Timestamp,
    /// The estate file's place among `files`.
    pub estate: String,
    /// By the path that a file has in the estate, or `env:NAME` for a variable: its bytes in base64.
    pub files: BTreeMap<String, Hidden>,
    /// What was left out, by the same names: because somebody wanted it so, or because it was not there.
    #[serde(default)]
    pub left_out: BTreeMap<String, String>,
}

impl Kit {
    /// A kit.
    pub fn new(
        made: Timestamp,
        estate: String,
        files: BTreeMap<String, Hidden>,
        left_out: BTreeMap<String, String>,
    ) -> Self {
        Self { format: 1, made, estate, files, left_out }
    }

    /// Whether the other one holds the same.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.estate, &self.files, &self.left_out) == (&other.estate, &other.files, &other.left_out)
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit")
            .field("made", &self.made)
            .field("files", &self.files.keys())
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Seals a kit into the repository, unless the newest one holds the same: its number, if it was stored.
    ///
    /// # Errors
    /// [`Error::NoSigner`]; [`Error::Untrusted`] when this writer's signature does not count; [`Error::Invalid`] when it is too large;
    /// [`Error::Taken`] when somebody else stored one at the same time; as opening, and as every request.
    pub async fn put_kit(&self, kit: &Kit) -> Result<Option<u64>, Error> {
        if self.shared.signer.is_some() {
            self.own_name(&crate::Scope::Shared).await?;
        }
        let numbers = self.numbers(&layout::kits()).await?;
        let newest = self.sound_kits(&numbers, 1).await?.pop();
        if newest.as_ref().is_some_and(|(_, known)| kit.is_like(known)) {
            self.shared.store.settle(&layout::kits()).await?;
            return Ok(None);
        }
        let number = numbers::next(&numbers, newest.map(|(number, _)| number));
        let key = layout::numbered(&layout::kits(), "kit", number)?;
        let bug = |error: serde_json::Error| Error::Bug { object: key.to_string(), reason: error.to_string() };
        let body = serde_json::to_vec(kit).map(Zeroizing::new).map_err(bug)?;
        if body.len() > LONGEST {
            let reason = format!("it has {} bytes, and {LONGEST} is the most that it can have", body.len());
            return Err(Error::Invalid { object: key.to_string(), reason });
        }
        let text = Zeroizing::new(self.sign(&key, &body).await?);
        let sealed = self.sealed(&key, 0, &text).await?;
        self.shared.store.create(&key, sealed).await?;
        let before: Vec<_> = numbers.into_iter().filter(|(_, it)| *it < number).collect();
        if before.len() > KEPT {
            // Counted by what is sound: what was planted pushes nothing out.
            let kept = self.sound_kits(&before, KEPT).await?;
            if let Some((first, _)) = kept.get(KEPT - 1) {
                self.remove_below(&layout::kits(), *first).await?;
            }
        }
        Ok(Some(number))
    }

    /// So many of the newest kits that are sound, if there are so many; `numbers` from the highest down. A damaged kit is passed
    /// over; what is merely closed to us is an error.
    async fn sound_kits(&self, numbers: &[(Path, u64)], most: usize) -> Result<Vec<(u64, Kit)>, Error> {
        let mut sound = Vec::new();
        for (_, number) in numbers {
            if sound.len() == most {
                break;
            }
            if let Some((kit, _)) = counting(self.kit_of(*number).await)? {
                sound.push((*number, kit));
            }
        }
        Ok(sound)
    }

    /// The newest kit, its number, and who wrote it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Untrusted`], [`Error::Damaged`], as opening, and as every request.
    pub async fn kit(&self) -> Result<(u64, Kit, String), Error> {
        // Where there is no repository, that is what is missing.
        self.id().await?;
        let newest = self.newest(&layout::kits()).await?;
        let (_, number) = newest.ok_or_else(|| Error::NotFound {
            store: self.store().to_owned(),
            object: format!("{}/...", layout::kits()),
        })?;
        let (kit, writer) = self.kit_of(number).await?;
        Ok((number, kit, writer))
    }

    async fn kit_of(&self, number: u64) -> Result<(Kit, String), Error> {
        let key = layout::numbered(&layout::kits(), "kit", number)?;
        let sealed = self.shared.store.get(&key).await?;
        self.kit_in(&key, &sealed).await
    }

    /// The kit that was read from under `key`, and who wrote it.
    pub(crate) async fn kit_in(&self, key: &Path, sealed: &[u8]) -> Result<(Kit, String), Error> {
        let (_, text) = self.open_sealed(key, sealed).await?;
        let text = Zeroizing::new(text);
        let (writer, body) = self.judged(key, &text).await?;
        let body = Zeroizing::new(body);
        // What the parser says may quote what it read.
        let kit: Kit = failure::json(key.as_ref(), &body).map_err(|error| match error {
            Error::Damaged { object, .. } => Error::Damaged { object, reason: "it is no kit".to_owned() },
            other => other,
        })?;
        Ok((kit, writer.name.to_string()))
    }
}
