use super::*;
use crate::Distribution;

/// An estate in which everything is right; the mistakes of the tests are made in it.
const GOOD: &str = include_str!("tests/good.yaml");

fn mistake(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from:?} is not in the file");
    match Estate::parse("lifeboat.yaml", &text) {
        Ok(_) => panic!("{to:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

/// A second repository with these settings, right before the clusters.
fn copy(settings: &str) -> String {
    format!("  second: {{site: witness, identity: file:identity.txt, {settings}}}\nclusters:\n  rancher:")
}

#[test]
fn a_repository_can_be_a_copy_of_another() {
    let second = copy("copyOf: standby-s3, url: s3://second");
    let text = GOOD.replacen("clusters:\n  rancher:", &second, 1);
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let [first, second] = ["standby-s3", "second"].map(|name| name.parse::<Name>().unwrap());
    assert_eq!((estate.original(&first), estate.original(&second)), (&first, &first));
    assert_eq!(*estate.repositories[&second].copy_every, Duration::from_secs(60));
    // Copies are taken into what it is a copy of.
    let text = text.replacen("repository: standby-s3", "repository: second", 1);
    let refused = Estate::parse("lifeboat.yaml", &text).unwrap_err().to_string();
    assert!(
        refused.contains("second is a copy of standby-s3, and copies are taken into that"),
        "{refused}"
    );
}

#[test]
fn a_whole_estate_is_read() {
    let estate = Estate::parse("lifeboat.yaml", GOOD).unwrap();
    let (name, cluster) = estate.management().unwrap();
    let failover = estate.failover().unwrap();
    assert_eq!((name.as_str(), failover.name), ("rancher", name));
    assert_eq!(estate.home_of(cluster).unwrap().as_str(), "main");
    assert_eq!(estate.site_of(failover.primary).unwrap().as_str(), "main");
    assert_eq!(estate.site_on("standby-1").unwrap().as_str(), "standby");
    assert_eq!(estate.site_on("elsewhere"), None);
    assert_eq!(*cluster.protect.every, Duration::from_secs(15));
    let keep = Keep {
        last: 30,
        within: Duration::from_secs(5400),
        yearly: 3,
        ..Keep::default()
    };
    assert_eq!(*cluster.protect.keep, keep);
    assert_eq!(*estate.monitor.maximum_loss, Duration::from_secs(60));
    assert_eq!(failover.peers.key, SecretRef::File("peers.key".into()));
    assert_eq!(failover.manager.token, SecretRef::Env("RANCHER_TOKEN".to_owned()));
}

#[test]
fn what_is_kept_has_defaults_and_within_can_be_nothing() {
    let text = GOOD.replacen("      keep: {last: 30, within: 1h 30m, yearly: 3}\n", "", 1);
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    let keep = *estate.management().unwrap().1.protect.keep;
    assert_eq!((keep.last, keep.within, keep.hourly, keep.daily), (20, Duration::from_secs(7200), 24, 7));
    assert_eq!((keep.weekly, keep.monthly, keep.yearly), (5, 12, 0));

    let estate = Estate::parse("lifeboat.yaml", &GOOD.replacen("1h 30m", "0s", 1)).unwrap();
    assert_eq!(estate.management().unwrap().1.protect.keep.within, Duration::ZERO);
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let all = [
        ("    site: standby\n    url", "    sit: standby\n    url"),
        ("site: main", "site: mian"),
        ("distribution: kubeadm", "distribution: kubeadmin"),
        ("every: 15s", "every: 15 parsecs"),
        ("every: 15s", "every: 45s"),
        ("keep: {last: 30, ", "keepHourly: {"),
        ("keep: {last: 30, ", "keep: {lats: 30, "),
        ("keep: {last: 30, ", "keep: {last: 1, "),
        ("keep: {last: 30, ", "keep: {last: -1, "),
        ("keep: {last: 30, within: 1h 30m, yearly: 3}", "keep: 20"),
        ("within: 1h 30m", "within: 90"),
        ("within: 1h 30m", "within: 2 fortnights"),
        ("lease: 10s", "lease: 1s"),
        ("declareAfter: 10s", "declareAfter: 1s"),
        ("serve: 10.1.2.1:7445", "serve: 10.1.1.1:7445"),
        ("serve: 10.1.2.1:7445", "serve: standby.example.org:7445"),
        ("host: standby-1\n      address", "host: main-1\n      address"),
        ("    site: standby\n    url", "    site: main\n    url"),
        ("name: rancher.example.org", "name: rancher.example.com"),
        ("age1good", "AGE-SECRET-KEY-1"),
        ("role: management", "role: downstream"),
        ("zone: example.org", "zone: [example.org"),
        ("name: example\n", ""),
        ("monitor:", "sites: {}\nmonitor:"),
        ("url: s3://lifeboat", "ulr: s3://lifeboat"),
        ("url: s3://lifeboat", "url: s4://lifeboat"),
        ("url: s3://lifeboat", "url: http://10.1.2.2:8333/lifeboat"),
        ("url: s3://lifeboat", "url: file:copies"),
        ("url: s3://lifeboat", "url: gs://lifeboat"),
        ("url: s3://lifeboat", "url: s3://lifeboat\n    lock: forever"),
        (
            "url: s3://lifeboat\n    endpoint: http://10.1.2.2:8333",
            "url: file:copies\n    lock: governance",
        ),
        ("accessKey: file:s3.access", "account: lifeboat"),
        ("    secretKey: file:s3.secret\n", ""),
        ("endpoint: http://", "endpoint: "),
        ("endpoint: http://", "endpoint: http://user:hunter2@"),
        ("    identity: file:identity.txt", "    identity: file:identity.txt\n    root: ''"),
        ("clusters: [rancher]", "clusters: [rnacher]"),
        ("000001", "1"),
        ("monitor:", "kit: {leaveOut: [dns.key.secert]}\nmonitor:"),
        ("    recipients:", "    copyOf: standby-s4\n    recipients:"),
        ("    recipients:", "    copyEvery: 1m\n    recipients:"),
    ];
    let copies = [
        "copyOf: standby-s3, url: s3://lifeboat, endpoint: 'http://10.1.2.2:8333'",
        "copyOf: second, url: s3://second",
        "copyOf: standby-s3, url: s3://second, lock: governance",
        "copyOf: standby-s3, url: s3://second, recipients: [{name: safe, key: age1good}]",
    ];
    let copies = copies.map(|settings| mistake("clusters:\n  rancher:", &copy(settings)));
    let shown: Vec<String> = all.iter().map(|(from, to)| mistake(from, to)).chain(copies).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// An estate in which nobody fails over: what is least to protect a cluster, and one with everything said.
const PLAIN: &str = include_str!("tests/plain.yaml");

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn a_cluster_needs_little_and_can_say_much() {
    let estate = Estate::parse("lifeboat.yaml", PLAIN).unwrap();
    assert!(estate.failover().is_none() && estate.management().is_none());
    let (shop, bank) = (&estate.clusters[&name("shop")], &estate.clusters[&name("bank")]);
    // What is not said is filled in.
    assert_eq!((&*shop.repository, shop.distribution()), (&name("dr"), Distribution::Other));
    assert_eq!(*shop.protect.every, Duration::from_secs(60));
    assert_eq!(estate.home_of(shop), Some(&name("berlin")));
    assert_eq!(shop.protectors(), [&name("shop-1")]);
    assert_eq!(estate.objectives_of(shop).rpo.as_deref(), Some(&Duration::from_secs(60)));
    assert_eq!(estate.objectives_of(bank).rpo.as_deref(), Some(&Duration::from_secs(5)));
    assert_eq!(estate.objectives_of(bank).rto.as_deref(), Some(&Duration::from_secs(600)));
    assert_eq!(bank.etcd.as_ref().unwrap().endpoints.len(), 2);
    // Who protects what.
    let on = |host: &str| {
        let host = name(host);
        estate
            .protected_on(Some(&host))
            .map(|(name, _)| name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (on("shop-1"), on("dr-1"), on("other")),
        (vec!["shop".to_owned()], vec!["bank".to_owned()], vec![])
    );
    assert_eq!(estate.playbooks[&name("day")].steps.len(), 2);
    let places: Vec<String> = estate.referred().into_iter().map(|it| it.place).collect();
    assert_eq!(
        places,
        [
            "clusters.bank.etcd.ca",
            "clusters.bank.etcd.cert",
            "clusters.bank.etcd.key",
            "clusters.bank.kubeconfig"
        ]
    );
}

#[test]
fn mistakes_of_a_plain_estate_are_shown_where_they_are() {
    let all = [
        ("    hosts: [shop-1]\n", ""),
        ("hosts: [shop-1]", "hosts: [shop-2]"),
        ("site: frankfurt\n    url", "site: berlin\n    url"),
        ("follow: [dr-1]", "follow: [shop-1]"),
        ("rpo: 5s", "rpo: 1s"),
        ("every: 30s", "every: 1s"),
        ("paths: [/etc/shop]", "paths: [etc/shop]"),
        ("https://10.2.0.1:2379", "10.2.0.1:2379"),
        ("endpoints: [https://10.2.0.1:2379, https://10.2.0.2:2379]", "endpoints: []"),
        (
            "role: downstream\n    hosts",
            "role: downstream\n    primary: {host: shop-1, address: 10.1.0.1}\n    hosts",
        ),
        (
            "role: downstream\n    hosts",
            "role: downstream\n    primary: {host: shop-1, address: 10.1.0.1}\n    standby: {host: dr-1, address: 10.1.0.1}\n    hosts",
        ),
        ("after: [look]", "after: [lok]"),
        ("id: look,", "id: look, after: [tell],"),
        ("kind: notify", "kind: notfy"),
        ("id: tell", "id: look"),
        (
            "clusters:\n",
            "  other: {site: frankfurt, url: 'file:other', identity: 'file:i', recipients: [{name: a, key: age1a}]}\nclusters:\n",
        ),
        ("by: [dr-1]", "by: [dr-2]"),
        ("role: downstream\n    hosts", "hosts"),
    ];
    let shown = all.map(|(from, to)| {
        let text = PLAIN.replacen(from, to, 1);
        assert_ne!(text, PLAIN, "{from:?} is not in the file");
        Estate::parse("lifeboat.yaml", &text).map(|_| to).unwrap_err().to_string()
    });
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn the_schema_in_the_manual_is_that_of_the_types() {
    // lifeboat schema > docs/lifeboat.schema.json
    assert_eq!(json_schema(), include_str!("../../../../docs/lifeboat.schema.json"));
}

#[test]
fn a_secret_in_the_file_is_refused_without_being_shown() {
    let said = mistake("file:peers.key", "hunter2");
    assert!(said.contains("never as itself") && said.starts_with("lifeboat.yaml:"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = mistake("url: s3://lifeboat", "url: s3://key:hunter2@lifeboat");
    assert!(
        said.ends_with("a store's URL holds no credentials: they have keys of their own"),
        "{said}"
    );
}

#[test]
fn each_kind_of_store_has_its_keys() {
    let s3 = [
        "accessKey: file:s3.access",
        "secretKey: file:s3.secret",
        "url: s3://lifeboat",
        "endpoint: http://10.1.2.2:8333",
    ];
    for (lines, scheme) in [
        (&[][..], "s3"),
        (&["url: s3://lifeboat/estate", "region: eu-central-1", "lock: compliance"], "s3"),
        (&["url: gs://lifeboat", "serviceAccount: file:gcs.json"], "gs"),
        (&["url: az://lifeboat/a/b", "account: copies", "accountKey: ${KEY}"], "az"),
        (&["url: az://lifeboat", "account: copies"], "az"),
        (
            &[
                "url: file:///srv/copies",
                "signer: file:signer.key",
                "root: 0000000000000000000000000000000000000000000000000000000000000000",
            ],
            "file",
        ),
    ] {
        let mut text = GOOD.to_owned();
        if !lines.is_empty() {
            for line in s3 {
                text = text.replacen(&format!("    {line}\n"), "", 1);
            }
            let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
            text = text.replacen("    recipients:", &format!("{lines}    recipients:"), 1);
        }
        let estate = Estate::parse("lifeboat.yaml", &text).unwrap_or_else(|error| panic!("{error}"));
        let repository = estate.repositories.values().next().unwrap();
        assert_eq!(repository.url.scheme(), scheme);
        assert_eq!(repository.signer.is_some(), scheme == "file");
        assert_eq!(repository.root.is_some(), scheme == "file");
        let lock = lines.contains(&"lock: compliance").then_some(LockMode::Compliance);
        assert_eq!(repository.lock.as_deref(), lock.as_ref());
    }
}

#[test]
fn bad_texts_are_errors_and_never_panics() {
    for text in ["", "{}", "- a", "\u{0}", "a: &a [*a]", "name: [", "name: 1\nname: 2"] {
        assert!(Estate::parse("lifeboat.yaml", text).is_err(), "{text:?}");
    }
    for end in (0..GOOD.len()).filter(|end| GOOD.is_char_boundary(*end)).step_by(7) {
        _ = Estate::parse("lifeboat.yaml", &GOOD[..end]);
    }
}
