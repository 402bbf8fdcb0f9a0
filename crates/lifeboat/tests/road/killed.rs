//! The runner is killed at every point, from inside and from outside, and the same command goes on each time.

use crate::world::{World, block_on, say, served, text};
use engine::Event;
use recovery::runs::{self, Run};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const SIGKILL: i32 = 9;
const SIGSTOP: i32 = 19;

/// Where it dies, in the order in which a run comes by: a step, and a point of it or a program that the step runs on the
/// standby's host and that it dies during.
const DEATHS: [(&str, At); 38] = [
    ("fetch", At::Point("inside:1")),
    ("fetch", At::Point("inside:2")),
    ("fetch", At::Point("after")),
    ("fence", At::Point("before")),
    ("fence", At::Point("inside:1")),
    ("fence", At::Point("inside:2")),
    ("fence", At::Point("after")),
    ("stop", At::Point("before")),
    ("stop", At::Point("inside:1")),
    ("stop", At::Point("after")),
    ("promote", At::Point("before")),
    ("promote", At::Point("inside:1")),
    ("promote", At::Point("inside:2")),
    ("promote", At::Point("after")),
    ("files", At::Point("before")),
    ("files", At::Point("inside:1")),
    ("files", At::Point("after")),
    ("certificates", At::Point("before")),
    ("certificates", At::Point("inside:1")),
    ("certificates", At::During("kubeadm")),
    ("certificates", At::Point("after")),
    ("control-plane", At::Point("before")),
    ("control-plane", At::During("kube-apiserver")),
    ("control-plane", At::Point("inside:1")),
    ("control-plane", At::Point("inside:2")),
    ("control-plane", At::Point("inside:3")),
    ("control-plane", At::Point("after")),
    ("manager", At::Point("before")),
    ("manager", At::Point("inside:1")),
    ("manager", At::Point("inside:2")),
    ("manager", At::Point("after")),
    ("dns", At::Point("before")),
    ("dns", At::Point("inside:1")),
    ("dns", At::Point("inside:2")),
    ("dns", At::Point("after")),
    ("agents", At::Point("before")),
    ("agents", At::Point("inside:1")),
    ("agents", At::Point("after")),
];

/// Those of them that are died this time: all with `LIFEBOAT_EVERY_POINT`, and otherwise those in the middle of a program, around the fence
/// and the promotion, and one of each other step: on simulated hosts every point is died at, always.
fn deaths() -> Vec<(&'static str, At)> {
    let every = std::env::var_os("LIFEBOAT_EVERY_POINT").is_some();
    let chosen = |(step, at): &(&str, At)| {
        every || ["fence", "promote"].contains(step) || matches!(at, At::During(_) | At::Point("inside:1"))
    };
    DEATHS.into_iter().filter(chosen).collect()
}

