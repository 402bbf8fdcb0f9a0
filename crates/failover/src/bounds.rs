//! When what happens, if a site is lost or cut off: the bounds that its settings come to. Pure. Start at [`bounds`].

use crate::keeper::{CUT_AT_PERCENT, STOP_AT_PERCENT};
use estate::{Mode, Monitor};
use std::time::Duration;

/// Between two rounds of questions of a keeper, in per cent of the lease: by so much its last confirmation may be older than the loss.
pub const ASKED_PERCENT: u32 = 20;
/// How long a probe waits for an answer. A dead host answers nothing at all.
pub const PROBE_ANSWER: Duration = Duration::from_secs(2);
/// Agents ping every 5 s, give a silent connection up after 60 s, and dial again 10 s later at most (Rancher's remotedialer).
const AGENTS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(75));

/// Something that happens after a site is lost, and when: not before the one, and not after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What.
    pub what: &'static str,
    /// Not before, after the loss.
    pub from: Duration,
    /// Not after; of what waits for a person, without the person.
    pub to: Duration,
}

/// What happens after the loss of a site, or after it was cut off, in the order in which it does. `ttl` is for how long resolvers keep its
/// name, in seconds. What a takeover takes by itself, only a run or a drill can tell.
pub fn bounds(monitor: &Monitor, ttl: u32) -> Vec<Bound> {
    let (lease, every) = (*monitor.lease, *monitor.every);
    let within = |percent: u32| (lease * (percent - ASKED_PERCENT) / 100, lease * percent / 100);
    let declared = (*monitor.declare_after, *monitor.declare_after + every * 3 + PROBE_ANSWER);
    let (_, over) = within(100);
    let ready = (declared.0, declared.1.max(over));
    let ttl = Duration::from_secs(u64::from(ttl));
    let bound = |what, (from, to)| Bound { what, from, to };
    let mut all = vec![bound(
        "a site that lives and is cut off begins to stop",
        within(STOP_AT_PERCENT),
    )];
    if monitor.watchdog {
        all.push(bound(
            "its kernel lets nobody through, whatever its Lifeboat does",
            within(CUT_AT_PERCENT),
        ));
    }
    all.push(bound("its lease is over: it may serve no longer", within(100)));
    all.push(match monitor.mode {
        Mode::Automatic => bound("the failover is declared", declared),
        Mode::Propose => bound("the failover is proposed, and a person is waited for", declared),
    });
    all.push(bound("nothing is waited for any more: the takeover begins", ready));
    all.push(bound(
        "whoever asks anew is led to the other site, once the takeover has moved the name",
        (ready.0, ready.1 + ttl),
    ));
    all.push(bound("agents have noticed a silent death, and dial again", AGENTS));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use estate::Placed;

    fn told(monitor: &Monitor) -> String {
        let line =
            |it: Bound| format!("{:>5.1} to {:>5.1} s  {}\n", it.from.as_secs_f64(), it.to.as_secs_f64(), it.what);
        bounds(monitor, 30).into_iter().map(line).collect()
    }

    #[test]
    fn the_time_line_of_the_settings_that_nobody_has_changed() {
        insta::assert_snapshot!(told(&Monitor { mode: Mode::Automatic, ..Monitor::default() }));
    }

    /// A long lease is what a takeover waits for; and without a watchdog there is one promise less.
    #[test]
    fn a_takeover_waits_for_a_long_lease() {
        let lease = Placed::nowhere(Duration::from_secs(60));
        insta::assert_snapshot!(told(&Monitor { watchdog: false, lease, ..Monitor::default() }));
    }

    #[test]
    fn nobody_is_let_through_before_a_takeover_may_begin() {
        for lease in [5, 10, 30, 60] {
            let lease = Placed::nowhere(Duration::from_secs(lease));
            let monitor = Monitor { lease, ..Monitor::default() };
            let all = bounds(&monitor, 30);
            let latest = |part: &str| all.iter().find(|it| it.what.contains(part)).map(|it| it.to).unwrap();
            assert!(latest("begins to stop") < latest("its kernel"));
            assert!(latest("its kernel") < latest("its lease is over"));
            assert!(latest("its lease is over") <= latest("the takeover begins"));
        }
    }
}
