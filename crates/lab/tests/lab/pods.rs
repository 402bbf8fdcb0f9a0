//! With pods: the manager is a Deployment, a workload serves from a local volume, both come back after a loss of power.

use crate::world::{DownOnPanic, LONG, Reach, block_on, must, reaches, until, up};
use estate::Name;
use lab::{Break, Lab, Options, Target};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The directories that containers leave in the machine's own cgroups.
fn cgroups() -> Vec<String> {
    let found = must("find", &["/sys/fs/cgroup", "-maxdepth", "2", "-name", "lifeboat-pods.*"]);
    found.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn pods_and_local_volumes_run_and_survive_a_loss_of_power() {
    block_on(async {
        let options = Options {
            name: name("pods"),
            edges: 1,
            pods: true,
            objects: 10,
            ..Options::default()
        };
        let _down = DownOnPanic("pods");
        let mut lab = up(options).await;
        let kubectl = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf";
        for host in ["main-1", "edge-1"] {
            let nodes = lab.run(host, &format!("{kubectl} get nodes --no-headers")).await.unwrap();
            assert!(nodes.contains(host) && nodes.contains(" Ready "), "{nodes}");
        }
        let manager = lab
            .run("main-1", &format!("{kubectl} -n cattle-system get deployment rancher -o json"))
            .await
            .unwrap();
        let manager: serde_json::Value = serde_json::from_str(&manager).unwrap();
        assert_eq!(manager["status"]["readyReplicas"], 1);
        let started = starts(&lab).await;
        assert!(started >= 1);
        assert!(!cgroups().is_empty());

        // What the workload has not synced, a loss of power may take: it is the volume that must survive, so sync it.
        lab.run("main-1", "sync -f /var/lib/lab-volumes").await.unwrap();
        lab.break_it(Break::Power { target: Target::Host(name("main-1")) })
            .await
            .unwrap();
        let address = lab.topology().host("main-1").unwrap().address.to_string();
        assert_eq!(reaches(&lab, "witness", &address, 8443).await, Reach::Silent);
        lab.heal(None).await.unwrap();
        lab.wait_ready(LONG, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"));
        // The same volume, seen by a new container.
        until("the workload serves again from its volume", async || {
            (starts(&lab).await > started).then_some(())
        })
        .await;
        Lab::down(&name("pods"), &|_| {}).await.unwrap();
        assert_eq!(cgroups(), Vec::<String>::new());
    });
}

/// How often the workload has noted its start on its volume, as it serves it; 0 while it does not answer.
async fn starts(lab: &Lab) -> usize {
    let kubectl = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf";
    let script = format!(
        "ip=$({kubectl} -n shop get pods -l app=web -o jsonpath='{{.items[0].status.podIP}}'); curl -sS --fail --max-time 5 http://$ip:8080/starts"
    );
    lab.run("main-1", &script).await.map_or(0, |served| served.lines().count())
}
