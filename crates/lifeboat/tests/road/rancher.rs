//! A cluster with RKE2's files on its host: protected, the host destroyed, and restored by RKE2's own means, for which a stand-in stands.
//!
//! No RKE2 is in it. `rke2 server --cluster-reset` is the lab's stand-in, which says itself what it leaves out; the service `rke2-server`
//! renders the manifests of the control plane as RKE2 does at each start, and runs them.

use crate::world::{World, block_on, fresh_with, say};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

const SERVER: &str = "/var/lib/rancher/rke2/server";
const MANIFESTS: &str = "/var/lib/rancher/rke2/agent/pod-manifests";
const ETCDCTL: &str = "etcdctl --endpoints https://127.0.0.1:2379 --cacert /var/lib/rancher/rke2/server/tls/etcd/server-ca.crt \
    --cert /var/lib/rancher/rke2/server/tls/etcd/client.crt --key /var/lib/rancher/rke2/server/tls/etcd/client.key";
const KUBECTL: &str = "kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_host_with_the_files_of_rke2_is_rebuilt_by_cluster_reset() {
    block_on(async {
        let world = fresh_with(&["--layout", "rke2"]);
        let program = world.lab.directory().join("bin/rke2");
        std::fs::write(&program, lab::STAND_IN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        served_as_a_service(&world).await;
        world
            .protects_alone(
                "shop: {role: downstream, distribution: rke2, hosts: [main-1], snapshots: [{host: main-1}]}",
            )
            .await;
        let kubectl = async |words: &str| world.run("main-1", &format!("{KUBECTL} {words}")).await;
        kubectl("create secret generic kept -n default --from-literal=word=lifeboat").await;
        let names = "get namespaces,secrets,configmaps -A --no-headers -o custom-columns=k:kind,n:metadata.namespace,m:metadata.name,u:metadata.uid";
        let (before, token) = (kubectl(names).await, world.run("main-1", &format!("cat {SERVER}/token")).await);
        let revision = kubectl("get --raw '/api/v1/namespaces?limit=1'").await;
        let revision: Value = serde_json::from_str(&revision).unwrap();
        let revision: u64 = revision["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        let point = world
            .until("all is captured, and a point has it", async || {
                let listed = world.lab.run("main-1", "lifeboat points shop --output json").await.ok()?;
                let listed: Value = serde_json::from_str(&listed).ok()?;
                let newest = &listed["clusters"][0]["points"][0];
                (newest["point"]["revision"].as_u64()? >= revision).then(|| newest["id"].as_str().unwrap().to_owned())
            })
            .await;
        kubectl("create configmap later -n default --from-literal=a=b").await;

        // Back at a copy, on the living host: its former etcd is set aside.
        let restore = "lifeboat restore etcd shop --to main-1";
        let plan = world.run("main-1", &format!("{restore} --dry-run")).await;
        say(&plan);
        let done = world.run("main-1", &format!("{restore} --at {point} --yes 2>&1")).await;
        say(&done);
        assert!(done.contains("succeeded: restore of shop onto main-1"), "{done}");
        world.run("main-1", &format!("ls -d {SERVER}/db/etcd-old-*")).await;
        same(&world, names, &before).await;

        // And at a snapshot, as RKE2 keeps them, on a schedule: its revisions are bumped, which RKE2 itself does not do.
        kubectl("create configmap later -n default --from-literal=a=b").await;
        let snapshot = format!("etcd-snapshot-main-1-{}", ambient::now().as_second());
        let script =
            format!("mkdir -p {SERVER}/db/snapshots; {ETCDCTL} snapshot save {SERVER}/db/snapshots/{snapshot} >&2");
        world.run("main-1", &script).await;
        let with_later = kubectl(names).await;
        kubectl("delete configmap later -n default").await;
        let done = world
            .run("main-1", &format!("{restore} --from-snapshot {snapshot} --yes 2>&1"))
            .await;
        assert!(done.contains("succeeded: restore of shop onto main-1"), "{done}");
        same(&world, names, &with_later).await;

        // And once more when the host has lost everything.
        world.run("main-1", &format!("sv -w 60 stop rke2-server; pkill -f '[l]ifeboat serve'; rm -rf /etc/rancher /var/lib/rancher; mkdir -p {MANIFESTS}")).await;
        let done = world.run("main-1", &format!("{restore} --at {point} --yes 2>&1")).await;
        assert!(done.contains("succeeded: restore of shop onto main-1"), "{done}");
        same(&world, names, &before).await;
        assert_eq!(world.run("main-1", &format!("cat {SERVER}/token")).await, token);
        let secret = kubectl("get secret kept -n default -o jsonpath={.data.word}").await;
        assert_eq!(secret.trim(), "bGlmZWJvYXQ=", "Secrets can be read");
        world
            .until("every downstream cluster answers through the manager again", async || {
                world.through_the_manager("main", "c-edge1").await
            })
            .await;
    });
}

async fn same(world: &World, names: &str, before: &str) {
    world
        .until("all is as it was", async || {
            let now = world.lab.run("main-1", &format!("{KUBECTL} {names}")).await.ok()?;
            (now == before).then_some(())
        })
        .await;
}

/// The control plane as the service of RKE2: it writes its manifests at each start, so no copy has them.
async fn served_as_a_service(world: &World) {
    let script = format!(
        "mkdir -p /opt/rke2 /etc/sv/rke2-server; cp -a {MANIFESTS} /opt/rke2/made-at-each-start
         printf '#!/bin/sh\\nmkdir -p {MANIFESTS}\\ncp -a /opt/rke2/made-at-each-start/. {MANIFESTS}/\\nexec lifeboat lab static-pods {MANIFESTS} >>/var/log/rke2-server.log 2>&1\\n' >/etc/sv/rke2-server/run
         chmod 755 /etc/sv/rke2-server/run; : >/etc/sv/static-pods/down; sv -w 20 force-stop static-pods || true
         ln -s /etc/sv/rke2-server /etc/service/rke2-server
         for i in $(seq 100); do ! sv status rke2-server || break; sleep 0.1; done
         for i in $(seq 600); do ! {KUBECTL} get --raw /readyz >/dev/null 2>&1 || exit 0; sleep 0.1; done; exit 1"
    );
    world.run("main-1", &script).await;
}