#[derive(Clone, Copy)]
enum At {
    Point(&'static str),
    During(&'static str),
}

/// Says on the standby's host whose keys and whose data of etcd lie where the control plane takes them from.
const OWN: &str = "sha256sum < /etc/kubernetes/pki/ca.key; stat -c %i /var/lib/etcd/member";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn the_runner_is_killed_at_every_point() {
    block_on(async {
        // A long lease, so that the wait for its end is still there when the run has come to it.
        let changes = [("mode: automatic", "mode: propose"), ("lease: 10s", "lease: 60s")];
        let world = served(&changes).await;
        let temporary = tempfile::tempdir().unwrap();
        let own = world.run("standby-1", OWN).await;
        world.break_it(&["site", "main", "--power"]);
        let cut = ambient::monotonic();

        one_of_two_operators_waits_outside(&world, &temporary);
        let deaths = deaths();
        for (step, at) in &deaths {
            match *at {
                At::Point(point) => dies_at(&world, &temporary, &format!("{step}:{point}")),
                At::During(program) => dies_during(&world, &temporary, step, program).await,
            }
        }
        say(&format!("killed {} times in {:.0} s", deaths.len() + 1, cut.elapsed().as_secs_f64()));
        let last = failover(&world, &temporary).output().unwrap();
        assert!(last.status.success(), "{}", text(&last.stderr));

        each_step_was_done_once(&world).await;
        the_standby_serves(&world).await;
        nothing_is_left_behind(&world, &temporary, &own).await;
        say(&format!(
            "the last call succeeded {:.0} s after the loss of power",
            cut.elapsed().as_secs_f64()
        ));
    });
}

/// A planned move is killed at moments that nobody chose, and gone on with on another host each time: nothing is lost, and all is as if it
/// had not been killed. Fifteen times.
#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn killed_at_random_moments_it_goes_on_elsewhere() {
    block_on(async {
        let world = served(&[("mode: automatic", "mode: propose")]).await;
        world
            .kubectl("main-1", "create configmap kept -n default --from-literal=a=b")
            .await;
        let kills = 15;
        let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok());
        let mut random: u64 = seed.unwrap_or(20_261_130);
        say(&format!("seed {random}"));
        let (mut killed, mut run) = (0, 0);
        while killed < kills {
            run += 1;
            let (playbook, from, to) = match run % 2 {
                1 => ("switchover", "main", "standby"),
                _ => ("failback", "standby", "main"),
            };
            let mut ended = false;
            while killed < kills && !ended {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                // Another host waits 15 s for the one before it, which might still live.
                let after = 1.0 + f64::from(u32::try_from(random >> 40).unwrap()) / f64::from(1u32 << 24) * 21.0;
                let words = match world.runs().len() < run {
                    true => format!("run {playbook} --scripted --yes"),
                    false => format!("run resume {run}"),
                };
                match cut_short(&world, after, &words, killed % 2 == 0).await {
                    137 => killed += 1,
                    0 => ended = true,
                    other => panic!("after {killed} kills {words} ended with {other}"),
                }
            }
            if !ended {
                let script = format!("lifeboat run resume {run} >/tmp/said 2>&1 || {{ cat /tmp/said >&2; exit 1; }}");
                world.run("standby-1", &script).await;
            }
            say(&format!("{playbook} is over; killed {killed} times so far"));
            let entries = journal(&world, run as u64).await.entries;
            let failed = entries
                .iter()
                .filter(|entry| matches!(entry.event, Event::Failed { .. }))
                .count();
            assert_eq!(failed, 0, "a step failed after a kill");
            let shown = world.json(&["run", "show", &run.to_string()]).unwrap();
            assert_eq!((&shown["state"], &shown["revisionsLost"]), (&"succeeded".into(), &0.into()), "{shown}");
            world.kubectl(&format!("{to}-1"), "get configmap kept -n default").await;
            assert_eq!((world.state_of(to), world.state_of(from)), ("serving".to_owned(), "fenced".to_owned()));
            assert_eq!(world.name_leads_to().await, world.lab.topology().load_balancer(to).unwrap().to_string());
            for cluster in ["c-edge1", "c-edge2"] {
                assert!(world.through_the_manager(to, cluster).await.is_some(), "{cluster}");
            }
        }
        assert_eq!(world.runs().len(), run);
    });
}

/// A command that is killed after so many seconds, at the operator's or on the standby's host: how it ended.
async fn cut_short(world: &World, seconds: f64, words: &str, by_operator: bool) -> i32 {
    if !by_operator {
        let script =
            format!("code=0; timeout -s KILL {seconds} lifeboat {words} >/tmp/said 2>&1 || code=$?; echo $code");
        return world.run("standby-1", &script).await.trim().parse().unwrap();
    }
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", &seconds.to_string()]);
    command.arg(world.lab.directory().join("bin/lifeboat")).args(words.split(' '));
    let status = command.env("LIFEBOAT_ESTATE", world.file()).output().unwrap().status;
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap()
}

/// The operator's command, in a directory for temporary files that can be looked at.
fn failover(world: &World, temporary: &TempDir) -> Command {
    let mut command = world.command(&["failover", "--yes"]);
    command.env("TMPDIR", temporary.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Two start the same failover at once: one is at work, held still at its very beginning, and the other is told so. Then the
/// one is killed.
fn one_of_two_operators_waits_outside(world: &World, temporary: &TempDir) {
    let start = || {
        failover(world, temporary)
            .env("LIFEBOAT_LAB_STOP_AT", "fetch:before")
            .spawn()
            .unwrap()
    };
    let (one, other) = (start(), start());
    let (mut stopped, refused) = match (stops(&one), stops(&other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        both => panic!("one of the two has to be at work, and one not: {both:?}"),
    };
    let refused = refused.wait_with_output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("error[LB0701]") && said.contains("hint: lifeboat runs"), "{said}");
    stopped.kill().unwrap();
    assert_eq!(stopped.wait().unwrap().signal(), Some(SIGKILL));
    assert_eq!(world.runs().len(), 1);
}

/// Waits until a process stands still or has ended; whether it stands still. Leaves its end to be waited for.
fn stops(child: &Child) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let ways = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(pid), ways).unwrap() {
        WaitStatus::Stopped(_, signal) => {
            assert_eq!(signal as i32, SIGSTOP);
            true
        }
        _ => false,
    }
}

