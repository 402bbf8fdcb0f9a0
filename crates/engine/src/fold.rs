//! Which entry may follow which, and what it changes. The engine checks its own entries by the same rules before it writes
//! them. Start at [`State::check`].

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
        if let Some(how) = &self.ended {
            return Err(format!("the run has ended before ({how})"));
        }
        match (&entry.event, self.plan.is_some()) {
            (Event::Begun { .. }, false) => return Ok(()),
            (Event::Begun { .. }, true) => return Err("the run had begun before".to_owned()),
            (_, false) => return Err("the run has not begun".to_owned()),
            // Anybody may claim a run or give it up: the number decides who came first.
            (Event::Claimed {} | Event::Ended { how: Ended::Cancelled }, true) => return Ok(()),
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
            Event::Ended { .. } => self.can_succeed(),
            Event::Begun { .. } | Event::Claimed {} | Event::Alive {} => Ok(()),
        }
    }

    fn can_begin(&self, step: &str, attempt: u32) -> Result<(), String> {
        let before = self.attempts.get(step).copied().unwrap_or(0);
        if self.outcome(step).is_some() {
            return Err("the step is done".to_owned());
        }
        match self.unfinished() {
            Some(other) if other != step => return Err(format!("step {other} is not done")),
            _ => {}
        }
        if u64::from(attempt) != u64::from(before) + 1 {
            return Err(format!("{before} attempts came before"));
        }
        Ok(())
    }

    fn is_open(&self, step: &str, attempt: u32) -> Result<(), String> {
        match &self.in_flight {
            Some(flight) if flight.step != step => Err(format!("step {} is in flight", flight.step)),
            Some(flight) if flight.attempt != attempt => Err(format!("attempt {} is in flight", flight.attempt)),
            Some(_) if !self.open => Err("the run was claimed after the intent".to_owned()),
            Some(_) => Ok(()),
            None => Err("it has no intent".to_owned()),
        }
    }

    fn can_succeed(&self) -> Result<(), String> {
        self.unfinished().map_or(Ok(()), |step| Err(format!("step {step} is not done")))
    }

    fn failed_at(&self, step: &str) -> Result<(), String> {
        match &self.failed {
            Some(failed) if failed.step == step => Ok(()),
            _ => Err(format!("step {step} has not failed")),
        }
    }

    /// The step that was begun and is not done.
    fn unfinished(&self) -> Option<&str> {
        let in_flight = self.in_flight.as_ref().map(|flight| flight.step.as_str());
        in_flight.or_else(|| self.failed.as_ref().map(|failed| failed.step.as_str()))
    }

    /// Takes in an entry that was checked.
    pub(crate) fn note(&mut self, entry: &Entry) {
        self.next = entry.seq.saturating_add(1);
        self.runner = Some(entry.runner.clone());
        self.last = Some(entry.at);
        self.released = matches!(entry.event, Event::Failed { retry: false, .. });
        match &entry.event {
            Event::Begun { plan } => {
                self.plan = Some(plan.clone());
                self.begun = Some(entry.at);
            }
            Event::Claimed {} => {
                self.claimant = Some(entry.runner.clone());
                self.open = false;
            }
            Event::Alive {} => {}
            Event::Intent { step, attempt } => {
                self.attempts.insert(step.clone(), *attempt);
                self.in_flight = Some(InFlight { step: step.clone(), attempt: *attempt, since: entry.at });
                self.failed = None;
                self.open = true;
            }
            Event::Done { step, outcome, .. } => {
                self.done.extend([(step.clone(), outcome.clone())]);
                self.in_flight = None;
                self.open = false;
            }
            Event::Failed { step, attempt, error, retry } => {
                let (step, problem) = (step.clone(), error.clone());
                self.failed = Some(Failure {
                    step,
                    attempt: *attempt,
                    problem,
                    retry: *retry,
                    at: entry.at,
                });
                self.in_flight = None;
                self.open = false;
            }
            Event::Ended { how } => self.ended = Some(how.clone()),
        }
    }
}
