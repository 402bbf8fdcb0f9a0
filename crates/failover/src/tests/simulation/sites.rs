//! One site of the simulation: its disk, its voter, its keeper, and a run that takes over. Start at [`Site`].

use super::{Chance, Chaos, Tally};
use crate::{Answer, Duty, Keeper, Post, Round, Saved, Voter};
use estate::{Epoch, Majority, Name, Promised, Renewed, Standing, Takeover};
use std::time::Duration;

pub(super) const LEASE: Duration = Duration::from_secs(10);
const NAMES: [&str; 3] = ["main", "standby", "witness"];

pub(super) struct Site {
    pub(super) name: Name,
    pub(super) off: bool,
    /// How many times it has restarted.
    pub(super) life: u32,
    pub(super) hangs_until: u64,
    /// Until when what it started may still run and answer.
    pub(super) dirty_until: u64,
    pub(super) lonely: bool,
    /// What its clock is ahead of the world's, in microseconds.
    ahead: i128,
    voter: Voter,
    keeper: Keeper,
    taker: Option<Taker>,
    // What is durable.
    disk: Option<Saved>,
    served: Option<Epoch>,
}

/// A run that wants this site to serve.
struct Taker {
    run: String,
    epoch: Option<Epoch>,
    answers: Vec<(Name, Promised, Duration)>,
    waited: bool,
}

impl Site {
    pub(super) fn new(site: usize, ahead: u64) -> Self {
        let name: Name = NAMES[site].parse().unwrap();
        let ahead = i128::from(ahead);
        Self {
            voter: Voter::open(post(&name), None, clock(0, ahead)),
            keeper: Keeper::new(post(&name)),
            name,
            off: false,
            life: 0,
            hangs_until: 0,
            dirty_until: 0,
            lonely: false,
            ahead,
            taker: None,
            disk: None,
            served: None,
        }
    }

    /// Only the disk survives, and the clock unless the host itself goes down; what runs goes on unless it does.
    pub(super) fn restart(&mut self, now: u64, reboot: bool, amnesiac: bool) {
        self.life += 1;
        self.hangs_until = 0;
        self.lonely = false;
        if reboot {
            self.ahead = -i128::from(now);
            self.dirty_until = self.dirty_until.min(now);
        }
        let opened = if amnesiac { Duration::ZERO } else { self.clock(now) };
        self.voter = Voter::open(post(&self.name), self.disk.clone(), opened);
        self.keeper = Keeper::new(post(&self.name));
        if let Some(taker) = &mut self.taker {
            taker.answers.clear();
        }
    }

    pub(super) fn duty(&self, now: u64) -> Duty {
        self.keeper.duty(self.voter.standing(), self.served, self.clock(now))
    }

    pub(super) fn ask(&self, now: u64) -> Option<Round> {
        self.keeper.ask(self.voter.standing(), self.served, None, self.clock(now))
    }

    pub(super) fn known(&self) -> (Name, Option<Standing>) {
        (self.name.clone(), self.voter.standing().cloned())
    }

    pub(super) fn learn(&mut self, others: &[(Name, Option<Standing>)]) {
        if let Some(saved) = self.voter.learn(others) {
            self.voter.stored(&saved);
            self.disk = Some(saved);
        }
    }

    pub(super) fn renew(&mut self, round: &Round, now: u64, saves: bool, chaos: Chaos) -> Option<Renewed> {
        let answer = self.voter.renew(&round.renewal, self.clock(now));
        self.save(answer, saves, chaos)
    }

    pub(super) fn promise(&mut self, ask: &Takeover, now: u64, saves: bool, chaos: Chaos) -> Option<Promised> {
        let answer = self.voter.takeover(ask, self.clock(now));
        let mut reply = self.save(answer, saves, chaos)?;
        let began = self.served.is_some() || self.name.as_str() == NAMES[0];
        reply.stopped = reply.promised && began && ask.standing.holder != self.name && self.dirty_until <= now;
        Some(reply)
    }

    /// The reply, once it may be sent.
    fn save<T>(&mut self, answer: Answer<T>, saves: bool, chaos: Chaos) -> Option<T> {
        match answer.save {
            Some(_) if chaos.forgetful => {}
            Some(saved) if saves => {
                self.voter.stored(&saved);
                self.disk = Some(saved);
            }
            Some(_) => return None,
            None => {}
        }
        Some(answer.reply)
    }

    pub(super) fn renewed(&mut self, round: &Round, reply: &Renewed, from: usize) {
        if reply.granted {
            self.keeper.confirmed(round, &NAMES[from].parse().unwrap());
        }
    }

    pub(super) fn promised(&mut self, ask: &Takeover, reply: Promised, from: usize, now: u64) {
        let received = self.clock(now);
        if let Some(taker) = &mut self.taker
            && taker.run == ask.run
            && taker.epoch == Some(ask.standing.epoch)
        {
            taker.answers.push((NAMES[from].parse().unwrap(), reply, received));
        }
    }

    pub(super) fn begin_taking(&mut self, run: String) {
        let fresh = || Taker { run, epoch: None, answers: Vec::new(), waited: false };
        self.taker.get_or_insert_with(fresh);
    }

    /// What the run asks now; when its takeover is ready, it writes that the site serves.
    pub(super) fn carry_on(
        &mut self,
        now: u64,
        chaos: Chaos,
        chance: &mut Chance,
        tally: &mut Tally,
    ) -> Option<Takeover> {
        let clock = self.clock(now);
        let (known, taker) = (self.voter.standing()?.epoch, self.taker.as_mut()?);
        let epoch = *taker.epoch.get_or_insert(known.next());
        let standing = Standing { epoch, holder: self.name.clone() };
        let ready = match standing.majority(&taker.answers, clock) {
            Majority::Ready => true,
            Majority::WaitUntil(_) => {
                tally.waits += u64::from(!taker.waited);
                taker.waited = true;
                chaos.impatient
            }
            Majority::Missing { .. } => {
                // Refused: somebody knows this epoch or a newer one. Some give up, others ask for a newer one.
                let refusals = taker.answers.iter().filter(|(_, answer, _)| !answer.promised);
                let newest = refusals
                    .filter_map(|(_, answer, _)| answer.known.as_ref())
                    .map(|known| known.epoch)
                    .max();
                if let Some(newest) = newest {
                    taker.epoch = Some(newest.max(epoch).next());
                    taker.answers.clear();
                }
                if newest.is_some() && chance.one_in(3) {
                    self.taker = None;
                    return None;
                }
                false
            }
        };
        if ready {
            tally.stopped += u64::from(taker.answers.iter().any(|(_, answer, _)| answer.stopped));
            self.served = Some(epoch);
            self.taker = None;
            return None;
        }
        let asked = taker.epoch.map_or(standing.clone(), |epoch| Standing { epoch, ..standing });
        Some(Takeover {
            cluster: post(&self.name).cluster,
            standing: asked,
            run: taker.run.clone(),
        })
    }

    fn clock(&self, now: u64) -> Duration {
        clock(now, self.ahead)
    }
}

fn clock(now: u64, ahead: i128) -> Duration {
    Duration::from_micros(u64::try_from(i128::from(now) + ahead).unwrap())
}

fn post(site: &Name) -> Post {
    Post {
        site: site.clone(),
        cluster: "rancher".parse().unwrap(),
        primary: NAMES[0].parse().unwrap(),
        lease: LEASE,
    }
}

pub(super) fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}
