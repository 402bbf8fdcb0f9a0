use super::*;
use estate::Kind;
use tonic::Status;

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Link {
    text: &'static str,
    source: Option<Box<Link>>,
}

fn links(texts: &[&'static str]) -> Link {
    let (text, rest) = texts.split_first().unwrap();
    let source = (!rest.is_empty()).then(|| Box::new(links(rest)));
    Link { text, source }
}

#[test]
fn what_etcd_says_decides_what_has_to_be_done() {
    let cases = [
        (Status::invalid_argument("etcdserver: user name is empty"), Kind::Person),
        (Status::permission_denied("etcdserver: permission denied"), Kind::Person),
        (Status::unauthenticated("etcdserver: invalid auth token"), Kind::Person),
        (Status::unavailable("etcdserver: no leader"), Kind::Unreachable),
        (Status::resource_exhausted("etcdserver: too many requests"), Kind::Unreachable),
        (Status::unknown("etcdserver: whatever"), Kind::Unreachable),
        (Status::unknown("auth: permission denied"), Kind::Person),
        (Status::not_found("etcdserver: requested lease not found"), Kind::Person),
        (Status::unimplemented("unknown service"), Kind::Damaged),
        (Status::data_loss("etcdserver: corrupt cluster"), Kind::Damaged),
    ];
    for (status, kind) in cases {
        let error = unanswered("http://e:2379", &status);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("http://e:2379"), "{error}");
        assert!(error.to_string().contains(status.message()), "{error}");
    }
}

#[test]
fn revisions_that_a_member_does_not_have_are_told_apart() {
    let error = |text: &str| unanswered("http://e:2379", &Status::out_of_range(text));
    let compacted = error("etcdserver: mvcc: required revision has been compacted");
    assert!(matches!(compacted, Error::Compacted { .. }), "{compacted:?}");
    let future = error("etcdserver: mvcc: required revision is a future revision");
    assert!(matches!(future, Error::Future { .. }), "{future:?}");
    let large = error("Error, decoded message length too large");
    assert!(matches!(large, Error::Answer { .. }), "{large:?}");
}

#[test]
fn a_server_that_is_not_trusted_is_told_from_one_that_is_down() {
    let cases: [(&[&'static str], &str); 2] = [
        (
            &["transport error", "invalid peer certificate: UnknownIssuer"],
            "the certificate of etcd at https://e:1 is not trusted: UnknownIssuer",
        ),
        (
            &[
                "transport error",
                "tcp connect error",
                "tcp connect error",
                "refused (os error 111)",
            ],
            "etcd at https://e:1 did not answer: tcp connect error: refused (os error 111)",
        ),
    ];
    for (texts, wanted) in cases {
        assert_eq!(unconnected("https://e:1", &links(texts)).to_string(), wanted);
    }
}

#[test]
fn a_page_full_of_words_becomes_one_short_line() {
    let error = unanswered("http://e:1", &Status::unavailable("<html>\n".repeat(1000))).to_string();
    assert!(error.len() < 600 && !error.contains('\n'), "{error}");
}
