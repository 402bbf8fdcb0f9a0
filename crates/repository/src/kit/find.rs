//! Finding a kit: the newest that is sound, or the one with a number. One that is not sound keeps nobody from those before it.

use super::Kit;
use crate::layout::Scope;
use crate::{Error, Repository, layout};

/// A kit as it was found.
#[derive(Clone, Debug)]
pub struct FoundKit {
    /// Its number.
    pub number: u64,
    /// What it holds.
    pub kit: Kit,
    /// The trusted writer who signed it.
    pub writer: String,
}

/// What became of looking for the newest kit.
#[derive(Clone, Debug)]
pub struct KitSearch {
    /// The newest that is sound.
    pub found: Option<FoundKit>,
    /// What is wrong with newer ones, from the newest on.
    pub passed_over: Vec<Error>,
}

impl Repository {
    /// Looks for the newest kit that is sound.
    ///
    /// # Errors
    /// As opening anything that is shared, and as every request. What is wrong with a kit is no error.
    pub async fn find_kit(&self) -> Result<KitSearch, Error> {
        // What is wrong with these is wrong with no kit.
        self.keys(&Scope::Shared).await?;
        self.trusted().await?;
        let depth = layout::kits().parts_count() + 1;
        let listed = self.shared.store.list(&layout::kits()).await?.into_iter();
        let numbers = listed.filter(|key| key.parts_count() == depth);
        let mut numbers: Vec<u64> = numbers.filter_map(|key| layout::number(&key)).collect();
        numbers.sort_unstable();
        let mut passed_over = Vec::new();
        for number in numbers.into_iter().rev() {
            match self.kit_numbered(number).await {
                Ok(found) => return Ok(KitSearch { found: Some(found), passed_over }),
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                // Removed since it was listed.
                Err(Error::NotFound { .. }) => {}
                Err(error) => passed_over.push(error),
            }
        }
        Ok(KitSearch { found: None, passed_over })
    }

    /// The kit with this number.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Untrusted`], [`Error::Damaged`], as opening, and as every request.
    pub async fn kit_numbered(&self, number: u64) -> Result<FoundKit, Error> {
        let (kit, writer) = self.kit_of(number).await?;
        Ok(FoundKit { number, kit, writer })
    }
}
