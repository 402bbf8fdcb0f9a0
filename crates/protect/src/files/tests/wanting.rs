//! What is wanted, as tables.

use crate::files::wanted::of_rancher;
use crate::files::{Need, Places, Settings, Wanted, facts};
use estate::Distribution;
use std::fmt::Write as _;

fn shown(distribution: Distribution, places: &Places, paths: &[&str]) -> String {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let settings = Settings { paths, ..Settings::default() };
    let places = Places {
        kubeadm_config: settings.kubeadm_config.clone(),
        ..places.clone()
    };
    let wanted = Wanted::new(distribution, &places, &settings).unwrap();
    let mut text = String::new();
    for item in wanted.items() {
        let need = if item.need == Need::Required {
            "required"
        } else {
            "        "
        };
        let shown = if item.secret { "secret" } else { "      " };
        writeln!(text, "{need} {shown} {} ({})", item.path, item.why).unwrap();
    }
    text
}

#[test]
fn what_each_distribution_needs_is_known_by_name() {
    let usual = Places::default();
    insta::assert_snapshot!("k3s", shown(Distribution::K3s, &usual, &[]));
    insta::assert_snapshot!("rke1", shown(Distribution::Rke1, &usual, &["/home/admin/rke"]));
    let named = vec![(
        "/srv/encryption.yaml".to_owned(),
        "the API server's flag --encryption-provider-config".to_owned(),
    )];
    let other = Places { data_dir: Some("/data/rke2/".to_owned()), ..usual.clone() };
    insta::assert_snapshot!("rke2", shown(Distribution::Rke2, &other, &["/etc/hosts"]));
    insta::assert_snapshot!("kubeadm", shown(Distribution::Kubeadm, &Places { named, ..usual.clone() }, &[]));
    assert_eq!(shown(Distribution::Other, &usual, &[]), "");
}

#[test]
fn what_may_be_shown_is_said_by_the_narrowest_item() {
    let wanted = Wanted::new(Distribution::Rke2, &Places::default(), &Settings::default()).unwrap();
    for (path, secret) in [
        ("/etc/rancher/rke2/config.yaml", false),
        ("/etc/rancher/rke2/config.yaml.d/50-a.yaml", false),
        ("/etc/rancher/rke2/rke2.yaml", true),
        ("/etc/rancher/rke2/cis/rke2-pss.yaml", true),
        ("/var/lib/rancher/rke2/server/tls/server-ca.crt", false),
        ("/var/lib/rancher/rke2/server/tls/server-ca.key", true),
        ("/var/lib/rancher/rke2/server/manifests/a/b.yaml", false),
        ("/etc/shadow", true),
    ] {
        assert_eq!(wanted.is_secret(path), secret, "{path}");
    }
}

#[test]
fn settings_of_k3s_and_rke2_say_where_files_are() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = [
        file(
            "config.yaml",
            "data-dir: /data/a\ntoken: hunter2\nkube-apiserver-arg:\n- audit-policy-file=/etc/p.yaml\n- v=2\n",
        ),
        file("config.yaml.d/1.yaml", ""),
        file(
            "config.yaml.d/2.yaml",
            "data-dir: /data/b\ntoken-file: /etc/token\nkube-apiserver-arg+: encryption-provider-config=/e\n",
        ),
    ];
    let places = of_rancher("rke2", &files).unwrap();
    assert_eq!(places.data_dir.as_deref(), Some("/data/b"));
    let named: Vec<&str> = places.named.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(named, ["/etc/p.yaml", "/etc/token", "/e"]);
    let (path, reason) = of_rancher("k3s", &[file("odd.yaml", "token: hunter2\n\t- : [")]).unwrap_err();
    assert!(path == "odd.yaml" && !reason.contains("hunter2"), "{reason}");
    assert_eq!(of_rancher("k3s", &[file("odd.yaml", "- data-dir")]).unwrap(), Places::default());
}

#[test]
fn a_host_with_a_member_of_etcd_alone_needs_the_ca_of_etcd_and_no_other_key() {
    let places = Places { member_alone: true, ..Places::default() };
    let keys = facts(Distribution::Kubeadm, &places)
        .into_iter()
        .filter(|it| it.path.contains("/pki/"));
    let keys: Vec<_> = keys.map(|it| it.path.into_owned()).collect();
    assert_eq!(keys, ["/etc/kubernetes/pki/etcd/ca.crt", "/etc/kubernetes/pki/etcd/ca.key"]);
}
