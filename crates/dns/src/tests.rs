//! Pure tests; `tests/verdict.rs` has those of signed answers, `tests/local.rs` odd servers, `tests/knot.rs` a real one,
//! `tests/standin/` what stands in for services, and `tests/conformance.rs` what is true of every provider.

mod conformance;
mod findings;
mod knot;
mod local;
mod relay;
mod server;
mod standin;
mod trust;
mod verdict;
mod watching;

use crate::ask::collect;
use crate::{Algorithm, Answer, Error, Held, Rcode, Records, Tsig, Zone, name, provider};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// `lifeboat` as a secret, in base64.
const SECRET: &str = "bGlmZWJvYXQ=";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ips<const N: usize>(texts: [&str; N]) -> BTreeSet<IpAddr> {
    texts.map(ip).into()
}

fn fqdn(text: &str) -> Name {
    name::parse(text).unwrap()
}

fn key() -> Tsig {
    Tsig::new("lifeboat", Algorithm::HmacSha256, SECRET).unwrap()
}

#[test]
fn names_are_read_with_and_without_their_final_dot() {
    assert_eq!(name::parse("rancher.lab.test").unwrap(), name::parse("Rancher.lab.test.").unwrap());
    assert_eq!(name::shown(&fqdn("_x.a-1.test")), "_x.a-1.test");
    assert_eq!(name::shown(&Name::root()), ".");
}

