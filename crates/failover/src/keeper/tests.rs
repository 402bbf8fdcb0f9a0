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

fn keeper(site: &str) -> Keeper {
    Keeper::new(Post {
        site: name(site),
        cluster: name("rancher"),
        primary: name("main"),
        lease: s(10.0),
    })
}

/// A keeper of main at epoch 1, confirmed by `by` in a round that began at 100 s.
fn confirmed(by: &[&str]) -> Keeper {
    let mut keeper = keeper("main");
    let round = keeper.ask(Some(&standing(1, "main")), None, None, s(100.0)).unwrap();
    by.iter().for_each(|by| keeper.confirmed(&round, &name(by)));
    keeper
}

fn at(keeper: &Keeper, seconds: f64) -> Duty {
    keeper.duty(Some(&standing(1, "main")), Some(Epoch(1)), s(seconds))
}

fn stops(duty: &Duty) -> (&str, Duration) {
    match duty {
        Duty::Stop { reason, left } => (reason, *left),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_confirmed_holder_serves_and_stops_before_its_lease_ends() {
    let keeper = confirmed(&["main", "witness"]);
    assert_eq!(at(&keeper, 100.5), Duty::Serve { left: s(5.5) });
    assert_eq!(at(&keeper, 105.9), Duty::Serve { left: s(0.1) });
    let duty = at(&keeper, 106.0);
    let expected = "no majority has confirmed epoch 1 of main for 6 s, and its lease is 10 s";
    assert_eq!(stops(&duty), (expected, s(4.0)));
    assert_eq!(stops(&at(&keeper, 500.0)).1, Duration::ZERO);
}

#[test]
fn others_are_let_through_until_shortly_before_the_lease_ends_and_only_to_who_holds_it() {
    let keeper = confirmed(&["main", "witness"]);
    let until = |epoch, holder, served| keeper.permitted_until(Some(&standing(epoch, holder)), served);
    assert_eq!(until(1, "main", Some(Epoch(1))), Some(s(109.0)));
    // Before Lifeboat the cluster was at the primary.
    assert_eq!(until(1, "main", None), Some(s(109.0)));
    for (epoch, holder, served) in [
        (2, "standby", Some(Epoch(1))),
        (3, "main", Some(Epoch(1))),
        (2, "main", Some(Epoch(2))),
    ] {
        assert_eq!(until(epoch, holder, served), None, "{epoch} {holder}");
    }
    assert_eq!(keeper.permitted_until(None, Some(Epoch(1))), None);
    assert_eq!(confirmed(&["main"]).permitted_until(Some(&standing(1, "main")), Some(Epoch(1))), None);
}

#[test]
fn one_voter_is_no_majority_however_often_it_says_yes() {
    let keeper = confirmed(&["main", "main", "main"]);
    assert_eq!(
        stops(&at(&keeper, 100.0)),
        ("no majority has confirmed epoch 1 of main yet", Duration::ZERO)
    );
}

#[test]
fn a_lease_counts_from_the_older_of_two_rounds() {
    let mut keeper = confirmed(&["main"]);
    let later = keeper.ask(Some(&standing(1, "main")), None, None, s(103.0)).unwrap();
    keeper.confirmed(&later, &name("witness"));
    assert_eq!(at(&keeper, 104.0), Duty::Serve { left: s(2.0) });
    keeper.confirmed(&later, &name("standby"));
    assert_eq!(at(&keeper, 104.0), Duty::Serve { left: s(5.0) });
}

#[test]
fn late_answers_take_nothing_away() {
    let mut keeper = confirmed(&[]);
    let held = standing(1, "main");
    let (early, late) = [100.0, 103.0]
        .map(|at| keeper.ask(Some(&held), None, None, s(at)).unwrap())
        .into();
    for (round, by) in [
        (&late, "main"),
        (&late, "witness"),
        (&early, "witness"),
        (&early, "main"),
    ] {
        keeper.confirmed(round, &name(by));
    }
    assert_eq!(at(&keeper, 104.0), Duty::Serve { left: s(5.0) });
}

#[test]
fn after_loneliness_a_majority_brings_it_back() {
    let mut keeper = confirmed(&["main", "standby"]);
    stops(&at(&keeper, 200.0));
    let round = keeper.ask(Some(&standing(1, "main")), Some(Epoch(1)), None, s(200.0)).unwrap();
    keeper.confirmed(&round, &name("main"));
    keeper.confirmed(&round, &name("standby"));
    assert_eq!(at(&keeper, 201.0), Duty::Serve { left: s(5.0) });
}

#[test]
fn confirmations_of_one_epoch_are_none_of_another() {
    let mut keeper = keeper("standby");
    let [two, four] = [2, 4].map(|epoch| {
        let held = standing(epoch, "standby");
        (keeper.ask(Some(&held), Some(Epoch(epoch)), None, s(100.0)).unwrap(), held)
    });
    for by in ["standby", "witness"] {
        keeper.confirmed(&two.0, &name(by));
    }
    stops(&keeper.duty(Some(&four.1), Some(Epoch(4)), s(100.0)));
    keeper.confirmed(&four.0, &name("standby"));
    // Late ones of the old epoch neither count for the new one nor wipe it out.
    keeper.confirmed(&two.0, &name("witness"));
    stops(&keeper.duty(Some(&four.1), Some(Epoch(4)), s(100.0)));
    keeper.confirmed(&four.0, &name("witness"));
    assert_eq!(keeper.duty(Some(&four.1), Some(Epoch(4)), s(100.0)), Duty::Serve { left: s(6.0) });
}

#[test]
fn every_case_has_its_duty() {
    let (main, standby, newer) = (standing(1, "main"), standing(2, "standby"), standing(3, "main"));
    let all = [
        ("main, to which Lifeboat is new", "main", None, None, "Learn"),
        ("main, which has just started", "main", None, Some(1), "Stop"),
        ("standby, which has just started", "standby", None, None, "StandBy"),
        ("standby, which served once and has just started", "standby", None, Some(2), "Stop"),
        ("standby, on an ordinary day", "standby", Some(&main), None, "StandBy"),
        ("standby, with a run at work", "standby", Some(&standby), None, "HandsOff"),
        ("standby, started but not confirmed yet", "standby", Some(&standby), Some(2), "Stop"),
        ("main, when it comes back", "main", Some(&standby), Some(1), "Fenced"),
        (
            "main, when it comes back and never wrote that it served",
            "main",
            Some(&standby),
            None,
            "Fenced",
        ),
        ("main, with a run that goes back to it", "main", Some(&newer), Some(1), "HandsOff"),
        (
            "main, with such a run, and it never wrote that it served",
            "main",
            Some(&newer),
            None,
            "HandsOff",
        ),
        ("standby, after that", "standby", Some(&newer), Some(2), "Fenced"),
        ("a host that knows more than its voter", "standby", Some(&standby), Some(4), "Stop"),
    ];
    for (what, site, standing, served, expected) in all {
        let duty = keeper(site).duty(standing, served.map(Epoch), s(100.0));
        assert!(format!("{duty:?}").starts_with(expected), "{what}: {duty:?}");
        if expected == "Stop" {
            assert_eq!(stops(&duty).1, Duration::ZERO, "{what}");
        }
    }
}

#[test]
fn only_who_holds_and_serves_asks() {
    let asks = |site, standing: Option<&Standing>, served: Option<u64>| {
        keeper(site)
            .ask(standing, served.map(Epoch), Some(7), s(1.0))
            .map(|round| round.renewal)
    };
    let (main, standby) = (standing(1, "main"), standing(2, "standby"));
    let renewal = asks("main", Some(&main), None).unwrap();
    assert_eq!((renewal.lease_ms, renewal.revision), (10_000, Some(7)));
    assert_eq!(renewal.standing, main);
    assert!(asks("standby", Some(&standby), Some(2)).is_some());
    assert_eq!(asks("main", None, Some(1)), None);
    assert_eq!(asks("main", Some(&standby), Some(1)), None);
    assert_eq!(asks("standby", Some(&main), None), None);
    // A run that may not have won yet.
    assert_eq!(asks("standby", Some(&standby), None), None);
    assert_eq!(asks("main", Some(&standing(3, "main")), Some(1)), None);
}

#[test]
fn a_duty_is_shown_as_what_the_site_does() {
    let held = standing(1, "main");
    let shown = |duty: Duty, standing: Option<&Standing>| duty.serving(standing);
    let left = s(5.5);
    let stop = || Duty::Stop { reason: String::new(), left };
    assert_eq!(
        shown(Duty::Serve { left }, Some(&held)),
        Serving::Serving { epoch: Epoch(1), left_ms: 5500 }
    );
    assert_eq!(shown(stop(), Some(&held)), Serving::Alone { epoch: Epoch(1) });
    assert_eq!(shown(stop(), None), Serving::Unknown);
    assert_eq!(
        shown(Duty::HandsOff { epoch: Epoch(2) }, Some(&held)),
        Serving::TakingOver { epoch: Epoch(2) }
    );
}
