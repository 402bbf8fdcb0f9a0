mod simulation;

use simulation::{Chaos, Tally, World};

/// Fixed, so that a failure is found again; ten simulated minutes each.
const SEEDS: u64 = 300;
/// A broken rule has to be found among so many; most are among the first.
const SEEDS_OF_THE_BROKEN: u64 = 2000;
const MINUTES: u64 = 10;

fn all(seeds: u64, chaos: Chaos) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for seed in 0..seeds {
        tally.add(&World::new(seed, chaos).run(MINUTES * 60_000_000)?);
    }
    Ok(tally)
}

#[test]
fn never_do_two_sites_serve_at_once() {
    let tally = all(SEEDS, Chaos::FULL).unwrap_or_else(|found| panic!("{found}"));
    // Worth something only if all of it happens, and often.
    let happened = [
        ("rounds served by main", tally.served[0]),
        ("rounds served by standby", tally.served[1]),
        ("handovers from one site to the other", tally.handovers),
        ("stops of a lonely site", tally.lonely),
        ("returns from loneliness", tally.returns),
        ("takeovers that had to wait", tally.waits),
        ("takeovers that did not, since the other had stopped", tally.stopped),
        ("restarts of a voter", tally.restarts),
        ("failed writes", tally.unsaved),
    ];
    for (what, times) in happened {
        assert!(times > 100, "{what}: {times} times only");
    }
}

#[test]
fn the_simulation_finds_who_breaks_a_rule() {
    let found = |chaos: Chaos| {
        all(SEEDS_OF_THE_BROKEN, chaos)
            .err()
            .is_some_and(|found| found.contains("may still serve"))
    };
    assert!(
        found(Chaos { impatient: true, ..Chaos::FULL }),
        "a taker that does not wait was not found"
    );
    assert!(
        found(Chaos { forgetful: true, ..Chaos::FULL }),
        "a voter that answers before it saves was not found"
    );
    assert!(
        found(Chaos { amnesiac: true, ..Chaos::FULL }),
        "a voter that forgets its confirmations was not found"
    );
}

#[test]
fn on_a_calm_network_the_lost_site_is_replaced_and_stays_fenced() {
    let mut world = World::new(1, Chaos::NONE);
    let serving = |world: &World| [0, 1].map(|site| world.serves(site));
    world.run_until(20_000_000).unwrap();
    assert_eq!(serving(&world), [true, false]);
    world.power_off(0);
    world.run_until(40_000_000).unwrap();
    assert_eq!(serving(&world), [false, false]);
    world.take_over(1);
    world.run_until(60_000_000).unwrap();
    assert_eq!(serving(&world), [false, true]);
    world.power_on(0);
    world.run_until(90_000_000).unwrap();
    assert_eq!(serving(&world), [false, true]);
    assert!(matches!(world.duty(0), crate::Duty::Fenced { .. }), "{:?}", world.duty(0));
}
