//! What can be shown without a lab: runs in a repository, measuring, the loss, and how troubles come back from a journal.

use crate::gather::{Heard, loss};
use crate::report::Measured;
use crate::runs::{self, Run};
use crate::steps::agents_await::was_true;
use crate::{Trouble, World};
use engine::{Ended, Entry, Event, Problem, Runner, State};
use estate::{Epoch, Estate, Kind, LastRenewal, Name, Probe, Report, SecretRef, Seen, Serving, Standing};
use jiff::Timestamp;
use plan::{Loss, Plan};
use repository::{Founding, Grant, Recipient, Repository, Settings, Signer, StoreSettings};
use serde_json::{Value, json};

mod gate;
mod simulated;
mod struck;

const ESTATE: &str = include_str!("../../estate/src/file/tests/good.yaml");

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn at(seconds: f64) -> Timestamp {
    let zero: Timestamp = "2026-11-22T22:00:00Z".parse().unwrap();
    zero + jiff::SignedDuration::from_secs_f64(seconds)
}

/// A plan with two steps; `salt` tells it apart from others.
fn plan(salt: &str) -> Plan {
    let step = |id: &str| {
        json!({
            "id": id, "what": "", "byHand": format!("do {id} by hand"), "check": "", "undo": "", "timeoutS": 9, "attempts": 2,
            "action": {"kind": "certificates.issue", "host": "standby-1", "config": "/etc/kubernetes/kubeadm.yaml"},
        })
    };
    let plan = json!({
        "estate": "example", "cluster": "rancher", "from": "main", "to": "standby", "epoch": 2, "made": at(10.0),
        "because": [salt], "point": "000001-20261122T215951.000Z-k7xq", "pointBegun": at(-9.0), "pointRevision": 100,
        "loss": {"lastSeen": at(0.0), "lastRevision": 130}, "steps": [step("fetch"), step("fence")],
    });
    serde_json::from_value(plan).unwrap()
}

/// A repository in a directory, made and ready.
async fn repository(directory: &std::path::Path) -> Repository {
    let (identity, recipient) = repository::new_identity();
    let (_, root) = Signer::generate().unwrap();
    let settings = Settings {
        store: StoreSettings::Directory(directory.to_owned()),
        identity: Some((*identity).clone()),
        identity_missing: None,
        passphrase: None,
        signer: None,
        root: None,
    };
    let repository = Repository::open(settings).unwrap();
    let recipient = Recipient { name: name("safe"), recipient };
    let founding = Founding {
        root: &root,
        scopes: vec![],
        recipients: vec![Grant { recipient, scopes: None }],
        writers: vec![],
    };
    repository.found(&founding).await.unwrap();
    repository
}

#[tokio::test]
async fn of_two_who_begin_at_once_one_wins_and_a_run_that_is_not_over_forbids_another() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let (one, two) = (Runner::new("one"), Runner::new("two"));
    let (plan_one, plan_two) = (plan("one"), plan("two"));
    let begun = futures::join!(runs::begin(&repository, &plan_one, &one), runs::begin(&repository, &plan_two, &two));
    let lost = match begun {
        (Ok(1), Err(lost)) | (Err(lost), Ok(1)) => lost,
        both => panic!("{both:?}"),
    };
    assert_eq!((&*lost.code, lost.kind), ("LB0706", Kind::Conflict));
    let third = runs::begin(&repository, &plan("three"), &one).await.unwrap_err();
    assert!(third.to_string().contains("run 1 is not over"), "{third}");

    let journal = runs::InRepository { repository: &repository, run: 1 };
    engine::cancel(&journal, &one).await.unwrap();
    assert_eq!(runs::begin(&repository, &plan("three"), &one).await.unwrap(), 2);
    let newest = runs::newest(&repository, &|_| true).await.unwrap().unwrap();
    assert_eq!((newest.number, newest.plan.because), (2, vec!["three".to_owned()]));
}

