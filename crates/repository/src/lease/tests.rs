//! What the lease's tests share.

mod counting;
mod paused;
mod records;
mod shelf;
mod simulation;
mod watching;

use super::*;
use estate::Epoch;

/// The omitted step, in tests.
impl<S, C> Lease<S, C> {
    pub(super) fn omits(&self, step: Omission) -> bool {
        self.omitted == Some(step)
    }
}

fn position(number: u64) -> Position {
    Position { number, hash: hash(&number.to_be_bytes()) }
}

fn acceptance(epoch: u64, last: Option<u64>) -> Acceptance {
    Acceptance { epoch: Epoch(epoch), last: last.map(position) }
}

/// A record of a tenure that has accepted.
fn record(number: u64, epoch: u64) -> Record {
    Record {
        number,
        epoch: Epoch(epoch),
        holder: format!("host {epoch}"),
        writer: format!("writer {epoch}"),
        ttl_ms: 1000,
        state: State::Held,
        floor: 0,
        accepted: Some(Epoch(epoch)),
        accepts: std::collections::BTreeMap::new(),
    }
}
