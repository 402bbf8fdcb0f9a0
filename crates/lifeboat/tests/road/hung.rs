//! A site is cut off, and lives, and its Lifeboat has died or hangs: nothing is written there any more once the standby serves.

use crate::world::{World, block_on, say, served, text};
use serde_json::Value;

/// Writes without pause at its own host, and notes when what was acknowledged: `SECONDS REVISION`.
const WRITER: &str = r#"#!/bin/sh
n=0
while :; do
  n=$((n+1))
  revision=$(kubectl --kubeconfig /etc/kubernetes/super-admin.conf --request-timeout=3s create configmap w-$1-$n -n default \
    -o jsonpath='{.metadata.resourceVersion}' 2>/dev/null) && echo "$(date +%s.%N) $revision" >>/opt/acknowledged
done
"#;

/// What runs `lifeboat serve`; other things of the lab are called `lifeboat`, too.
const KEEPER: &str = "$(cat /etc/service/lifeboat/supervise/pid)";

/// Revisions of a cluster that was restored go on from here.
const BUMP: u64 = 1_000_000_000;

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_keeper_that_is_killed_keeps_nobody_serving() {
    // One that its service does not start again.
    without_its_keeper(&format!("sv once lifeboat && kill -KILL {KEEPER}"), "sv up lifeboat");
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_keeper_that_hangs_keeps_nobody_serving() {
    without_its_keeper(&format!("kill -STOP {KEEPER}"), &format!("kill -CONT {KEEPER}"));
}

fn without_its_keeper(away: &str, back: &str) {
    block_on(async {
        let world = served(&[]).await;
        for host in ["main-1", "standby-1"] {
            let script = format!(
                "cat >/opt/writer <<'END'\n{WRITER}\nEND\nsetsid sh /opt/writer {host} </dev/null >/dev/null 2>&1 &"
            );
            world.run(host, &script).await;
        }
        world
            .until("something was written at main", async || {
                (acknowledged(&world, "main-1").await.len() > 20).then_some(())
            })
            .await;
        world.run("main-1", away).await;
        for observer in ["witness", "standby"] {
            world.break_it(&["site", observer, "--cut", "--from", "main"]);
        }
        let run = world.succeeded().await;
        say(&text(&world.cli(&["run", "show", "1"]).stdout));
        assert_eq!(run["to"], "standby");

        // The hosts share one clock.
        let first = world
            .until("something was written at the standby", async || {
                let all = acknowledged(&world, "standby-1").await;
                all.into_iter().find(|(_, revision)| *revision > BUMP)
            })
            .await;
        let running = world.serving_on("main-1").await;
        assert!(
            running.contains("etcd") && running.contains("kube-apiserver"),
            "nothing was stopped: {running}"
        );
        let (left, written) = (file(&world).await, acknowledged(&world, "main-1").await);
        let last = written.last().unwrap();
        let margin = first.0 - last.0;
        assert!(margin > 0.0, "main acknowledged at {}, and the standby at {}", last.0, first.0);
        say(&format!("the last write at main was {margin:.1} s before the first at the standby"));
        // Its controllers write all the time, where they can.
        world
            .until("the standby has gone on for a while", async || {
                let all = acknowledged(&world, "standby-1").await;
                (all.last()?.0 - first.0 > 20.0).then_some(())
            })
            .await;
        assert_eq!(file(&world).await, left, "etcd of main has no new revision");
        assert_eq!(acknowledged(&world, "main-1").await.len(), written.len());
        for cluster in ["c-edge1", "c-edge2"] {
            assert!(world.through_the_manager("standby", cluster).await.is_some(), "{cluster}");
        }

        world.heal();
        world.run("main-1", back).await;
        world
            .until("main says that it is fenced, and nothing runs there", async || {
                (world.state_of("main") == "fenced").then_some(())?;
                world.serving_on("main-1").await.is_empty().then_some(())
            })
            .await;
        assert_eq!(acknowledged(&world, "main-1").await.len(), written.len());
    });
}

/// When which revision was acknowledged by the API server of a host.
async fn acknowledged(world: &World, host: &str) -> Vec<(f64, u64)> {
    let said = world.run(host, "cat /opt/acknowledged 2>/dev/null || true").await;
    let line = |line: &str| {
        let (at, revision) = line.split_once(' ')?;
        Some((at.parse().ok()?, revision.parse().ok()?))
    };
    said.lines().filter_map(line).collect()
}

/// The revision in the file of main's etcd.
async fn file(world: &World) -> u64 {
    let said = world
        .run("main-1", "lifeboat etcd verify /var/lib/etcd/member/snap/db --output json")
        .await;
    let told: Value = serde_json::from_str(&said).unwrap();
    told["revision"].as_u64().unwrap()
}
