use super::*;
mod books;

use estate::{Distribution, Epoch, Estate, Part, Point, Standing};

const ESTATE: &str = include_str!("../../estate/src/file/tests/good.yaml");

fn estate() -> Estate {
    Estate::parse("lifeboat.yaml", ESTATE).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn chosen() -> Chosen {
    let part = |name: &str| Part { name: name.to_owned(), bytes: 4096, sha256: "00".repeat(32) };
    Chosen {
        point: Point {
            id: "000001-20261122T220102.123Z-k7xq".parse().unwrap(),
            cluster: "rancher".parse().unwrap(),
            distribution: Distribution::Kubeadm,
            epoch: Epoch::FIRST,
            site: "main".parse().unwrap(),
            host: "main-1".parse().unwrap(),
            begun: at("2026-11-22T22:01:02.123Z"),
            stored: at("2026-11-22T22:01:03Z"),
            timeline: 1,
            revision: 4711,
            etcd_cluster_id: 7,
            etcd_version: "3.6.5".to_owned(),
            proof: None,
            lacks: None,
            untested: Vec::new(),
            reason: None,
            parts: vec![part("etcd"), part("files")],
        },
        unsigned: None,
    }
}

/// What is found before a failover.
pub(crate) fn facts() -> Facts {
    let mut standby = target("standby-1", false);
    standby.member.peer_url = "https://10.1.2.1:2380".to_owned();
    Facts {
        standing: Some(Standing { epoch: Epoch::FIRST, holder: "main".parse().unwrap() }),
        started: true,
        chosen: Some(chosen()),
        targets: vec![standby],
        loss: Loss {
            last_seen: Some(at("2026-11-22T22:01:11Z")),
            last_revision: Some(4730),
        },
        because: vec!["a person asked for it".to_owned()],
        ..Facts::default()
    }
}

/// The plan of one of Lifeboat's own playbooks.
fn planned(playbook: &str, facts: &Facts) -> Result<Plan, NoPlan> {
    let books = Books::builtin().unwrap();
    let book = books.get(&playbook.parse().unwrap()).unwrap();
    make(&estate(), &books, book, &"rancher".parse().unwrap(), facts, at("2026-11-22T22:01:30Z"))
}

fn made(change: impl FnOnce(&mut Facts)) -> Result<Plan, NoPlan> {
    let mut facts = facts();
    change(&mut facts);
    planned("management-failover", &facts)
}

#[test]
fn a_plan_as_people_read_it() {
    insta::assert_snapshot!(made(|_| {}).unwrap().text());
}

#[test]
fn a_runbook_is_the_plan_for_people() {
    let estate = estate();
    let made = Made { estate: &estate, stamp: "0123abcd", version: "0.0.0" };
    let plan = made_plan();
    insta::assert_snapshot!(runbook(&plan, made));
}

/// A run of a playbook that leaves the cluster alone holds up no failover.
#[test]
fn what_moves_or_stops_the_cluster_is_told_from_what_does_not() {
    for (book, moves) in [("management-failover", true), ("switchover", true), ("fence", true)] {
        assert_eq!(planned(book, &facts()).unwrap().moves_cluster(), moves, "{book}");
    }
    let mut plan = made_plan();
    plan.epoch = None;
    assert!(plan.moves_cluster());
    plan.steps.retain(|step| ["fetch", "agents"].contains(&step.id.as_str()));
    assert!(!plan.moves_cluster());
}

/// What stands for people in the runbook where the standby follows, between the fence and the files.
#[test]
fn what_is_followed_is_promoted_and_the_copy_stands_in_for_it() {
    let estate = estate();
    let plan = made(|facts| facts.follows = true).unwrap();
    let whole = runbook(&plan, Made { estate: &estate, stamp: "0123abcd", version: "0.0.0" });
    let (_, part) = whole.split_once("### 4. promote").unwrap();
    let (part, _) = part.split_once("### 7. files").unwrap();
    insta::assert_snapshot!(format!("{}\n### 4. promote{part}", plan.losing()));
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids[..7], ["fetch", "fence", "stop", "promote", "copy", "etcd", "files"]);
    assert!(plan.left_out.is_empty());
    let fetched = |id: &str| match &plan.step(id).unwrap().action {
        Action::FetchCopy(it) => (it.part, it.followed.is_some(), it.newest),
        other => panic!("{other:?}"),
    };
    assert_eq!(fetched("fetch"), (CopyPart::All, true, false));
    assert_eq!(fetched("copy"), (CopyPart::Etcd, false, true));
    // Without it no step asks for anything while the plan is carried out.
    let plan = made_plan();
    assert!(plan.scope.is_none() && plan.steps.iter().all(|step| step.when.is_none()), "{plan:?}");
    assert!(!plan.promotes() && made(|facts| facts.follows = true).unwrap().promotes());
}

