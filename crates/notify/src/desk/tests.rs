use super::*;
use std::fmt::Write as _;

const START: &str = "2026-11-23T02:00:00Z";

fn condition(urgency: Urgency, text: &str) -> Condition {
    Condition {
        urgency,
        title: "the copy is stale".to_owned(),
        text: text.to_owned(),
        next: Some("lifeboat status".to_owned()),
    }
}

/// Plays rounds a second each: in `rounds`, `a` is an alarm, `C` critical, `i` info, `.` nothing, `?` not known; each with how
/// many seconds it lasts. What is said, with the second in which it is. There is a restart every 37 seconds.
fn played(rounds: &[(char, u32)]) -> String {
    let (rules, start) = (Rules::default(), START.parse::<Timestamp>().unwrap());
    let (mut desk, mut second, mut said) = (Desk::default(), 0_i64, String::new());
    for (what, times) in rounds {
        let urgency = match what {
            'a' => Some(Urgency::Alarm),
            'C' => Some(Urgency::Critical),
            'i' => Some(Urgency::Info),
            _ => None,
        };
        for _ in 0..*times {
            let now = start + SignedDuration::from_secs(second);
            let it = urgency.map(|urgency| ("rancher/rpo".to_owned(), condition(urgency, &format!("Round {second}."))));
            if second % 37 == 0 {
                desk = serde_json::from_str(&serde_json::to_string(&desk).unwrap()).unwrap();
            }
            for message in desk.round(&rules, now, &it.into_iter().collect(), |_| *what != '?') {
                writeln!(said, "{second}: {}: {}", message.severity, message.text).unwrap();
            }
            second += 1;
        }
    }
    said
}

#[test]
fn what_lasts_is_said_once_and_its_cure_once() {
    let table = [
        ("too short", &[('a', 30), ('.', 100)][..]),
        ("it lasts", &[('a', 31), ('.', 100)]),
        ("the text changes each round", &[('a', 5000)]),
        ("critical", &[('.', 5), ('C', 1), ('.', 100)]),
        ("it becomes critical", &[('a', 40), ('C', 100), ('a', 100), ('.', 40)]),
        ("info", &[('i', 100_000), ('.', 40)]),
        ("a day and more", &[('a', 90_000), ('.', 40)]),
        ("gone for too short a time", &[('a', 40), ('.', 30), ('a', 100)]),
        ("nothing is known, as after a start", &[('a', 40), ('?', 500), ('a', 10), ('.', 40)]),
    ];
    let shown: Vec<String> = table.map(|(name, rounds)| format!("{name}\n{}", played(rounds))).into();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_flaps_says_less_and_less() {
    let times = |rounds: &[(char, u32)], times: usize| played(&rounds.repeat(times)).lines().count();
    // Faster than the hold: as if it were there all the time.
    assert_eq!(times(&[('a', 10), ('.', 10)], 500), 1);
    assert_eq!(times(&[('C', 1), ('.', 20)], 500), 1);
    // Slower: 2 minutes there, 2 minutes away, for 20 hours. Its cure is waited for longer each time.
    assert_eq!(times(&[('a', 120), ('.', 120)], 300), 5);
    // There rarely enough, it is not flapping: each time is news.
    assert_eq!(times(&[('a', 60), ('.', 7200)], 10), 20);
}

#[test]
fn a_clock_that_goes_back_delays_nothing() {
    let rules = Rules::default();
    let start: Timestamp = START.parse().unwrap();
    let current = BTreeMap::from([("a".to_owned(), condition(Urgency::Alarm, "x"))]);
    let mut desk = Desk::default();
    assert!(desk.round(&rules, start, &current, |_| true).is_empty());
    let back = start - SignedDuration::from_hours(24);
    assert!(desk.round(&rules, back, &current, |_| true).is_empty());
    let said = desk.round(&rules, back + SignedDuration::from_secs(30), &current, |_| true);
    assert_eq!(said.len(), 1);
    assert_eq!(desk.open().collect::<Vec<_>>(), [("a", "the copy is stale")]);
}

#[test]
fn one_condition_says_nothing_of_another() {
    let (rules, now) = (Rules::default(), START.parse::<Timestamp>().unwrap());
    let mut desk = Desk::default();
    let both = ["a", "b"].map(|about| (about.to_owned(), condition(Urgency::Critical, about)));
    let said = desk.round(&rules, now, &BTreeMap::from(both.clone()), |_| true);
    assert_eq!(said.iter().map(|it| it.about.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let one = BTreeMap::from([both[0].clone()]);
    let later = |seconds| now + SignedDuration::from_secs(seconds);
    assert!(desk.round(&rules, later(1), &one, |_| true).is_empty());
    let said = desk.round(&rules, later(31), &one, |_| true);
    assert_eq!(
        said.iter().map(|it| (it.about.as_str(), it.severity)).collect::<Vec<_>>(),
        [("b", Severity::Cured)]
    );
}

proptest::proptest! {
    #[test]
    fn a_cure_follows_its_alarm_and_nothing_is_cured_twice(spans in proptest::collection::vec((0_usize..4, 1_u32..200), 0..40)) {
        let rounds: Vec<(char, u32)> = spans.into_iter().map(|(what, long)| (['a', 'C', '.', '?'][what], long)).collect();
        let (said, mut is_open) = (played(&rounds), false);
        for line in said.lines() {
            let is_cure = line.contains(": cured: ");
            proptest::prop_assert!(is_open || !is_cure, "{said}");
            is_open = !is_cure;
        }
    }
}
