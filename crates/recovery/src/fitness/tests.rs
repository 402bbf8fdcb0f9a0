use super::*;
use ::etcd::Status;
use ::repository::Probed;
use jiff::Timestamp;
use proptest::prelude::*;
use protect::complete::Dated;
use repository::{Right, Rights};
use std::fmt::Write;

fn name(text: &str) -> estate::Name {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// As people compare them: how it is, what, what was found, and what to do.
fn told(book: &mut String, case: &str, findings: &[Finding]) {
    writeln!(book, "# {case}").unwrap();
    for it in findings {
        let code = it.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        writeln!(book, "{} | {} | {}{code}", it.state, it.what, it.found).unwrap();
        if let Some(next) = &it.next {
            writeln!(book, "    -> {next}").unwrap();
        }
        assert!(
            it.state == State::Ok || it.next.is_some() || it.code.is_some(),
            "nothing to do about {it:?}"
        );
    }
}

fn member(endpoint: &str, change: impl Fn(&mut etcd::Said)) -> etcd::Member {
    let status = Status {
        version: "3.6.16".to_owned(),
        db_size: 50_000_000,
        db_size_in_use: 30_000_000,
        quota: Some(2_147_483_648),
        leader: Some(7),
        ..Status::default()
    };
    let mut said = etcd::Said { status, read: Ok(()), copy: Ok(()), alarms: Ok(Vec::new()) };
    change(&mut said);
    etcd::Member {
        endpoint: endpoint.to_owned(),
        said: Ok(said),
        is_unnamed: false,
    }
}

fn silent(endpoint: &str) -> etcd::Member {
    let said = Err(Trouble::new(
        "LB0401",
        Kind::Unreachable,
        format!("etcd at {endpoint} did not answer: refused"),
    ));
    etcd::Member { endpoint: endpoint.to_owned(), said, is_unnamed: false }
}

fn refused() -> Result<(), Trouble> {
    Err(Trouble::new("LB0402", Kind::Person, "etcd at https://a:2379 refuses: permission denied"))
}

/// One that was left over serves on with the same keys; the same one by another address is none, nor a host without any.
#[test]
fn a_former_etcd_that_goes_on_is_named() {
    let of = |endpoint: &str, cluster_id: u64, member_id: u64, is_unnamed: bool| {
        let it = member(endpoint, |it| (it.status.cluster_id, it.status.member_id) = (cluster_id, member_id));
        etcd::Member { is_unnamed, ..it }
    };
    let members = [
        of("https://127.0.0.1:2379", 7, 1, false),
        of("https://10.1.1.1:2379", 7, 1, false),
        of("https://10.1.1.2:2379", 7, 2, false),
        of("https://10.1.1.1:2379", 7, 1, true),
        of("https://10.1.1.3:2379", 0xbad, 3, true),
        etcd::Member { is_unnamed: true, ..silent("https://10.1.1.4:2379") },
    ];
    let told = etcd::judge(&"shop".parse().unwrap(), &members);
    let told: Vec<String> = told
        .iter()
        .take(2)
        .map(|it| format!("{} {}: {}", it.state, it.what, it.found))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    ok etcd of shop: 2 of 2 members answer, and have a leader
    fail another etcd of shop: https://10.1.1.3:2379 serves another etcd, with id bad, and has the same keys: a former one of this cluster that goes on, and that an API server may ask
    ");
}

#[test]
fn members_of_an_etcd() {
    let (a, b) = ("https://a:2379", "https://b:2379");
    let fine = |_: &mut etcd::Said| {};
    let mut book = String::new();
    for (case, members) in [
        ("all is well", vec![member(a, fine), member(b, fine)]),
        ("nobody is known", vec![]),
        ("nobody answers", vec![silent(a), silent(b)]),
        ("one of two is silent", vec![silent(a), member(b, fine)]),
        ("no leader", vec![member(a, |it| it.status.leader = None)]),
        ("an alarm", vec![member(a, |it| it.alarms = Ok(vec!["NOSPACE".to_owned()]))]),
        ("another alarm", vec![member(a, |it| it.alarms = Ok(vec!["CORRUPT".to_owned()]))]),
        ("not to be read", vec![member(a, |it| it.read = refused())]),
        ("not to be copied", vec![member(a, |it| it.copy = refused())]),
        (
            "alarms not to be listed",
            vec![member(a, |it| it.alarms = refused().map(|()| Vec::new()))],
        ),
        (
            "an upgrade",
            vec![member(a, fine), member(b, |it| it.status.version = "3.5.21".to_owned())],
        ),
        ("an odd version", vec![member(a, |it| it.status.version = "3.4.1".to_owned())]),
        ("nearly full", vec![member(a, |it| it.status.db_size = 1_800_000_000)]),
        (
            "large, and no quota",
            vec![member(a, |it| {
                (it.status.db_size, it.status.quota) = (1_800_000_000, None)
            })],
        ),
    ] {
        told(&mut book, case, &etcd::judge(&name("shop"), &members));
    }
    insta::assert_snapshot!(book);
}

#[test]
fn api_servers() {
    let fine = || api::Said {
        server: "https://10.1.0.1:6443".to_owned(),
        ready: Ok(()),
        version: Ok("v1.36.3".to_owned()),
        everything: Ok(true),
        secrets: Ok(true),
    };
    let person = || Trouble::new("LB0810", Kind::Person, "https://10.1.0.1:6443 refuses it: Unauthorized");
    let silent = || Trouble::new("LB0810", Kind::Unreachable, "https://10.1.0.1:6443 did not answer for /version");
    let mut book = String::new();
    for (case, said) in [
        ("all is well", Ok(fine())),
        ("silent", Err(silent())),
        (
            "not a kubeconfig",
            Err(Trouble::new("LB0810", Kind::Invalid, "kubeconfig x cannot be used")),
        ),
        ("not ready", Ok(api::Said { ready: Err(silent()), ..fine() })),
        ("not to be asked", Ok(api::Said { ready: Err(person()), ..fine() })),
        (
            "unknown to it",
            Ok(api::Said { version: Err(person()), everything: Err(person()), ..fine() }),
        ),
        ("a part", Ok(api::Said { everything: Ok(false), ..fine() })),
        ("nothing", Ok(api::Said { everything: Ok(false), secrets: Ok(false), ..fine() })),
    ] {
        told(&mut book, case, &api::judge(&name("shop"), "shop/kubeconfig", &said));
    }
    insta::assert_snapshot!(book);
}

#[test]
fn stores() {
    let looked = |rights: Rights, probed: bool, clock| {
        let probed = probed.then(|| Probed { checks: Vec::new(), slowest: Duration::from_millis(12) });
        Ok(store::Looked { store: "s3://copies".to_owned(), rights, probed, clock })
    };
    let no = || Right::Refused("AccessDenied".to_owned());
    let yes = || Right::Allowed;
    let all = || Rights { list: yes(), read: yes(), create: yes(), delete: yes() };
    let late = || Trouble::new("LB0303", Kind::Person, "the clocks of this machine and of s3://copies disagree: 300 s");
    let gone = || Trouble::new("LB0301", Kind::Unreachable, "s3://copies did not answer");
    let mut book = String::new();
    for (case, used, looked) in [
        ("all is well", store::Use::Writes, looked(all(), true, Some(Ok(())))),
        ("no answer", store::Use::Writes, Err(gone())),
        ("its clock is off", store::Use::Reads, looked(all(), true, Some(Err(late())))),
        ("no deletes", store::Use::Writes, looked(Rights { delete: no(), ..all() }, false, None)),
        (
            "read-only, to write",
            store::Use::Writes,
            looked(Rights { create: no(), delete: Right::Unknown, ..all() }, false, None),
        ),
        (
            "read-only, to read",
            store::Use::Reads,
            looked(Rights { create: no(), delete: Right::Unknown, ..all() }, false, None),
        ),
        ("no lists", store::Use::Reads, looked(Rights { list: no(), ..all() }, false, None)),
    ] {
        told(&mut book, case, &store::judge(&name("dr"), used, &looked));
    }
    insta::assert_snapshot!(book);
}

#[test]
fn certificates_of_files() {
    let dated = |until: &str, authority| {
        Ok(vec![
            Dated {
                subject: "CN=late".to_owned(),
                until: at("2099-01-01T00:00:00Z"),
                authority: true,
            },
            Dated { subject: "CN=admin".to_owned(), until: at(until), authority },
        ])
    };
    let now = at("2026-11-29T18:00:00Z");
    let gone = Err(Trouble::new("LB0203", Kind::Person, "/a/b.crt cannot be read: no such file"));
    let mut book = String::new();
    for (case, found) in [
        ("for long", dated("2028-01-01T00:00:00Z", false)),
        ("two months, and no CA", dated("2027-02-01T00:00:00Z", false)),
        ("two months of a CA", dated("2027-02-01T00:00:00Z", true)),
        ("a week", dated("2026-12-05T00:00:00Z", false)),
        ("over", dated("2026-11-29T17:59:59Z", false)),
        ("none", Ok(Vec::new())),
        ("no file", gone),
    ] {
        let findings: Vec<_> = certificates::judge("etcd's client for shop", "/a/b.crt", &found, now)
            .into_iter()
            .collect();
        told(&mut book, case, &findings);
    }
    insta::assert_snapshot!(book);
}

const SCRIPT: &str = "now=1796000000.250000000
version=lifeboat=lifeboat  0.1.0 features  lab 
version=etcd=etcd Version: 3.6.16 Git SHA: 4b75d53 Go Version: go1.24 
version=kubelet=Kubernetes v1.36.3 
version=kubeadm=v1.36.3 
version=rke2=
room=0=/dev/mapper/a b 103081248 40000000 57800000  41% /var/lib
room=1=tmpfs 1024 1000 24 98% /a=b
room=2=
room=9=tmpfs 1024 1000 24 98% /a
nonsense
";

fn directories() -> Vec<String> {
    ["/var/lib/etcd", "/a=b", "/none"].map(str::to_owned).to_vec()
}

#[test]
fn a_host_is_read_from_what_the_script_writes() {
    insta::assert_debug_snapshot!(host::Said::read(SCRIPT, &directories()));
}

#[test]
fn hosts() {
    let said = host::Said::read(SCRIPT, &directories());
    let (early, late) = (at("2026-11-30T00:53:20Z"), at("2026-11-30T00:53:21Z"));
    let least = |version: &str| [("kubelet".to_owned(), version.to_owned())].into();
    let role = |version: &str, needed| host::Role {
        serves: true,
        lays: Some(("/var/lib/etcd".to_owned(), needed)),
        writes: vec![
            ("/a=b".to_owned(), "what serve keeps".to_owned()),
            ("/var/lib/etcd".to_owned(), "etcd".to_owned()),
        ],
        at_least: least(version),
    };
    let mut book = String::new();
    let bare = host::Said { versions: [].into(), ..said.clone() };
    for (case, role, said, heard, own) in [
        ("all is well", role("1.36.1", Some(1 << 30)), &said, late, "0.1.0"),
        (
            "another Lifeboat, older programs, little room",
            role("1.37.0", Some(40 << 30)),
            &said,
            late,
            "0.2.0",
        ),
        ("the size of the database is not known", role("1.36.1", None), &said, late, "0.1.0"),
        (
            "no Lifeboat, no room, a clock that is off",
            role("1.36.1", Some(400 << 30)),
            &bare,
            at("2026-11-30T00:53:10Z"),
            "0.1.0",
        ),
    ] {
        told(&mut book, case, &host::judge(&name("dr-1"), &role, said, early.min(heard), heard, own));
    }
    insta::assert_snapshot!(book);
}

#[test]
fn a_recovery_set_as_its_judge_has_it() {
    let set = set::Set {
        by: "as host a says".to_owned(),
        lacks: vec!["join token: mismatch: the token is another; next: take the token of that day".to_owned()],
        untested: vec!["generation: unknown: no ConfigMap".to_owned()],
        warnings: vec!["expiry: expiring: b; next: c; next: renew it".to_owned()],
    };
    let mut book = String::new();
    told(&mut book, "one of each", &set::findings("recovery set of shop", &set));
    let set = set::Set { by: set.by, ..set::Set::default() };
    told(&mut book, "complete", &set::findings("recovery set of shop", &set));
    insta::assert_snapshot!(book);
}

proptest! {
    #[test]
    fn whatever_a_host_writes_is_read(text in "(now=|version=|room=0=|[a-z=%. 0-9]{0,20}|=|\n|.){0,40}") {
        let said = host::Said::read(&text, &directories());
        let role = host::Role { writes: said.room.keys().map(|it| (it.clone(), String::new())).collect(), ..host::Role::default() };
        _ = host::judge(&name("a"), &role, &said, Timestamp::MIN, Timestamp::MAX, "1");
    }
}
