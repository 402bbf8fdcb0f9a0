//! What a writer has said that it began and that it has done, and whether what is found can be so. Pure.

use estate::PointId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something that a writer does. Hashes are of what a reader gets back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Deed {
    Found,
    Point {
        id: PointId,
        sha256: String,
    },
    RemovePoints {
        ids: Vec<PointId>,
    },
    History {
        name: String,
        sha256: String,
    },
    RemoveHistory {
        name: String,
    },
    Entry {
        run: u64,
        number: u64,
        sha256: String,
    },
    /// The repository says which number it got.
    Numbered {
        stream: String,
        sha256: String,
    },
    Snapshot {
        label: String,
    },
    Forget {
        id: String,
    },
    Copy,
    /// What changes nothing that is known here.
    Chore,
}

/// What a writer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    Begun(Deed),
    /// With what the repository answered.
    Done(String),
    Failed(String),
}

/// What is known of a thing, with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It was acknowledged.
    Stored(String),
    /// It was begun to be stored or to be removed: it is whole, or not there.
    Unsure(String),
    /// Its removal was acknowledged.
    Removed(String),
}

/// Things, by what they are called here, each with its hash.
pub(super) type Things = BTreeMap<String, String>;

/// What is known of a repository.
#[derive(Default)]
pub(super) struct Ledger {
    things: BTreeMap<String, State>,
    /// Under way, by task.
    open: BTreeMap<u64, (Deed, Things)>,
    /// Hashes of what was begun in a numbered stream, and whose number was not heard.
    unheard: BTreeSet<(String, String)>,
    /// Those of them that were acknowledged all the same.
    unnumbered: BTreeSet<(String, String)>,
    /// The repository's id, once founding it was acknowledged.
    pub(super) id: Option<String>,
    /// What was acknowledged before a copy was begun that was done.
    copied: Option<Things>,
    /// How many deeds were acknowledged.
    pub(super) acknowledged: u64,
    pub(super) begun: u64,
    /// Copies that did not come to be, since the copy knew more.
    pub(super) differing: u64,
}

/// How many below the newest of a numbered stream are sure to be kept.
fn kept(stream: &str) -> u64 {
    match stream {
        "kit" => crate::kit::KEPT as u64,
        // The evidence of each scope.
        _ if stream.starts_with("evidence") => 99,
        _ => 0,
    }
}

fn entry(run: u64, number: u64) -> String {
    format!("entry {run}/{number}")
}

pub(super) fn numbered(stream: &str, number: u64) -> String {
    format!("{stream} #{number}")
}

fn number(thing: &str) -> Option<(&str, u64)> {
    let (stream, number) = thing.split_once(" #")?;
    Some((stream, number.parse().unwrap()))
}

impl Ledger {
    /// Takes in what a task of the writer has said.
    pub(super) fn hear(&mut self, task: u64, said: Said) {
        match said {
            Said::Begun(deed) => {
                self.begun += 1;
                self.begin(&deed);
                let stored = if deed == Deed::Copy {
                    self.stored()
                } else {
                    Things::new()
                };
                assert!(self.open.insert(task, (deed, stored)).is_none(), "task {task} does two things at once");
            }
            Said::Done(answer) => {
                self.acknowledged += 1;
                let (deed, stored) = self.open.remove(&task).unwrap();
                self.done(deed, stored, answer);
            }
            Said::Failed(_) => {}
        }
    }

    /// The writer is dead: what it had under way is begun for ever.
    pub(super) fn died(&mut self) {
        self.open.clear();
    }

    fn begin(&mut self, deed: &Deed) {
        match deed.clone() {
            Deed::Point { id, sha256 } => self.maybe(format!("point {id}"), sha256),
            Deed::History { name, sha256 } => self.maybe(format!("history {name}"), sha256),
            Deed::Entry { run, number, sha256 } => self.maybe(entry(run, number), sha256),
            Deed::Numbered { stream, sha256 } => drop(self.unheard.insert((stream, sha256))),
            // A snapshot's id is the hash of what it is.
            Deed::Snapshot { .. } => drop(self.unheard.insert(("snapshot".to_owned(), String::new()))),
            Deed::RemovePoints { ids } => ids.iter().for_each(|id| self.doubt(&format!("point {id}"))),
            Deed::RemoveHistory { name } => self.doubt(&format!("history {name}")),
            Deed::Forget { id } => self.doubt(&format!("snapshot {id}")),
            Deed::Found | Deed::Copy | Deed::Chore => {}
        }
    }

    fn maybe(&mut self, thing: String, sha256: String) {
        match self.things.get(&thing) {
            Some(State::Stored(_)) => {}
            _ => drop(self.things.insert(thing, State::Unsure(sha256))),
        }
    }

