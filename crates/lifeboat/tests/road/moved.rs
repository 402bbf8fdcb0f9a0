//! The management cluster of main is rebuilt on the standby's hosts, which have other names and addresses, and its controllers
//! take up the work there. Start at the test.

use crate::shop::{addresses, all, furnish, get, name, node_is_ready, passing, pods, refused};
use crate::shown::was_done;
use crate::world::{World, block_on, fresh, say, text};
use cluster::{Client, Host, KindRef, SshSettings};
use estate::Distribution;
use jiff::Timestamp;
use protect::files::{self, Files};
use recovery::control_plane::{self, Limits};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Where the history is: at the standby's site.
const HISTORY: &str = "--cluster rancher";
const DATA: &str = "/var/lib/etcd";
const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_cluster_works_on_hosts_with_other_names_and_addresses() {
    block_on(async {
        let begun = ambient::monotonic();
        let world = fresh().await;
        let told = |what: &str| say(&format!("{:5.1} s  {what}", begun.elapsed().as_secs_f64()));
        begin(&world).await;
        let main = world.lab.client("rancher").await.unwrap();
        furnish(&world, &main).await;
        let keys = taken(&host(&world, "main-1")).await;
        let last = main
            .list(&KindRef::new("v1", "Namespace"), None)
            .await
            .unwrap()
            .resource_version;
        captured(&world, last.parse().unwrap()).await;
        told("a shop runs at main, and is captured");

        let lost = ambient::now();
        world.break_it(&["site", "main", "--power"]);
        let shown = world
            .etcd("standby-1", &format!("transplant {HISTORY} --profile dr-site --list"))
            .await
            .unwrap();
        told_apart(&shown);
        let there = rebuilt(&world, &keys, &shown).await;
        told("rebuilt at the standby");
        world.ready("standby-1").await;
        let standby = client(&world).await;
        told("the API server is ready");

        servers_are_new(&world, &standby, lost).await;
        what_was_of_nodes_is_gone(&world, &standby).await;
        work_is_taken_up(&world, &standby).await;
        nothing_else_is_gone(&world, &there).await;
        told("the controllers have taken up the work");
        nodes_come(&world, &standby).await;
        webhooks_are_released(&world, &standby).await;
        told("pods are on a node of the standby, and webhooks are in force");
    });
}

/// The repository, and a capture into it.
async fn begin(world: &World) {
    let root = world.lab.directory().join("lifeboat-root.key");
    let words = [
        "repository",
        "init",
        "--new",
        "--without-secrets",
        "--root-key",
        root.to_str().unwrap(),
    ];
    let made = world.cli(&words);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let capture = format!(
        "cd /; setsid lifeboat etcd capture {HISTORY} --spool /var/tmp </dev/null >/var/log/capture.log 2>&1 &"
    );
    world.run("main-1", &capture).await;
}

/// Waits until the history reaches `revision`.
async fn captured(world: &World, revision: u64) {
    world
        .until("all is captured", async || {
            let shown = world.json(&["etcd", "show", "--cluster", "rancher"])?;
            (shown["timelines"][0]["newest"].as_u64()? >= revision).then_some(())
        })
        .await;
}

/// What is shown says of everything in the shop what becomes of it.
fn told_apart(shown: &Value) {
    let rows = shown["objects"].as_array().unwrap();
    let of = |object: &str| -> &Value {
        let found = rows.iter().find(|row| row["object"] == object);
        found.unwrap_or_else(|| panic!("{object} is not in {shown}"))
    };
    for (object, item) in [
        ("nodes/main-1", "nodes"),
        ("leases/kube-node-lease/main-1", "nodes"),
        ("leases/kube-system/kube-controller-manager", "leader-leases"),
        ("endpoints/default/kubernetes", "api-servers"),
        ("endpoints/shop/web", "endpoints"),
        ("pods/shop/db-0", "pods"),
    ] {
        assert_eq!((&of(object)["item"], &of(object)["what"]), (&item.into(), &"goes".into()), "{object}");
    }
    for (object, note) in [
        ("configmaps/kube-public/cluster-info", "https://main-1.lab.test:6443"),
        ("configmaps/kube-system/kubeadm-config", "main-1.lab.test:6443"),
        ("persistentvolumes/data", "volume-at-main of csi.example.com"),
    ] {
        assert!(of(object)["note"].as_str().is_some_and(|it| it.contains(note)), "{}", of(object));
    }
    assert!(
        !rows.iter().any(|row| row["object"] == "pods/shop/over"),
        "a pod that has ended stays: {shown}"
    );
}

