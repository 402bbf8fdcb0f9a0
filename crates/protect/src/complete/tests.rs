//! A good recovery set of each distribution, and then each mismatch made on purpose. Start at `world`, which makes the sets.

mod any;
mod forms;
mod kubeadm;
mod moment;
mod rke1;
mod server;
mod world;

use super::*;
use std::fmt::Write;
use world::World;

/// What is changed, in words and truly.
type Case<'a> = (&'a str, &'a dyn Fn(&mut World));

/// What is found of a good set once it is changed; of what matches, only that it does.
fn book(good: &World, cases: &[Case<'_>]) -> String {
    let mut book = String::new();
    for (name, change) in cases {
        let mut world = good.clone();
        change(&mut world);
        let complete = world.judge();
        let verdict = if complete.is_complete() {
            "complete"
        } else {
            "not complete"
        };
        writeln!(book, "# {name}: {verdict}").unwrap();
        for it in complete.findings.iter().filter(|it| it.outcome != Outcome::Matches) {
            writeln!(book, "{it}\n    -> {}", it.next).unwrap();
            assert!(!it.next.is_empty(), "{it}");
        }
        book.push('\n');
        world.keeps_its_secrets(&complete);
    }
    book
}

/// All that is found.
fn all(world: &World) -> String {
    let complete = world.judge();
    world.keeps_its_secrets(&complete);
    complete.findings.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn findings_are_kept_as_json() {
    let mut found = Found::default();
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    found.put(Pair::Expiry, Outcome::Expired { at, anew: false }, "a expired", "renew it");
    found.mismatch(Pair::JoinToken, "b is another", "find it");
    let complete = found.complete();
    let json = serde_json::to_string(&complete).unwrap();
    insta::assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<Complete>(&json).unwrap(), complete);
}

#[test]
fn of_other_distributions_nothing_is_claimed() {
    let mut world = kubeadm::good();
    world.distribution = Distribution::Other;
    insta::assert_snapshot!(all(&world));
}

#[test]
fn dates_are_read_from_certificates_and_kubeconfigs() {
    let ca = world::authority("root", 2036);
    let leaf = ca.issue("client", 2027, 3);
    let both = dates(format!("{}{}", ca.certificate, leaf.certificate).as_bytes());
    assert_eq!(both, dates(leaf.kubeconfig(&ca).as_bytes()));
    let told: Vec<_> = both
        .iter()
        .map(|it| (it.until.to_string(), it.authority, it.notice_days()))
        .collect();
    insta::assert_debug_snapshot!(told);
    for none in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "clusters: 7",
    ] {
        assert_eq!(dates(none.as_bytes()), []);
    }
}

#[test]
fn how_long_files_are_good_can_be_told_without_records() {
    let good = kubeadm::good();
    let all = expiring(good.distribution, &good.files, good.parts().now);
    assert!(all.findings.iter().all(|it| it.pair == Pair::Expiry) && all.is_complete(), "{all:?}");
    let late = expiring(good.distribution, &good.files, "2037-01-01T00:00:00Z".parse().unwrap());
    assert!(late.failing().count() > 0, "{late:?}");
    assert_eq!(
        late.findings,
        Complete {
            findings: judge(&Parts { now: "2037-01-01T00:00:00Z".parse().unwrap(), ..good.parts() })
                .findings
                .into_iter()
                .filter(|it| it.pair == Pair::Expiry)
                .collect()
        }
        .findings
    );
}
