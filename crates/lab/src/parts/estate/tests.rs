use super::*;
use crate::parts;
use crate::secrets::{AgeKey, HostKey, SigningKey};
use crate::topology::Options;
use ::estate::Estate;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

fn lab(options: Options) -> Topology {
    Topology::new(options, "10.100.0.0/16".parse().unwrap()).unwrap()
}

/// Secrets that can be told from each other.
fn secrets(lab: &Topology) -> Secrets {
    let age = |name: &str| AgeKey {
        identity: format!("AGE-SECRET-KEY-{name}"),
        recipient: format!("age1{name}"),
    };
    let mut secrets = Secrets::empty();
    secrets.s3_access = "the-s3-access".into();
    secrets.s3_secret = "the-s3-secret".into();
    secrets.api_token = "the-token".into();
    secrets.tsig = "the-tsig-key".into();
    secrets.manager_ca = "the-ca\n".into();
    secrets.host_keys = lab
        .hosts
        .iter()
        .map(|host| {
            let public = format!("ssh-ed25519 KEY-OF-{0} {0}\n", host.name);
            (host.name.to_string(), HostKey { private: format!("private-{}", host.name), public })
        })
        .collect();
    secrets.estate = protectable(lab).then(|| keys(&age));
    secrets
}

fn keys(age: &dyn Fn(&str) -> AgeKey) -> EstateKeys {
    let signing = |digit: &str| SigningKey {
        secret: format!("LIFEBOAT-SIGNING-KEY-{digit}"),
        public: digit.repeat(64),
    };
    EstateKeys {
        peers: "the-peers-key".into(),
        ssh: "the-ssh-key\n".into(),
        main: age("main"),
        standby: age("standby"),
        spare: age("spare"),
        main_signer: signing("a"),
        standby_signer: signing("b"),
        root: signing("c"),
    }
}

fn text(lab: &Topology) -> String {
    yaml(lab, secrets(lab).estate.as_ref().unwrap()).unwrap()
}

