//! What differs, and what of it is shown.

use crate::files::compare::{There, differences, selected};
use crate::files::listing::{Kind, Stat, parse};
use crate::files::tests::ground::{file, tree};
use crate::files::text::{differing, masked};
use crate::files::{Change, Entry, Pattern, What};
use proptest::prelude::*;

fn stat(kind: Kind) -> Stat {
    Stat {
        kind,
        readable: true,
        mode: 0o600,
        owner: (0, 42),
        label: Some("etc_t".to_owned()),
        bytes: 1,
        modified: String::new(),
        changed: String::new(),
        place: String::new(),
    }
}

#[test]
fn each_path_is_judged_by_itself() {
    let link = |to: &str| Entry { what: What::Link(to.to_owned()), ..file("") };
    let directory = |what| Entry { what, mode: 0o755, ..file("") };
    let labelled = Entry { label: Some("cert_t".to_owned()), ..file("same") };
    let copy = tree(&[
        ("/etc", directory(What::Parent)),
        ("/etc/conf", directory(What::Directory)),
        ("/etc/conf/a", file("same")),
        ("/etc/conf/b", file("new\nlines\n")),
        ("/etc/conf/c", Entry { mode: 0o640, owner: (1, 42), ..labelled }),
        ("/etc/conf/d", file("gone")),
        ("/etc/conf/e", file("a link there")),
        ("/etc/conf/f", link("x")),
        ("/etc/conf/secret", file("new")),
        ("/srv/a", file("")),
    ]);
    let mut there = There::default();
    there.listing.labels = true;
    let kinds = [
        ("/etc", Kind::Directory),
        ("/etc/conf", Kind::Directory),
        ("/etc/conf/a", Kind::File),
        ("/etc/conf/b", Kind::File),
        ("/etc/conf/c", Kind::File),
        ("/etc/conf/e", Kind::Link("a".to_owned())),
        ("/etc/conf/f", Kind::Link("y".to_owned())),
        ("/etc/conf/secret", Kind::File),
        ("/srv", Kind::Link("/etc".to_owned())),
    ];
    there
        .listing
        .stats
        .extend(kinds.map(|(path, kind)| (path.to_owned(), stat(kind))));
    let contents = [
        ("/etc/conf/a", "same"),
        ("/etc/conf/b", "old\nlines\n"),
        ("/etc/conf/c", "same"),
        ("/etc/conf/secret", "old"),
    ];
    there
        .contents
        .extend(contents.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    let found = differences(&copy, &there, |path| path.ends_with("secret"));
    let shown: Vec<_> = found
        .iter()
        .map(|it| (it.path.as_str(), it.changes.clone(), it.text.as_deref()))
        .collect();
    let text = "--- there\n+++ copy\n@@ -1,2 +1,2 @@\n-old\n+new\n lines\n";
    assert_eq!(
        shown,
        [
            ("/etc", vec![], None),
            ("/etc/conf", vec![Change::Mode], None),
            ("/etc/conf/a", vec![], None),
            ("/etc/conf/b", vec![Change::Content], Some(text)),
            ("/etc/conf/c", vec![Change::Mode, Change::Owner, Change::Label], None),
            ("/etc/conf/d", vec![Change::Missing], None),
            ("/etc/conf/e", vec![Change::Kind], None),
            ("/etc/conf/f", vec![Change::Content], None),
            ("/etc/conf/secret", vec![Change::Content], None),
            ("/srv", vec![Change::Kind], None),
            ("/srv/a", vec![Change::Missing], None),
        ]
    );
}

#[test]
fn what_is_selected_comes_with_the_directories_above() {
    let directory = Entry { what: What::Directory, ..file("") };
    let all = tree(&[
        ("/a", directory.clone()),
        ("/a/b", directory),
        ("/a/b/c", file("c")),
        ("/a/d", file("d")),
    ]);
    let only = [Pattern::new("/a/b/*").unwrap()];
    let chosen = selected(&all, &only);
    assert_eq!(chosen.0.keys().collect::<Vec<_>>(), ["/a", "/a/b", "/a/b/c"]);
    assert_eq!(chosen.0["/a/b"].what, What::Parent);
    assert_eq!(selected(&all, &[]), all);
}

#[test]
fn what_looks_like_a_secret_is_masked() {
    let text = "\
server: https://10.0.0.1:9345
token: K10abcdef
agent-token: 'hunter2'
tls-san:
  - rancher.example.org
node-name: worker-node-eu-west-1a
kube-apiserver-arg:
  - audit-log-path=/var/log/kubernetes/audit1234567890.log
  - oidc-client-secret=hunter2
configs:
  registry.example.org:
    auth:
      username: someone
      password: hunter2
    tls:
      ca_file: /etc/ssl/registry/ca-2026-long-name.pem
mirror: https://user:hunter2@mirror.example.org/v2
secret: |
  hunter2
  hunter2
data: aGVsbG8gd29ybGQgMTIz
{\"token\":\"hunter2\",\"x\":1}
HTTP_PROXY=http://someone:hunter2@proxy:3128
";
    insta::assert_snapshot!(masked(text));
    assert_eq!(differing(b"token: a\n", b"token: b\n").as_deref(), Some("what differs is masked\n"));
    for hidden in ["-----BEGIN PRIVATE KEY-----", "kind: Secret\n", "kind: Secret", "\0"] {
        assert_eq!(differing(hidden.as_bytes(), b"x"), None, "{hidden:?}");
    }
    assert_eq!(differing(&[0xff], b"x"), None);
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_mask(text in "(?s).{0,300}") {
        let _shown = masked(&text);
    }

    #[test]
    fn no_answer_of_a_host_is_too_odd_to_read(bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>(), Just(b'r')], 0..200)) {
        let mut said = b"n\0".to_vec();
        said.extend(&bytes);
        _ = parse(&said);
        _ = parse(&bytes);
    }
}