fn made_plan() -> Plan {
    made(|_| {}).unwrap()
}

#[test]
fn what_nobody_has_signed_is_recovered_from_only_where_a_person_accepts_it() {
    let unsigned = |facts: &mut Facts| facts.chosen.as_mut().unwrap().unsigned = Some("it is not signed".to_owned());
    let plan = made(unsigned).unwrap();
    let text = plan.text();
    assert!(
        text.contains("unsigned the copy is not to be trusted, and a person accepts that: it is not signed"),
        "{text}"
    );
    assert!(text.contains(", which nobody who is trusted has signed, and lay it ready"), "{text}");
    assert!(text.contains("--into copy --accept-unsigned\n"), "{text}");
    let Action::FetchCopy(fetch) = &plan.steps[0].action else {
        panic!("{plan:?}")
    };
    assert!(fetch.accept_unsigned);
    // The journal keeps it, and one of an earlier version lacks it.
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
    let signed = serde_json::to_string(&made(|_| {}).unwrap()).unwrap();
    assert!(!signed.contains("nsigned"), "{signed}");
    let automatic = made(|facts| {
        unsigned(facts);
        facts.automatic = true;
    });
    assert!(
        matches!(&automatic, Err(NoPlan::Copy { reason, .. }) if reason.ends_with("it is not signed")),
        "{automatic:?}"
    );
}

#[test]
fn a_plan_is_a_value_that_survives_being_written() {
    let plan = made(|_| {}).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert_eq!(plan, made(|_| {}).unwrap());
}

#[test]
fn the_fence_comes_before_all_that_serves_and_dns_after_it() {
    let plan = made(|_| {}).unwrap();
    let kinds: Vec<&str> = plan.steps.iter().map(|step| step.action.kind()).collect();
    let place = |kind: &str| kinds.iter().position(|k| *k == kind).unwrap();
    assert!(place("fence") < place("controlplane.start") && place("controlplane.start") < place("manager.start"));
    assert!(place("manager.start") < place("dns.switch"));
    assert!(place("copy.fetch") < place("fence"), "a damaged copy is found before anything is changed");
}

#[test]
fn what_is_lost_is_said_as_far_as_it_is_known() {
    assert_eq!(
        made(|_| {}).unwrap().losing(),
        "what was written in the last 8 s of main, 19 known revisions of etcd"
    );
    let living = made(|facts| facts.loss = Loss::default()).unwrap();
    assert_eq!(living.losing(), "what was written at main after 2026-11-22 22:01:02 UTC");
}

#[test]
fn there_is_no_plan_without_a_place_or_a_copy() {
    let holder = |name: &str| {
        let standing = Standing { epoch: Epoch(2), holder: name.parse().unwrap() };
        made(|facts| facts.standing = Some(standing)).unwrap_err()
    };
    assert!(matches!(holder("standby"), NoPlan::AlreadyThere { epoch: 2, .. }));
    assert!(matches!(holder("witness"), NoPlan::Stranger { .. }));
    let incomplete = made(without_files).unwrap_err();
    assert!(matches!(incomplete, NoPlan::Copy { .. }), "{incomplete}");
}

#[test]
fn a_takeover_that_was_given_up_before_anything_was_started_is_made_anew() {
    let again = made(|facts| {
        facts.standing = Some(Standing { epoch: Epoch(2), holder: "standby".parse().unwrap() });
        facts.started = false;
    });
    let plan = again.unwrap();
    assert_eq!((plan.epoch, plan.from.as_str(), plan.to.as_str()), (Some(Epoch(3)), "main", "standby"));
}

fn target(host: &str, alone: bool) -> Target {
    Target {
        host: host.parse().unwrap(),
        node: host.to_owned(),
        member: Member {
            name: host.to_owned(),
            peer_url: format!("https://{host}:2380"),
            data_dir: "/var/lib/etcd".to_owned(),
        },
        kubeadm_config: "/etc/kubernetes/kubeadm.yaml".to_owned(),
        alone,
        prepare: None,
    }
}

