//! Steps that call the tools of others: the real OpenTofu, the real Helm, a real HAProxy, a real API server.

use crate::world::{World, block_on, say, served, text};
use serde_json::Value;
use std::fs;

const PLAYBOOK: &str = r#"
what: The tools of others, all of them.
steps:
  - id: infra
    what: Make what the module describes.
    kind: infra.apply
    with: {directory: infra, variables: {name: dr-site}, destroy: true}
  - id: objects
    what: Apply the manifests.
    kind: manifests.apply
    with: {files: [manifests], on: main-1, prune: true}
  - id: shop
    what: Install the shop with what the infrastructure is called.
    kind: helm.install
    with:
      release: shop
      chart: chart
      namespace: shop
      on: main-1
      values: {word: "${{ steps.infra.outputs.word }}"}
  - id: lead
    what: Lead to the manager of this site.
    kind: loadbalancer.switch
    with: {on: main-svc, backend: manager, to: main-1}
  - id: see
    what: See what the shop was told.
    kind: probe
    with: {command: {on: main-1, run: "kubectl --kubeconfig /etc/kubernetes/super-admin.conf get configmap shop -n shop -o jsonpath={.data.word} | grep -x made-for-dr-site"}}
"#;

const MODULE: &str = r#"
variable "name" { type = string }
resource "terraform_data" "host" { input = "made-for-${var.name}" }
output "word" { value = terraform_data.host.output }
output "key" {
  value     = "hunter2"
  sensitive = true
}
"#;

fn lay(world: &World) {
    let root = world.file().parent().unwrap().to_owned();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("playbooks/tools.yaml", PLAYBOOK);
    write("infra/main.tf", MODULE);
    let object = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: tools}}\ndata: {{a: b}}\n")
    };
    write("manifests/b.yaml", &format!("{}---\n{}", object("one"), object("two")));
    write("manifests/c.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: tools}\n");
    write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n");
    let template =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {word: {{ .Values.word | quote }}}\n";
    write("chart/templates/shop.yaml", template);
}

fn done(world: &World, words: &[&str]) -> String {
    let output = world.cli(words);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{words:?}: {said}");
    said
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn tools_of_others_do_what_they_are_told_twice_and_undo_it() {
    block_on(async {
        let world = served(&[("mode: automatic", "mode: propose")]).await;
        lay(&world);
        // The load balancer's host, entered as the others are.
        let balancer = world.lab.topology().load_balancer("main").unwrap();
        let estate = fs::read_to_string(world.file()).unwrap();
        let known = estate.lines().find(|line| line.contains("ssh:")).unwrap();
        assert!(known.contains('{'), "{known}");
        let estate = estate.replacen(
            "hosts:\n",
            &format!("hosts:\n  main-svc:\n    site: main\n    address: {balancer}\n{known}\n"),
            1,
        );
        fs::write(world.file(), format!("{estate}\nplaybooks: {{tools: {{file: playbooks/tools.yaml}}}}\n")).unwrap();

        done(&world, &["playbook", "check", "tools"]);
        let tried = done(&world, &["run", "tools", "--dry-run"]);
        assert!(tried.contains("1 to add") && tried.contains("backend manager: main-1 ready"), "{tried}");
        assert!(!world.file().parent().unwrap().join("infra/terraform.tfstate").exists(), "{tried}");
        done(&world, &["run", "tools", "--yes"]);
        let first: Value = world.json(&["run", "show", "1"]).unwrap();
        let outcome = |run: &Value, step: &str| crate::world::step(run, step)["outcome"].clone();
        assert_eq!(outcome(&first, "infra")["outputs"], serde_json::json!({ "word": "made-for-dr-site" }));
        assert_eq!(outcome(&first, "objects")["made"].as_array().unwrap().len(), 3);
        assert_eq!(outcome(&first, "shop")["changed"], true);
        assert!(!first.to_string().contains("hunter2"), "what is sensitive stays where it is");

        // Again, with one manifest less: nothing is made twice, and what is gone from the files is gone from the cluster.
        let manifests = world.file().parent().unwrap().join("manifests/b.yaml");
        let one = fs::read_to_string(&manifests).unwrap();
        fs::write(&manifests, one.split("---").next().unwrap()).unwrap();
        done(&world, &["run", "tools", "--yes"]);
        let second: Value = world.json(&["run", "show", "2"]).unwrap();
        assert_eq!(outcome(&second, "infra")["changes"], "nothing was to be changed");
        assert_eq!(outcome(&second, "objects")["pruned"], serde_json::json!(["ConfigMap tools/two"]));
        assert_eq!(outcome(&second, "objects")["made"], serde_json::json!([]));
        assert_eq!(outcome(&second, "shop")["changed"], false);
        say("OpenTofu, Helm, HAProxy and the API server did it twice");

        // A release that a killed Helm has left pending is mended.
        let pend = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf label secret -n shop sh.helm.release.v1.shop.v1 status=pending-upgrade --overwrite";
        world.run("main-1", pend).await;
        done(&world, &["run", "undo", "2", "--yes"]);
        done(&world, &["run", "tools", "--yes"]);
        done(&world, &["run", "undo", "3", "--yes"]);
        let gone = world.cli(&["run", "show", "3", "--output", "json"]);
        assert!(text(&gone.stdout).contains("undone"), "{}", text(&gone.stdout));
        // What run 3 found is left; run 1 has made it.
        let made = || fs::read_to_string(world.file().parent().unwrap().join("infra/terraform.tfstate")).unwrap();
        assert!(made().contains("made-for-dr-site"));
        let first = world.cli(&["run", "undo", "1", "--yes"]);
        assert!(first.status.success(), "{}", text(&first.stderr));
        assert!(!made().contains("made-for-dr-site"));
        let left = world.kubectl("main-1", "get configmaps -A -o name").await;
        assert!(!left.contains("configmap/one") && !left.contains("configmap/shop"), "{left}");
    });
}
