//! How findings are judged, values compared, and what stands at the edges of the providers.

use super::standin::serve;
use super::{held, ip};
use crate::finding::{delegation, held as held_finding, right, ttl};
use crate::http::{Effect, Http};
use crate::provider::{route53_xml as xml, target};
use crate::{
    Cloudflare, Error, Expected, Finding, Google, Held, Manual, Provider, Right, Route53, Secret, Verdict, Wanted,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

fn is(finding: &Finding, verdict: Verdict, part: &str) {
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    assert!(finding.says.contains(part), "{finding:?}");
}

#[test]
fn a_delegation_is_judged_by_who_is_named() {
    let ours = names(&["ns1.test", "ns2.test"]);
    let judged = |parent: &[&str]| delegation("lab.test", &ours, Ok(names(parent)));
    is(
        &judged(&["ns1.test", "ns2.test"]),
        Verdict::Proven,
        "leads to ns1.test, ns2.test for lab.test",
    );
    // Some of them suffice: all of these are the provider's.
    is(&judged(&["ns1.test"]), Verdict::Proven, "leads to ns1.test");
    is(&judged(&["ns1.test", "old.test"]), Verdict::Unproven, "also leads to old.test");
    is(&judged(&["old.test"]), Verdict::Broken, "a switch there is seen by nobody");
    is(&judged(&[]), Verdict::Broken, "leads nowhere");
    is(
        &delegation("lab.test", &ours, Err("silence".to_owned())),
        Verdict::Unproven,
        "could not be asked: silence",
    );
    let unknown = delegation("lab.test", &BTreeSet::new(), Ok(names(&["gtm.test"])));
    is(&unknown, Verdict::Unproven, "does not say its servers");
}

#[test]
fn a_ttl_must_be_shorter_than_the_rto() {
    let rto = Duration::from_secs(300);
    is(&ttl("a.test", 299, rto), Verdict::Proven, "for up to 299 s, of an RTO of 300 s");
    is(&ttl("a.test", 300, rto), Verdict::Broken, "for up to 300 s");
}

#[test]
fn rights_and_names_are_judged() {
    is(
        &held_finding("a.test", "X", &held(["192.0.2.1"])),
        Verdict::Proven,
        "X has 192.0.2.1 with a TTL of 30 s for a.test",
    );
    is(
        &held_finding("a.test", "X", &Held::NOTHING),
        Verdict::Broken,
        "X has no addresses for a.test",
    );
    is(
        &right("a.test", "X", Ok(Right::Proven("it did".to_owned()))),
        Verdict::Proven,
        "may be changed at X: it did",
    );
    is(
        &right("a.test", "X", Ok(Right::Unproven("why".to_owned()))),
        Verdict::Unproven,
        "is unknown: why",
    );
    let (service, subject, reason) = ("X".to_owned(), "a.test".to_owned(), "no".to_owned());
    let busy = Error::Busy {
        service: service.clone(),
        subject: subject.clone(),
        reason: reason.clone(),
    };
    is(&right("a.test", "X", Err(busy)), Verdict::Unproven, "X has no time for a.test: no");
    let denied = Error::Denied { service, subject, reason };
    is(
        &right("a.test", "X", Err(denied)),
        Verdict::Broken,
        "X does not accept the credential for a.test: no",
    );
}

#[test]
fn parts_of_a_change_are_between_its_ends_and_nothing_else_is() {
    let (from, to) = (held(["192.0.2.1", "2001:db8::1"]), held(["192.0.2.2"]));
    for now in [&from, &to, &held(["192.0.2.2", "2001:db8::1"]), &held(["192.0.2.1"])] {
        assert!(now.is_between(&from, &to), "{now:?}");
    }
    for now in [
        &Held::NOTHING,
        &held(["192.0.2.3"]),
        &held(["192.0.2.1", "192.0.2.2"]),
        &from.with_ttl_at_most(7),
    ] {
        assert!(!now.is_between(&from, &to), "{now:?}");
    }
    let pools = Held::Pools { enabled: true, pools: [].into() };
    assert!(!pools.is_between(&from, &to) && !pools.leads_like(&to));
}

#[test]
fn one_answer_of_a_load_balancer_may_have_one_address_of_several() {
    let answer = |addresses: &[&str]| crate::Answer {
        addresses: addresses.iter().map(|it| ip(it)).collect(),
        ttl: 30,
        authoritative: true,
        rcode: crate::Rcode::NOERROR,
    };
    let to = [ip("192.0.2.1"), ip("192.0.2.2")].into();
    let some = Expected { name: "a.test".to_owned(), to, all: false };
    let all = Expected { all: true, ..some.clone() };
    for (addresses, by_some, by_all) in [
        (&["192.0.2.1"][..], true, false),
        (&["192.0.2.1", "192.0.2.2"], true, true),
        (&["192.0.2.1", "192.0.2.3"], false, false),
        (&[], false, false),
    ] {
        let answer = answer(addresses);
        assert_eq!((some.is_met_by(&answer), all.is_met_by(&answer)), (by_some, by_all), "{addresses:?}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_and_not_shown() {
    let route53 = |zone_id: &str, endpoint: Option<&str>| Route53 {
        zone: "lab.test".to_owned(),
        zone_id: zone_id.to_owned(),
        access_key: "A".to_owned(),
        secret: Secret::new("s3cret"),
        session_token: None,
        region: "us-east-1".to_owned(),
        endpoint: endpoint.map(str::to_owned),
        ca: None,
    };
    assert!(route53("/hostedzone/Z1", None).open().is_ok());
    for endpoint in [
        "http://192.0.2.1",
        "https://",
        "ftp://x",
        "https://user:pw@x",
        "https://x/?q",
    ] {
        let error = route53("Z1", Some(endpoint)).open().unwrap_err();
        assert_eq!(
            error.to_string(),
            "Route 53 zone Z1 cannot be used: its endpoint is not https://HOST",
            "{endpoint}"
        );
    }
    assert!(matches!(route53("../Z1", None).open(), Err(Error::Settings { .. })));
    let google = Google {
        zone: "lab.test".to_owned(),
        project: "p".to_owned(),
        managed_zone: "z".to_owned(),
        service_account: Secret::new(r#"{"client_email":"a","private_key":"s3cret"}"#),
        endpoint: None,
        ca: None,
    };
    let error = google.open().unwrap_err();
    assert!(error.to_string().ends_with("private key is no RSA key in PEM"), "{error}");
    let cloudflare = Cloudflare {
        zone: "lab.test".to_owned(),
        zone_id: "z".to_owned(),
        token: Secret::new("s3cret"),
        endpoint: None,
        ca: Some("no certificate".to_owned()),
    };
    assert!(!format!("{cloudflare:?}").contains("s3cret"));
    let error = cloudflare.open().unwrap_err();
    assert!(error.to_string().contains("there is no certificate in it"), "{error}");
}

#[tokio::test]
async fn a_service_that_repeats_a_secret_is_not_repeated() {
    let said = |_| (403, "\u{7}your token s3cret is wrong".to_owned());
    let at = serve(SignedDuration::ZERO, said).await;
    let http = Http::new("X".to_owned(), &format!("http://{at}"), None)
        .unwrap()
        .hiding(&[&Secret::new("s3cret")]);
    let reply = http
        .send(http.client().get(http.url(&[])), "a.test", Effect::Reads)
        .await
        .unwrap();
    let error = http.refusal(&reply, "a.test", Effect::Reads, &String::from_utf8_lossy(&reply.body));
    let shown = "X does not accept the credential for a.test: HTTP 403: your token (secret) is wrong";
    assert_eq!(error.to_string().replace("  ", " "), shown);
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    // It takes connections, and nobody reads them.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let http = Http::with_limit("X".to_owned(), &base, None, Duration::from_millis(400)).unwrap();
    let send = async |effect| http.send(http.client().get(http.url(&[])), "a.test", effect).await.unwrap_err();
    assert_eq!(send(Effect::Reads).await.to_string(), "X did not answer for a.test: it took too long");
    assert_eq!(
        send(Effect::Changes).await.to_string(),
        "whether X made a.test is unknown: it took too long"
    );
}

#[test]
fn a_person_is_told_in_the_estates_own_words() {
    let manual = |words: &[&str]| Manual {
        zone: "lab.test".to_owned(),
        servers: vec!["192.0.2.53:53".parse().unwrap()],
        words: words.iter().map(|line| (*line).to_owned()).collect(),
    };
    let (from, to) = (held(["192.0.2.1"]), Wanted::new([ip("192.0.2.2")], 60));
    let own = manual(&[
        "call +49 30 1234",
        "have {before} of {name} replaced by {addresses}, TTL {ttl}",
    ]);
    assert_eq!(
        own.by_hand("rancher.lab.test", &from, &to),
        [
            "call +49 30 1234",
            "have 192.0.2.1 of rancher.lab.test replaced by 192.0.2.2, TTL 60"
        ]
    );
    assert_eq!(
        manual(&[]).by_hand("rancher.lab.test", &from, &to),
        ["where rancher.lab.test is kept, put 192.0.2.2 in the place of 192.0.2.1, with a TTL of 60 s"]
    );
    let nobody = Manual { servers: Vec::new(), ..manual(&[]) };
    assert!(matches!(nobody.open(), Err(Error::Settings { .. })));
}

#[test]
fn both_forms_of_a_refusal_are_read() {
    let coded = b"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchHostedZone</Code><Message>none</Message></Error></ErrorResponse>";
    assert_eq!(xml::refusal(coded), ("NoSuchHostedZone".to_owned(), "none".to_owned()));
    let batch =
        b"<InvalidChangeBatch><Messages><Message>one</Message><Message>two</Message></Messages></InvalidChangeBatch>";
    assert_eq!(xml::refusal(batch), ("InvalidChangeBatch".to_owned(), "one; two".to_owned()));
    assert_eq!(xml::refusal(b"\xff<"), Default::default());
}

proptest! {
    #[test]
    fn no_answer_of_route_53_makes_it_panic(noise in prop::collection::vec(any::<u8>(), 0..300), text in "[<>/&;a-zA-Z \"=!\\[\\]?-]{0,200}") {
        for body in [&noise[..], text.as_bytes()] {
            let _whatever = xml::refusal(body);
            let _whatever = xml::read::<xml::Listed>(body);
            let _whatever = xml::read::<xml::Zone>(body);
        }
    }

    #[test]
    fn damage_to_a_listing_is_an_error_or_another_listing(place in 0_usize..400, value in any::<u8>()) {
        let mut body = b"<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>a.test.</Name><Type>A</Type>\
            <TTL>30</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>\
            </ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>".to_vec();
        let place = place % body.len();
        body[place] = value;
        let _whatever = xml::read::<xml::Listed>(&body);
    }

    #[test]
    fn whatever_is_held_survives_a_journal(a in prop::collection::btree_set(any::<u32>(), 0..4), aaaa in prop::collection::btree_set(any::<u128>(), 0..4), ttl in any::<u32>()) {
        let records = |addresses: BTreeSet<std::net::IpAddr>| {
            (!addresses.is_empty()).then_some(crate::Records { addresses, ttl })
        };
        let held = Held::Records {
            a: records(a.into_iter().map(|it| std::net::Ipv4Addr::from(it).into()).collect()),
            aaaa: records(aaaa.into_iter().map(|it| std::net::Ipv6Addr::from(it).into()).collect()),
        };
        let written = serde_json::to_string(&held).unwrap();
        prop_assert_eq!(serde_json::from_str::<Held>(&written).unwrap(), held);
    }
}

#[test]
fn a_ttl_alone_is_no_reason_to_change_an_address() {
    let wanted = Wanted::new([ip("192.0.2.1")], 7);
    let target = target("a.test", &held(["192.0.2.1"]), &wanted, |ttl| ttl).unwrap();
    assert_eq!(target, held(["192.0.2.1"]));
}
