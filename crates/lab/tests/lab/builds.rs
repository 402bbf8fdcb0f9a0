//! Other labs than the default one: their shapes, side by side, crashed, saved, and what is left of them.

use crate::world::{block_on, cli, lifeboat, must, say, shared, text, up};
use estate::{Distribution, Name};
use lab::{EtcdLine, Lab, Options};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Everything on this machine that a lab could leave behind.
fn traces(name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lines = |program: &str, words: &[&str]| must(program, words).lines().map(str::to_owned).collect::<Vec<_>>();
    found.extend(lines("ip", &["netns", "list"]).into_iter().map(|l| format!("netns {l}")));
    found.extend(
        lines("ip", &["-o", "link"])
            .iter()
            .filter_map(|l| Some(format!("link {}", l.split(':').nth(1)?.split('@').next()?))),
    );
    found.extend(lines("ip", &["route"]).into_iter().map(|l| format!("route {l}")));
    found.extend(lines("losetup", &["-a"]).into_iter().map(|l| format!("loop {l}")));
    found.extend(lines("mount", &[]).into_iter().map(|l| format!("mount {l}")));
    let directory = format!("/var/lib/lifeboat/lab/{name}");
    let running = must("ps", &["axww", "-o", "pid,args"]);
    found.extend(
        running
            .lines()
            .filter(|l| l.contains(&directory))
            .map(|l| format!("process {l}")),
    );
    let labs = std::fs::read_dir("/var/lib/lifeboat/lab").into_iter().flatten().flatten();
    found.extend(labs.map(|e| format!("file {}", e.path().display())));
    found
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn three_members_of_etcd_3_5_in_the_layout_of_rke2_beside_another_lab() {
    block_on(async {
        let first = shared().await;
        let before = traces("two");
        let options = Options {
            name: name("two"),
            edges: 1,
            etcd_members: 3,
            etcd: EtcdLine::V3_5,
            layout: Distribution::Rke2,
            objects: 10,
            ..Options::default()
        };
        let lab = up(options).await;
        assert_ne!(lab.topology().subnet, first.topology().subnet);
        let tls = "/var/lib/rancher/rke2/server/tls/etcd";
        let etcdctl = format!(
            "etcdctl --endpoints https://127.0.0.1:2379 --cacert {tls}/server-ca.crt --cert {tls}/client.crt --key {tls}/client.key"
        );
        let members = lab.run("main-2", &format!("{etcdctl} member list")).await.unwrap();
        assert_eq!(members.lines().filter(|l| l.contains("started")).count(), 3, "{members}");
        let version = lab.run("main-3", &format!("{etcdctl} endpoint status -w json")).await.unwrap();
        assert!(version.contains("\"version\":\"3.5."), "{version}");
        let secret = lab
            .run("main-1", &format!("{etcdctl} get --prefix /registry/secrets/cattle-system | strings"))
            .await;
        assert!(secret.unwrap().contains("k8s:enc:secretbox:v1:key1:"));
        for path in [
            "/etc/rancher/rke2/config.yaml",
            "/etc/rancher/rke2/rke2.yaml",
            "/var/lib/rancher/rke2/server/token",
            "/var/lib/rancher/rke2/server/cred/encryption-config.json",
            "/var/lib/rancher/rke2/server/db/etcd/member/wal",
            "/var/lib/rancher/rke2/agent/pod-manifests/etcd.yaml",
        ] {
            lab.run("main-1", &format!("test -e {path}")).await.unwrap();
        }
        // A fault in one lab is none of the other's.
        let mut lab = lab;
        let fault = lab::Break::Power { target: lab::Target::Site(name("main")) };
        lab.break_it(fault).await.unwrap();
        assert!(first.status().await.unwrap().hosts.iter().all(|h| h.on));
        lab.heal(None).await.unwrap();
        lab.wait_ready(Duration::from_secs(240), &|_| {})
            .await
            .unwrap_or_else(|e| panic!("{e}"));
        Lab::down(&name("two"), &|_| {}).await.unwrap();
        assert_eq!(traces("two"), before);
        assert!(first.status().await.unwrap().agents.iter().all(|a| a.connected));
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_builder_that_crashed_is_cleaned_up_after() {
    block_on(async {
        let shared = shared().await;
        let before = traces("crash");
        // Killed while hosts are starting: namespaces, links, disks and some hosts are there.
        let mut builder = Command::new(lifeboat())
            .args(["lab", "up", "--name", "crash", "--edges", "1", "--objects", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        crate::world::until("a host runs", async || {
            std::fs::read_dir("/var/lib/lifeboat/lab/crash/hosts")
                .ok()?
                .flatten()
                .find(|e| e.path().extension().is_some_and(|x| x == "pid"))
        })
        .await;
        builder.kill().unwrap();
        builder.wait().unwrap();
        assert_ne!(traces("crash"), before);
        let options = Options {
            name: name("crash"),
            edges: 1,
            objects: 0,
            etcd: EtcdLine::V3_7,
            ..Options::default()
        };
        let lab = Lab::up(options, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
        let version = lab.run("main-1", "etcd --version").await.unwrap();
        assert!(version.contains("etcd Version: 3.7."), "{version}");
        Lab::down(&name("crash"), &|_| {}).await.unwrap();
        assert_eq!(traces("crash"), before);
        drop(shared);
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_saved_lab_comes_back_as_it_was() {
    block_on(async {
        let mut lab = shared().await;
        let save = name("kept-by-a-test");
        let cache = lab::tools::cache().join("labs").join(save.as_str());
        let _absent = std::fs::remove_dir_all(&cache);
        lab.run("main-1", "echo before > /var/lib/mark; sync /var/lib/mark")
            .await
            .unwrap();
        lab.save(&save, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
        let twice = cli(&["lab", "save", "--name", "test", save.as_str()]);
        assert_eq!(twice.status.code(), Some(2), "{}", text(&twice.stderr));
        lab.run("main-1", "echo after > /var/lib/mark; sync /var/lib/mark")
            .await
            .unwrap();
        // It went on; and it cannot be loaded beside itself.
        let beside = cli(&["lab", "load", save.as_str()]);
        assert_eq!(beside.status.code(), Some(2), "{}", text(&beside.stderr));
        Lab::down(&name("test"), &|_| {}).await.unwrap();
        let begun = ambient::monotonic();
        let lab = Lab::load(&save, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
        say(&format!("saved lab back after {:.1} s", begun.elapsed().as_secs_f64()));
        assert_eq!(lab.run("main-1", "cat /var/lib/mark").await.unwrap(), "before\n");
        assert!(lab.status().await.unwrap().agents.iter().all(|a| a.connected));
        std::fs::remove_dir_all(&cache).unwrap();
        let gone = cli(&["lab", "load", save.as_str()]);
        assert_eq!(gone.status.code(), Some(2), "{}", text(&gone.stderr));
    });
}
