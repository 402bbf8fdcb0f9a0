//! A planned action carried out, without a choice of its own. Start at [`apply`].
//!
//! What is new is stored and read back before anything that it replaces is removed. So whatever stops it leaves a history from
//! which the same moments can be rebuilt, and the next plan removes what is left over.

use super::plan::Action;
use super::{coalesce, merge_base, merge_segments};
use crate::FileError;
use crate::history::{History, MomentError, Name, Pack, SegmentName, Written};
use crate::selection::{Packs, SelectionError};
use std::fs::File;
use std::io::{BufWriter, Seek};
use std::path::Path;
use std::sync::Arc;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was made, if anything.
    pub created: Option<Name>,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many objects were removed.
    pub removed: u64,
}

/// Carries an action out, on the shelf of the history for which it was planned. What is being made, and what does not fit into memory
/// for sorting, lies in `scratch` meanwhile, in files without a name.
///
/// # Errors
/// Something cannot be read, made or stored; nothing that is needed has been removed then.
pub fn apply(history: &History, action: &Action, scratch: &Path) -> Result<Done, SelectionError> {
    match action {
        Action::Merge(run) => {
            let packs = segments(history, run)?;
            let done = store(history, scratch, |out| merge_segments(&packs, None, out))?;
            Ok(remove(history, &names(run), done)?)
        }
        Action::Coalesce(run) => {
            let packs = segments(history, run)?;
            let done = store(history, scratch, |out| coalesce(&packs, None, scratch, out))?;
            Ok(remove(history, &names(run), done)?)
        }
        Action::Base { from, through } => {
            let base = history.base(from)?;
            let dictionaries = base.dictionaries()?;
            let packs = Packs::new(base, segments(history, through)?)?;
            store(history, scratch, |out| merge_base(&packs, u64::MAX, dictionaries, scratch, out))
        }
        Action::Remove { names, .. } => Ok(remove(history, names, Done::default())?),
    }
}

fn segments(history: &History, names: &[SegmentName]) -> Result<Vec<Arc<Pack>>, FileError> {
    names.iter().map(|it| history.segment(it).map(Arc::new)).collect()
}

fn names(run: &[SegmentName]) -> Vec<Name> {
    run.iter().copied().map(Name::Segment).collect()
}

/// Makes something in a file, and puts it on the shelf.
fn store<E>(
    history: &History,
    scratch: &Path,
    make: impl FnOnce(BufWriter<File>) -> Result<(Written, BufWriter<File>), E>,
) -> Result<Done, SelectionError>
where
    SelectionError: From<E>,
{
    let failed = |doing| FileError::io(scratch.display(), doing);
    let spool = tempfile::tempfile_in(scratch).map_err(failed("used for merging"))?;
    let (written, out) = make(BufWriter::with_capacity(1 << 20, spool))?;
    let mut spool = out.into_inner().map_err(|e| failed("written")(e.into_error()))?;
    spool.rewind().map_err(failed("read"))?;
    history.shelf().create(&written.name, &mut spool)?;
    Ok(Done {
        created: Some(written.name),
        bytes: written.bytes,
        removed: 0,
    })
}

/// Removes in the given order, but never what was just made: a run of one may have been made already.
fn remove(history: &History, names: &[Name], mut done: Done) -> Result<Done, FileError> {
    for name in names.iter().filter(|it| Some(**it) != done.created) {
        history.shelf().remove(name)?;
        done.removed += 1;
    }
    Ok(done)
}

impl From<MomentError> for SelectionError {
    fn from(error: MomentError) -> Self {
        match error {
            MomentError::File(e) => Self::File(e),
            MomentError::NoMoment(it) => Self::NoMoment(it),
        }
    }
}

#[cfg(test)]
mod tests;
