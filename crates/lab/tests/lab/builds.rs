//! Other labs than the default one: their shapes, side by side, crashed, saved, and what is left of them.

use crate::input::refused;
use crate::world::{DownOnPanic, Reach, block_on, cli, lifeboat, must, reaches, say, shared, text, until, up};
use estate::{Distribution, Name};
use lab::{EtcdLine, Lab, Options};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// What this lab has on this machine: namespaces, mounts, disks, processes, files. Nothing of any other lab.
fn traces(name: &str) -> BTreeSet<String> {
    let (namespace, directory) = (format!("lifeboat-{name}-"), format!("/lab/{name}/"));
    let mut found = BTreeSet::new();
    for (what, program, words) in [
        ("netns", "ip", &["netns", "list"][..]),
        ("mount", "mount", &[]),
        ("loop", "losetup", &["-a"]),
        ("process", "ps", &["axww", "-o", "pid,args"]),
    ] {
        let lines = must(program, words);
        let own = lines.lines().filter(|l| l.contains(&namespace) || l.contains(&directory));
        found.extend(own.map(|line| format!("{what} {line}")));
    }
    // A link is written "7: lb-two@if2: <...".
    let links = must("ip", &["-o", "link"]);
    let own = links.lines().filter(|l| l.replace('@', ":").contains(&format!(" lb-{name}:")));
    found.extend(own.map(|line| format!("link {line}")));
    for path in [
        format!("/var/lib/lifeboat/lab/{name}"),
        format!("/var/lib/lifeboat/lab/{name}.lock"),
    ] {
        if Path::new(&path).exists() {
            found.insert(format!("file {path}"));
        }
    }
    found
}

/// The namespace of processes that `pid` is in.
fn processes_of(pid: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// The namespaces of the processes of a lab's hosts, of those that run now.
fn spaces_of(name: &str) -> BTreeSet<PathBuf> {
    let files = std::fs::read_dir(format!("/var/lib/lifeboat/lab/{name}/hosts")).unwrap();
    let pids = files
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "pid"))
        .filter_map(|e| std::fs::read_to_string(e.path()).ok());
    let mut spaces: BTreeSet<PathBuf> = pids.filter_map(|text| processes_of(text.split_whitespace().next()?)).collect();
    // A host that ended meanwhile may have left its number to any process of the machine.
    spaces.remove(&processes_of("self").unwrap());
    spaces
}

/// What the machine has of a lab beyond what carries its name.
struct Held {
    subnet: String,
    /// The namespace of each host's processes.
    spaces: BTreeSet<PathBuf>,
}

impl Held {
    /// Noted while the lab is up: afterwards nothing tells whose they were.
    fn by(lab: &Lab) -> Self {
        let subnet = lab.topology().subnet.to_string();
        let spaces = spaces_of(lab.topology().name().as_str());
        assert_eq!(spaces.len(), lab.topology().hosts.len());
        Self { subnet, spaces }
    }

    /// What of it is still there.
    fn rest(&self) -> BTreeSet<String> {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut found: BTreeSet<String> = all
            .filter_map(|e| e.file_name().into_string().ok())
            .filter(|pid| processes_of(pid).is_some_and(|space| self.spaces.contains(&space)))
            .map(|pid| format!("process {pid} of a host"))
            .collect();
        let routes = must("ip", &["-4", "route"]);
        let own = routes.lines().filter(|line| line.contains(&self.subnet));
        found.extend(own.map(|line| format!("route {line}")));
        found
    }
}

/// Asserts that nothing of the lab is left. The kernel takes mount namespaces apart a moment after their last process.
async fn gone(name: &str, held: &Held) {
    let deadline = ambient::monotonic() + Duration::from_secs(10);
    loop {
        let left: Vec<String> = traces(name).into_iter().chain(held.rest()).collect();
        if left.is_empty() {
            return;
        }
        assert!(ambient::monotonic() < deadline, "left of lab {name}: {left:#?}");
        ambient::sleep(Duration::from_millis(100)).await;
    }
}

/// A `lifeboat` that is killed, wherever its test ends.
struct Builder(Child);

impl Drop for Builder {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn three_members_of_etcd_3_5_in_the_layout_of_rke2_beside_another_lab() {
    block_on(async {
        let first = shared().await;
        let _down = DownOnPanic("two");
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
        // Nor does the first fault of a lab find routers that talk.
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        assert_eq!(reaches(&lab, "witness", &address, 6443).await, Reach::Silent);
        assert!(first.status().await.unwrap().hosts.iter().all(|h| h.on));
        lab.heal(None).await.unwrap();
        lab.wait_ready(Duration::from_secs(240), &|_| {})
            .await
            .unwrap_or_else(|e| panic!("{e}"));
        let held = Held::by(&lab);
        Lab::down(&name("two"), &|_| {}).await.unwrap();
        gone("two", &held).await;
        refused(&["lab", "down", "--name", "two"], 2, "LB0107", "two");
        assert_eq!(traces("two"), BTreeSet::new(), "a refused command leaves nothing");
        assert!(first.status().await.unwrap().agents.iter().all(|a| a.connected));
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_builder_that_crashed_is_cleaned_up_after() {
    block_on(async {
        let shared = shared().await;
        let _down = DownOnPanic("crash");
        // Killed while hosts are starting: namespaces, links, disks and some hosts are there.
        let builder = Command::new(lifeboat())
            .args(["lab", "up", "--name", "crash", "--edges", "1", "--objects", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let builder = Builder(builder);
        until("a host runs", async || {
            std::fs::read_dir("/var/lib/lifeboat/lab/crash/hosts")
                .ok()?
                .flatten()
                .find(|e| e.path().extension().is_some_and(|x| x == "pid"))
        })
        .await;
        drop(builder);
        let crashed = spaces_of("crash");
        assert_ne!(traces("crash"), BTreeSet::new());
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
        let mut held = Held::by(&lab);
        held.spaces.extend(crashed);
        Lab::down(&name("crash"), &|_| {}).await.unwrap();
        gone("crash", &held).await;
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