    fn doubt(&mut self, thing: &str) {
        // A snapshot's id may not have been heard.
        let unheard = || State::Unsure(String::new());
        let state = self.things.entry(thing.to_owned()).or_insert_with(unheard);
        if let State::Stored(sha256) = state {
            *state = State::Unsure(std::mem::take(sha256));
        }
    }

    fn done(&mut self, deed: Deed, stored: Things, answer: String) {
        match deed {
            Deed::Point { id, sha256 } => self.is(format!("point {id}"), State::Stored(sha256)),
            Deed::History { name, sha256 } => self.is(format!("history {name}"), State::Stored(sha256)),
            Deed::Entry { run, number, sha256 } => self.is(entry(run, number), State::Stored(sha256)),
            Deed::Numbered { stream, sha256 } if answer.is_empty() => {
                // The newest is the same: that one is acknowledged.
                let newest = self
                    .things
                    .iter()
                    .filter(|(thing, _)| number(thing).is_some_and(|it| it.0 == stream));
                let newest = newest
                    .max_by_key(|(thing, _)| number(thing))
                    .map(|(thing, state)| (thing.clone(), state.clone()));
                match newest {
                    Some((thing, State::Stored(known) | State::Unsure(known))) if known == sha256 => {
                        self.is(thing, State::Stored(sha256));
                    }
                    // It is one whose number was not heard.
                    _ => drop(self.unnumbered.insert((stream, sha256))),
                }
            }
            Deed::Numbered { stream, sha256 } => {
                self.is(numbered(&stream, answer.parse().unwrap()), State::Stored(sha256));
            }
            Deed::Snapshot { .. } => self.is(format!("snapshot {answer}"), State::Stored(String::new())),
            Deed::RemovePoints { ids } => ids.iter().for_each(|id| self.gone(format!("point {id}"))),
            Deed::RemoveHistory { name } => self.gone(format!("history {name}")),
            Deed::Forget { id } => self.gone(format!("snapshot {id}")),
            Deed::Found => {
                assert!(self.id.as_ref().is_none_or(|id| *id == answer), "{answer} is another repository");
                self.id = Some(answer);
            }
            // It may have what was never acknowledged, in the place of what was written later.
            Deed::Copy if !answer.is_empty() => self.differing += 1,
            Deed::Copy => self.copied = Some(stored),
            Deed::Chore => {}
        }
    }

    fn is(&mut self, thing: String, state: State) {
        self.things.insert(thing, state);
    }

    fn gone(&mut self, thing: String) {
        let state = self.things.get_mut(&thing).unwrap();
        if let State::Stored(sha256) | State::Unsure(sha256) = state {
            *state = State::Removed(std::mem::take(sha256));
        }
    }

    fn stored(&self) -> Things {
        let stored = self.things.iter().filter_map(|(thing, state)| match state {
            State::Stored(sha256) => Some((thing.clone(), sha256.clone())),
            _ => None,
        });
        stored.collect()
    }

    /// Whether a copy should be there.
    pub(super) fn has_copy(&self) -> bool {
        self.copied.is_some()
    }

    /// What is wrong with what was found after a loss of power. From then on, what was found is what is stored.
    pub(super) fn compare(&mut self, found: Things) -> Vec<String> {
        let mut wrong = Vec::new();
        for (thing, state) in &self.things {
            match (state, found.get(thing)) {
                (State::Stored(_), None) if !replaced(thing, &found) => {
                    wrong.push(format!("{thing} was acknowledged, and is lost"));
                }
                (State::Stored(known) | State::Unsure(known), Some(found)) if known != found => {
                    wrong.push(format!("{thing} is another one than was stored"));
                }
                (State::Removed(_), Some(_)) => wrong.push(format!("{thing} was removed, and is back")),
                _ => {}
            }
        }
        for (thing, sha256) in found.iter().filter(|(thing, _)| !self.things.contains_key(*thing)) {
            let stream = number(thing).map_or("snapshot", |(stream, _)| stream);
            if !is_founding(thing) && !self.unheard.contains(&(stream.to_owned(), sha256.clone())) {
                wrong.push(format!("{thing} is there, and nobody stored it"));
            }
        }
        for (stream, sha256) in std::mem::take(&mut self.unnumbered) {
            let there = found
                .iter()
                .any(|(thing, it)| *it == sha256 && number(thing).is_some_and(|it| it.0 == stream));
            if !there {
                wrong.push(format!("a {stream} was acknowledged, and is lost"));
            }
        }
        let removed = std::mem::take(&mut self.things);
        let removed = removed
            .into_iter()
            .filter(|(thing, state)| matches!(state, State::Removed(_)) && !found.contains_key(thing));
        self.things = removed.collect();
        self.things
            .extend(found.into_iter().map(|(thing, sha256)| (thing, State::Stored(sha256))));
        self.unheard.clear();
        wrong
    }