fn dies_at(world: &World, temporary: &TempDir, point: &str) {
    let output = failover(world, temporary).env("LIFEBOAT_LAB_DIE_AT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGKILL), "{point} was not reached: {}", text(&output.stderr));
}

/// Kills the runner from outside while `program` is at work for `step` on the standby's host. The program is held still
/// meanwhile, so that nobody needs luck to come in between; it goes on when the runner is dead, as it would.
async fn dies_during(world: &World, temporary: &TempDir, step: &str, program: &str) {
    let hold = format!("timeout 100 sh -c 'until pkill -STOP -x {program}; do :; done'");
    let begin = async { failover(world, temporary).spawn().unwrap() };
    let (_held, mut runner) = tokio::join!(world.run("standby-1", &hold), begin);
    runner.kill().unwrap();
    let output = runner.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGKILL), "during {program}: {}", text(&output.stderr));
    let flights = journal(world, 1).await.state.in_flight;
    assert!(
        flights.iter().any(|flight| flight.step == step),
        "{program} is at work for {step}: {flights:?}"
    );
    world.run("standby-1", &format!("pkill -CONT -x {program}")).await;
}

/// A run, as its journal has it.
async fn journal(world: &World, number: u64) -> Run {
    let text = std::fs::read_to_string(world.file()).unwrap();
    let estate = estate::Estate::parse("lifeboat.yaml", &text).unwrap();
    let opened = recovery::World::new(estate, text, world.file(), None);
    let cluster = opened.estate.management().unwrap().1;
    let repository = opened.repository(&cluster.repository).unwrap();
    runs::read(&repository, number).await.unwrap()
}

async fn each_step_was_done_once(world: &World) {
    assert_eq!(world.runs().len(), 1);
    let run = journal(world, 1).await;
    // What would have stood in for a step that was done is left out.
    let planned = run.plan.steps.iter().filter(|step| step.when.is_none());
    let planned: Vec<&str> = planned.map(|step| step.id.as_str()).collect();
    let of = |wanted: &dyn Fn(&Event) -> Option<String>| -> Vec<String> {
        run.entries.iter().filter_map(|entry| wanted(&entry.event)).collect()
    };
    let done = of(&|event| match event {
        Event::Done { step, .. } => Some(step.clone()),
        _ => None,
    });
    assert_eq!(done, planned);
    let failed = of(&|event| match event {
        Event::Failed { step, error, .. } => Some(format!("{step}: {error}")),
        _ => None,
    });
    assert!(failed.is_empty(), "a step failed after a kill: {failed:?}");
    let deaths = deaths();
    let mut killed: Vec<&str> = deaths.iter().map(|(step, _)| *step).collect();
    killed.dedup();
    assert_eq!(killed, planned, "every step is in the list of deaths");
    let claims = of(&|event| matches!(event, Event::Claimed {}).then(String::new)).len();
    // Each call, the one that was killed before it wrote anything included, and the last.
    assert_eq!(claims, deaths.len() + 2);
}

async fn the_standby_serves(world: &World) {
    let run = world.succeeded().await;
    assert_eq!(run["epoch"], 2);
    let mut back: Vec<&str> = Vec::new();
    let agents = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["step"] == "agents")
        .unwrap();
    back.extend(
        agents["outcome"]["agents"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|agent| agent["name"].as_str()),
    );
    back.sort_unstable();
    assert_eq!(back, ["edge-1", "edge-2"]);
    for cluster in ["c-edge1", "c-edge2"] {
        assert!(world.through_the_manager("standby", cluster).await.is_some(), "{cluster}");
    }
    assert_eq!(
        world.name_leads_to().await,
        world.lab.topology().load_balancer("standby").unwrap().to_string()
    );
    let status = world.status().unwrap();
    let standby = crate::world::report(&status, "standby");
    assert_eq!(
        (&standby["serving"]["state"], &standby["serving"]["epoch"]),
        (&Value::from("serving"), &2.into())
    );
}

async fn nothing_is_left_behind(world: &World, temporary: &TempDir, own: &str) {
    let kept = "sha256sum < /etc/kubernetes/lifeboat-replaced-2/pki/ca.key
        stat -c %i /var/lib/etcd/lifeboat-replaced-2/member";
    assert_eq!(world.run("standby-1", kept).await, own, "what the standby had of its own is kept aside");
    assert_ne!(world.run("standby-1", OWN).await, own);
    let parked = world.run("standby-1", "ls -A /etc/kubernetes/lifeboat-parked").await;
    assert_eq!(parked, "", "nothing is parked");
    // Lifeboat takes and proves copies meanwhile, in directories of its own.
    let look = "find /var/lib /etc/kubernetes -xdev -path /var/lib/lifeboat/proof -prune -o -path /var/lib/lifeboat/spool -prune \\
        -o \\( -name '*.partial' -o -name '*.unpacked' -o -name lifeboat-restored -o -name '.?*.????????' \\) -print";
    assert_eq!(world.run("standby-1", look).await, "", "nothing half done lies about");
    let left: Vec<String> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("lifeboat-fetch-"))
        .collect();
    assert!(left.is_empty(), "no opened copy stays with the operator: {left:?}");
}
