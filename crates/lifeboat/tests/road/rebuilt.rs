//! A management cluster without a standby, of three members of etcd: its hosts are destroyed, and rebuilt on empty ones with nothing but the
//! binary and the recovery sheet, while whoever does it is killed at each point. Then it goes back to a snapshot that etcdctl made, and from there
//! again.

use crate::world::{World, block_on, fresh_with, say, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const HOSTS: [&str; 3] = ["main-1", "main-2", "main-3"];
/// What of a host is the cluster's and Lifeboat's; the rest is its installation.
const STATE: &str =
    "/etc/kubernetes /var/lib/etcd /var/lib/kubelet /etc/lifeboat /var/lib/lifeboat /run/lifeboat /root/.kube";
const PROGRAMS: &str = "etcd|kube-apiserver|kube-controller|kube-scheduler";
const ETCDCTL: &str = "etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
    --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key";
const SNAPSHOTS: &str = "/opt/snapshots";
/// What etcdctl made, beside all that is destroyed.
const SNAPSHOT: &str = "before.db";
/// A command that was killed.
const KILLED: &str = "137";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn destroyed_hosts_are_rebuilt_on_empty_ones_from_the_sheet() {
    block_on(async {
        let world = fresh_with(&["--etcd", "3"]);
        let sheet = protected(&world).await;
        world
            .kubectl("main-1", "create secret generic kept -n default --from-literal=word=lifeboat")
            .await;
        let before = listed(&world).await;
        covered(&world).await;
        saved(&world).await;

        for host in HOSTS {
            destroyed(&world, host).await;
        }
        let begun = ambient::monotonic();
        let hints = world.run("main-1", &format!("{} 2>&1", fetched(&sheet))).await;
        let install = hints
            .lines()
            .find_map(|line| line.strip_prefix("hint: ").filter(|it| it.starts_with("install")));
        world
            .run("main-1", &format!("cd /opt; {}", install.unwrap_or_else(|| panic!("{hints}"))))
            .await;
        let restore = "cd /opt/estate; lifeboat restore etcd rancher --to main-1 --to main-2 --to main-3";
        let asked = world.lab.run("main-1", restore).await.unwrap_err().to_string();
        assert!(asked.contains("the same command with --yes"), "{asked}");
        for host in HOSTS {
            assert!(!world.serving_on(host).await.contains("etcd"), "nothing was changed yet");
        }
        let killed = killed_at_each_point(&world, restore).await;
        let done = world.run("main-1", &format!("{restore} --yes 2>&1")).await;
        say(&done);
        say(&format!(
            "{killed} times killed; {:.1} s after the sheet was opened it serves",
            begun.elapsed().as_secs_f64()
        ));
        assert!(done.contains("succeeded: restore of rancher onto main-1, main-2, main-3"), "{done}");
        same(&world, &before).await;
        let secret = world
            .kubectl("main-1", "get secret kept -n default -o jsonpath={.data.word}")
            .await;
        assert_eq!(secret.trim(), "bGlmZWJvYXQ=", "Secrets can be read");
        assert_eq!(members(&world).await, 3);
        world
            .until("every downstream cluster answers through the manager again", async || {
                world.through_the_manager("main", "c-edge1").await
            })
            .await;
        say(&format!(
            "agents are back {:.1} s after the sheet was opened",
            begun.elapsed().as_secs_f64()
        ));

        to_a_snapshot_and_back(&world, &before).await;
        by_hand(&world, &before).await;
    });
}

/// One host alone goes back to a snapshot that others made, with the files of the copy before it, while the others stand still; what the plan says of undoing it brings everything back.
async fn to_a_snapshot_and_back(world: &World, before: &BTreeMap<String, Value>) {
    world
        .kubectl("main-1", "create configmap later -n default --from-literal=a=b")
        .await;
    let later = listed(world).await;
    let restore = format!("cd /opt/estate; lifeboat restore etcd rancher --to main-1 --from-snapshot {SNAPSHOT}");
    let begun = ambient::monotonic();
    let done = world.run("main-1", &format!("{restore} --yes 2>&1")).await;
    assert!(done.contains("succeeded: restore of rancher onto main-1"), "{done}");
    say(&format!(
        "a living host is back at a snapshot after {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    same(world, before).await;
    assert_eq!(members(world).await, 1);
    for host in ["main-2", "main-3"] {
        assert!(
            !world.serving_on(host).await.contains("etcd"),
            "a member of the former cluster serves on {host}"
        );
    }

    let undone = world
        .run("main-1", "cd /opt/estate; lifeboat run undo --cluster rancher --yes 2>&1")
        .await;
    assert!(undone.contains(" undone: restore of rancher onto main-1"), "{undone}");
    world.ready("main-1").await;
    same(world, &later).await;
    assert_eq!(members(world).await, 3);
}

/// A person does what the plan says, to the letter, and no Lifeboat carries anything out.
async fn by_hand(world: &World, before: &BTreeMap<String, Value>) {
    let plan = "cd /opt/estate; lifeboat restore etcd rancher --to main-1 --dry-run --output json";
    let plan: Value = serde_json::from_str(&world.run("main-1", plan).await).unwrap();
    // What the lab's hosts have in a kubelet's place is no unit, and runs whatever manifests there are.
    let no_unit = "systemctl() { :; }";
    let begun = ambient::monotonic();
    for step in plan["steps"].as_array().unwrap() {
        for line in step["byHand"].as_array().unwrap() {
            let (Some(run), on) = (line["run"].as_str(), line["on"].as_str()) else {
                panic!("{line} cannot be typed");
            };
            match on {
                Some(host) => world.run(host, &format!("{no_unit}\n{run}")).await,
                // The person sits at the host itself, and needs no SSH to it.
                None => {
                    let there = "mkdir -p /opt/person; cd /opt/person; export LIFEBOAT_ESTATE=/opt/estate/lifeboat.yaml
                        scp() { while case $1 in -i|-o|-P) ;; *) false ;; esac; do shift 2; done; cp \"$1\" \"$2\" \"${3#*:}\"; }";
                    world.run("main-1", &format!("{there}\n{run}")).await
                }
            };
        }
        if step["id"] == "control-plane-main-1" {
            world.ready("main-1").await;
        }
    }
    say(&format!("done by hand after {:.1} s", begun.elapsed().as_secs_f64()));
    same(world, before).await;
    assert_eq!(members(world).await, 1);
}

/// The host is gone; an empty one has its name and address, the distribution's programs and Lifeboat's.
async fn destroyed(world: &World, host: &str) {
    let script = format!(
        "pkill -f '[l]ifeboat serve' || true; mv /etc/kubernetes/manifests /etc/kubernetes/gone; pkill -KILL -x '{PROGRAMS}' || true
         while pgrep -x '{PROGRAMS}' >/dev/null; do sleep 0.1; pkill -KILL -x '{PROGRAMS}' || true; done
         rm -rf {STATE}; mkdir -p /etc/kubernetes/manifests"
    );
    world.run(host, &script).await;
}

/// The same command is given again and again, and dies in the middle of each step; with `LIFEBOAT_EVERY_POINT`, also at its beginning and
/// its end.
async fn killed_at_each_point(world: &World, restore: &str) -> usize {
    let plan = world.run("main-1", &format!("{restore} --dry-run --output json")).await;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let steps = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["id"].as_str().unwrap());
    let points: &[&str] = match std::env::var_os("LIFEBOAT_EVERY_POINT") {
        Some(_) => &["before", "inside:1", "after"],
        None => &["inside:1"],
    };
    let mut killed = 0;
    for step in steps.filter(|step| *step != "nodes") {
        for at in points {
            // Members start side by side: one may have been done when another's runner died.
            let shown = world
                .run("main-1", "cd /opt/estate; lifeboat run show --output json 2>/dev/null || echo null")
                .await;
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let mut all = shown["steps"].as_array().into_iter().flatten();
            if step.starts_with("start-") && all.any(|it| it["step"] == step && !it["done"].is_null()) {
                continue;
            }
            let script = format!(
                "code=0; LIFEBOAT_LAB_DIE_AT={step}:{at} sh -c '{restore} --yes' >/tmp/said 2>&1 || code=$?; echo $code; cat /tmp/said"
            );
            let said = world.run("main-1", &script).await;
            assert_eq!(said.lines().next(), Some(KILLED), "{step}:{at}: {said}");
            killed += 1;
        }
    }
    killed
}

/// A snapshot, as a team makes one that has no Lifeboat yet.
async fn saved(world: &World) {
    let script = format!("umask 077; mkdir -p {SNAPSHOTS}; {ETCDCTL} snapshot save {SNAPSHOTS}/{SNAPSHOT} >&2");
    world.run("main-1", &script).await;
}

/// Waits until what was written is in the history, and a point with the files of all hosts is there.
async fn covered(world: &World) {
    let revision = revision(world).await;
    world
        .until("all is captured, and a point has it", async || {
            let listed = world.lab.run("main-1", "lifeboat points rancher --output json").await.ok()?;
            let listed: Value = serde_json::from_str(&listed).ok()?;
            let newest = &listed["clusters"][0]["points"][0];
            (newest["point"]["revision"].as_u64()? >= revision).then_some(())
        })
        .await;
}

/// Waits until everything is as it was: what the check wrote goes after a while.
async fn same(world: &World, before: &BTreeMap<String, Value>) {
    let mut differs = Vec::new();
    world
        .until("all is as it was", async || {
            let now = differing(before, &listed(world).await);
            if now != differs {
                say(&format!("differs: {now:?}"));
                differs = now;
            }
            differs.is_empty().then_some(())
        })
        .await;
}

/// How many members etcd has that answer.
async fn members(world: &World) -> usize {
    let script = format!("{ETCDCTL} endpoint health --cluster 2>&1 | grep -c 'is healthy' || true");
    world.run("main-1", &script).await.trim().parse().unwrap()
}

/// Serves an estate without a standby on main-1; returns its recovery sheet.
async fn protected(world: &World) -> String {
    let file = world.file();
    let estate = without_standby(world, &std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, &estate).unwrap();
    let (root, sheet) = (world.lab.directory().join("lifeboat-root.key"), world.lab.directory().join("sheet.txt"));
    let words = [
        "repository",
        "init",
        "--new",
        "--root-key",
        root.to_str().unwrap(),
        "--into",
        sheet.to_str().unwrap(),
    ];
    let made = world.cli(&words);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let sheet = std::fs::read_to_string(sheet).unwrap();
    let read = |name: &str| std::fs::read_to_string(world.lab.directory().join(name)).unwrap();
    let (key, known) = (read("id_ed25519"), read("known_hosts"));
    let script = format!(
        "umask 077; cd /etc/lifeboat; cat > lifeboat.yaml <<'END'\n{estate}\nEND
         cat > id_ed25519 <<'END'\n{key}\nEND
         cat > known_hosts <<'END'\n{known}\nEND
         lifeboat check >&2 || true
         cd /; setsid lifeboat serve </dev/null >/var/log/lifeboat.log 2>&1 &"
    );
    world.run("main-1", &script).await;
    sheet
}

/// The lab's estate without all that a standby needs, and with the hosts of all members.
fn without_standby(world: &World, estate: &str) -> String {
    let mut out = String::new();
    let mut passing = false;
    for line in estate.lines() {
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if begins(&["peers:", "dns:", "monitor:", "    manager:"]) {
            passing = true;
        } else if !line.starts_with(' ') && !line.is_empty() {
            passing = false;
        }
        if passing || begins(&["    primary:", "    standby:"]) {
            continue;
        }
        let line = match line.split_once(", serve:") {
            Some((before, _)) => format!("{before}}}"),
            None => line.to_owned(),
        };
        _ = writeln!(out, "{line}");
        if line == "    distribution: kubeadm" {
            _ = writeln!(
                out,
                "    hosts: [main-1, main-2, main-3]\n    snapshots: [{{directory: {SNAPSHOTS}, host: main-1}}]"
            );
        }
        if line == "hosts:" {
            for host in ["main-2", "main-3"] {
                let address = world.lab.topology().host(host).unwrap().address;
                _ = writeln!(
                    out,
                    "  {host}: {{site: main, address: {address}, ssh: {{identity: id_ed25519, knownHosts: known_hosts}}}}"
                );
            }
        }
    }
    out
}

/// What a person types who has the sheet, as it says.
fn fetched(sheet: &str) -> String {
    let of = |name: &str| {
        let lines = sheet.lines().filter_map(move |line| line.strip_prefix(name));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let identity = of("Identity ").join("");
    let needs: Vec<String> = of("Store needs ").iter().map(|line| format!("export {line}")).collect();
    let (_, command) = sheet.split_once("2. ").unwrap();
    let (command, _) = command.split_once("3. ").unwrap();
    format!(
        "cd /opt; umask 077; echo {identity} >identity.txt\n{}\n{}",
        needs.join("\n"),
        command.trim()
    )
}

/// Every object of the kinds that people and the manager make, without what changes by itself.
async fn listed(world: &World) -> BTreeMap<String, Value> {
    let kinds =
        "namespaces,secrets,configmaps,serviceaccounts,clusterroles,clusterrolebindings,customresourcedefinitions";
    let said = world.kubectl("main-1", &format!("get {kinds} -A -o json")).await;
    let list: Value = serde_json::from_str(&said).unwrap();
    let items = list["items"].as_array().unwrap().iter().map(|item| {
        let at = |key: &str| item["metadata"][key].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}/{}", item["kind"].as_str().unwrap(), at("namespace"), at("name"));
        (
            name,
            serde_json::json!({"uid": item["metadata"]["uid"], "data": item["data"], "spec": item["spec"]}),
        )
    });
    items.collect()
}

/// The names of what is only in one of them, or not the same.
fn differing(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

async fn revision(world: &World) -> u64 {
    let said = world.kubectl("main-1", "get --raw '/api/v1/namespaces?limit=1'").await;
    let list: Value = serde_json::from_str(&said).unwrap();
    list["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}
