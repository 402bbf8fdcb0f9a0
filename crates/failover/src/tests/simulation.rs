//! Three sites under one seed: lossy, slow and doubling links, partitions, restarts that lose all but what was saved, reboots
//! that set the clock back to zero, hung processes, failing disks, runs that take over at either end. Start at
//! [`World::run`]; `sites` is what one site does.
//!
//! A site counts as serving until its whole lease is over, not only until its duty is no longer to serve: stopping takes
//! time. Whoever serves meanwhile breaks the rule.

mod chance;
mod sites;
mod tally;

use crate::{Duty, Round};
use chance::Chance;
use estate::{Promised, Renewed, Takeover};
use sites::Site;
use std::collections::BTreeMap;

pub(super) use tally::Tally;

/// What goes wrong, and which rule is broken on purpose.
#[derive(Clone, Copy)]
pub(super) struct Chaos {
    /// Whether links, hosts and disks misbehave, and runs take over as they like.
    pub(super) wild: bool,
    /// A taker does not wait for leases.
    pub(super) impatient: bool,
    /// A voter answers before what it promised is durable.
    pub(super) forgetful: bool,
    /// A voter that starts takes it that it confirmed nothing before.
    pub(super) amnesiac: bool,
}

impl Chaos {
    pub(super) const NONE: Self = Self {
        wild: false,
        impatient: false,
        forgetful: false,
        amnesiac: false,
    };
    pub(super) const FULL: Self = Self { wild: true, ..Self::NONE };
}

#[derive(Clone)]
enum Message {
    Renew(Round),
    Renewed(Round, Renewed),
    Takeover(Takeover),
    Promised(Takeover, Promised),
}

#[derive(Clone)]
enum Event {
    Tick {
        site: usize,
        life: u32,
    },
    /// `life` is the sender's for a question, and comes back with the answer: a restarted process has no such connection.
    Deliver {
        from: usize,
        to: usize,
        life: u32,
        message: Message,
    },
    Links,
}

