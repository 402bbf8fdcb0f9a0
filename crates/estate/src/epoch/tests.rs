use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn standing(epoch: u64, holder: &str) -> Standing {
    Standing { epoch: Epoch(epoch), holder: name(holder) }
}

fn promise(voter: &str, left_ms: u64, received_ms: u64) -> (Name, Promised, Duration) {
    let promised = Promised {
        promised: true,
        known: Some(standing(2, "standby")),
        lease_left_ms: left_ms,
        stopped: false,
    };
    (name(voter), promised, Duration::from_millis(received_ms))
}

fn refusal(voter: &str, known: Option<Standing>) -> (Name, Promised, Duration) {
    let refused = Promised { promised: false, known, lease_left_ms: 0, stopped: false };
    (name(voter), refused, Duration::ZERO)
}

fn at(answers: &[(Name, Promised, Duration)], now_ms: u64) -> Majority {
    standing(2, "standby").majority(answers, Duration::from_millis(now_ms))
}

fn why(answers: &[(Name, Promised, Duration)]) -> String {
    match at(answers, 0) {
        Majority::Missing { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_longest_lease_of_those_that_promised_is_waited_for() {
    let answers = [promise("standby", 3000, 1000), promise("witness", 5000, 1200)];
    let until = Duration::from_millis(6200);
    assert_eq!(at(&answers, 1200), Majority::WaitUntil(until));
    assert_eq!(at(&answers, 6199), Majority::WaitUntil(until));
    assert_eq!(at(&answers, 6200), Majority::Ready);
}

#[test]
fn a_voter_counts_once_and_its_best_promise_counts() {
    let twice = [promise("standby", 3000, 1000), promise("standby", 10_000, 2000)];
    assert!(matches!(at(&twice, 60_000), Majority::Missing { .. }));
    let more = [&twice[..], &[promise("witness", 0, 2000)]].concat();
    assert_eq!(at(&more, 4000), Majority::Ready);
}

#[test]
fn a_former_holder_that_has_stopped_is_not_waited_for() {
    let stopped = |voter| {
        let mut answer = promise(voter, 8000, 0);
        answer.1.stopped = true;
        answer
    };
    assert_eq!(at(&[stopped("main"), promise("witness", 8000, 0)], 1), Majority::Ready);
    // That the taker's own site has stopped says nothing about the other one.
    let own = [stopped("standby"), promise("witness", 8000, 0)];
    assert_eq!(at(&own, 1), Majority::WaitUntil(Duration::from_secs(8)));
}

#[test]
fn without_a_majority_it_is_said_who_said_what() {
    assert!(why(&[]).ends_with("of 3 voters: none answered"));
    let answers = [
        promise("standby", 0, 0),
        refusal("main", None),
        refusal("witness", Some(standing(2, "standby"))),
    ];
    assert_eq!(
        why(&answers),
        "epoch 2 of standby needs the promises of 2 of 3 voters: standby promised, main has yet to learn the epoch, witness \
         promised it to another run"
    );
}

#[test]
fn a_promise_of_another_standing_does_not_count() {
    let mut other = promise("witness", 0, 0);
    other.1.known = Some(standing(2, "main"));
    assert!(why(&[promise("standby", 0, 0), other]).contains("witness knows epoch 2 of main"));
}

#[test]
fn a_voter_that_promised_a_newer_epoch_since_counts_no_more() {
    let answers = [
        promise("standby", 0, 0),
        promise("witness", 0, 0),
        refusal("witness", Some(standing(3, "main"))),
    ];
    assert!(why(&answers).contains("witness knows epoch 3 of main"));
}