/// What a host has on its disk.
fn written(lab: &Topology, host: &str) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let tree = parts::render(lab, &secrets(lab), lab.host(host).unwrap()).unwrap();
    tree.write(root.path()).unwrap();
    let path = root.path().to_owned();
    (root, path)
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    entries.map(|e| e.file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_estate_of_the_default_lab() {
    let text = text(&lab(Options::default()));
    insta::assert_snapshot!(text);
}

#[test]
fn it_says_what_the_lab_is() {
    for (name, edges, etcd_members) in [("lab", 2, 1), ("1", 20, 3), ("null", 1, 1), ("1e3", 1, 1), ("on", 1, 1)] {
        let options = Options {
            name: name.parse().unwrap(),
            edges,
            etcd_members,
            ..Options::default()
        };
        let lab = lab(options);
        let text = text(&lab);
        assert!(!text.contains('@'), "{text}");
        let estate = Estate::parse(FILE, &text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(estate.name, *lab.name());
        for host in stands(&lab).unwrap() {
            let site = estate.site_on(host.name.as_str()).unwrap();
            assert_eq!(*site, host.site);
            assert_eq!(estate.sites[site].serve.as_deref().copied(), Some(SocketAddr::from((host.address, PORT))));
            assert_eq!(estate.hosts[&host.name].address, host.address);
        }
        let cluster = estate.failover().unwrap();
        assert_eq!(estate.site_of(cluster.primary).unwrap().as_str(), "main");
        assert_eq!(cluster.primary.address, lab.load_balancer("main").unwrap());
        assert_eq!(cluster.standby.address, lab.load_balancer("standby").unwrap());
        assert_eq!(cluster.manager.stop.lines().count(), 2, "a script, line by line");
        let resolver = lab.host("edge-svc").unwrap().address;
        assert_eq!(cluster.dns.resolvers, [SocketAddr::from((resolver, dns::PORT))]);
        assert_eq!(
            cluster.dns.server,
            Some(SocketAddr::from((lab.host("backbone").unwrap().address, dns::PORT)))
        );
        assert_eq!(estate.monitor.mode, ::estate::Mode::Automatic);
    }
}

#[test]
fn a_host_has_the_secrets_that_it_needs_and_no_others() {
    let lab = lab(Options::default());
    for (host, expected) in [
        ("main-1", set(OF_PRIMARY)),
        ("witness", set(&["lifeboat.yaml", "peers.key", "rancher-ca.pem"])),
        ("main-svc", set(&[])),
        ("edge-1", set(&[])),
    ] {
        let (_kept, root) = written(&lab, host);
        assert_eq!(names(&root.join("etc/lifeboat")), expected, "{host}");
    }
    let (_kept, root) = written(&lab, "standby-1");
    let there = root.join("etc/lifeboat");
    let expected: BTreeSet<String> = OPERATOR.iter().map(|name| (*name).to_owned()).collect();
    let spare = set(&["identity-spare.txt", "lifeboat-root.key"]);
    assert_eq!(names(&there), &(&expected - &spare) | &set(&["id_ed25519"]));
    for name in names(&there) {
        let mode = std::fs::metadata(there.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(std::fs::read_to_string(there.join("identity.txt")).unwrap(), "AGE-SECRET-KEY-standby\n");
    let known = std::fs::read_to_string(there.join("known_hosts")).unwrap();
    assert!(
        known.contains("10.100.1.10,main-1.lab.test,main-1 ssh-ed25519 KEY-OF-main-1 main-1\n"),
        "{known}"
    );
    let own = std::fs::read_to_string(root.join("etc/ssh/ssh_host_ed25519_key")).unwrap();
    assert_eq!(own, "private-standby-1");
}

#[test]
fn the_operator_has_every_file_that_the_estate_names() {
    let lab = lab(Options::default());
    let secrets = secrets(&lab);
    let keys = secrets.estate.as_ref().unwrap();
    let all: Vec<&str> = files(&lab, &secrets, keys, false)
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for name in [OPERATOR, OF_PRIMARY, OF_STANDBY, OF_WITNESS].concat() {
        assert!(all.contains(&name), "{name}");
    }
    let text = text(&lab);
    for named in text.split("file:").skip(1) {
        let name = named.split_whitespace().next().unwrap();
        assert!(OPERATOR.contains(&name), "{name}");
    }
}

#[test]
fn the_gate_stands_before_what_a_fenced_site_must_not_start() {
    let lab = lab(Options { etcd_members: 3, ..Options::default() });
    for (host, service, gated) in [
        ("main-1", "static-pods", true),
        ("main-1", "manager", true),
        ("standby-1", "static-pods", true),
        ("standby-1", "manager", true),
        ("main-1", "sshd", false),
        ("main-1", "lifeboat", false),
        ("main-2", "static-pods", false),
        ("edge-1", "static-pods", false),
    ] {
        let (_kept, root) = written(&lab, host);
        let run = std::fs::read_to_string(root.join(format!("etc/sv/{service}/run"))).unwrap();
        assert_eq!(run.contains("lifeboat gate"), gated, "{service} on {host}: {run}");
    }
}

/// The gate's line as a shell runs it, with `lifeboat gate` ending as told, or the service `down`: whether it goes on.
#[test]
fn only_an_open_gate_lets_through() {
    let lab = lab(Options::default());
    let gate = gate(&secrets(&lab), lab.host("main-1").unwrap());
    let there = tempfile::tempdir().unwrap();
    let down = there.path().join("down");
    let line = gate
        .replace("/etc/service/lifeboat/down", &down.to_string_lossy())
        .replace("lifeboat gate", "sh -c 'exit $CODE' gate");
    let passes = |code: &str| {
        let script = format!("{line}exec true");
        let status = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("CODE", code)
            .status();
        status.unwrap().success()
    };
    assert!(passes("0"));
    assert!(!passes("2"), "a gate that fails is shut");
    std::fs::write(&down, "").unwrap();
    assert!(passes("2"), "nobody asks where Lifeboat does not serve");
}

#[test]
fn what_cannot_be_protected_has_no_estate() {
    for options in [
        Options { pods: true, ..Options::default() },
        Options { layout: Distribution::Rke2, ..Options::default() },
    ] {
        let lab = lab(options);
        let (_kept, root) = written(&lab, "main-1");
        assert_eq!(names(&root.join("etc/lifeboat")), set(&[]));
        assert!(!root.join("etc/sv/lifeboat").exists());
        for script in ["static-pods", "manager"] {
            let run = std::fs::read_to_string(root.join(format!("etc/sv/{script}/run"))).unwrap_or_default();
            assert!(!run.contains("gate"), "{run}");
        }
    }
}

#[test]
fn each_age_key_is_a_pair_of_its_own() {
    let (one, other) = (AgeKey::make(), AgeKey::make());
    assert_ne!(one.recipient, other.recipient);
    let identity: age::x25519::Identity = one.identity.parse().unwrap();
    assert_eq!(identity.to_public().to_string(), one.recipient);
}
