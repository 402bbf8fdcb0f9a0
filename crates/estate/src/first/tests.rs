use super::*;
use crate::Estate;
use proptest::prelude::*;

/// Parsed, or what is wrong with it.
fn parsed(text: &str) -> Estate {
    Estate::parse("lifeboat.yaml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The same with all that is offered in comments, as somebody would have it who uncomments it.
fn uncommented(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("clusters: {}") || !text.contains("\n  #   role:"));
    let mut all: Vec<String> = Vec::new();
    for line in lines {
        let is_offered = line
            .strip_prefix("  # ")
            .filter(|rest| rest.ends_with(':') && !rest.contains(' ') || rest.starts_with("  "));
        match is_offered {
            Some(rest) => all.push(format!("  {rest}").replace("hosts: [to-do]", "hosts: [node-1]")),
            None => all.push(line.to_owned()),
        }
    }
    let all = all.join("\n");
    if all.contains("\nclusters:\n") {
        all
    } else {
        all.replacen("# What is protected.", "clusters:", 1)
    }
}

fn found(distribution: Distribution) -> Found {
    let cluster = FoundCluster {
        distribution,
        managed: false,
        etcd: Some(("https://127.0.0.1:2379".to_owned(), "/pki/client.crt".to_owned())),
        kubeconfig: Some("/etc/kubernetes/admin.conf".to_owned()),
        snapshots: None,
        configuration: Some("/etc/kubernetes/kubeadm.yaml".to_owned()),
        more: Vec::new(),
    };
    Found {
        host: Some("node-1".parse().unwrap()),
        address: Some([10, 1, 0, 21].into()),
        cluster: Some(cluster),
        ..Found::default()
    }
}

fn context(name: &str, server: &str, current: bool) -> Context {
    Context {
        path: "/root/.kube/config".to_owned(),
        name: name.to_owned(),
        server: server.to_owned(),
        current,
    }
}

#[test]
fn all_that_can_be_found() {
    let mut found = found(Distribution::Rke2);
    let cluster = found.cluster.as_mut().unwrap();
    cluster.managed = true;
    cluster.snapshots = Some("/var/lib/rancher/rke2/server/db/snapshots".to_owned());
    cluster.more = vec!["/etc/my rancher/audit: a.yaml".to_owned()];
    found.contexts = vec![
        context("local", "https://rancher.example.org/k8s/clusters/local", true),
        context("Shop (EU)", "https://rancher.example.org/k8s/clusters/c-m-4xk2p9", false),
        context("shop--eu", "https://10.9.0.1:6443", false),
    ];
    let text = first_file(&found);
    let estate = parsed(&text);
    assert_eq!(estate.clusters.len(), 1);
    let all = parsed(&uncommented(&text.replace("role: management", "role: downstream")));
    assert_eq!(all.clusters.len(), 4, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_at_all() {
    let found = Found {
        notes: vec!["Looked for: RKE2, k3s\nand kubeadm".to_owned()],
        ..Found::default()
    };
    let text = first_file(&found);
    assert!(parsed(&text).clusters.is_empty());
    insta::assert_snapshot!(text);
}

#[test]
fn every_distribution_parses_with_and_without_what_it_may_have() {
    for distribution in [
        Distribution::K3s,
        Distribution::Rke2,
        Distribution::Rke1,
        Distribution::Kubeadm,
        Distribution::Other,
    ] {
        let mut found = found(distribution);
        assert_eq!(parsed(&first_file(&found)).clusters.len(), 1);
        let cluster = found.cluster.as_mut().unwrap();
        (cluster.etcd, cluster.kubeconfig, cluster.configuration) = (None, None, None);
        cluster.snapshots = Some("/a b/\u{e9}".to_owned());
        (found.host, found.address) = (None, None);
        let estate = parsed(&first_file(&found));
        let (_, of) = estate.clusters.first_key_value().unwrap();
        assert_eq!(of.distribution(), distribution);
        assert_eq!(of.snapshots[0].directory.as_deref().unwrap().to_str(), Some("/a b/\u{e9}"));
    }
}

proptest! {
    #[test]
    fn whatever_is_found_parses(texts in prop::collection::vec(any::<String>(), 6), current: bool) {
        let mut found = found(Distribution::K3s);
        let mut all = texts.into_iter();
        let mut next = || all.next().unwrap_or_default();
        let cluster = found.cluster.as_mut().unwrap();
        cluster.kubeconfig = Some(next());
        cluster.more = vec![format!("/{}", next().replace(['*', '?', '[', ']', '\\', '{', '}'], ""))];
        cluster.etcd = Some((next(), next()));
        found.notes = vec![next()];
        found.contexts = vec![Context { path: next(), name: "a".to_owned(), server: "b".to_owned(), current }];
        let text = first_file(&found);
        let parsed = Estate::parse("lifeboat.yaml", &text);
        // That a path is none is said of the value, and not of the file.
        if let Err(error) = parsed {
            prop_assert!(error.to_string().contains("path"), "{}\n{}", error, text);
        }
    }
}