/// Rebuilds at the standby as a recovery does, in the place of its own control plane; every key that is there before anything
/// starts.
async fn rebuilt(world: &World, keys: &[u8], shown: &Value) -> BTreeSet<String> {
    let standby = host(world, "standby-1");
    let limits = Limits { grace: Duration::from_secs(1), all: LIMIT, alone: true };
    control_plane::stop(&standby, Distribution::Kubeadm, None, limits)
        .await
        .unwrap();
    let waiting = protect::etcd::waiting(DATA);
    let words = format!("{HISTORY} --into {waiting} --transplant dr-site");
    let made = world.rebuild("standby-1", &words).await;
    assert_eq!(made["revision"], shown["revision"]);
    let database = format!("{waiting}/member/snap/db");
    let json = async |words: &str| {
        let said = world.etcd("standby-1", words).await;
        said.unwrap_or_else(|| panic!("lifeboat etcd {words}"))
    };
    was_done(shown, (HISTORY, &database), json).await;
    let listed = json(&format!("keys {database} --list")).await;
    let there = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["key"].as_str().unwrap().to_owned());

    let archive = "/var/tmp/keys";
    standby.write(archive, keys, 0o600).await.unwrap();
    let restore = files::Restore { archive, data_dir: DATA, label: "2", alone: false };
    files::restore(&standby, &restore, LIMIT).await.unwrap();
    let config = "--config /etc/kubernetes/kubeadm.yaml >/dev/null";
    let issue = format!("kubeadm init phase certs all {config}; kubeadm init phase kubeconfig all {config}");
    world.run("standby-1", &issue).await;
    control_plane::start(&standby, Distribution::Kubeadm, false, LIMIT)
        .await
        .unwrap();
    there.collect()
}

/// The new servers stand where the old ones stood, from the first moment on.
async fn servers_are_new(world: &World, standby: &Client, lost: Timestamp) {
    let address = world.lab.topology().host("standby-1").unwrap().address.to_string();
    let found = world
        .until("the API server has entered its address", async || {
            let found = addresses(standby, "default", "kubernetes").await;
            let endpoints = get(standby, "v1", "Endpoints", "default", "kubernetes").await?;
            (!found.is_empty()).then_some((found, endpoints))
        })
        .await;
    let (slices, endpoints) = found;
    assert_eq!(slices.join(" "), address);
    assert_eq!(endpoints["subsets"].as_array().unwrap().len(), 1, "{endpoints}");
    assert_eq!(endpoints["subsets"][0]["addresses"], json!([{ "ip": address }]));

    for program in ["kube-controller-manager", "kube-scheduler"] {
        let lease = world
            .until("a leader has its lease", async || {
                get(standby, "coordination.k8s.io/v1", "Lease", "kube-system", program).await
            })
            .await;
        let spec = &lease["spec"];
        assert!(spec["holderIdentity"].as_str().unwrap().starts_with("standby-1_"), "{lease}");
        // Made anew, and not taken over from somebody whose time was over.
        assert_eq!(spec["leaseTransitions"], 0, "{lease}");
        assert!(spec["acquireTime"].as_str().unwrap().parse::<Timestamp>().unwrap() > lost, "{lease}");
    }
    let servers = world
        .until("the API server has its lease", async || {
            let leases = all(standby, "coordination.k8s.io/v1", "Lease").await;
            let labels = leases.iter().map(|it| &it["metadata"]["labels"]);
            let its: Vec<Value> = labels
                .filter(|it| it["apiserver.kubernetes.io/identity"] == "kube-apiserver")
                .map(|it| it["kubernetes.io/hostname"].clone())
                .collect();
            (!its.is_empty()).then_some(its)
        })
        .await;
    assert_eq!(servers, ["standby-1"]);
}

async fn what_was_of_nodes_is_gone(world: &World, standby: &Client) {
    assert_eq!(all(standby, "v1", "Node").await, Vec::<Value>::new());
    for kind in ["CSINode", "VolumeAttachment"] {
        assert_eq!(all(standby, "storage.k8s.io/v1", kind).await, Vec::<Value>::new());
    }
    let leases = all(standby, "coordination.k8s.io/v1", "Lease").await;
    assert!(!leases.iter().any(|it| it["metadata"]["namespace"] == "kube-node-lease"), "{leases:?}");
    let events = all(standby, "v1", "Event").await;
    assert!(
        !events
            .iter()
            .any(|it| it["source"]["host"] == "main-1" || it["message"].to_string().contains("main-1"))
    );
    let service = get(standby, "v1", "Service", "shop", "web").await.unwrap();
    assert_eq!(service["status"]["loadBalancer"], json!({}));
    assert_eq!(addresses(standby, "shop", "web").await, Vec::<String>::new());
    let secret = get(standby, "v1", "Secret", "shop", "password").await.unwrap();
    assert_eq!(secret["data"]["word"], "a2VwdA==", "`kept`, as main had it");
    // Whoever reads what is encrypted at rest has the keys of main.
    let stored = world
        .run("standby-1", &etcdctl("get /registry/secrets/shop/password | head -c 200 | strings"))
        .await;
    assert!(stored.contains("k8s:enc:secretbox:v1:key1:"), "{stored}");
}

