use super::*;

const ESTATE: &str = include_str!("../../../estate/src/file/tests/good.yaml");

fn estate(change: impl FnOnce(String) -> String) -> Estate {
    Estate::parse("lifeboat.yaml", &change(ESTATE.to_owned())).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn good() -> ReadinessFacts {
    ReadinessFacts {
        at_risk: AtRisk::Known { ms: 400, silent_ms: None },
        store: Ok(()),
        newest: Ok(Some(Newest { age: secs(12), files: Some(true) })),
        proven: Ok(Some(secs(200))),
        lacks: Ok(Vec::new()),
        followers: BTreeMap::from([(name("standby-1"), Ok(Follower { behind: Some(3) }))]),
        copies: BTreeMap::new(),
        unfit: Ok(Vec::new()),
        kit: Ok(true),
    }
}

fn nothing() -> ReadinessFacts {
    let why = || "nobody answers".to_owned();
    ReadinessFacts {
        at_risk: AtRisk::Unknown,
        store: Err(why()),
        newest: Err(why()),
        proven: Err(why()),
        lacks: Err(why()),
        followers: BTreeMap::from([(name("standby-1"), Err(why()))]),
        copies: BTreeMap::new(),
        unfit: Err(why()),
        kit: Err(why()),
    }
}

fn told(estate: &Estate, facts: &ReadinessFacts) -> String {
    let cells = readiness(estate, &name("rancher"), facts);
    let lines = cells
        .iter()
        .map(|it| format!("{:26} {:7} {} -> {}", it.component, it.level.to_string(), it.why, it.next));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_that_can_be_known_is_well() {
    insta::assert_snapshot!(told(&estate(|it| it), &good()));
}

#[test]
fn nothing_is_known_and_no_level_is_said_of_what_facts_decide() {
    insta::assert_snapshot!(told(&estate(|it| it), &nothing()));
}

#[test]
fn each_lack_takes_its_level_and_names_itself() {
    let estate = estate(|it| it);
    let level = |component: &str, change: &dyn Fn(&mut ReadinessFacts)| {
        let mut facts = good();
        change(&mut facts);
        let cells = readiness(&estate, &name("rancher"), &facts);
        let cell = cells.into_iter().find(|cell| cell.component == component).unwrap();
        format!("{component} {}: {} -> {}", cell.level, cell.why, cell.next)
    };
    let stale = |facts: &mut ReadinessFacts| facts.newest = Ok(Some(Newest { age: secs(61), files: Some(true) }));
    let lines = [
        level("etcd", &|facts| facts.newest = Ok(None)),
        level("etcd", &stale),
        level("etcd", &|facts| facts.proven = Ok(None)),
        level("etcd", &|facts| facts.proven = Ok(Some(secs(3601)))),
        level("etcd", &|facts| facts.proven = Err("nobody answers".to_owned())),
        level("etcd", &|facts| facts.followers.clear()),
        level("etcd", &|facts| {
            _ = facts.followers.insert(name("standby-1"), Ok(Follower { behind: Some(1001) }))
        }),
        level("etcd", &|facts| {
            _ = facts.followers.insert(name("standby-1"), Ok(Follower { behind: None }))
        }),
        level("configuration", &|facts| facts.lacks = Ok(vec!["the key aesgcm/one".to_owned()])),
        level("configuration", &|facts| facts.lacks = Err("not judged yet".to_owned())),
        level("configuration", &|facts| facts.newest = Ok(Some(Newest { age: secs(1), files: None }))),
        level("configuration", &|facts| {
            facts.newest = Ok(Some(Newest { age: secs(1), files: Some(false) }))
        }),
        level("nodes", &|facts| facts.unfit = Ok(vec!["etcdutl is not installed".to_owned()])),
        level("copies at the DR site", &|facts| facts.newest = Ok(None)),
        level("copies at the DR site", &|facts| facts.followers.clear()),
        level("manifests, Helm releases", &stale),
        level("management cluster", &stale),
        level("management cluster", &|facts| facts.unfit = Err("it does not answer".to_owned())),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_store_that_does_not_answer_has_nothing_for_sure() {
    let mut facts = good();
    facts.store = Err("s3://a does not answer".to_owned());
    let cells = readiness(&estate(|it| it), &name("rancher"), &facts);
    let copies = cells.iter().find(|it| it.component == "copies at the DR site").unwrap();
    assert_eq!((copies.level, &*copies.why), (Rung::Unknown, "s3://a does not answer"));
}

#[test]
fn copies_that_are_lost_with_the_cluster_are_none() {
    let text = "name: one\nsites: {main: {}, away: {}}\nhosts: {edge-1: {site: main, address: 10.1.1.1}}\n\
        repositories:\n  here: {site: main, url: 's3://a', recipients: [{name: a, key: age1a}], identity: 'file:i'}\n  \
        there: {site: away, url: 's3://b', copyOf: here, identity: 'file:i'}\n\
        clusters: {rancher: {role: downstream, distribution: rke1, hosts: [edge-1], repository: here}}\n";
    let estate = match Estate::parse("lifeboat.yaml", text) {
        Ok(estate) => estate,
        Err(error) => panic!("{error}"),
    };
    let mut facts = good();
    facts.followers.clear();
    let mut told = |lag: Option<Gathered<Lag>>| {
        facts.copies = lag.into_iter().map(|lag| (name("there"), lag)).collect();
        let cells = readiness(&estate, &name("rancher"), &facts);
        let of = |component: &str| cells.iter().find(|it| it.component == component).unwrap().clone();
        let said = |cell: Cell| format!("{} {}: {} -> {}", cell.component, cell.level, cell.why, cell.next);
        [
            said(of("copies at the DR site")),
            said(of("state file")),
            said(of("management cluster")),
        ]
        .join("\n")
    };
    let behind = |seconds| Some(Ok(Lag { seconds, bytes: 1, objects: 1 }));
    let all = [
        told(None),
        told(behind(10)),
        told(behind(4000)),
        told(Some(Err("not known yet".to_owned()))),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn an_rpo_is_missed_by_what_waits_by_silence_and_by_what_is_stored() {
    let estate = estate(|it| it.replace("name: example\n", "name: example\nobjectives: {rpo: 30s}\n"));
    let missed = |at_risk| missed_rpo(&estate, &name("rancher"), at_risk);
    assert_eq!(missed(AtRisk::Known { ms: 30_000, silent_ms: Some(2000) }), None);
    assert_eq!(missed(AtRisk::Unknown), None);
    let all = [
        missed(AtRisk::Known { ms: 31_000, silent_ms: Some(2000) }),
        missed(AtRisk::Known { ms: 0, silent_ms: Some(400_000) }),
        missed(AtRisk::AtMost { ms: 9_000_000 }),
    ];
    insta::assert_snapshot!(all.map(Option::unwrap).join("\n"), @r"
    RPO: a change has been waiting for 31 s to be stored, and 30 s may be lost
    RPO: etcd has been silent for 6 min, so that nobody knows what it changed, and 30 s may be lost
    RPO: nothing newer than 2 h is known to be stored, and 30 s may be lost
    ");
}
