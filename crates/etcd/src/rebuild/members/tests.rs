//! What etcd would not accept.

use super::*;

fn refusal(members: &[(&str, &[&str])]) -> String {
    let member = |(name, urls): &(&str, &[&str])| Member {
        name: (*name).to_owned(),
        peer_urls: urls.iter().map(ToString::to_string).collect(),
    };
    let members = Members {
        initial: members.iter().map(member).collect(),
        token: "t".to_owned(),
    };
    members.peers().err().unwrap_or_default()
}

#[test]
fn members_that_etcd_accepts_are_accepted() {
    let urls = [
        "http://10.0.0.1:2380",
        "https://[fd00::1]:2380",
        "https://etcd-0.example.org:2380",
    ];
    assert_eq!(refusal(&[("a", &urls), ("b", &["http://10.0.0.2:2380"])]), "");
    let one = Members::one("a", "http://10.0.0.1:2380", "t").peers().unwrap();
    assert_eq!(one[0].id, crate::wal::member_id(&["http://10.0.0.1:2380".to_owned()], "t"));
}

#[test]
fn others_are_refused_with_the_reason() {
    let one: &[&str] = &["http://a:1"];
    for (members, expected) in [
        (&[][..], "a cluster needs a member"),
        (&[("", one)], "\"\" is no name that a member can have"),
        (&[("a=b", one)], "\"a=b\" is no name that a member can have"),
        (&[("../a", one)], "\"../a\" is no name that a member can have"),
        (&[("/etc", one)], "\"/etc\" is no name that a member can have"),
        (&[("..", one)], "\"..\" is no name that a member can have"),
        (&[("a", one), ("a", &["http://b:1"])], "two members are called \"a\""),
        (&[("a", &[])], "member \"a\" has no peer URL"),
        (&[("a", one), ("b", one)], "peer URL \"http://a:1\" is there twice"),
    ] {
        assert_eq!(refusal(members), expected);
    }
    for (url, expected) in [
        ("a:1", "begins neither with http:// nor with https://"),
        ("HTTP://a:1", "begins neither with http:// nor with https://"),
        ("http://a", "has no port"),
        ("http://a:b", "has no port"),
        ("http://a:+1", "has no port"),
        ("http://a:1/path", "has no port"),
        ("http://:1", "has no host, or something else than host and port"),
        ("http://u@a:1", "has no host, or something else than host and port"),
        ("http://fd00::1:2380", "has an address of IPv6 without brackets"),
        ("http://[fd00::1:2380", "has a bracket too few"),
    ] {
        assert_eq!(refusal(&[("a", &[url])]), format!("peer URL {url:?} of member \"a\" {expected}"));
    }
}