    /// What is wrong with what was found in the copy. To be asked after the repository itself.
    pub(super) fn compare_copy(&self, found: &Things) -> Vec<String> {
        let copied = self.copied.iter().flatten();
        let lost = copied.filter(|(thing, sha256)| {
            let still = self.things.get(*thing) == Some(&State::Stored((*sha256).clone()));
            still && found.get(*thing) != Some(sha256) && !replaced(thing, found)
        });
        lost.map(|(thing, _)| format!("{thing} was acknowledged as copied, and is not in the copy"))
            .collect()
    }
}

/// Whether it is made when the repository is.
fn is_founding(thing: &str) -> bool {
    number(thing).is_some_and(|(stream, number)| number == 1 && (stream == "writers" || stream.starts_with("keyring")))
}

/// Whether a thing of a numbered stream is no longer needed beside what was found.
fn replaced(thing: &str, found: &Things) -> bool {
    let Some((stream, own)) = number(thing) else {
        return false;
    };
    let newest = found
        .keys()
        .filter_map(|it| number(it))
        .filter(|it| it.0 == stream)
        .map(|it| it.1)
        .max();
    newest.is_some_and(|newest| own + kept(stream) < newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(name: &str) -> Deed {
        Deed::History { name: name.to_owned(), sha256: format!("hash of {name}") }
    }

    fn things(names: &[&str]) -> Things {
        names
            .iter()
            .map(|name| (format!("history {name}"), format!("hash of {name}")))
            .collect()
    }

    #[test]
    fn what_was_acknowledged_must_be_there_and_what_was_begun_may_be() {
        let told = |found: Things| {
            let mut ledger = Ledger::default();
            ledger.hear(1, Said::Begun(history("a")));
            ledger.hear(1, Said::Done(String::new()));
            ledger.hear(1, Said::Begun(history("b")));
            ledger.died();
            let told = ledger.compare(found.clone());
            assert_eq!(ledger.compare(found), [""; 0], "what was found is what is stored");
            told
        };
        assert_eq!(told(things(&["a"])), [""; 0]);
        assert_eq!(told(things(&["a", "b"])), [""; 0]);
        assert_eq!(told(things(&["b"])), ["history a was acknowledged, and is lost"]);
        assert_eq!(told(things(&["a", "c"])), ["history c is there, and nobody stored it"]);
        let half = Things::from([("history a".to_owned(), "half".to_owned())]);
        assert_eq!(told(half), ["history a is another one than was stored"]);
    }

    #[test]
    fn what_was_removed_must_not_come_back_and_what_was_being_removed_may() {
        let mut ledger = Ledger::default();
        for name in ["a", "b"] {
            ledger.hear(1, Said::Begun(history(name)));
            ledger.hear(1, Said::Done(String::new()));
            ledger.hear(1, Said::Begun(Deed::RemoveHistory { name: name.to_owned() }));
            if name == "a" {
                ledger.hear(1, Said::Done(String::new()));
            }
        }
        ledger.died();
        assert_eq!(ledger.compare(things(&["b"])), [""; 0]);
        assert_eq!(ledger.compare(things(&["a", "b"])), ["history a was removed, and is back"]);
    }

    #[test]
    fn the_newest_of_a_stream_must_be_there_and_older_ones_for_as_long_as_they_are_kept() {
        let kits = |numbers: std::ops::RangeInclusive<u64>| -> Things {
            numbers.map(|number| (numbered("kit", number), "same".to_owned())).collect()
        };
        let told = |found: Things| {
            let mut ledger = Ledger::default();
            let kit = || Deed::Numbered { stream: "kit".to_owned(), sha256: "same".to_owned() };
            for number in 1..=22 {
                ledger.hear(1, Said::Begun(kit()));
                ledger.hear(1, Said::Done(number.to_string()));
            }
            ledger.hear(1, Said::Begun(kit()));
            ledger.compare(found)
        };
        assert_eq!(told(kits(1..=22)), [""; 0]);
        assert_eq!(told(kits(2..=22)), [""; 0]);
        assert_eq!(told(kits(3..=23)), [""; 0]);
        assert_eq!(told(kits(1..=21)), ["kit #22 was acknowledged, and is lost"]);
        assert_eq!(told(kits(3..=22)), ["kit #2 was acknowledged, and is lost"]);
    }
}
