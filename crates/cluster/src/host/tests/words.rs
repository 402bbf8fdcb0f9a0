//! Which error it is that programs and `ssh` speak of.

use crate::host::call::Call;
use crate::host::ear::Heard;
use crate::host::outcome::{Outcome, tail};
use crate::host::ssh::Remote;
use crate::{HostError, SshSettings, quoted};
use estate::Kind;
use std::net::Ipv4Addr;
use std::time::Duration;

fn failed(code: &str, said: &str) -> HostError {
    let call = Call::new("restoring etcd", "", Duration::from_secs(1));
    let outcome = Outcome::new(code, Heard::default(), tail(said.as_bytes()));
    outcome.output("main-1", &call).unwrap_err()
}

#[test]
fn what_scripts_say_becomes_an_error_that_says_what_to_do() {
    let cases = [
        ("1", "", "restoring etcd failed on main-1 with exit code 1: it did not say why"),
        ("2", "a\n\n  b\u{1b}c\n", "restoring etcd failed on main-1 with exit code 2: a; b c"),
        ("127", "/dev/fd/8: 3: etcdutl: not found\n", "etcdutl is not installed on main-1"),
        (
            "127",
            "/dev/fd/8: line 3: etcdutl: command not found",
            "etcdutl is not installed on main-1",
        ),
        ("127", "/dev/fd/8: 1: /opt/bin/x: not found", "/opt/bin/x is not installed on main-1"),
        (
            "127",
            "timeout: failed to run command 'sh': No such file or directory",
            "sh is not installed on main-1",
        ),
        ("127", "odd", "restoring etcd failed on main-1 with exit code 127: odd"),
        ("1", "x: not found", "restoring etcd failed on main-1 with exit code 1: x: not found"),
        (
            "1",
            "started\n/bin/dd: error writing '/var/lib/x': No space left on device\n",
            "no space is left on main-1 for /var/lib/x",
        ),
        (
            "1",
            "write /var/lib/y: no space left on device",
            "no space is left on main-1 for /var/lib/y",
        ),
        (
            "1",
            "write error: No space left on device",
            "no space is left on main-1 for restoring etcd",
        ),
        ("nonsense", "", "restoring etcd failed on main-1 with exit code -1: it did not say why"),
    ];
    for (code, said, message) in cases {
        let error = failed(code, said);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), Kind::Person);
    }
}

#[test]
fn what_ssh_says_becomes_an_error_that_says_what_to_do() {
    let remote = |port| {
        let settings = SshSettings {
            user: "root".into(),
            port,
            identity: None,
            known_hosts: Some("/keys".into()),
        };
        Remote::new("main-1", Ipv4Addr::LOCALHOST.into(), settings)
    };
    let cases = [
        (
            "ssh: connect to host 127.0.0.1 port 22: Connection refused\r\n",
            Kind::Unreachable,
            "Connection refused",
        ),
        ("", Kind::Unreachable, "ssh did not say why"),
        ("root@127.0.0.1: Permission denied (publickey).", Kind::Person, "for the user root"),
        (
            "No ED25519 host key is known for 127.0.0.1 and you have requested strict checking.\nHost key verification failed.",
            Kind::Person,
            "is not in /keys",
        ),
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
            Kind::Person,
            "`ssh-keygen -R '127.0.0.1' -f '/keys'`",
        ),
        ("WARNING: UNPROTECTED PRIVATE KEY FILE!\nPermission denied", Kind::Person, "chmod 600"),
    ];
    for (said, kind, text) in cases {
        let error = remote(22).refused(said);
        assert_eq!(error.kind(), kind, "{said} -> {error}");
        assert!(error.to_string().contains(text), "{said} -> {error}");
    }
    let other_port = remote(2222).refused("REMOTE HOST IDENTIFICATION HAS CHANGED").to_string();
    assert!(other_port.contains("-R '[127.0.0.1]:2222'"), "{other_port}");
}

#[test]
fn quoted_text_is_one_word() {
    assert_eq!(quoted("it's; $HOME `x`\n"), "'it'\\''s; $HOME `x`\n'");
    assert_eq!(quoted(""), "''");
}
