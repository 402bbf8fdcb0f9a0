//! The management cluster moves to its standby while both sites live, and back again: what was acknowledged is there each time.

use crate::world::{World, block_on, say, served, step, text};
use serde_json::Value;
use std::collections::BTreeSet;

/// Writes without pause until it is refused for good, and notes what was acknowledged.
const WRITER: &str = r#"#!/bin/sh
n=0 refused=0
while [ $refused -lt 5 ]; do
  n=$((n+1))
  if kubectl --kubeconfig /etc/kubernetes/super-admin.conf --request-timeout=3s create configmap $1-$n -n default >/dev/null 2>&1
  then echo $1-$n >>/opt/written; refused=0; else refused=$((refused+1)); fi
done
touch /opt/written-$1
"#;

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_planned_switch_and_the_way_back_lose_nothing() {
    block_on(async {
        // Whatever is seen meanwhile, nobody declares a failover beside it. On the way back, the former TTL is soon over.
        let world = served(&[("  ttl: 30", "  ttl: 10")]).await;
        let dry = world.cli(&["run", "switchover", "--dry-run"]);
        let said = format!("{}{}", text(&dry.stdout), text(&dry.stderr));
        assert!(dry.status.success() && said.contains("losing   nothing"), "{said}");
        by_hand(&world).await;
        moved(&world, "switchover", ("main-1", "standby-1"), 1).await;
        assert_eq!(world.state_of("main"), "fenced");
        moved(&world, "failback", ("standby-1", "main-1"), 2).await;
        assert_eq!(world.state_of("standby"), "fenced");
        assert_eq!(world.runs().len(), 2, "nobody else began one");
    });
}

/// The line by which a person sees that all is shipped can be typed, and ends.
async fn by_hand(world: &World) {
    let plan = world.json(&["plan", "show", "switchover"]).unwrap();
    let mut steps = plan["steps"].as_array().unwrap().iter();
    let handover = steps.find(|step| step["id"] == "handover").unwrap();
    let typed = handover["byHand"].as_array().unwrap().iter();
    let typed = typed.filter_map(|line| Some((line["on"].as_str()?, line["run"].as_str()?)));
    let looks: Vec<_> = typed.filter(|(_, run)| run.contains("--complete")).collect();
    let [(host, run)] = looks[..] else {
        panic!("{handover}");
    };
    world.run(host, &format!("timeout 100 sh -c '{run}'")).await;
}

/// Carries out a playbook while somebody writes without pause.
async fn moved(world: &World, playbook: &str, (from, to): (&str, &str), run: u64) {
    let script = format!(
        "cat >/opt/writer <<'END'\n{WRITER}\nEND\nsetsid sh /opt/writer {playbook} </dev/null >/dev/null 2>&1 &"
    );
    world.run(from, &script).await;
    world
        .until("something was written", async || {
            let written = world.lab.run(from, "wc -l </opt/written").await.ok()?;
            (written.trim().parse::<u32>().ok()? > 20).then_some(())
        })
        .await;
    let begun = ambient::monotonic();
    if run == 1 {
        // Whoever carries it out dies once the site is fenced: there is no way back then, only on.
        let mut dies = world.command(&["run", playbook, "--scripted", "--yes"]);
        let dead = dies.env("LIFEBOAT_LAB_DIE_AT", "stop:before").output().unwrap();
        assert!(!dead.status.success());
        let back = world.cli(&["run", "undo", "1", "--yes"]);
        let said = text(&back.stderr);
        assert!(
            said.contains("has fenced main, which stays down") && said.contains("lifeboat run resume 1"),
            "{said}"
        );
    }
    let words: &[&str] = if run == 1 {
        &["run", "resume", "1"]
    } else {
        &["run", playbook, "--scripted", "--yes"]
    };
    let done = world.cli(words);
    let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}");
    say(&said);
    say(&format!("{playbook} took {:.1} s", begun.elapsed().as_secs_f64()));
    let shown = world.json(&["run", "show", &run.to_string()]).unwrap();
    assert_eq!((shown["secondsLost"].clone(), shown["revisionsLost"].clone()), (0.into(), 0.into()));
    let handed = step(&shown, "handover")["outcome"].clone();
    assert!(handed["hash"].is_u64() && !handed["members"].as_array().unwrap().is_empty(), "{handed}");
    let back = step(&shown, "agents")["outcome"]["agents"].as_array().unwrap().len();
    assert_eq!(back, 2, "{shown}");

    world
        .until("the writer has given up", async || {
            world.lab.run(from, &format!("test -e /opt/written-{playbook}")).await.ok()
        })
        .await;
    let written = world.run(from, "cat /opt/written").await;
    let there = world.kubectl(to, "get configmaps -n default -o json").await;
    let there: Value = serde_json::from_str(&there).unwrap();
    let there: BTreeSet<&str> = there["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["metadata"]["name"].as_str().unwrap())
        .collect();
    let missing: Vec<&str> = written.lines().filter(|name| !there.contains(name)).collect();
    assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    say(&format!("{} acknowledged writes are all there", written.lines().count()));
}
