//! Evidence by chance, around every threshold: declared is what the rule says, told once more in plain terms, and nothing else.

use super::story::Story;
use super::{CHAPTERS, report};
use crate::{Call, decide};
use estate::{Epoch, Mode, Serving};
use jiff::SignedDuration;
use proptest::prelude::*;

/// What one observer may report: age, then for each probe whether it is good, for how long, and when it was asked; and the
/// last confirmation.
type Observed = (u64, [(bool, u64, u64); 2], Option<u64>);

fn observed() -> impl Strategy<Value = Observed> {
    let probe = (prop::bool::weighted(0.05), 9_500_u64..20_000, 0_u64..2_300);
    let renewed = prop::option::weighted(0.8, prop_oneof![9 => 8_000_u64..24_000, 1 => 0_u64..8_000]);
    (0_u64..2_300, [probe.clone(), probe], renewed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn declared_is_what_the_rule_says(
        both in [observed(), observed()],
        inside in prop::option::weighted(0.3, (any::<bool>(), 0_u64..8_000)),
        copy in prop::option::weighted(0.9, -7_000_i64..100_000),
        fit in prop::bool::weighted(0.9),
        automatic in prop::bool::weighted(0.9),
    ) {
        let mut story = Story::all(CHAPTERS[0].1).remove(0);
        let evidence = &mut story.evidence;
        story.policy.mode = if automatic { Mode::Automatic } else { Mode::Propose };
        for (arrived, (age, probes, renewed)) in [&mut evidence.from_standby, &mut evidence.from_witness].into_iter().zip(&both) {
            arrived.as_mut().unwrap().age_ms = *age;
            let report = report(arrived);
            for (seen, (good, for_ms, asked_ms)) in report.probes.iter_mut().zip(probes) {
                (seen.good, seen.for_ms, seen.asked_ms) = (*good, *for_ms, *asked_ms);
            }
            match renewed {
                Some(ago) => report.renewed.as_mut().unwrap().ago_ms = *ago,
                None => report.renewed = None,
            }
        }
        report(&mut evidence.from_standby).unfit = fit.then(Vec::new);
        match inside {
            Some((serves, age)) => {
                evidence.from_inside.as_mut().unwrap().age_ms = age;
                if !serves {
                    report(&mut evidence.from_inside).serving = Serving::Alone { epoch: Epoch(1) };
                }
            }
            None => evidence.from_inside = None,
        }
        match copy {
            Some(age) => evidence.proven.as_mut().unwrap().begun = story.now - SignedDuration::from_millis(age),
            None => evidence.proven = None,
        }

        let seen = || both.iter().flat_map(|(age, probes, _)| probes.iter().map(move |probe| (age, probe)));
        let fresh = seen().all(|(age, (.., asked))| age + asked <= 6000);
        let lost_ms = seen().map(|(_, (_, for_ms, _))| *for_ms).min().unwrap();
        let all_fail = seen().all(|(_, (good, ..))| !good) && lost_ms >= 10_000;
        let newest = both.iter().filter_map(|(age, _, ago)| ago.map(|ago| (age + ago, ago))).min_by_key(|(age, _)| *age);
        let lives = inside.is_some_and(|(serves, age)| serves && age <= 6000) || newest.is_some_and(|(age, _)| age <= 6000);
        let kept = newest.is_some_and(|(_, ago)| ago <= lost_ms + 10_000);
        let young = copy.is_some_and(|age| (-5_000..=60_000 + lost_ms as i64).contains(&age));

        let verdict = decide(&story.policy, &story.evidence, story.now);
        let lost = fresh && all_fail && !lives;
        prop_assert_eq!(verdict.kind >= Call::Propose, lost, "{:?}", &verdict);
        prop_assert_eq!(verdict.kind == Call::Declare, lost && kept && young && fit && automatic, "{:?}", &verdict);
        prop_assert!(!verdict.reasons.is_empty());
    }
}
