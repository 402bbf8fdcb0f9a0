//! Which entry may follow which, and what it changes. The engine checks its own entries by the same rules before it writes
//! them. Start at [`State::check`].

use crate::state::{Said, Turned};
use crate::{Damaged, Ended, Entry, Event, Failure, InFlight, State};

impl State {
    /// Says whether `entry` can be the next one.
    pub(crate) fn check(&self, entry: &Entry) -> Result<(), Damaged> {
        if entry.seq != self.next {
            let reason = if entry.seq < self.next {
                format!("number {} is there twice", entry.seq)
            } else {
                format!("it is missing, {} comes next", entry.seq)
            };
            return Err(Damaged { seq: self.next.min(entry.seq), reason });
        }
        self.follows(entry).map_err(|reason| Damaged {
            seq: entry.seq,
            reason: format!("{}: {reason}", entry.event.label()),
        })
    }

    fn follows(&self, entry: &Entry) -> Result<(), String> {
        if let Event::TurnedBack { to } = &entry.event {
            return self.can_turn(to.as_deref());
        }
        if let Some(how) = &self.ended {
            return Err(format!("the run has ended before ({how})"));
        }
        match (&entry.event, self.plan.is_some()) {
            (Event::Begun { .. }, false) => return Ok(()),
            (Event::Begun { .. }, true) => return Err("the run had begun before".to_owned()),
            (_, false) => return Err("the run has not begun".to_owned()),
            // Anybody may claim a run, give it up, or say something: the number decides who came first.
            (Event::Claimed {} | Event::Word { .. } | Event::Ended { how: Ended::Cancelled }, true) => return Ok(()),
            (Event::Ended { how: Ended::Failed { step } }, true) => return self.failed_at(step),
            (_, true) => {}
        }
        match &self.claimant {
            None => return Err("nobody has claimed the run".to_owned()),
            Some(claimant) if *claimant != entry.runner => {
                return Err(format!("it is by {}, but {claimant} has claimed the run", entry.runner));
            }
            Some(_) => {}
        }
        match &entry.event {
            Event::Intent { step, attempt } => self.can_begin(step, *attempt),
            Event::Done { step, attempt, .. } | Event::Failed { step, attempt, .. } => self.is_open(step, *attempt),
            Event::Skipped { step, .. } => self.can_skip(step),
            Event::Undoing { step, attempt } => self.can_undo(step, *attempt),
            Event::Undone { step, attempt, .. } | Event::UndoFailed { step, attempt, .. } => {
                self.is_undoing(step, *attempt)
            }
            Event::Ended { how: Ended::Undone } => self.is_undone(),
            Event::Ended { .. } => self.can_succeed(),
            Event::Stopped {} => self.can_stop(),
            _ => Ok(()),
        }
    }

    fn can_turn(&self, to: Option<&str>) -> Result<(), String> {
        if self.plan.is_none() {
            return Err("the run has not begun".to_owned());
        }
        match (&self.ended, to) {
            (Some(Ended::Undone), _) => Err("the run is undone".to_owned()),
            (_, Some(gate)) if self.done.get(gate).is_none() => Err(format!("step {gate} is not done")),
            _ => Ok(()),
        }
    }

    fn can_begin(&self, step: &str, attempt: u32) -> Result<(), String> {
        let before = self.attempts.get(step).copied().unwrap_or(0);
        if self.turned.is_some() {
            return Err("the run is being undone".to_owned());
        }
        if self.is_settled(step) {
            let how = if self.outcome(step).is_some() {
                "done"
            } else {
                "left out"
            };
            return Err(format!("the step is {how}"));
        }
        if u64::from(attempt) != u64::from(before) + 1 {
            return Err(format!("{before} attempts came before"));
        }
        Ok(())
    }

    fn is_open(&self, step: &str, attempt: u32) -> Result<(), String> {
        match self.in_flight.iter().find(|flight| flight.step == step) {
            Some(flight) if flight.attempt != attempt => Err(format!("attempt {} is in flight", flight.attempt)),
            Some(_) if !self.open.contains(step) => Err("the run was claimed after the intent".to_owned()),
            Some(_) => Ok(()),
            None => Err("it has no intent".to_owned()),
        }
    }

    fn can_skip(&self, step: &str) -> Result<(), String> {
        match (self.turned.is_some(), self.is_settled(step)) {
            (true, _) => Err("the run is being undone".to_owned()),
            (_, true) => Err("the step is settled".to_owned()),
            _ => Ok(()),
        }
    }

    fn can_undo(&self, step: &str, attempt: u32) -> Result<(), String> {
        let Some(turned) = &self.turned else {
            return Err("the run is not being undone".to_owned());
        };
        if !self.to_undo(turned.to.as_deref()).contains(&step) {
            return Err("nothing of the step is to be undone".to_owned());
        }
        match turned.attempts.get(step).copied().unwrap_or(0) {
            before if u64::from(attempt) != u64::from(before) + 1 => Err(format!("{before} attempts came before")),
            _ => Ok(()),
        }
    }

    fn is_undoing(&self, step: &str, attempt: u32) -> Result<(), String> {
        let flight = self.turned.as_ref().and_then(|turned| turned.in_flight.as_ref());
        match flight {
            Some(flight) if flight.step == step && flight.attempt == attempt && self.open.contains(step) => Ok(()),
            _ => Err("it has no intent".to_owned()),
        }
    }

    fn is_undone(&self) -> Result<(), String> {
        match &self.turned {
            Some(turned) if turned.to.is_none() => match self.to_undo(None).first() {
                Some(step) => Err(format!("step {step} is not undone")),
                None => Ok(()),
            },
            _ => Err("the run is not being undone".to_owned()),
        }
    }

