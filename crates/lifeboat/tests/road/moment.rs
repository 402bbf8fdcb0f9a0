//! A busy control plane, captured, killed, and rebuilt at its last moment and at a chosen one.
//!
//! What is compared comes from the original: what its API server listed at a revision while it lived, and what the killed
//! etcd's own directory still holds.

use crate::world::{World, block_on, fresh, say};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const HISTORY: &str = "/var/lib/history";
/// An etcd without its control plane, so that nobody writes to what is looked at.
const ALONE: &str = "http://127.0.0.1:12379";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_busy_control_plane_is_rebuilt_at_its_last_moment_and_at_a_chosen_one() {
    let seconds: u64 = std::env::var("LIFEBOAT_BUSY_SECONDS").map_or(20, |text| text.parse().unwrap());
    block_on(async {
        let world = fresh().await;
        begin(&world).await;
        let mut churn = world.lab_command(&["churn", "--rate", "40", "--duration", &seconds.to_string()]);
        let mut churn = churn.spawn().unwrap();
        ambient::sleep(Duration::from_secs(seconds / 2)).await;
        let chosen = ambient::now().to_string();
        let at = world
            .until("the history has the chosen second", async || {
                let shown = world.etcd("main-1", &format!("show {HISTORY} --at {chosen}")).await?;
                let newest = shown["timelines"][0]["newestAt"].as_str()?.parse::<jiff::Timestamp>().ok()?;
                (newest > chosen.parse().unwrap()).then(|| shown["at"]["revision"].as_u64().unwrap())
            })
            .await;
        let recorded = listed(&world, at).await;
        assert!(recorded.len() > 30, "{} kinds", recorded.len());
        churn.wait().unwrap();

        // Not stopped: killed, the capture too.
        kill(&world).await;
        world
            .run("main-1", "kill -9 $(cat /run/capture.pid); mv /var/lib/etcd /var/lib/etcd.lost")
            .await;
        let last = rebuild(&world, "").await;
        let newest = last["revision"].as_u64().unwrap();
        say(&format!("killed after {seconds} s; revision {at} chosen, {newest} the last captured"));
        let lost = kept(&world, "/var/lib/etcd.lost --force-new-cluster", newest).await;
        let jump = last["currentRevision"].as_u64().unwrap() - newest;
        assert_eq!(
            kept(&world, "/var/lib/etcd", newest + jump).await,
            lost,
            "everything as the killed etcd has it"
        );
        start(&world).await;
        works(&world, newest + jump, at).await;

        // Once more, at the chosen second: beyond what the first rebuilt one has come to.
        kill(&world).await;
        world.run("main-1", "mv /var/lib/etcd /var/lib/etcd.first").await;
        let then = rebuild(&world, &format!("--at {chosen} --bump 2000000000")).await;
        assert_eq!(then["revision"].as_u64(), Some(at));
        start(&world).await;
        let current = then["currentRevision"].as_u64().unwrap();
        let again = listed(&world, current).await;
        for (kind, items) in &recorded {
            assert_eq!(again.get(kind), Some(items), "{kind} as they were listed at {at}");
        }
        assert_eq!(again.len(), recorded.len());
        works(&world, current, at).await;
        let seen = world.run("main-1", "cat /var/log/revisions").await;
        let seen: Vec<u64> = seen.lines().filter_map(|line| line.parse().ok()).collect();
        assert!(
            seen.is_sorted() && seen.last() > Some(&current),
            "a client sees revisions go up: {seen:?}"
        );
    });
}

/// The capture, and a client that writes down every revision that it is told.
async fn begin(world: &World) {
    let script = format!(
        "rm -rf {HISTORY}; cd /; setsid lifeboat etcd capture --into {HISTORY} >/var/log/capture.log 2>&1 & echo $! >/run/capture.pid
         setsid sh -c 'while :; do
           kubectl --kubeconfig /etc/kubernetes/super-admin.conf get --raw \"/api/v1/namespaces?limit=1\" \\
             | grep -o \"resourceVersion[^0-9]*[0-9]*\" | grep -o \"[0-9]*\" | head -n 1
           sleep 0.5
         done' >/var/log/revisions 2>/dev/null &"
    );
    world.run("main-1", &script).await;
    world
        .until("a base is stored", async || world.etcd("main-1", &format!("show {HISTORY}")).await)
        .await;
}