pub(super) struct World {
    seed: u64,
    chaos: Chaos,
    chance: Chance,
    now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    sites: [Site; 3],
    cut: [[bool; 3]; 3],
    tally: Tally,
    last_served: Option<usize>,
    log: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, chaos: Chaos) -> Self {
        let mut chance = Chance::new(seed);
        let sites = [0, 1, 2].map(|site| Site::new(site, chance.below(1_000_000_000_000)));
        let mut world = Self {
            seed,
            chaos,
            chance,
            now: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            sites,
            cut: [[false; 3]; 3],
            tally: Tally::default(),
            last_served: None,
            log: Vec::new(),
        };
        (0..3).for_each(|site| world.push(0, Event::Tick { site, life: 0 }));
        world.push(0, Event::Links);
        world
    }

    /// Runs for so many microseconds. An error is the story of a broken rule.
    pub(super) fn run(mut self, us: u64) -> Result<Tally, String> {
        self.run_until(us)?;
        Ok(self.tally)
    }

    pub(super) fn run_until(&mut self, us: u64) -> Result<(), String> {
        while let Some((&(at, sequence), _)) = self.queue.first_key_value()
            && at <= us
        {
            let Some(event) = self.queue.remove(&(at, sequence)) else {
                break;
            };
            self.now = at;
            self.happen(event)?;
        }
        self.now = us;
        Ok(())
    }

    pub(super) fn power_off(&mut self, site: usize) {
        self.sites[site].off = true;
        self.sites[site].dirty_until = self.now;
    }

    pub(super) fn power_on(&mut self, site: usize) {
        self.sites[site].off = false;
        self.restart(site, true);
    }

    pub(super) fn take_over(&mut self, site: usize) {
        self.sites[site].begin_taking("by-hand".to_owned());
    }

    pub(super) fn duty(&self, site: usize) -> Duty {
        self.sites[site].duty(self.now)
    }

    pub(super) fn serves(&self, site: usize) -> bool {
        !self.sites[site].off && matches!(self.duty(site), Duty::Serve { .. })
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Links => {
                let cut = self.chaos.wild && self.chance.one_in(3);
                let (a, b) = (self.chance.index(3), self.chance.index(3));
                self.cut[a][b] = cut;
                // Now and then one direction only.
                self.cut[b][a] = cut && !self.chance.one_in(4);
                let after = self.chance.below(8_000_000);
                self.push(after, Event::Links);
                Ok(())
            }
            Event::Tick { site, life } if self.sites[site].life == life && !self.sites[site].off => self.tick(site),
            Event::Tick { .. } => Ok(()),
            Event::Deliver { to, .. } if self.sites[to].off => Ok(()),
            // A hung process finds its messages when it wakes.
            Event::Deliver { to, .. } if self.sites[to].hangs_until > self.now => {
                let wait = self.sites[to].hangs_until - self.now;
                self.push(wait, event);
                Ok(())
            }
            Event::Deliver { from, to, life, message } => {
                self.deliver(from, to, life, message);
                Ok(())
            }
        }
    }

    /// What a site does on its own: look at its duty, ask for confirmations, carry on a takeover; or hang, or restart.
    fn tick(&mut self, site: usize) -> Result<(), String> {
        if self.chaos.wild && self.chance.one_in(40) {
            let reboot = self.chance.one_in(2);
            self.restart(site, reboot);
            return Ok(());
        }
        let mut pause = 200_000 + self.chance.below(1_000_000);
        if self.chaos.wild && self.chance.one_in(40) {
            pause = self.chance.below(25_000_000);
            self.sites[site].hangs_until = self.now + pause;
        }
        self.learn(site);
        if site < 2 {
            self.do_duty(site)?;
            if self.chaos.wild && self.chance.one_in(40) {
                let run = format!("run-{}", self.sequence);
                self.sites[site].begin_taking(run);
            }
            let asks = self.sites[site].carry_on(self.now, self.chaos, &mut self.chance, &mut self.tally);
            asks.into_iter().for_each(|ask| self.ask_all(site, &Message::Takeover(ask)));
            if let Some(round) = self.sites[site].ask(self.now) {
                self.ask_all(site, &Message::Renew(round));
            }
        }
        let life = self.sites[site].life;
        self.push(pause, Event::Tick { site, life });
        Ok(())
    }

    fn do_duty(&mut self, site: usize) -> Result<(), String> {
        let duty = self.duty(site);
        self.log
            .push(format!("{:>11} us {}: {duty:?}", self.now, self.sites[site].name));
        let me = &mut self.sites[site];
        match duty {
            Duty::Serve { left } => {
                self.tally.returns += u64::from(std::mem::take(&mut me.lonely));
                let whole = sites::us(left) + sites::us(sites::LEASE) * 4 / 10;
                me.dirty_until = me.dirty_until.max(self.now + whole);
                self.tally.served[site] += 1;
                self.tally.handovers += u64::from(self.last_served.replace(site).is_some_and(|last| last != site));
                let other = &self.sites[1 - site];
                if other.dirty_until > self.now {
                    let story = self.log[self.log.len().saturating_sub(40)..].join("\n");
                    let (seed, name, until) = (self.seed, &other.name, other.dirty_until);
                    return Err(format!("seed {seed}: {name} may still serve until {until} us\n{story}"));
                }
            }
            Duty::Stop { left, .. } if !me.lonely => {
                me.lonely = true;
                self.tally.lonely += u64::from(!left.is_zero());
            }
            // Stopping may be done at once, or take as long as it may.
            Duty::Fenced { .. } if self.chance.one_in(2) => me.dirty_until = me.dirty_until.min(self.now),
            _ => {}
        }
        Ok(())
    }

    fn restart(&mut self, site: usize, reboot: bool) {
        self.tally.restarts += 1;
        self.sites[site].restart(self.now, reboot, self.chaos.amnesiac);
        self.log
            .push(format!("{:>11} us {}: restart, reboot: {reboot}", self.now, self.sites[site].name));
        let (life, after) = (self.sites[site].life, self.chance.below(3_000_000));
        self.push(after, Event::Tick { site, life });
    }

    fn learn(&mut self, site: usize) {
        let heard = |other: &usize| *other != site && !self.cut[site][*other] && !self.sites[*other].off;
        let others: Vec<_> = (0..3).filter(heard).map(|other| self.sites[other].known()).collect();
        self.sites[site].learn(&others);
    }

    fn deliver(&mut self, from: usize, to: usize, life: u32, message: Message) {
        let saves = self.chaos.forgetful || !(self.chaos.wild && self.chance.one_in(20));
        let (me, now) = (&mut self.sites[to], self.now);
        let reply = match message {
            Message::Renew(round) => me
                .renew(&round, now, saves, self.chaos)
                .map(|reply| Message::Renewed(round, reply)),
            Message::Takeover(ask) => me
                .promise(&ask, now, saves, self.chaos)
                .map(|reply| Message::Promised(ask, reply)),
            Message::Renewed(..) | Message::Promised(..) if me.life != life => return,
            Message::Renewed(round, reply) => return me.renewed(&round, &reply, from),
            Message::Promised(ask, reply) => return me.promised(&ask, reply, from, now),
        };
        match reply {
            Some(reply) => self.send(to, from, life, &reply),
            None => self.tally.unsaved += 1,
        }
    }

    fn ask_all(&mut self, from: usize, message: &Message) {
        let life = self.sites[from].life;
        (0..3).for_each(|to| self.send(from, to, life, message));
    }

    fn send(&mut self, from: usize, to: usize, life: u32, message: &Message) {
        let wild = self.chaos.wild && from != to;
        if wild && (self.cut[from][to] || self.chance.one_in(10)) {
            return;
        }
        let copies = if wild && self.chance.one_in(10) { 2 } else { 1 };
        for _ in 0..copies {
            let slow = wild && self.chance.one_in(10);
            let delay = self.chance.below(if slow { 15_000_000 } else { 50_000 });
            let message = message.clone();
            self.push(delay, Event::Deliver { from, to, life, message });
        }
    }

    fn push(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), event);
    }
}
