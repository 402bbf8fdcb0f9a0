//! A management cluster without a standby: its host is destroyed, and rebuilt on an empty one with nothing but the binary and the recovery
//! sheet.

use crate::world::{World, block_on, fresh, say, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const ESTATE: &str = "/etc/lifeboat/lifeboat.yaml";
/// What of a host is the cluster's and Lifeboat's; the rest is its installation.
const STATE: &str = "/etc/kubernetes /var/lib/etcd /var/lib/kubelet /etc/lifeboat /var/lib/lifeboat /run/lifeboat /root/.kube /var/lib/rancher /etc/rancher";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_destroyed_host_is_rebuilt_on_an_empty_one_from_the_sheet() {
    block_on(async {
        let world = fresh().await;
        let sheet = protected(&world).await;
        world
            .kubectl("main-1", "create secret generic kept -n default --from-literal=word=lifeboat")
            .await;
        let before = listed(&world, "main-1").await;
        let revision = revision(&world, "main-1").await;
        world
            .until("what was written is in the history, and a point is complete", async || {
                let shown = world
                    .lab
                    .run("main-1", "lifeboat etcd show --cluster rancher --output json")
                    .await
                    .ok()?;
                let shown: Value = serde_json::from_str(&shown).unwrap();
                let has = shown["timelines"][0]["newest"].as_u64()? >= revision;
                let status = world
                    .lab
                    .run("main-1", "lifeboat status --output json")
                    .await
                    .unwrap_or_default();
                let status: Value = serde_json::from_str(&status).ok()?;
                let point = &status["clusters"][0]["newest"];
                (has && !point.is_null()).then_some(())
            })
            .await;

        // The host is gone; an empty one has its name and address, the distribution's programs and Lifeboat's.
        let wiped = format!(
            "pkill -x lifeboat || true; mv /etc/kubernetes/manifests /etc/kubernetes/gone; pkill -KILL -x 'etcd|kube-apiserver|kube-controller|kube-scheduler' || true; sleep 1; rm -rf {STATE}; mkdir -p /etc/kubernetes/manifests"
        );
        world.run("main-1", &wiped).await;
        assert_eq!(
            world
                .run("main-1", "ls -A /etc/kubernetes/manifests /var/lib/etcd 2>/dev/null || true")
                .await
                .trim(),
            "/etc/kubernetes/manifests:"
        );

        // By the sheet alone.
        let begun = ambient::monotonic();
        let hints = world.run("main-1", &format!("{} 2>&1", fetched(&sheet))).await;
        let install = hints
            .lines()
            .find_map(|line| line.strip_prefix("hint: ").filter(|it| it.starts_with("install")));
        world
            .run("main-1", &format!("cd /root; {}", install.unwrap_or_else(|| panic!("{hints}"))))
            .await;
        let restore = "cd /root/estate; lifeboat restore etcd rancher --to main-1";
        let planned = world.lab.run("main-1", &format!("{restore} --dry-run")).await.unwrap();
        say(&planned);
        assert!(planned.contains("Restore of rancher onto main-1"), "{planned}");
        let asked = world.lab.run("main-1", restore).await.unwrap_err().to_string();
        assert!(asked.contains("the same command with --yes"), "{asked}");
        assert!(!world.serving_on("main-1").await.contains("etcd"), "nothing was changed yet");
        let done = world.run("main-1", &format!("{restore} --yes 2>&1")).await;
        say(&done);
        say(&format!(
            "an empty host serves the cluster {:.1} s after the sheet was opened",
            begun.elapsed().as_secs_f64()
        ));
        assert!(done.contains("succeeded: restore of rancher onto main-1"), "{done}");

        world
            .until("what the check wrote is gone", async || {
                differing(&before, &listed(&world, "main-1").await).is_empty().then_some(())
            })
            .await;
        let secret = world
            .kubectl("main-1", "get secret kept -n default -o jsonpath={.data.word}")
            .await;
        assert_eq!(secret.trim(), "bGlmZWJvYXQ=", "Secrets can be read");
        world
            .until("every downstream cluster answers through the manager again", async || {
                world.through_the_manager("main", "c-edge1").await
            })
            .await;
        say(&format!(
            "agents are back {:.1} s after the sheet was opened",
            begun.elapsed().as_secs_f64()
        ));
    });
}

/// Serves an estate without a standby on main-1; returns its recovery sheet.
async fn protected(world: &World) -> String {
    let file = world.file();
    let estate = without_standby(&std::fs::read_to_string(&file).unwrap());
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
    let script = format!(
        "cat > {ESTATE} <<'END'\n{estate}\nEND
         lifeboat check >&2 || true
         cd /; setsid lifeboat serve </dev/null >/var/log/lifeboat.log 2>&1 &"
    );
    world.run("main-1", &script).await;
    sheet
}

/// The lab's estate without all that a standby needs.
fn without_standby(estate: &str) -> String {
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
            out += "    hosts: [main-1]\n";
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
        "cd /root; umask 077; echo {identity} >identity.txt\n{}\n{}",
        needs.join("\n"),
        command.trim()
    )
}

/// Every object of the kinds that people and the manager make, without what changes by itself.
async fn listed(world: &World, host: &str) -> BTreeMap<String, Value> {
    let kinds =
        "namespaces,secrets,configmaps,serviceaccounts,clusterroles,clusterrolebindings,customresourcedefinitions";
    let said = world.kubectl(host, &format!("get {kinds} -A -o json")).await;
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

async fn revision(world: &World, host: &str) -> u64 {
    let said = world.kubectl(host, "get --raw '/api/v1/namespaces?limit=1'").await;
    let list: Value = serde_json::from_str(&said).unwrap();
    list["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}
