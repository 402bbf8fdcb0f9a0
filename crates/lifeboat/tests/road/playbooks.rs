//! One playbook, carried out by a person who reads it, by a person who is led, by Lifeboat up to gates, and by Lifeboat alone; and not at
//! all.

use crate::world::{HOSTS, World, block_on, report, say, served, step, text};
use recovery::runs;
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Nobody but the test declares anything.
const PROPOSE: (&str, &str) = ("mode: automatic", "mode: propose");

/// What a run is made of that does not depend on the day: each step, its kind, what it comes after, and what becomes of a failure.
fn form(plan: &plan::Plan) -> Vec<String> {
    let steps = plan.steps.iter().enumerate();
    steps
        .map(|(n, step)| format!("{} {} {:?} {:?}", step.id, step.action.kind(), plan.after(n), step.on_failure))
        .collect()
}

/// The plan of a run, as its journal has it.
async fn plan_of(world: &World, number: u64) -> plan::Plan {
    let file = world.file();
    let text = std::fs::read_to_string(&file).unwrap();
    let estate = estate::Estate::parse("lifeboat.yaml", &text).unwrap();
    let open = recovery::World::new(estate, text, file, None);
    let repository = open.repository(&"standby-s3".parse().unwrap()).unwrap();
    runs::read(&repository, number).await.unwrap().plan
}

/// All that a run could change: files of the hosts, what runs there, names, runs. Without what changes by itself.
async fn seen(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for host in HOSTS {
        let look = "find /etc /root /opt /usr/local -type f -not -path '/etc/sv/*/supervise/*' -print0 2>/dev/null | sort -z | xargs -0 sha256sum 2>/dev/null
             find /var/lib/etcd /var/lib/lifeboat -maxdepth 2 -type d 2>/dev/null | grep -v -e '/history' -e '/follow' -e '/points' | sort
             pgrep -l -x 'etcd|kube-apiserver|kube-controller|kube-scheduler|lab-manager' | sort || true";
        all.extend(world.run(host, look).await.lines().map(|line| format!("{host} {line}")));
    }
    all.push(world.name_leads_to().await);
    all.push(format!("{} runs", world.runs().len()));
    all
}

/// Something that has to come back, in a copy that is proven.
async fn kept(world: &World) {
    world
        .kubectl("main-1", "create configmap kept -n default --from-literal=a=b")
        .await;
    let revision = world
        .kubectl("main-1", "get configmap kept -n default -o jsonpath={.metadata.resourceVersion}")
        .await;
    let revision: i64 = revision.parse().unwrap();
    world
        .until("a copy with it is proven", async || {
            let status = world.status()?;
            (report(&status, "standby")["proven"]["revision"].as_i64()? >= revision).then_some(())
        })
        .await;
}

