//! What a capture tells, without telling the same again at every try.

use ::etcd::capture::Note;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often the same is told while it lasts.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// More different troubles at a time than are worth telling apart.
const TROUBLES: usize = 16;

/// The troubles that last, by their text: since when, and when they were told.
#[derive(Default)]
pub(super) struct Tidings {
    lasting: BTreeMap<String, (Instant, Instant)>,
}

impl Tidings {
    /// What is to be said of `note` at `now`; nothing, if it was said less than a minute ago and nothing went well since.
    pub(super) fn text(&mut self, note: &Note, now: Instant) -> Option<String> {
        let text = note.to_string();
        match note {
            Note::Connected { .. } | Note::Based { .. } | Note::Stored => self.lasting.clear(),
            // Each is told once, since it happens once.
            Note::Hole { .. } | Note::Bridged { .. } => {}
            Note::Lost { .. }
            | Note::Taking { .. }
            | Note::Streaming { .. }
            | Note::Unbridged { .. }
            | Note::Unstored { .. }
            | Note::Unspooled { .. }
            | Note::Spooled
            | Note::UsersUnseen { .. } => return self.lasting(text, now),
        }
        Some(text)
    }

    fn lasting(&mut self, text: String, now: Instant) -> Option<String> {
        let Some((since, told)) = self.lasting.get_mut(&text) else {
            if self.lasting.len() >= TROUBLES {
                self.lasting.clear();
            }
            self.lasting.insert(text.clone(), (now, now));
            return Some(text);
        };
        if now.saturating_duration_since(*told) < AGAIN_AFTER {
            return None;
        }
        *told = now;
        let minutes = now.saturating_duration_since(*since).as_secs() / 60;
        Some(format!("{text}, for {minutes} min now"))
    }
}

#[cfg(test)]
mod tests;
