//! What people say about a step while it waits for them, as the journal has it. Start at [`wait`].

use crate::steps::Context;
use engine::{Event, Said, Word};
use std::time::Duration;

/// Between two looks into the journal.
const PAUSE: Duration = Duration::from_secs(1);

/// All words about the step since it was begun, or since an attempt at it ended: what is said while nobody is at work holds for whoever goes
/// on. A journal that does not answer is asked again: whether the run may still go
/// on is not decided here.
pub(crate) async fn said(context: &Context<'_>) -> Option<Vec<Said>> {
    let entries = context.journal.entries().await.ok()?;
    let id = &context.step.id;
    let ended = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Failed { step, .. } | Event::Done { step, .. } | Event::Undone { step, .. } if step == id => {
            Some(entry.seq)
        }
        _ => None,
    });
    let begun = entries.iter().find_map(|entry| match &entry.event {
        Event::Intent { step, .. } if step == id && Some(entry.seq) > ended => Some(entry.seq),
        _ => None,
    });
    let said = entries
        .iter()
        .filter(|entry| Some(entry.seq) > begun)
        .filter_map(|entry| match &entry.event {
            Event::Word { step, word } if step == id => Some(Said {
                step: step.clone(),
                word: word.clone(),
                at: entry.at,
                seq: entry.seq,
            }),
            _ => None,
        });
    Some(said.collect())
}

/// Waits for a word.
pub(crate) async fn wait(context: &Context<'_>, is_it: impl Fn(&Said) -> bool) -> Word {
    loop {
        let said = said(context).await.unwrap_or_default();
        if let Some(said) = said.into_iter().find(|said| is_it(said)) {
            return said.word;
        }
        ambient::sleep(PAUSE).await;
    }
}
