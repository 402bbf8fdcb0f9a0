use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn standing(epoch: u64, holder: &str) -> Standing {
    Standing { epoch: Epoch(epoch), holder: name(holder) }
}

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn post() -> Post {
    Post {
        site: name("witness"),
        cluster: name("rancher"),
        primary: name("main"),
        lease: s(10.0),
    }
}

fn saved(epoch: u64, holder: &str, run: Option<&str>) -> Saved {
    Saved {
        standing: standing(epoch, holder),
        run: run.map(str::to_owned),
        lease_ms: 10_000,
    }
}

/// A voter that knows epoch 1 of main, opened at 0.
fn voter() -> Voter {
    Voter::open(post(), Some(saved(1, "main", None)), Duration::ZERO)
}

fn renewal(epoch: u64, holder: &str) -> Renewal {
    Renewal {
        cluster: name("rancher"),
        standing: standing(epoch, holder),
        lease_ms: 10_000,
        revision: Some(7),
    }
}

fn takeover(epoch: u64, holder: &str, run: &str) -> Takeover {
    Takeover {
        cluster: name("rancher"),
        standing: standing(epoch, holder),
        run: run.to_owned(),
    }
}

/// Takes the promise, and makes it durable as a caller would.
fn promise(voter: &mut Voter, ask: &Takeover, now: Duration) -> Promised {
    let answer = voter.takeover(ask, now);
    if let Some(saved) = &answer.save {
        voter.stored(saved);
    }
    answer.reply
}

#[test]
fn the_holder_is_confirmed_and_remembered() {
    let mut voter = voter();
    let answer = voter.renew(&renewal(1, "main"), s(20.0));
    assert_eq!(answer.reply, Renewed { granted: true, known: Some(standing(1, "main")) });
    assert_eq!(answer.save, None);
    let last = voter.last_renewal(s(21.5)).unwrap();
    assert_eq!((last.ago_ms, last.lease_ms, last.revision), (1500, 10_000, Some(7)));
}

#[test]
fn others_are_refused_with_what_is_known() {
    let mut voter = Voter::open(post(), Some(saved(2, "standby", Some("a"))), Duration::ZERO);
    for ask in [renewal(1, "main"), renewal(2, "main")] {
        let answer = voter.renew(&ask, s(20.0));
        assert_eq!(answer.reply, Renewed { granted: false, known: Some(standing(2, "standby")) });
    }
    let mut elsewhere = renewal(2, "standby");
    elsewhere.cluster = name("other");
    assert_eq!(voter.renew(&elsewhere, s(20.0)).reply, Renewed { granted: false, known: None });
    let mut endless = renewal(2, "standby");
    endless.lease_ms = u64::MAX;
    assert!(!voter.renew(&endless, s(20.0)).reply.granted);
    assert_eq!(voter.last_renewal(s(20.0)), None);
}

#[test]
fn a_newer_epoch_in_a_renewal_is_adopted_for_good() {
    let mut voter = voter();
    let answer = voter.renew(&renewal(3, "standby"), s(20.0));
    assert!(answer.reply.granted);
    assert_eq!(answer.save, Some(saved(3, "standby", None)));
    voter.stored(&answer.save.unwrap());
    assert!(!voter.renew(&renewal(1, "main"), s(20.1)).reply.granted);
}

#[test]
fn a_promise_is_for_one_run_and_for_ever() {
    let mut voter = voter();
    let answer = voter.takeover(&takeover(2, "standby", "a"), s(20.0));
    assert!(answer.reply.promised);
    assert_eq!(answer.reply.known, Some(standing(2, "standby")));
    assert_eq!(answer.save, Some(saved(2, "standby", Some("a"))));
    voter.stored(&answer.save.unwrap());

    assert!(promise(&mut voter, &takeover(2, "standby", "a"), s(21.0)).promised);
    for other in [
        takeover(2, "standby", "b"),
        takeover(2, "main", "a"),
        takeover(1, "main", "a"),
    ] {
        let refused = promise(&mut voter, &other, s(21.0));
        assert!(!refused.promised && refused.known == Some(standing(2, "standby")), "{other:?}");
    }
    assert!(!voter.renew(&renewal(1, "main"), s(21.0)).reply.granted);

    let mut again = Voter::open(post(), Some(saved(2, "standby", Some("a"))), Duration::ZERO);
    assert!(promise(&mut again, &takeover(2, "standby", "a"), s(1.0)).promised);
    assert!(!promise(&mut again, &takeover(2, "standby", "b"), s(1.0)).promised);
    assert!(!again.renew(&renewal(1, "main"), s(1.0)).reply.granted);
}

#[test]
fn the_holder_cannot_take_over_its_own_epoch() {
    assert!(!promise(&mut voter(), &takeover(1, "main", "a"), s(20.0)).promised);
}

#[test]
fn what_is_left_of_the_last_confirmation_is_told_each_time() {
    let mut voter = voter();
    assert!(voter.renew(&renewal(1, "main"), s(20.0)).reply.granted);
    let left = |voter: &mut Voter, at| promise(voter, &takeover(2, "standby", "a"), at).lease_left_ms;
    assert_eq!(left(&mut voter, s(21.0)), 9000);
    assert_eq!(left(&mut voter, Duration::from_nanos(25_000_000_001)), 5000);
    assert_eq!(left(&mut voter, Duration::from_nanos(29_999_999_999)), 1);
    assert_eq!(left(&mut voter, s(30.0)), 0);
}

