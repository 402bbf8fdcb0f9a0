//! A moment of a history as a source of records. Start at [`Packs::of`].

use super::Packs;
use super::ahead::ahead;
use crate::FileError;
use crate::history::Moment;
use std::sync::Arc;

impl Packs {
    /// Opens all that a moment needs: every segment's index, but none of its records yet. Where something was merged since the
    /// history was listed, what is there now is taken.
    ///
    /// # Errors
    /// A segment cannot be read, or does not follow the one before it.
    pub fn of(moment: &Moment) -> Result<Self, FileError> {
        match opened(moment) {
            Err(e) if e.is_gone() => moment.again().map_or(Err(e), |moment| opened(&moment)),
            done => done,
        }
    }
}

fn opened(moment: &Moment) -> Result<Packs, FileError> {
    let mut segments = Vec::with_capacity(moment.segments().len());
    let numbers = (0..moment.segments().len()).collect();
    ahead(
        numbers,
        |number| moment.segment(number),
        |pack| {
            segments.push(Arc::new(pack));
            Ok(())
        },
    )?;
    let packs = Packs::new(Arc::clone(moment.base()), segments)?;
    Ok(packs.with_later(moment.leases_told_later()))
}