/// Parked webhooks stop nobody: whoever had pods makes them again, and what belonged to a pod that is gone goes.
async fn work_is_taken_up(world: &World, standby: &Client) {
    standby.create(&passing()).await.unwrap();
    let pods = world
        .until("pods are made again", async || {
            let pods = pods(standby).await;
            let made = ["web-", "web-", "db-0", "once-", "alone", "passing"];
            let of = |start: &str| pods.iter().filter(|it| name(it).starts_with(start)).count();
            made.iter()
                .all(|start| of(start) == made.iter().filter(|it| it == &start).count())
                .then_some(pods)
        })
        .await;
    for pod in pods.iter().filter(|pod| name(pod) != "over") {
        assert_eq!(
            (&pod["spec"]["nodeName"], &pod["status"]["phase"]),
            (&Value::Null, &"Pending".into()),
            "{pod}"
        );
    }
    // Collected soon, since its node is gone, but never run again.
    if let Some(over) = pods.iter().find(|pod| name(pod) == "over") {
        assert_eq!(over["status"]["phase"], "Succeeded");
    }
    world
        .until("what belonged to a pod is collected", async || {
            let found = get(standby, "v1", "ConfigMap", "shop", "of-a-pod").await;
            found.is_none().then_some(())
        })
        .await;
}

/// Of what was rebuilt, all is there still, but for what has no owner any more.
async fn nothing_else_is_gone(world: &World, there: &BTreeSet<String>) {
    let now = world.run("standby-1", &etcdctl("get / --prefix --keys-only")).await;
    let now: BTreeSet<&str> = now.lines().collect();
    let may = ["/registry/configmaps/shop/of-a-pod", "/registry/pods/shop/over"];
    let gone: Vec<&String> = there
        .iter()
        .filter(|key| key.starts_with('/') && !now.contains(key.as_str()) && !may.contains(&key.as_str()))
        .collect();
    assert_eq!(gone, Vec::<&String>::new());
    assert!(there.len() > 100, "{}", there.len());
}

/// A node with the standby's name comes, and the scheduler gives it all that waited.
async fn nodes_come(world: &World, standby: &Client) {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "standby-1", "annotations": { "volumes.kubernetes.io/controller-managed-attach-detach": "true" } },
    });
    standby.apply(&node).await.unwrap();
    node_is_ready(world, standby, "standby-1").await;
    world
        .until(
            "all pods are on the new node, also the one that it brings, and the volume is attached there",
            async || {
                let pods = pods(standby).await;
                let mut waiting = pods.iter().filter(|pod| name(pod) != "over");
                let brought = pods.iter().any(|pod| name(pod).starts_with("agent-"));
                let attached = all(standby, "storage.k8s.io/v1", "VolumeAttachment").await;
                let attached = attached.iter().any(|it| it["spec"]["nodeName"] == "standby-1");
                (brought && attached && waiting.all(|pod| pod["spec"]["nodeName"] == "standby-1")).then_some(())
            },
        )
        .await;
    let events = all(standby, "v1", "Event").await;
    let held = events.iter().find(|it| it["message"].to_string().contains("Multi-Attach"));
    assert_eq!(held, None, "the volume is nobody else's");
}

/// Brought back as they were, they turn away what they turned away at main.
async fn webhooks_are_released(world: &World, standby: &Client) {
    let release = "lifeboat etcd restore-objects --cluster rancher --yes --to /etc/kubernetes/super-admin.conf \
                   --resource validatingwebhookconfigurations,mutatingwebhookconfigurations";
    let said = world.run("standby-1", release).await;
    assert!(said.contains("2 objects are back"), "{said}");
    refused(world, standby).await;
}

/// The archive of a host's files.
async fn taken(host: &Host) -> Vec<u8> {
    let wanted = files::wanted(host, Distribution::Kubeadm, &files::Settings::default())
        .await
        .unwrap();
    let tree = files::take(host, &wanted).await.unwrap().whole(host.name()).unwrap();
    Files::one(host.name(), tree).archive().unwrap()
}

/// A host as Lifeboat enters it.
fn host(world: &World, name: &str) -> Host {
    let at = |file: &str| Some(world.lab.directory().join(file));
    let settings = SshSettings {
        user: "root".to_owned(),
        port: 22,
        identity: at("id_ed25519"),
        known_hosts: at("known_hosts"),
    };
    Host::ssh(name, world.lab.topology().host(name).unwrap().address.into(), &settings)
}

/// A client of the standby's API server, whose certificates are those of main's authority now.
async fn client(world: &World) -> Client {
    let kubeconfig = host(world, "standby-1").read("/etc/kubernetes/super-admin.conf", 1 << 20).await;
    Client::from_kubeconfig_text(&text(&kubeconfig.unwrap().unwrap()))
        .await
        .unwrap()
}

/// A line that asks the etcd of a host.
fn etcdctl(words: &str) -> String {
    format!(
        "cd /etc/kubernetes/pki/etcd && etcdctl --endpoints https://127.0.0.1:2379 --cacert ca.crt \
           --cert healthcheck-client.crt --key healthcheck-client.key {words}"
    )
}