fn without_files(facts: &mut Facts) {
    facts.chosen.as_mut().unwrap().point.parts.retain(|part| part.name != "files");
}

fn restored(change: impl FnOnce(&mut Facts)) -> Result<Plan, NoPlan> {
    let mut facts = Facts {
        distribution: Some(Distribution::Kubeadm),
        etcd: Some(State::Moment(Moment { timeline: 1, revision: 4700 })),
        targets: vec![target("main-1", false)],
        highest: Some(4731),
        ..facts()
    };
    change(&mut facts);
    planned("rebuild-cluster", &facts)
}

fn prepare(from: &str) -> Option<Prepare> {
    let word = |from: &str, to: &str| Word { from: from.to_owned(), to: to.to_owned() };
    Some(Prepare {
        from: from.to_owned(),
        node: from.to_owned(),
        words: vec![word("main-0", "main-1"), word("10.1.1.9", "10.1.1.1")],
    })
}

#[test]
fn a_restore_onto_a_host_with_a_control_plane() {
    insta::assert_snapshot!(restored(|_| {}).unwrap().text());
}

#[test]
fn a_restore_onto_an_empty_host_while_another_is_stopped() {
    let plan = restored(|facts| {
        facts.targets[0].prepare = prepare("main-0");
        facts.stopped = vec!["witness".parse().unwrap()];
        facts.standing = None;
    });
    insta::assert_snapshot!(plan.unwrap().text());
}

#[test]
fn a_restore_from_a_snapshot_that_others_made() {
    let of = |distribution| {
        let plan = restored(|facts| {
            facts.distribution = Some(distribution);
            facts.etcd = Some(State::Snapshot(Snapshot {
                name: "etcd-snapshot-cp-1-1763949600".to_owned(),
                place: "main-1:/var/lib/rancher/k3s/server/db/snapshots".to_owned(),
                bytes: 4 << 20,
                revision: 4000,
            }));
            facts.highest = Some(2_000_004_000);
        });
        plan.unwrap()
    };
    let plan = of(Distribution::Kubeadm);
    assert_eq!(plan.point_revision, Some(4000));
    insta::assert_snapshot!(plan.text());
    insta::assert_snapshot!(of(Distribution::K3s).steps[0].by_hand.to_string());
}

#[test]
fn a_restore_of_rke2() {
    let plan = restored(|facts| {
        facts.distribution = Some(Distribution::Rke2);
        facts.targets[0].prepare = prepare("main-1");
        facts.targets[0].member.data_dir = "/var/lib/rancher/rke2".to_owned();
        facts.standing = None;
    });
    insta::assert_snapshot!(plan.unwrap().text());
}

#[test]
fn all_members_begin_together_and_nothing_starts_before_everything_stands_still() {
    let plan = restored(|facts| facts.targets = vec![target("main-1", false), target("witness", true)]).unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "fetch-main-1",
            "fetch-witness",
            "stop-main-1",
            "stop-witness",
            "etcd-main-1",
            "etcd-witness",
            "files-main-1",
            "files-witness",
            "certificates-main-1",
            "certificates-witness",
            "start-witness",
            "control-plane-main-1",
            "nodes",
        ]
    );
    let initial = plan.steps.iter().filter_map(|step| match &step.action {
        Action::RestoreEtcd(it) => Some(it.initial_cluster.as_str()),
        _ => None,
    });
    let expected = "main-1=https://main-1:2380,witness=https://witness:2380";
    assert_eq!(initial.collect::<Vec<_>>(), [expected, expected]);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn there_is_no_restore_where_another_site_serves_or_nothing_can_be_stopped() {
    let elsewhere =
        restored(|facts| facts.standing = Some(Standing { epoch: Epoch(2), holder: "standby".parse().unwrap() }));
    assert!(matches!(elsewhere, Err(NoPlan::ServesElsewhere { .. })), "{elsewhere:?}");
    let unknown = restored(|facts| facts.distribution = Some(Distribution::Rke1));
    assert!(matches!(unknown, Err(NoPlan::Distribution { .. })), "{unknown:?}");
    let incomplete = restored(without_files);
    assert!(matches!(incomplete, Err(NoPlan::Copy { .. })), "{incomplete:?}");
    let nothing = restored(|facts| facts.targets.clear());
    assert!(matches!(nothing, Err(NoPlan::Lacks { .. })), "{nothing:?}");
}