/// A person at a terminal of the operator's who types these lines.
fn typed(world: &World, words: &[&str], lines: &str) -> std::process::Output {
    let mut command = world.command(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn one_plan_in_every_mode_and_in_none() {
    block_on(async {
        let world = served(&[PROPOSE]).await;
        let before = seen(&world).await;
        for playbook in ["rebuild-cluster", "management-failover"] {
            let tried = world.cli(&["run", playbook, "--dry-run"]);
            let said = text(&tried.stdout);
            assert!(tried.status.success(), "{said}{}", text(&tried.stderr));
            assert!(said.contains("nothing was changed") && !said.contains("NOT READY"), "{said}");
        }
        assert_eq!(seen(&world).await, before, "a dry run changes nothing");

        kept(&world).await;
        let guided = typed(&world, &["run", "rebuild-cluster", "--guided", "--as", "ann"], &"l\n".repeat(12));
        assert!(guided.status.success(), "{}", text(&guided.stderr));
        for (number, mode) in [(2, "--scripted"), (3, "--automatic")] {
            let done = world.cli(&["run", "rebuild-cluster", mode, "--yes"]);
            assert!(done.status.success(), "{mode}: {}", text(&done.stderr));
            assert_eq!(form(&plan_of(&world, number).await), form(&plan_of(&world, 1).await), "{mode}");
        }
        world.ready("main-1").await;
        world.kubectl("main-1", "get configmap kept -n default").await;
        say("the manager was rebuilt on its own site by ann, by scripts and by itself");

        // Ann leaves in the middle of it, and bob goes on elsewhere; what he says that he did is looked at.
        world.break_it(&["site", "main", "--power"]);
        let begun = ambient::monotonic();
        let words = ["run", "management-failover", "--guided", "--as", "ann"];
        let left = typed(&world, &words, "l\nl\nl\nq\n");
        assert_eq!(left.status.code(), Some(3), "{}", text(&left.stderr));
        assert!(text(&left.stderr).contains("LB0709"), "{}", text(&left.stderr));
        let other = world.cli(&["run", "management-failover", "--yes"]);
        let said = text(&other.stderr);
        assert!(said.contains("LB0706") && said.contains("lifeboat run show 4 --follow"), "{said}");
        assert!(said.contains("is at work on it, or was last"), "{said}");
        // Who was told can watch, from when somebody is at work again.
        let watch = "until \"$0\" run show 4 2>/dev/null | grep -q '^run 4 running'; do :; done; exec \"$0\" run show 4 --follow";
        let mut watching = Command::new("timeout");
        watching
            .args(["240", "sh", "-c", watch])
            .arg(world.lab.directory().join("bin/lifeboat"));
        watching
            .env("LIFEBOAT_ESTATE", world.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let watching = watching.spawn().unwrap();
        let bob = format!("printf 'd\\n{}' | lifeboat run resume 4 --guided --as bob 2>&1", "l\\n".repeat(9));
        let done = world.run("standby-1", &bob).await;
        assert!(done.contains("it does not look done") && done.contains("run 4 succeeded"), "{done}");
        let watched = watching.wait_with_output().unwrap();
        let (seen, told) = (text(&watched.stdout), text(&watched.stderr));
        assert!(watched.status.success() && seen.contains("run 4 succeeded"), "{seen}{told}");
        assert!(told.contains(">> ") && told.contains("control-plane"), "{told}");
        say(&format!("led by hand to the standby after {:.1} s", begun.elapsed().as_secs_f64()));
        let standby = world.lab.topology().load_balancer("standby").unwrap().to_string();
        assert_eq!(world.name_leads_to().await, standby);
        for cluster in ["c-edge1", "c-edge2"] {
            assert!(world.through_the_manager("standby", cluster).await.is_some(), "{cluster}");
        }

        let written = world.run("standby-1", "cd /tmp && lifeboat run report 4 --into report.md 2>&1 && lifeboat run verify-report report.md 2>&1 && cat report.md").await;
        assert!(written.contains("is as standby-1 signed it") && written.contains("bob"), "{written}");
        let forged = "cd /tmp && sed -i s/bob/eve/ report.md && ! lifeboat run verify-report report.md 2>&1";
        assert!(
            world.run("standby-1", forged).await.contains("LB0311"),
            "a report that was changed is not believed"
        );
        let run: Value = world.json(&["run", "show", "4"]).unwrap();
        assert_eq!(step(&run, "promote")["outcome"]["letBy"], "bob");
    });
}

/// A block of a runbook: the host, and what is typed there.
struct Block {
    on: String,
    lines: String,
}

/// What a document says that is typed, to the letter, where each step that another stands in for is done.
fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut stands_in) = (Vec::new(), false);
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        stands_in = !line.starts_with("### ") && stands_in || line == "Only if step promote was not done.";
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some(on) = info.strip_prefix("sh ").filter(|_| !stands_in) {
            blocks.push(Block { on: on.to_owned(), lines: body.join("\n") });
        }
    }
    blocks
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn the_runbook_alone_brings_the_manager_back() {
    block_on(async {
        let world = served(&[PROPOSE]).await;
        kept(&world).await;
        let file = world.lab.directory().join("runbook.md");
        let path = file.display().to_string();
        let made = world.cli(&["runbook", "management-failover", "--into", &path]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let document = std::fs::read_to_string(&file).unwrap();
        let stamp = text(&world.cli(&["runbook", "management-failover", "--stamp"]).stdout);
        assert!(document.contains(&format!("Stamp {}.", stamp.trim())), "{stamp}");

        // What the first act of the fence says: the power of main is switched off.
        assert!(document.contains("**Do:** Make sure that main is off"), "{document}");
        world.break_it(&["site", "main", "--power"]);
        let begun = ambient::monotonic();
        let bin = world.lab.directory().join("bin");
        for block in blocks(&document) {
            match block.on.as_str() {
                "here" => {
                    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
                    let typed = Command::new("bash")
                        .args(["-e", "-c", &block.lines])
                        .current_dir(world.lab.directory())
                        .env("LIFEBOAT_ESTATE", world.file())
                        .env("PATH", path)
                        .output()
                        .unwrap();
                    let said = format!("{}{}", text(&typed.stdout), text(&typed.stderr));
                    assert!(typed.status.success(), "{}\n{said}", block.lines);
                }
                // What the lab's hosts have in a kubelet's place is no unit.
                host => drop(world.run(host, &format!("systemctl() {{ :; }}\n{}", block.lines)).await),
            }
        }
        say(&format!("the runbook was typed after {:.1} s", begun.elapsed().as_secs_f64()));
        world.ready("standby-1").await;
        world.kubectl("standby-1", "get configmap kept -n default").await;
        let standby = world.lab.topology().load_balancer("standby").unwrap().to_string();
        assert_eq!(world.name_leads_to().await, standby);
        world
            .until("every downstream cluster answers through the manager", async || {
                for cluster in ["c-edge1", "c-edge2"] {
                    world.through_the_manager("standby", cluster).await?;
                }
                Some(())
            })
            .await;
        say(&format!("all agents are back after {:.1} s", begun.elapsed().as_secs_f64()));
    });
}