#[test]
fn a_takeover_of_a_takeover_still_waits_for_the_first_holder() {
    let mut voter = voter();
    assert!(voter.renew(&renewal(1, "main"), s(20.0)).reply.granted);
    assert!(promise(&mut voter, &takeover(2, "standby", "a"), s(21.0)).promised);
    assert_eq!(promise(&mut voter, &takeover(3, "standby", "b"), s(22.0)).lease_left_ms, 8000);
    // A site does not wait for itself.
    assert_eq!(promise(&mut voter, &takeover(4, "main", "c"), s(22.0)).lease_left_ms, 0);
    assert!(voter.renew(&renewal(4, "main"), s(23.0)).reply.granted);
    assert_eq!(promise(&mut voter, &takeover(5, "standby", "d"), s(24.0)).lease_left_ms, 9000);
}

#[test]
fn a_restarted_voter_takes_one_whole_lease_for_given() {
    let mut voter = Voter::open(post(), Some(saved(1, "main", None)), s(100.0));
    let left = |voter: &mut Voter, at| promise(voter, &takeover(2, "standby", "a"), at).lease_left_ms;
    assert_eq!(left(&mut voter, s(101.0)), 9000);
    assert_eq!(left(&mut voter, s(110.0)), 0);
}

#[test]
fn a_lease_longer_than_the_estates_is_remembered_over_a_restart() {
    let mut voter = voter();
    let mut long = renewal(1, "main");
    long.lease_ms = 30_000;
    let save = voter.renew(&long, s(20.0)).save.unwrap();
    assert_eq!(save.lease_ms, 30_000);
    voter.stored(&save);
    assert_eq!(voter.renew(&long, s(21.0)).save, None);
    let mut again = Voter::open(post(), Some(save), Duration::ZERO);
    assert_eq!(promise(&mut again, &takeover(2, "standby", "a"), s(1.0)).lease_left_ms, 29_000);
}

#[test]
fn what_could_not_be_stored_is_asked_to_be_stored_again() {
    let mut voter = voter();
    let first = voter.takeover(&takeover(2, "standby", "a"), s(20.0));
    let again = voter.takeover(&takeover(2, "standby", "a"), s(21.0));
    assert!(again.reply.promised);
    assert_eq!(again.save, first.save);
    // Something older reached the disk meanwhile: that is not enough.
    voter.stored(&saved(1, "main", None));
    assert!(voter.renew(&renewal(1, "main"), s(21.0)).save.is_some());
    voter.stored(&again.save.unwrap());
    assert_eq!(voter.takeover(&takeover(2, "standby", "a"), s(22.0)).save, None);
}

#[test]
fn a_voter_that_knows_nothing_grants_and_promises_nothing() {
    let mut voter = Voter::open(post(), None, Duration::ZERO);
    assert_eq!(voter.renew(&renewal(1, "main"), s(20.0)).reply, Renewed { granted: false, known: None });
    let refused = promise(&mut voter, &takeover(2, "standby", "a"), s(20.0));
    assert!(!refused.promised && refused.known.is_none());
}

#[test]
fn it_learns_from_both_others_only() {
    let (main, standby) = (name("main"), name("standby"));
    let one_two = [
        (main.clone(), Some(standing(1, "main"))),
        (standby.clone(), Some(standing(2, "standby"))),
    ];
    let mut voter = Voter::open(post(), None, Duration::ZERO);
    assert_eq!(voter.learn(&one_two[..1]), None);
    assert_eq!(voter.learn(&[one_two[0].clone(), one_two[0].clone()]), None);
    assert_eq!(voter.learn(&[one_two[0].clone(), (name("witness"), None)]), None);
    assert_eq!(voter.standing(), None);
    let save = voter.learn(&one_two).unwrap();
    assert_eq!(save, saved(2, "standby", None));
    // Until it is durable it is asked for; once known, nothing is learnt any more.
    assert_eq!(voter.learn(&one_two), Some(save.clone()));
    voter.stored(&save);
    let newer = [(main.clone(), Some(standing(9, "main"))), (standby.clone(), None)];
    assert_eq!(voter.learn(&newer), None);
    assert_eq!(voter.standing(), Some(&standing(2, "standby")));

    let mut fresh = Voter::open(post(), None, Duration::ZERO);
    assert_eq!(fresh.learn(&[(main, None), (standby, None)]), Some(saved(1, "main", None)));
}

#[test]
fn the_highest_epoch_there_is_leaves_nothing_to_promise() {
    let mut voter = Voter::open(post(), Some(saved(u64::MAX, "main", None)), Duration::ZERO);
    let next = voter.standing().unwrap().epoch.next().0;
    assert!(!promise(&mut voter, &takeover(next, "standby", "a"), s(1.0)).promised);
}

#[test]
fn what_is_saved_can_be_read_again_and_nothing_else() {
    let text = serde_json::to_string(&saved(2, "standby", Some("a"))).unwrap();
    assert_eq!(text, r#"{"standing":{"epoch":2,"holder":"standby"},"run":"a","leaseMs":10000}"#);
    assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved(2, "standby", Some("a")));
    assert!(serde_json::from_str::<Saved>(&text.replace("run", "runs")).is_err());
}