async fn rebuild(world: &World, words: &str) -> Value {
    world
        .rebuild("main-1", &format!("{HISTORY} --into /var/lib/etcd {words}"))
        .await
}

async fn kill(world: &World) {
    for process in ["kube-apiserver", "etcd"] {
        world.break_it(&["host", "main-1", "--stop", process]);
    }
}

async fn start(world: &World) {
    world.heal();
    world.ready("main-1").await;
}

/// Controllers act, and whoever watches from before is told to list anew.
async fn works(world: &World, current: u64, before: u64) {
    let name = format!("after-{current}");
    world.kubectl("main-1", &format!("create namespace {name}")).await;
    world
        .until("a controller gives the new namespace its service account", async || {
            let look =
                format!("kubectl --kubeconfig /etc/kubernetes/super-admin.conf -n {name} get serviceaccount default");
            world.lab.run("main-1", &look).await.ok()
        })
        .await;
    let revision = world
        .kubectl("main-1", &format!("get namespace {name} -o jsonpath={{.metadata.resourceVersion}}"))
        .await;
    assert!(revision.parse::<u64>().unwrap() > current, "{revision}");
    let watch = format!("get --raw '/api/v1/configmaps?watch=1&timeoutSeconds=5&resourceVersion={before}'");
    let told = world.kubectl("main-1", &format!("{watch} 2>&1 || true")).await;
    assert!(told.contains("410") || told.contains("too old"), "{told}");
}

/// Every key, with its numbers, value and lease, as an etcd on `directory` serves it at `revision`: its hash, and a count.
async fn kept(world: &World, directory: &str, revision: u64) -> String {
    let ctl = format!("etcdctl --endpoints {ALONE}");
    let script = format!(
        "etcd --data-dir {directory} --name main-1 --listen-client-urls {ALONE} --advertise-client-urls {ALONE} \\
           --listen-peer-urls http://127.0.0.1:12380 >/var/log/alone.log 2>&1 & pid=$!
         for i in $(seq 200); do {ctl} endpoint health >/dev/null 2>&1 && break; sleep 0.1; done
         {ctl} get '' --prefix --rev {revision} -w json | sed 's/^.*\"kvs\"/kvs/' >/var/tmp/kept
         kill $pid; wait $pid || :; wc -c </var/tmp/kept; sha256sum </var/tmp/kept"
    );
    world.run("main-1", &script).await
}

/// What the API server lists of every kind at exactly `revision`.
async fn listed(world: &World, revision: u64) -> BTreeMap<String, Value> {
    let script = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf proxy --port 18001 >/dev/null 2>&1 & echo $! >/run/proxy.pid
        for i in $(seq 100); do curl -s http://127.0.0.1:18001/version >/dev/null && break; sleep 0.1; done";
    world.run("main-1", script).await;
    let get = async |path: &str| -> Value {
        let answer = async || {
            let said = world.run("main-1", &format!("curl -s 'http://127.0.0.1:18001{path}'")).await;
            let it: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{path}: {e}"));
            // Its cache of a kind fills when it is first asked for.
            (it["code"] != 429).then_some(it)
        };
        world.until(path, answer).await
    };
    let mut versions = vec!["/api/v1".to_owned()];
    for group in get("/apis").await["groups"].as_array().unwrap() {
        versions.push(format!("/apis/{}", group["preferredVersion"]["groupVersion"].as_str().unwrap()));
    }
    let mut all = BTreeMap::new();
    for version in versions {
        for kind in get(&version).await["resources"].as_array().unwrap() {
            let name = kind["name"].as_str().unwrap();
            let lists = kind["verbs"].as_array().unwrap().iter().any(|verb| verb == "list");
            // Not kept in etcd, so it has no revision.
            if !lists || name == "componentstatuses" {
                continue;
            }
            let path = format!("{version}/{name}");
            let list = get(&format!("{path}?resourceVersion={revision}&resourceVersionMatch=Exact")).await;
            assert!(list["items"].is_array(), "{path} at {revision}: {list}");
            all.insert(path, list["items"].clone());
        }
    }
    world.run("main-1", "kill $(cat /run/proxy.pid)").await;
    all
}
