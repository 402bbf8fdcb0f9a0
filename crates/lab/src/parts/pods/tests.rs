use super::*;
use crate::topology::Options;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn lab(pods: bool) -> Topology {
    Topology::new(Options { pods, ..Options::default() }, "10.100.0.0/16".parse().unwrap()).unwrap()
}

/// The host's part of the tree, written down; the directory lives as long as the test wants it.
fn written(lab: &Topology, host: &str) -> (tempfile::TempDir, PathBuf) {
    let mut tree = Tree::default();
    render(&mut tree, lab, lab.host(host).unwrap());
    let root = tempfile::tempdir().unwrap();
    tree.write(root.path()).unwrap();
    let path = root.path().to_owned();
    (root, path)
}

#[test]
fn only_a_lab_with_pods_has_them_and_only_on_control_planes() {
    for (pods, host, expected) in [
        (true, "main-1", true),
        (true, "main-svc", false),
        (false, "main-1", false),
    ] {
        let (_kept, root) = written(&lab(pods), host);
        assert_eq!(root.join("etc/sv/kubelet/run").exists(), expected, "{host} with pods: {pods}");
    }
}

#[test]
fn the_settings_of_a_host() {
    let (_kept, root) = written(&lab(true), "edge-1");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let json = |file: &str| serde_json::from_str::<Value>(&read(file)).unwrap();
    insta::assert_snapshot!(format!(
        "{}\n{:#}\n{:#}\n{:#}",
        read("etc/containerd/config.toml"),
        json("etc/cni/net.d/10-lab.conflist"),
        json("etc/kubernetes/kubelet.yaml"),
        json("etc/kubernetes/kube-proxy.yaml"),
    ));
}

#[test]
fn the_services_are_whole_scripts() {
    let (_kept, root) = written(&lab(true), "edge-1");
    for service in ["containerd", "kubelet", "kube-proxy"] {
        let run = root.join(format!("etc/sv/{service}/run"));
        let text = std::fs::read_to_string(&run).unwrap();
        assert!(
            std::process::Command::new("sh").arg("-n").arg(&run).status().unwrap().success(),
            "{service}"
        );
        for placeholder in ["{cgroup}", "{address}", "{images}"] {
            assert!(!text.contains(placeholder), "{service} has {placeholder}");
        }
    }
}

#[test]
fn no_two_hosts_give_the_same_addresses_or_are_the_same_machine() {
    let lab = lab(true);
    let hosts: Vec<&Host> = lab.hosts.iter().filter(|h| run_on(&lab, h)).collect();
    let ranges: BTreeSet<String> = hosts.iter().map(|h| network(&lab, h)).collect();
    assert_eq!((hosts.len(), ranges.len()), (4, 4));
    let machines = hosts.iter().map(|h| {
        let (_kept, root) = written(&lab, h.name.as_str());
        std::fs::read_to_string(root.join("etc/machine-id")).unwrap()
    });
    let machines: BTreeSet<String> = machines.collect();
    assert!(machines.len() == 4 && machines.iter().all(|m| m.trim().len() == 32), "{machines:?}");
}

#[test]
fn the_volume_of_the_web_server_is_on_its_host() {
    let lab = lab(true);
    let objects = objects::web(lab.host("edge-1").unwrap());
    let find = |kind: &str| objects.iter().find(|o| o["kind"] == kind).unwrap();
    let volume = find("PersistentVolume");
    let (_kept, root) = written(&lab, "edge-1");
    let path = volume["spec"]["local"]["path"].as_str().unwrap();
    assert!(root.join(path.trim_start_matches('/')).join("index.html").exists());
    let node = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"];
    assert_eq!(node, &json!(["edge-1"]));
    assert_eq!(find("PersistentVolumeClaim")["spec"]["volumeName"], volume["metadata"]["name"]);
}

#[test]
fn the_manager_appears_where_it_is_restored_to() {
    let lab = lab(true);
    let of = |host: &str| -> Vec<(&str, bool)> {
        processes(&lab, lab.host(host).unwrap())
            .into_iter()
            .map(|p| (p.name, p.wanted))
            .collect()
    };
    assert_eq!(of("main-1"), [("web", true), ("manager", true)]);
    assert_eq!(of("standby-1"), [("web", false), ("manager", false)]);
    assert_eq!(of("edge-1"), [("web", true)]);
    assert_eq!(of("witness"), []);
}
