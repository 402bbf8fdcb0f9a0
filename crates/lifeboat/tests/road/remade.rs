//! A downstream cluster whose host is lost: hosts are made at another site by the real OpenTofu, the cluster comes up on them, and its
//! manager has it back under its old name. Twice, with the same result.

use crate::world::{World, block_on, say, served, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;

/// What stands for a cloud: machines of the lab, made and destroyed by its own command.
const MODULE: &str = r#"
variable "cluster" { type = string }
variable "hosts" { type = list(object({ name = string, site = string, address = string })) }

resource "terraform_data" "host" {
  for_each = { for host in var.hosts : host.name => host }
  input    = merge(each.value, { cluster = var.cluster })
  provisioner "local-exec" {
    command = "@LIFEBOAT@ lab host add ${self.input.name} --name @LAB@ --site ${self.input.site} --address ${self.input.address}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "@LIFEBOAT@ lab host remove ${self.input.name} --name @LAB@"
  }
}

output "addresses" {
  value = { for name, host in terraform_data.host : name => host.output.address }
}
"#;

const RUN: [&str; 12] = [
    "run",
    "cluster-failover",
    "--cluster",
    "edge-1",
    "--to",
    "edge-dr",
    "--without",
    "edge-1",
    "--set",
    "infra=infra",
    "--scripted",
    "--yes",
];

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_downstream_cluster_comes_up_on_hosts_that_are_made_for_it() {
    block_on(async {
        let world = served(&[("mode: automatic", "mode: propose")]).await;
        protected(&world).await;
        world
            .kubectl("edge-1", "create configmap kept -n default --from-literal=word=lifeboat")
            .await;
        let before = content(&world, "edge-1").await;
        covered(&world).await;
        // The host loses its power, for good.
        world.break_it(&["host", "edge-1", "--power"]);

        let tried = world.cli(&[&RUN[..10], &["--dry-run"]].concat());
        let said = format!("{}{}", text(&tried.stdout), text(&tried.stderr));
        assert!(tried.status.success() && said.contains("edge-dr is not there yet"), "{said}");
        assert!(world.lab.run("edge-dr", "true").await.is_err(), "a dry run has made a host");

        let first = failed_over(&world, "1").await;
        // The hosts that were made are lost in turn, and so is all that OpenTofu knew of them.
        lab(&world, &["host", "remove", "edge-dr"]);
        let infra = world.file().parent().unwrap().join("infra");
        for entry in fs::read_dir(&infra).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("terraform.tfstate") {
                fs::remove_file(path).unwrap();
            }
        }
        let second = failed_over(&world, "2").await;
        assert_eq!(first, second, "the same from the same copy");
        assert_eq!(first, before, "all of it");
    });
}

/// Carries the playbook out, and says what is in the cluster then.
async fn failed_over(world: &World, run: &str) -> BTreeMap<String, Value> {
    let begun = ambient::monotonic();
    let done = world.cli(&RUN);
    let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}");
    say(&said);
    say(&format!("edge-1 is back on a new host after {:.1} s", begun.elapsed().as_secs_f64()));
    let shown = world.json(&["run", "show", run, "--cluster", "edge-1"]).unwrap();
    let outcome = |step: &str| crate::world::step(&shown, step)["outcome"].clone();
    assert_eq!(outcome("infra")["outputs"]["addresses"]["edge-dr"], address(world).to_string());
    assert_eq!(outcome("agents")["agents"][0]["name"], "edge-1", "{shown}");
    content(&reopened(), "edge-dr").await
}

/// The lab with the hosts that it has now; taken down by who has built it.
fn reopened() -> std::mem::ManuallyDrop<World> {
    std::mem::ManuallyDrop::new(World::open())
}

fn address(world: &World) -> Ipv4Addr {
    let [a, b, c, _] = world.lab.topology().host("standby-1").unwrap().address.octets();
    Ipv4Addr::new(a, b, c, 60)
}

fn lab(world: &World, words: &[&str]) {
    let output = world.lab_command(words).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Puts edge-1 into the estate, and serves it on its own host.
async fn protected(world: &World) {
    let (edge, dr) = (world.lab.topology().host("edge-1").unwrap().address, address(world));
    let ssh = "ssh: {identity: id_ed25519, knownHosts: known_hosts}";
    let hosts = format!(
        "hosts:\n  edge-1: {{site: edge, address: {edge}, {ssh}}}\n  edge-dr: {{site: standby, address: {dr}, {ssh}}}\n"
    );
    let cluster = "clusters:\n  edge-1:\n    role: downstream\n    distribution: kubeadm\n    repository: standby-s3\n    hosts: [edge-1]\n    protect: {every: 15s}\n";
    world
        .change(&[
            ("sites:\n", "sites:\n  edge: {}\n"),
            ("hosts:\n", &hosts),
            ("clusters:\n", cluster),
        ])
        .await;
    let root = world.file().parent().unwrap().to_owned();
    let key = root.join("lifeboat-root.key");
    let applied = world.cli(&["repository", "keys", "apply", "--root-key", key.to_str().unwrap()]);
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    fs::create_dir_all(root.join("infra")).unwrap();
    let lifeboat = root.join("bin/lifeboat");
    let module = MODULE
        .replace("@LIFEBOAT@", lifeboat.to_str().unwrap())
        .replace("@LAB@", world.lab.topology().name().as_str());
    fs::write(root.join("infra/main.tf"), module).unwrap();
    let mut script = "umask 077; mkdir -p /etc/lifeboat; cd /etc/lifeboat\n".to_owned();
    for file in [
        "lifeboat.yaml",
        "s3.access",
        "s3.secret",
        "identity.txt",
        "signer.key",
        "known_hosts",
        "id_ed25519",
    ] {
        let content = fs::read_to_string(root.join(file)).unwrap();
        script += &format!("cat >{file} <<'END'\n{content}\nEND\n");
    }
    script += "cd /; setsid lifeboat serve --cluster edge-1 </dev/null >/var/log/lifeboat.log 2>&1 &";
    world.run("edge-1", &script).await;
}

/// Waits until what was written is in a point.
async fn covered(world: &World) {
    let said = world
        .kubectl("edge-1", "get configmap kept -n default -o jsonpath={.metadata.resourceVersion}")
        .await;
    let revision: u64 = said.trim().parse().unwrap();
    world
        .until("all is captured, and a point has it", async || {
            let listed = world.json(&["points", "edge-1"])?;
            let newest = &listed["clusters"][0]["points"][0];
            (newest["point"]["revision"].as_u64()? >= revision).then_some(())
        })
        .await;
}

/// Every object that people and the manager make, without what changes by itself.
async fn content(world: &World, host: &str) -> BTreeMap<String, Value> {
    let kinds = "namespaces,secrets,configmaps,serviceaccounts,clusterroles,clusterrolebindings";
    let said = world.kubectl(host, &format!("get {kinds} -A -o json")).await;
    let list: Value = serde_json::from_str(&said).unwrap();
    let mut all = BTreeMap::new();
    for item in list["items"].as_array().unwrap() {
        let at = |key: &str| item["metadata"][key].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}/{}", item["kind"].as_str().unwrap(), at("namespace"), at("name"));
        // What a check writes to see a controller act goes after a while.
        if !name.contains("lifeboat-check") {
            all.insert(name, serde_json::json!({"uid": item["metadata"]["uid"], "data": item["data"]}));
        }
    }
    all
}