#[tokio::test]
async fn a_restore_of_one_cluster_holds_up_no_failover_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let (one, two) = (Runner::new("one"), Runner::new("two"));
    let failover = plan("failover");
    let restore = Plan {
        cluster: name("shop"),
        epoch: None,
        onto: vec![name("main-1")],
        ..plan("restore")
    };
    // At once, too: nobody is told of a run that is not in the way.
    let begun = futures::join!(runs::begin(&repository, &restore, &one), runs::begin(&repository, &failover, &two));
    let mut numbers = [begun.0.unwrap(), begun.1.unwrap()];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    let of = async |cluster: &str| {
        let of = name(cluster);
        runs::newest(&repository, &move |plan| plan.cluster == of)
            .await
            .unwrap()
            .unwrap()
            .plan
    };
    assert_eq!((of("shop").await.is_restore(), of("rancher").await.is_restore()), (true, false));
    let again = runs::begin(&repository, &restore, &one).await.unwrap_err();
    assert_eq!(&*again.code, "LB0706");
    let unfinished = async |cluster: &str| {
        let run = runs::unfinished_of(&repository, &name(cluster)).await.unwrap();
        run.map(|run| (run.number, run.plan.is_restore()))
    };
    let (shop, rancher) = (unfinished("shop").await.unwrap(), unfinished("rancher").await.unwrap());
    assert!(shop.1 && !rancher.1 && shop.0 != rancher.0);
    let journal = runs::InRepository { repository: &repository, run: shop.0 };
    engine::cancel(&journal, &one).await.unwrap();
    assert_eq!((unfinished("shop").await, unfinished("rancher").await), (None, Some(rancher)));
}

/// Somebody waits at a gate of something else: that is no reason to wait with a failover, and a failover is one for that.
#[tokio::test]
async fn a_run_that_leaves_its_cluster_alone_holds_up_no_failover() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let runner = Runner::new("one");
    let other = Plan { epoch: None, point: None, ..plan("other") };
    assert!(!other.moves_cluster());
    assert_eq!(runs::begin(&repository, &other, &runner).await.unwrap(), 1);
    assert_eq!(&*runs::begin(&repository, &other, &runner).await.unwrap_err().code, "LB0706");
    assert_eq!(runs::begin(&repository, &plan("failover"), &runner).await.unwrap(), 2);
    for plan in [other, plan("another")] {
        let refused = runs::begin(&repository, &plan, &runner).await.unwrap_err();
        assert!(refused.to_string().contains("run 2 is not over"), "{refused}");
    }
}

#[tokio::test]
async fn a_missing_key_is_not_a_damaged_journal() {
    let directory = tempfile::tempdir().unwrap();
    let with_key = repository(directory.path()).await;
    runs::begin(&with_key, &plan("one"), &Runner::new("one")).await.unwrap();
    let settings = Settings {
        store: StoreSettings::Directory(directory.path().to_owned()),
        identity: None,
        identity_missing: None,
        passphrase: None,
        signer: None,
        root: None,
    };
    let trouble = runs::read(&Repository::open(settings).unwrap(), 1).await.unwrap_err();
    assert_eq!((&*trouble.code, trouble.kind), ("LB0304", Kind::Person));
    let nothing = runs::read(&with_key, 7).await.unwrap_err();
    assert_eq!(&*nothing.code, "LB0705");
}

/// Puts bytes where an entry of a run would be, as whoever can only write to the store does.
fn plant(directory: &std::path::Path, run: u64, entry: u64) {
    let folder = directory.join(format!("shared/runs/{run:010}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{entry:010}")), "planted").unwrap();
}

#[tokio::test]
async fn a_planted_run_is_passed_over_and_one_that_is_damaged_is_ended_by_a_person() {
    let directory = tempfile::tempdir().unwrap();
    let repository = repository(directory.path()).await;
    let runner = Runner::new("one");
    for run in [2, 9_999_999_999] {
        plant(directory.path(), run, 0);
    }
    assert!(runs::newest(&repository, &|_| true).await.unwrap().is_none());
    assert_eq!(runs::begin(&repository, &plan("one"), &runner).await.unwrap(), 1);
    assert_eq!(runs::newest(&repository, &|_| true).await.unwrap().unwrap().number, 1);
    let trouble = runs::read(&repository, 2).await.unwrap_err();
    assert_eq!((&*trouble.code, trouble.kind), ("LB0703", Kind::Damaged));

    // A run that may not be over and cannot be read to its end.
    plant(directory.path(), 1, 1);
    for trouble in [
        runs::newest(&repository, &|_| true).await.unwrap_err(),
        runs::begin(&repository, &plan("two"), &runner).await.unwrap_err(),
    ] {
        assert_eq!((&*trouble.code, trouble.kind), ("LB0703", Kind::Damaged));
        assert!(trouble.hint.unwrap().contains("lifeboat run cancel 1"));
    }
    assert_eq!(runs::ending(&repository, 1).await.unwrap(), runs::Ending::Broken { sound: 1 });
    assert_eq!(repository.remove_entries_from(1, 1).await.unwrap(), 1);
    let journal = runs::InRepository { repository: &repository, run: 1 };
    engine::cancel(&journal, &runner).await.unwrap();
    // What stands behind the end of a run counts for nothing.
    plant(directory.path(), 1, 9_999_999_999);
    assert!(runs::newest(&repository, &|_| true).await.unwrap().unwrap().ended());
    assert_eq!(runs::ending(&repository, 2).await.unwrap(), runs::Ending::Broken { sound: 0 });
    // The number of what was planted is passed over, too.
    assert_eq!(runs::begin(&repository, &plan("two"), &runner).await.unwrap(), 3);
}

