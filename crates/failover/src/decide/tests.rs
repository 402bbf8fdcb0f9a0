use super::evidence::{Arrived, Evidence, Policy};
use super::*;
use estate::Monitor;

mod chance;
mod story;
use story::{Story, beside};

/// The chapters, each a file of stories: a title, then what differs from an ordinary day.
const CHAPTERS: [(&str, &str); 4] = [
    ("Nothing to do", include_str!("stories/1-ordinary.txt")),
    ("Something is broken, but not main", include_str!("stories/2-partial.txt")),
    ("Main is gone, or seems to be", include_str!("stories/3-lost.txt")),
    ("Main is gone, but", include_str!("stories/4-lost-but.txt")),
];

#[test]
fn stories() {
    let mut book = String::from(story::ORDINARY);
    for (chapter, text) in CHAPTERS {
        book.push_str(&format!("\n\n== {chapter} ==\n"));
        for story in Story::all(text) {
            let verdict = decide(&story.policy, &story.evidence, story.now);
            let lost = verdict.lost_for_ms.map(|ms| format!(", lost for {ms} ms")).unwrap_or_default();
            let mut right = vec![format!("{:?}", verdict.kind).to_uppercase() + &lost];
            right.extend(verdict.reasons.iter().map(|reason| format!("- {reason}")));
            book.push_str(&format!("\n# {}\n{}", story.title, beside(&story.lines, &right)));
        }
    }
    insta::assert_snapshot!(book);
}

/// The story called `title`, with something done to it.
fn told(title: &str, change: impl FnOnce(&mut Policy, &mut Evidence)) -> Verdict {
    let mut stories = CHAPTERS.iter().flat_map(|(_, text)| Story::all(text));
    let mut story = stories.find(|story| story.title == title).unwrap();
    change(&mut story.policy, &mut story.evidence);
    decide(&story.policy, &story.evidence, story.now)
}

#[test]
fn without_probes_nothing_is_lost() {
    let verdict = told("A copy that is just young enough", |policy, _| policy.probes.clear());
    assert_eq!(verdict.kind, Call::Warn);
}

#[test]
fn one_thing_less_and_nothing_is_declared() {
    let title = "A copy that is just young enough";
    assert_eq!(told(title, |_, _| {}).kind, Call::Declare);
    type Change = fn(&mut Policy, &mut Evidence);
    let less: [(&str, Change); 8] = [
        ("the standby's report", |_, e| e.from_standby = None),
        ("the witness's report", |_, e| e.from_witness = None),
        ("a young report", |_, e| e.from_witness.as_mut().unwrap().age_ms = 6001),
        ("an old failure", |p, _| p.declare_after = std::time::Duration::from_millis(14_001)),
        ("the copy", |_, e| e.proven = None),
        ("the mode", |p, _| p.mode = estate::Mode::Propose),
        ("fitness", |_, e| report(&mut e.from_standby).unfit = None),
        ("the epoch", |_, e| e.standing = None),
    ];
    for (what, change) in less {
        assert!(told(title, change).kind < Call::Declare, "declared without {what}");
    }
    // The keeper's last confirmation may have come through one observer only.
    let one = told(title, |_, e| report(&mut e.from_standby).renewed = None);
    assert_eq!(one.kind, Call::Declare);
}

fn report(arrived: &mut Option<Arrived>) -> &mut estate::Report {
    &mut arrived.as_mut().unwrap().report
}

#[test]
fn no_number_that_a_report_can_hold_breaks_anything() {
    for extreme in [0, u64::MAX] {
        let verdict = told("A copy that is just young enough", |_, e| {
            for arrived in [&mut e.from_standby, &mut e.from_witness] {
                report(arrived)
                    .probes
                    .iter_mut()
                    .for_each(|seen| (seen.for_ms, seen.asked_ms) = (extreme, 0));
                report(arrived).renewed.as_mut().unwrap().ago_ms = extreme;
            }
            e.proven.as_mut().unwrap().begun = if extreme == 0 { Timestamp::MIN } else { Timestamp::MAX };
        });
        assert!(verdict.kind < Call::Declare && !verdict.reasons.is_empty());
        let verdict = told("An ordinary day", |_, e| e.from_witness.as_mut().unwrap().age_ms = extreme);
        assert_eq!(verdict.kind, if extreme == 0 { Call::Stay } else { Call::Warn });
    }
}

#[test]
fn a_verdict_is_recorded_in_words_that_last() {
    let verdict = told("The power of main is cut, just long enough ago", |_, _| {});
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["kind"], "declare");
    assert_eq!(json["lostForMs"], 10_000);
    assert_eq!(serde_json::from_value::<Verdict>(json).unwrap(), verdict);
}

#[test]
fn evidence_can_be_recorded_and_judged_again() {
    let mut all = CHAPTERS.iter().flat_map(|(_, text)| Story::all(text));
    assert!(all.all(|story| {
        let json = serde_json::to_string(&story.evidence).unwrap();
        serde_json::from_str::<Evidence>(&json).unwrap() == story.evidence
    }));
}

#[test]
fn the_policy_is_the_estates() {
    let policy = Policy::from(&Monitor::default());
    assert_eq!(policy.declare_after_ms(), 10_000);
    assert_eq!(policy.stale_after_ms(), 6000);
    assert_eq!(policy.mode, estate::Mode::Propose);
}

#[test]
fn times_read_well() {
    let spans = [0, 1, 999, 1000, 1999, 179_999, 180_000, 200_000, 7_200_000, 90_061_000];
    let read: Vec<_> = spans.into_iter().map(span).collect();
    let expected = [
        "0 s",
        "less than 1 s",
        "less than 1 s",
        "1 s",
        "1 s",
        "179 s",
        "3 min",
        "3 min 20 s",
        "2 h 0 min",
        "25 h 1 min",
    ];
    assert_eq!(read, expected);
    assert_eq!(words::span_up(60_001), "61 s");
}