    fn can_succeed(&self) -> Result<(), String> {
        if self.turned.is_some() {
            return Err("the run is being undone".to_owned());
        }
        let in_flight = self.in_flight.first().map(|flight| flight.step.as_str());
        let unfinished = in_flight.or_else(|| self.failed.first().map(|failed| failed.step.as_str()));
        unfinished.map_or(Ok(()), |step| Err(format!("step {step} is not done")))
    }

    fn can_stop(&self) -> Result<(), String> {
        match &self.turned {
            Some(turned) => match self.to_undo(turned.to.as_deref()).first() {
                Some(step) => Err(format!("step {step} is not undone")),
                None => Ok(()),
            },
            None => match self.in_flight.iter().find(|flight| self.open.contains(&flight.step)) {
                Some(flight) => Err(format!("step {} is in flight", flight.step)),
                None => Ok(()),
            },
        }
    }

    fn failed_at(&self, step: &str) -> Result<(), String> {
        match self.failed.iter().any(|failed| failed.step == step) {
            true => Ok(()),
            false => Err(format!("step {step} has not failed")),
        }
    }

    /// Takes in an entry that was checked.
    pub(crate) fn note(&mut self, entry: &Entry) {
        self.next = entry.seq.saturating_add(1);
        if let Event::Word { step, word } = &entry.event {
            let (step, word) = (step.clone(), word.clone());
            self.words.push(Said { step, word, at: entry.at, seq: entry.seq });
            return;
        }
        self.signs = self.signs.saturating_add(1);
        self.runner = Some(entry.runner.clone());
        self.last = Some(entry.at);
        self.released = false;
        match &entry.event {
            Event::Begun { plan } => {
                self.plan = Some(plan.clone());
                self.begun = Some(entry.at);
            }
            Event::Claimed {} => self.claim(&entry.runner),
            Event::Alive {} | Event::Word { .. } => {}
            Event::Intent { step, attempt } => {
                self.attempts.insert(step.clone(), *attempt);
                self.close(step);
                self.in_flight.push(InFlight {
                    step: step.clone(),
                    attempt: *attempt,
                    since: entry.at,
                    seq: entry.seq,
                });
                self.begun_at.entry(step.clone()).or_insert(entry.seq);
                self.undone.retain(|undone| undone != step);
                self.open.insert(step.clone());
            }
            Event::Done { step, outcome, .. } => {
                self.close(step);
                self.done.extend([(step.clone(), outcome.clone())]);
                self.settled_at.insert(step.clone(), entry.seq);
            }
            Event::Skipped { step, reason } => {
                self.close(step);
                self.skipped.insert(step.clone(), reason.clone());
                self.settled_at.insert(step.clone(), entry.seq);
            }
            Event::Failed { step, attempt, error, retry } => {
                self.close(step);
                self.failed.push(failure(entry, (step, *attempt), error, *retry));
                self.released = !retry && self.open.is_empty();
            }
            Event::TurnedBack { to } => self.turn(to.as_deref(), &entry.runner),
            Event::Undoing { step, attempt } => {
                if let Some(turned) = &mut self.turned {
                    turned.attempts.insert(step.clone(), *attempt);
                    turned.failed = None;
                    turned.in_flight = Some(InFlight {
                        step: step.clone(),
                        attempt: *attempt,
                        since: entry.at,
                        seq: entry.seq,
                    });
                }
                self.open.insert(step.clone());
            }
            Event::Undone { step, .. } => {
                if let Some(turned) = &mut self.turned {
                    turned.in_flight = None;
                }
                self.close(step);
                self.done.remove(step);
                self.skipped.remove(step);
                self.settled_at.remove(step);
                self.begun_at.remove(step);
                self.undone.push(step.clone());
            }
            Event::UndoFailed { step, attempt, error, retry } => {
                if let Some(turned) = &mut self.turned {
                    turned.in_flight = None;
                    turned.failed = Some(failure(entry, (step, *attempt), error, *retry));
                }
                self.open.remove(step);
                self.released = !retry;
            }
            Event::Stopped {} => {
                self.turned = None;
                self.released = true;
            }
            Event::Ended { how } => {
                self.turned = None;
                self.ended = Some(how.clone());
            }
        }
    }

    fn claim(&mut self, runner: &str) {
        self.claimant = Some(runner.to_owned());
        self.open.clear();
    }

    fn turn(&mut self, to: Option<&str>, runner: &str) {
        self.claim(runner);
        self.ended = None;
        self.turned = Some(Turned { to: to.map(str::to_owned), ..Turned::default() });
        // What was left out since is thought over again.
        let since = to.and_then(|gate| self.settled_at.get(gate)).copied();
        let later = |step: &String| self.settled_at.get(step).copied() > since;
        let again: Vec<String> = self.skipped.keys().filter(|step| later(step)).cloned().collect();
        for step in again {
            self.skipped.remove(&step);
            self.settled_at.remove(&step);
        }
    }

    /// A step is no longer in flight, and no longer failed.
    fn close(&mut self, step: &str) {
        self.in_flight.retain(|flight| flight.step != step);
        self.failed.retain(|failed| failed.step != step);
        self.open.remove(step);
    }
}

fn failure(entry: &Entry, (step, attempt): (&str, u32), problem: &crate::Problem, retry: bool) -> Failure {
    Failure {
        step: step.to_owned(),
        attempt,
        problem: problem.clone(),
        retry,
        at: entry.at,
        seq: entry.seq,
    }
}