#[test]
fn a_repository_is_opened_where_its_url_says() {
    let directory = tempfile::tempdir().unwrap();
    let text = ESTATE.to_owned();
    let s3 = "    url: s3://lifeboat\n    endpoint: http://10.1.2.2:8333\n    accessKey: file:s3.access\n    secretKey: file:s3.secret\n";
    assert!(text.contains(s3), "{text}");
    let open = |text: &str| {
        let estate = Estate::parse("lifeboat.yaml", text).unwrap();
        World::new(estate, text.to_owned(), directory.path().join("lifeboat.yaml"), None)
            .repository(&name("standby-s3"))
    };
    let trouble = open(&text).unwrap_err();
    assert!(trouble.to_string().contains("s3.access cannot be read"), "{trouble}");
    for file in ["s3.access", "s3.secret"] {
        std::fs::write(directory.path().join(file), "a-secret\n").unwrap();
    }
    assert_eq!(open(&text).unwrap().store(), "http://10.1.2.2:8333/lifeboat");
    let beside = open(&text.replace(s3, "    url: file:copies\n    signer: file:absent.key\n")).unwrap();
    assert_eq!(beside.store(), directory.path().join("copies").display().to_string());
    let azure = "    url: az://lifeboat/a\n    account: copies\n    accountKey: file:azure.key\n";
    std::fs::write(directory.path().join("azure.key"), "a2V5\n").unwrap();
    assert_eq!(open(&text.replace(s3, azure)).unwrap().store(), "az://lifeboat/a");
}

#[test]
fn a_trouble_comes_back_from_a_journal_as_it_went_in() {
    for kind in [
        Kind::Person,
        Kind::Damaged,
        Kind::Invalid,
        Kind::Fenced,
        Kind::Unreachable,
        Kind::Conflict,
    ] {
        let went = Trouble::new("LB0306", kind, "copy x is damaged").hint("lifeboat points");
        let written = serde_json::to_string(&Problem::from(went.clone())).unwrap();
        let problem: Problem = serde_json::from_str(&written).unwrap();
        let came = Trouble::from(engine::Error::StepFailed {
            step: "fetch".to_owned(),
            attempt: 2,
            problem: Box::new(problem),
        });
        assert_eq!((came.code, came.kind, came.hint), (went.code, kind, went.hint));
        assert_eq!(came.message, "step fetch failed at attempt 2: copy x is damaged");
    }
    let problem = Problem { code: "timeout".to_owned(), ..Problem::default() };
    let came = Trouble::from(engine::Error::StepFailed {
        step: "etcd".to_owned(),
        attempt: 1,
        problem: Box::new(problem),
    });
    assert_eq!(&*came.code, "LB0704");
}

#[test]
fn a_run_is_measured_from_its_journal() {
    let entries = |events: Vec<(f64, Event)>| {
        let entry = |(seq, (seconds, event))| Entry { seq, at: at(seconds), runner: "r".to_owned(), event };
        (0..).zip(events).map(entry).collect::<Vec<Entry>>()
    };
    let intent = |step: &str, attempt| Event::Intent { step: step.to_owned(), attempt };
    let done = |step: &str, attempt| Event::Done { step: step.to_owned(), attempt, outcome: Value::Null };
    let begun = Event::Begun { plan: serde_json::to_value(plan("one")).unwrap() };
    let problem = Problem {
        code: "timeout".to_owned(),
        message: "it took too long".to_owned(),
        ..Problem::default()
    };
    let failed = Event::Failed {
        step: "fence".to_owned(),
        attempt: 1,
        error: problem,
        retry: false,
    };
    let mut journal = vec![
        (11.0, begun),
        (11.1, Event::Claimed {}),
        (11.2, intent("fetch", 1)),
        (12.0, done("fetch", 1)),
        (12.1, intent("fence", 1)),
        (20.0, failed),
    ];
    let run = |journal: Vec<(f64, Event)>| {
        let entries = entries(journal);
        Run {
            number: 1,
            directory: None,
            state: State::of(&entries).unwrap(),
            plan: plan("one"),
            entries,
        }
    };
    let state = |entries: usize, now: f64| Measured::of(&run(journal[..entries].to_vec()), at(now)).state;
    assert_eq!((state(5, 42.0), state(5, 42.2)), ("running", "silent"));
    // A clock that is behind the runner's is no reason.
    assert_eq!(state(5, -60.0), "running");
    let stopped = Measured::of(&run(journal.clone()), at(3600.0));
    assert_eq!((stopped.state, stopped.by_hand.as_deref()), ("stopped", Some("do fence by hand")));
    assert_eq!(stopped.problem.unwrap().code, "LB0704");
    journal.extend([
        (30.0, Event::Claimed {}),
        (30.1, intent("fence", 2)),
        (31.0, done("fence", 2)),
        (31.1, Event::Ended { how: Ended::Succeeded }),
    ]);
    let measured = Measured::of(&run(journal), at(3600.0));
    insta::assert_snapshot!(serde_json::to_string_pretty(&measured).unwrap());
    assert_eq!(measured.zero(), at(0.0));
}

