//! A site that is lost, or only seems to be: who declares, who stops, and what comes back.

use crate::world::{block_on, reasons, report, say, served, step, text};
use jiff::Timestamp;

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn a_lost_site_comes_back_elsewhere() {
    block_on(async {
        let world = served(&[]).await;
        let standby = world.lab.topology().load_balancer("standby").unwrap().to_string();
        world
            .kubectl("main-1", "create secret generic road --from-literal=word=kept")
            .await;
        let revision = world
            .kubectl("main-1", "get secret road -o jsonpath={.metadata.resourceVersion}")
            .await;
        let revision: i64 = revision.parse().unwrap();
        world
            .until("a copy with the new secret is proven", async || {
                let status = world.status()?;
                (report(&status, "standby")["proven"]["revision"].as_i64()? >= revision).then_some(())
            })
            .await;

        world.break_it(&["site", "main", "--power"]);
        let cut = ambient::now();
        let run = world.succeeded().await;

        assert_eq!((&run["from"], &run["to"], &run["epoch"]), (&"main".into(), &"standby".into(), &2.into()));
        let agents = step(&run, "agents")["outcome"]["agents"].as_array().unwrap();
        let mut back: Vec<&str> = agents.iter().map(|agent| agent["cluster"].as_str().unwrap()).collect();
        back.sort_unstable();
        assert_eq!(back, ["c-edge1", "c-edge2"]);
        for cluster in back {
            let version = world
                .through_the_manager("standby", cluster)
                .await
                .unwrap_or_else(|| panic!("{cluster}"));
            assert!(version.contains("gitVersion"), "{cluster}: {version}");
        }
        assert_eq!(world.name_leads_to().await, standby);
        let written = world
            .kubectl("standby-1", "create configmap after -o jsonpath={.metadata.resourceVersion}")
            .await;
        assert!(written.parse::<i64>().unwrap() > 1_000_000_000, "{written}");
        let word = world.kubectl("standby-1", "get secret road -o jsonpath={.data.word}").await;
        assert_eq!(word, "a2VwdA==", "`kept`, as main had it");
        let etcdctl = "etcdctl --endpoints https://127.0.0.1:2379 --cacert ca.crt --cert healthcheck-client.crt --key healthcheck-client.key";
        let look = format!(
            "cd /etc/kubernetes/pki/etcd && {etcdctl} get /registry/secrets/default/road | head -c 200 | strings"
        );
        let stored = world.run("standby-1", &look).await;
        assert!(stored.contains("k8s:enc:secretbox:v1:key1:"), "{stored}");

        world.heal();
        world
            .until("main says that it is fenced, and its control plane waits at the gate", async || {
                (world.state_of("main") == "fenced").then_some(())?;
                let gate = "grep -qa 'waiting at the gate: main is fenced' /var/log/static-pods.log";
                world.lab.run("main-1", gate).await.ok()
            })
            .await;
        assert_eq!(world.serving_on("main-1").await, "");
        // Whatever starts says so in its log; nothing of main has since its power was cut.
        let since = format!("find /var/log/pods -type f -newermt '{cut}'");
        assert_eq!(world.run("main-1", &since).await, "");
        assert_ne!(world.run("standby-1", &since).await, "", "what started at the standby did say so");
        let shown = world.status_text();
        assert!(shown.contains("stopped for good: epoch 2 of standby is newer"), "{shown}");
        assert!(shown.contains("serves, epoch 2"), "{shown}");
        assert_eq!(world.name_leads_to().await, standby);
        let refused = world.cli(&["failover", "--yes"]);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("LB0604") && said.contains("served by standby already"), "{said}");
        assert_eq!(world.runs().len(), 1);
        assert_eq!(world.serving_on("main-1").await, "");

        say(&text(&world.cli(&["run", "show", "1"]).stdout));
        say(&shown);
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn main_cut_off_from_one_observer_stays() {
    block_on(async {
        let world = served(&[]).await;
        for (blind, sees) in [("standby", "witness"), ("witness", "standby")] {
            world.break_it(&["site", blind, "--cut", "--from", "main"]);
            let (broken, kept) = (format!("{sees} reaches main, {blind} does not"), "so main is not lost");
            let status = world
                .until(&format!("{blind} has not reached main for longer than it takes to declare"), async || {
                    let status = world.status()?;
                    let kind = &status["verdict"]["kind"];
                    assert!(kind != "declare" && kind != "propose", "{status}");
                    let probes = report(&status, blind)["probes"].as_array()?.clone();
                    let bad = probes.iter().all(|p| p["good"] == false && p["forMs"].as_u64() >= Some(12_000));
                    let told = reasons(&status);
                    let told = told.contains(&broken) && told.contains(kept);
                    (!probes.is_empty() && bad && told).then_some(status)
                })
                .await;
            assert_eq!(status["verdict"]["kind"], "warn", "{status}");
            assert_eq!(report(&status, "main")["serving"]["state"], "serving", "{status}");
            assert_eq!(report(&status, "main")["serving"]["epoch"], 1, "{status}");
            assert!(world.through_the_manager("main", "c-edge1").await.is_some());
            assert!(world.runs().is_empty());
            say(&format!("{blind} cut off:\n{}", world.status_text()));

            world.heal();
            world
                .until("both observers reach main again", async || {
                    let status = world.status()?;
                    (status["verdict"]["kind"] == "stay").then_some(())
                })
                .await;
        }
        assert!(world.runs().is_empty());
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn main_cut_off_from_both_stops_before_the_standby_starts() {
    block_on(async {
        let world = served(&[]).await;
        world.break_it(&["site", "witness", "--cut", "--from", "main"]);
        world.break_it(&["site", "standby", "--cut", "--from", "main"]);
        let run = world.succeeded().await;

        assert_eq!(world.serving_on("main-1").await, "");
        let log = world.run("main-1", "cat /var/log/lifeboat.log").await;
        let stops = log
            .lines()
            .filter(|line| line.ends_with("the manager and the control plane have stopped"));
        // The hosts share one clock.
        let stops: Vec<Timestamp> = stops
            .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
            .collect();
        let [stopped] = stops.as_slice() else {
            panic!("main stops once, not at {stops:?}\n{log}")
        };
        let at = |id: &str, what: &str| -> Timestamp { step(&run, id)[what].as_str().unwrap().parse().unwrap() };
        let (fenced, started) = (at("fence", "done"), at("control-plane", "begun"));
        assert!(*stopped < fenced, "main stopped at {stopped}, and counted as fenced at {fenced}");
        assert!(*stopped < started, "main stopped at {stopped}, and the standby started at {started}");
        assert!(world.through_the_manager("standby", "c-edge1").await.is_some());
        assert_eq!(world.through_the_manager("main", "c-edge1").await, None);

        world.heal();
        world
            .until("main says that it is fenced", async || (world.state_of("main") == "fenced").then_some(()))
            .await;
        assert_eq!(world.serving_on("main-1").await, "");
        let margin = fenced.duration_since(*stopped).as_secs_f64();
        say(&format!("main had stopped {margin:.1} s before it counted as fenced"));
        say(&text(&world.cli(&["run", "show", "1"]).stdout));
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn no_young_copy_no_automatic_failover() {
    block_on(async {
        let world = served(&[("maximumLoss: 60s", "maximumLoss: 30s")]).await;
        world
            .run(
                "main-1",
                "cd /etc/kubernetes/pki/etcd && mv healthcheck-client.crt healthcheck-client.away",
            )
            .await;
        let newest = world
            .until("main says that it cannot take copies, and the newest proven one is old", async || {
                let status = world.status()?;
                let troubles = report(&status, "main")["troubles"].as_array()?.clone();
                let told = troubles.iter().filter_map(|trouble| trouble.as_str());
                let told: Vec<&str> = told.filter(|trouble| trouble.starts_with("copies: ")).collect();
                let [trouble] = told.as_slice() else { return None };
                assert!(trouble.contains("healthcheck-client.crt"), "{trouble}");
                let proven = &report(&status, "standby")["proven"];
                let age = ambient::now().duration_since(proven["begun"].as_str()?.parse().ok()?);
                (age.as_secs() > 35).then(|| proven["id"].as_str().unwrap().to_owned())
            })
            .await;
        say(&world.status_text());

        world.break_it(&["site", "main", "--power"]);
        let status = world
            .until("main has been dark for longer than it takes to declare", async || {
                let status = world.status()?;
                (status["verdict"]["lostForMs"].as_u64()? >= 15_000).then_some(status)
            })
            .await;
        assert_eq!(status["verdict"]["kind"], "propose", "{status}");
        let told = reasons(&status);
        assert!(
            told.contains("the newest proven copy lacks the last") && told.contains("30 s are accepted"),
            "{told}"
        );
        assert!(told.contains("`lifeboat failover --yes` accepts the loss of the last"), "{told}");
        assert!(world.runs().is_empty());
        say(&world.status_text());

        let plan = world.cli(&["plan"]);
        let shown = text(&plan.stdout);
        assert!(plan.status.success(), "{}", text(&plan.stderr));
        assert!(shown.contains(&newest), "{newest} is not in\n{shown}");
        let losing = shown.lines().find(|line| line.trim_start().starts_with("losing"));
        assert!(losing.is_some_and(|line| line.contains("what was written in the last")), "{shown}");
        assert!(world.runs().is_empty(), "a plan begins nothing");

        let done = world.cli(&["failover", "--yes"]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        let run = world.succeeded().await;
        assert_eq!(run["point"], newest.as_str());
        assert!(run["secondsLost"].as_i64().unwrap() > 0, "{run}");
        assert_eq!(step(&run, "agents")["outcome"]["agents"].as_array().unwrap().len(), 2);
        say(&text(&done.stdout));
    });
}