#[test]
fn what_is_no_name_is_refused_with_the_reason() {
    let long = "a".repeat(64);
    let longer = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)].join(".");
    for (text, wanted) in [
        ("", "it is empty"),
        (".", "it is empty"),
        ("a..test", "it has an empty label"),
        (".test", "it has an empty label"),
        ("a b.test", "only letters, digits, '-', '_' and '.' are allowed"),
        ("*.test", "only letters, digits, '-', '_' and '.' are allowed"),
        ("a\\046b.test", "only letters, digits, '-', '_' and '.' are allowed"),
        ("münchen.test", "only letters, digits, '-', '_' and '.' are allowed"),
        (&long, "it has a label of more than 63 characters"),
        (&longer, "it has more than 253 characters"),
    ] {
        match name::parse(text) {
            Err(Error::Name { name, reason }) => assert_eq!((name.as_str(), reason), (text, wanted)),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn secrets_are_base64_with_or_without_padding_and_white_space() {
    let mac = |secret| {
        let key = Tsig::new("k", Algorithm::HmacSha512, secret).unwrap();
        key.signer().unwrap().sign(b"text").unwrap()
    };
    assert_eq!(mac(SECRET), mac("  bGlmZWJvYXQ\n"));
    assert_ne!(mac(SECRET), mac("bGlmZWJvYXU="));
}

#[test]
fn a_bad_secret_is_refused_and_never_shown() {
    for (secret, reason) in [
        ("not base64!", "it is not base64"),
        ("", "it is empty"),
        (" \n", "it is empty"),
    ] {
        let error = Tsig::new("lifeboat", Algorithm::HmacSha256, secret).unwrap_err();
        assert_eq!(error.to_string(), format!("the secret of the TSIG key lifeboat cannot be used: {reason}"));
        assert_eq!(error.kind(), estate::Kind::Invalid);
    }
    assert!(matches!(Tsig::new("two words", Algorithm::HmacSha256, SECRET), Err(Error::Name { .. })));
}

#[test]
fn a_key_shows_no_secret() {
    let zone = Zone {
        server: "192.0.2.1:53".parse().unwrap(),
        zone: "lab.test".to_owned(),
        key: key(),
    };
    let shown = format!("{zone:?}");
    assert!(shown.contains("lifeboat") && shown.contains("HmacSha256"), "{shown}");
    // The secret's bytes, as Debug would show a vector of them.
    assert!(!shown.contains("108") && !shown.contains("secret"), "{shown}");
}

#[test]
fn codes_have_the_names_that_other_tools_show() {
    let shown: Vec<_> = (0..=11).map(|n| Rcode::from(ResponseCode::from_low(n)).to_string()).collect();
    assert_eq!(
        shown.join(" "),
        "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE RCODE11"
    );
}

#[test]
fn answers_are_compared_in_any_order() {
    let answer = Answer {
        addresses: vec![ip("192.0.2.1"), ip("192.0.2.2")],
        ttl: 30,
        authoritative: true,
        rcode: Rcode::NOERROR,
    };
    assert!(answer.is_exactly(&[ip("192.0.2.2"), ip("192.0.2.1"), ip("192.0.2.2")]));
    assert!(!answer.is_exactly(&[ip("192.0.2.1")]));
    assert!(!answer.is_exactly(&[ip("192.0.2.1"), ip("192.0.2.2"), ip("::1")]));
}

fn a(owner: &str, ttl: u32, address: &str) -> Record {
    let IpAddr::V4(address) = ip(address) else {
        panic!("{address}")
    };
    Record::from_rdata(fqdn(owner), ttl, RData::A(address.into()))
}

fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(fqdn(owner), ttl, RData::CNAME(CNAME(fqdn(target))))
}

fn answering(records: Vec<Record>) -> Message {
    let mut message = Message::response(1, OpCode::Query);
    message.add_answers(records);
    message
}

#[test]
fn aliases_are_followed_in_any_order_and_other_names_ignored() {
    let message = answering(vec![
        a("end.test", 60, "192.0.2.1"),
        cname("middle.test", 7, "end.test"),
        a("other.test", 1, "192.0.2.66"),
        cname("start.test", 30, "middle.test"),
    ]);
    let found = collect(&fqdn("start.test"), &message);
    assert_eq!(found.answer.addresses, [ip("192.0.2.1")]);
    assert_eq!(found.answer.ttl, 7);
    assert_eq!(found.alias, Some(fqdn("middle.test")));
}

#[test]
fn a_circle_of_aliases_ends() {
    let message = answering(vec![cname("a.test", 1, "b.test"), cname("b.test", 1, "a.test")]);
    let found = collect(&fqdn("a.test"), &message);
    assert_eq!((found.answer.addresses.len(), found.answer.ttl), (0, 0));
}

/// Records with a TTL of 30 s.
fn held<const N: usize>(texts: [&str; N]) -> Held {
    let of_kind = |ipv4| {
        let addresses: BTreeSet<IpAddr> = ips(texts).into_iter().filter(|it| it.is_ipv4() == ipv4).collect();
        (!addresses.is_empty()).then_some(Records { addresses, ttl: 30 })
    };
    Held::Records { a: of_kind(true), aaaa: of_kind(false) }
}

/// An update, a line per record.
fn shown(before: Held, to: Held) -> Vec<String> {
    let message = provider::update(&fqdn("lab.test"), &fqdn("rancher.lab.test"), &before, &to);
    assert_eq!(message.op_code, OpCode::Update);
    assert!(!message.recursion_desired);
    assert_eq!(message.queries.len(), 1);
    assert_eq!(
        (message.queries[0].name(), message.queries[0].query_type()),
        (&fqdn("lab.test"), RecordType::SOA)
    );
    let line = |record: &Record| {
        assert_eq!(record.name, fqdn("rancher.lab.test"));
        match (&record.data, record.dns_class, record.ttl) {
            (RData::Update0(kind), DNSClass::NONE, 0) => format!("if no {kind}"),
            (RData::A(address), DNSClass::IN, 0) => format!("if {address}"),
            (RData::AAAA(address), DNSClass::IN, 0) => format!("if {address}"),
            (RData::Update0(kind), DNSClass::ANY, 0) => format!("delete {kind}"),
            (RData::A(address), DNSClass::IN, 30) => format!("add {address}"),
            (RData::AAAA(address), DNSClass::IN, 30) => format!("add {address}"),
            other => panic!("{other:?}"),
        }
    };
    message.answers.iter().chain(&message.authorities).map(line).collect()
}

#[test]
fn an_update_deletes_and_adds_in_one_message_if_nobody_was_quicker() {
    assert_eq!(
        shown(held(["192.0.2.1"]), held(["192.0.2.2"])),
        ["if 192.0.2.1", "if no AAAA", "delete A", "add 192.0.2.2"]
    );
    assert_eq!(
        shown(held([]), held(["192.0.2.3", "192.0.2.2"])),
        ["if no A", "if no AAAA", "delete A", "add 192.0.2.2", "add 192.0.2.3"]
    );
}

#[test]
fn an_update_touches_the_other_kind_only_where_it_differs() {
    assert_eq!(
        shown(held(["192.0.2.1", "2001:db8::1"]), held(["192.0.2.1"])),
        ["if 192.0.2.1", "if 2001:db8::1", "delete AAAA"]
    );
    assert_eq!(
        shown(held(["192.0.2.1"]), held(["2001:db8::2"])),
        [
            "if 192.0.2.1",
            "if no AAAA",
            "delete A",
            "delete AAAA",
            "add 2001:db8::2"
        ]
    );
}

#[test]
fn an_algorithm_is_written_as_servers_write_it() {
    // The test of the real thing is a server that knows the key; this one is of the text in an estate file.
    let parsed: Algorithm = serde::Deserialize::deserialize(
        serde::de::value::StrDeserializer::<serde::de::value::Error>::new("hmac-sha384"),
    )
    .unwrap();
    assert_eq!(parsed, Algorithm::HmacSha384);
}