fn report(site: &str, probes: &[(bool, u64)], revision: Option<i64>) -> Heard {
    let standing = Standing { epoch: Epoch::FIRST, holder: name("main") };
    let seen = |(good, for_ms): &(bool, u64)| Seen {
        probe: Probe::Api,
        good: *good,
        for_ms: *for_ms,
        asked_ms: 0,
        reason: String::new(),
    };
    let report = Report {
        site: name(site),
        version: "0".to_owned(),
        now: at(0.0),
        standing: Some(standing.clone()),
        serving: Serving::Never,
        probes: probes.iter().map(seen).collect(),
        renewed: revision.map(|revision| LastRenewal { standing, ago_ms: 0, lease_ms: 1, revision: Some(revision) }),
        proven: None,
        unfit: None,
        copied: None,
        copies: Vec::new(),
        protections: Vec::new(),
        troubles: Vec::new(),
    };
    Heard { site: name(site), report: Ok(report), at: at(0.0) }
}

#[test]
fn the_loss_is_counted_from_the_last_sign_of_life_that_anybody_saw() {
    let standing = Standing { epoch: Epoch::FIRST, holder: name("main") };
    let found = |reports: &[Heard]| loss(reports, &standing, at(100.0));
    let both = [
        report("standby", &[(false, 12_000), (false, 14_000)], Some(7)),
        report("witness", &[(false, 11_000), (false, 15_000)], Some(9)),
        // The lost site's own word about itself does not count.
        report("main", &[(false, 1_000)], Some(99)),
    ];
    assert_eq!(found(&both), Loss { last_seen: Some(at(89.0)), last_revision: Some(9) });
    let alive = [report("standby", &[(true, 12_000), (false, 14_000)], None)];
    assert_eq!(found(&alive), Loss::default());
    assert_eq!(found(&[]), Loss::default());
}

#[test]
fn whom_to_wait_for_is_told_by_the_copy_and_not_by_what_the_new_manager_wrote() {
    let made = at(10.0);
    let condition =
        |status: &str, seconds: f64| json!({"type": "Connected", "status": status, "lastUpdateTime": at(seconds)});
    assert!(was_true(&condition("True", -500.0), made));
    assert!(
        was_true(&condition("False", 40.0), made),
        "the manager that was started here has just looked"
    );
    assert!(was_true(&condition("True", 40.0), made), "it is back already");
    assert!(!was_true(&condition("False", -500.0), made), "it was away when the copy was taken");
    assert!(!was_true(&json!({"type": "Connected"}), made));
}

#[test]
fn a_secret_that_is_not_here_is_named_and_everything_else_works() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new(
        Estate::parse("lifeboat.yaml", ESTATE).unwrap(),
        ESTATE.to_owned(),
        directory.path().join("lifeboat.yaml"),
        Some(name("standby-1")),
    );
    let (_, cluster) = world.estate.management().unwrap();
    let missing = world.repository(&cluster.repository).unwrap_err();
    assert_eq!(&*missing.code, "LB0203");
    assert!(missing.message.contains("s3.access") && missing.hint.is_some(), "{missing}");
    assert_eq!(world.host(&name("standby-1")).unwrap().name(), "standby-1");
    let no_way = world.host(&name("witness")).unwrap_err();
    assert!(no_way.message.contains("gives no ssh"), "{no_way}");
    std::fs::write(directory.path().join("peers.key"), "  text\n").unwrap();
    assert_eq!(world.secret(&SecretRef::File("peers.key".into())).unwrap(), "text");
    assert!(world.peers_key().is_err());
}

/// What people type and what Lifeboat does put the same things into the same places.
#[test]
fn plans_and_copies_know_the_same_places() {
    assert_eq!(plan::FLAGS.split(' ').collect::<Vec<_>>(), protect::files::FLAGS);
    assert_eq!(plan::PARKED, protect::manifest::PARKED);
}
