//! Which change comes next, in the proportions of a living cluster. Pure.

use super::random::Random;

/// One change to a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The holder of a lease says that it lives.
    Renew { lease: usize },
    /// A controller reports on an object.
    Status { boat: usize },
    /// A ConfigMap or Secret appears.
    Create { item: usize },
    /// The oldest of them goes.
    Delete { item: usize },
    /// Something is told.
    Event { number: usize },
}

/// How many objects of each sort stand at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Population {
    pub(super) leases: usize,
    pub(super) boats: usize,
    pub(super) items: usize,
}

impl Population {
    /// A quarter leases, a third custom objects, the rest ConfigMaps and Secrets; at least one of each.
    pub(super) fn of(objects: usize) -> Self {
        let (leases, boats) = ((objects / 4).max(1), (objects / 3).max(1));
        Self {
            leases,
            boats,
            items: objects.saturating_sub(leases + boats).max(1),
        }
    }
}

/// Deals the changes of a run, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Dealer {
    random: Random,
    population: Population,
    turns: usize,
    events: usize,
}

impl Dealer {
    pub(super) fn new(seed: u64, population: Population) -> Self {
        Self {
            random: Random::of(seed, 0x63_6875_726e),
            population,
            turns: 0,
            events: 0,
        }
    }

    pub(super) fn next(&mut self) -> Change {
        match self.random.below(100) {
            0..40 => Change::Renew { lease: self.random.below(self.population.leases) },
            40..70 => Change::Status { boat: self.random.below(self.population.boats) },
            70..90 => self.turn_over(),
            _ => {
                self.events += 1;
                Change::Event { number: self.events - 1 }
            }
        }
    }

    /// Creates the next and deletes the oldest in turn, so that the population stays and no two changes meet.
    fn turn_over(&mut self) -> Change {
        let (round, delete) = (self.turns / 2, self.turns % 2 == 1);
        self.turns += 1;
        if delete {
            Change::Delete { item: round }
        } else {
            Change::Create { item: self.population.items + round }
        }
    }
}
