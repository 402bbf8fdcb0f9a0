//! What happened in a simulation. Start at [`Tally`].

/// What happened, to see that the simulation shows something.
#[derive(Default)]
pub(in crate::tests) struct Tally {
    pub(in crate::tests) served: [u64; 2],
    pub(in crate::tests) handovers: u64,
    pub(in crate::tests) lonely: u64,
    pub(in crate::tests) returns: u64,
    pub(in crate::tests) waits: u64,
    pub(in crate::tests) stopped: u64,
    pub(in crate::tests) restarts: u64,
    pub(in crate::tests) unsaved: u64,
}

impl Tally {
    pub(in crate::tests) fn add(&mut self, other: &Self) {
        (0..2).for_each(|site| self.served[site] += other.served[site]);
        self.handovers += other.handovers;
        self.lonely += other.lonely;
        self.returns += other.returns;
        self.waits += other.waits;
        self.stopped += other.stopped;
        self.restarts += other.restarts;
        self.unsaved += other.unsaved;
    }
}
