//! What a person meets at a bad hour: copies, keys, disks and programs that are not as they must be, agents that stay away.
//! Each is named, with a next command, and nothing half done can start.

use crate::world::{World, block_on, say, served, step, text};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

/// A key of somebody else.
const STRANGER: &str = "AGE-SECRET-KEY-1VYSX6CTYV5KH2UPQDDJHJGR5DPSHGGR0WPJKUUEQDEHHG6RFDENSDP8Q2E\n";
/// base64, and not the zone's.
const OTHER_SECRET: &str = "bm90IHRoZSBzZWNyZXQgb2YgdGhpcyB6b25lIQ==\n";

/// Whose keys and whose data of etcd lie where a control plane takes them from, and what of them could be started.
const OWN: &str = "sha256sum < /etc/kubernetes/pki/ca.key; stat -c %i /var/lib/etcd/member; ls -d /var/lib/etcd/lifeboat* 2>&1 || true";

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn what_is_damaged_is_named_and_nothing_half_done_starts() {
    block_on(async {
        let world = served(&[("mode: automatic", "mode: propose")]).await;
        let two = async || (world.copies().len() >= 2).then_some(());
        world.until("there are two copies", two).await;
        world.break_it(&["site", "main", "--power"]);
        let copies = world.copies();
        let (newest, older) = (&copies[0], &copies[1]);
        let standby = Standby::of(&world).await;

        let (own, shared) = ("clusters/rancher/keys/0000000001", "shared/keys/0000000001");
        another_identity(&world, own, own);
        a_damaged_copy(&world, &standby, newest, older).await;
        // A run was begun by that, and its journal is sealed too.
        another_identity(&world, own, shared);
        full(&world, "/var/lib/lifeboat/takeover-000002/").await;
        no_etcdutl(&world, "put that right on standby-1");
        standby.runs_untouched(&world).await;

        let killed = world
            .command(&["failover", "--yes"])
            .env("LIFEBOAT_LAB_DIE_AT", "etcd:before")
            .output()
            .unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{}", text(&killed.stderr));
        no_etcdutl(&world, "install etcdutl on standby-1");
        standby.is_stopped_and_whole(&world).await;
        full(&world, "standby-1").await;
        standby.is_stopped_and_whole(&world).await;
        another_tsig_key(&world).await;

        let last = world.cli(&["failover", "--yes"]);
        assert!(last.status.success(), "{}", text(&last.stderr));
        assert_eq!(world.runs().len(), 1, "it was one run all the time");
        let run = world.succeeded().await;
        assert_eq!(run["point"], newest.as_str());
        let standby = world.lab.topology().load_balancer("standby").unwrap().to_string();
        assert_eq!(world.name_leads_to().await, standby);
    });
}

/// The newest copy cut off, then with one byte changed, then as it was.
async fn a_damaged_copy(world: &World, standby: &Standby, newest: &str, older: &str) {
    let key = format!("clusters/rancher/parts/{newest}/files");
    let curl = format!(
        "curl -sS --fail --aws-sigv4 aws:amz:us-east-1:s3 --user '{}:{}' http://s3-standby.lab.test:8333/lifeboat/{key}",
        world.lab.s3().access_key,
        world.lab.s3().secret_key
    );
    world.run("witness", &format!("{curl} -o /var/tmp/sound")).await;
    let cut = "head -c $(($(stat -c %s sound) / 2)) sound > damaged";
    let flip = "cp sound damaged; at=$(($(stat -c %s sound) / 2)); byte=$(od -An -tu1 -j $at -N 1 sound)
        printf \"\\\\$(printf %03o $((byte ^ 1)))\" | dd of=damaged bs=1 seek=$at conv=notrunc status=none";
    for damage in [cut, flip] {
        world
            .run("witness", &format!("cd /var/tmp; {damage}; ! cmp -s sound damaged; {curl} -T damaged"))
            .await;
        // A copy that is asked for by name is restored, whatever is followed.
        let refused = world.refused(&["failover", "--yes", "--copy", newest]);
        refused.is(4, "LB0306", &[&key]);
        refused.hints(&format!("lifeboat run cancel 1 --yes, then lifeboat failover --yes --copy {older}"));
        standby.runs_untouched(world).await;
    }
    // The hints lead somewhere: an older copy is sound, and a run that has begun is ended before another one begins.
    let hinted = world.json(&["plan", "--copy", older]).unwrap();
    assert_eq!(hinted["point"], older);
    let refused = world.refused(&["failover", "--yes", "--copy", older]);
    refused.is(1, "LB0706", &["run 1", newest, older]);
    refused.hints("lifeboat run cancel 1 --yes");
    world.run("witness", &format!("{curl} -T /var/tmp/sound")).await;
}

/// What a plan and what a failover cannot open.
fn another_identity(world: &World, planned: &str, failed_over: &str) {
    let identity = world.lab.directory().join("identity.txt");
    let mine = Swapped::with(identity.clone(), STRANGER);
    for (words, object) in [(["plan"].as_slice(), planned), (&["failover", "--yes"], failed_over)] {
        let refused = world.refused(words);
        refused.is(3, "LB0305", &[object]);
        refused.hints(&format!("age-keygen -y {}", identity.display()));
    }
    mine.back();
}

async fn full(world: &World, place: &str) {
    let lab = world.lab.topology().name().to_string();
    let fault = world
        .json(&["lab", "break", "--name", &lab, "host", "standby-1", "--fill"])
        .unwrap();
    let refused = world.refused(&["failover", "--yes"]);
    refused.is(3, "LB0805", &["standby-1", place]);
    refused.hints("make room on standby-1");
    let healed = world.cli(&["lab", "heal", "--name", &lab, &fault["id"].to_string()]);
    assert!(healed.status.success(), "{}", text(&healed.stderr));
}

/// Found before the fence if it is missing then; otherwise by the step that needs it.
fn no_etcdutl(world: &World, hint: &str) {
    let program = world.lab.directory().join("bin/etcdutl");
    let away = program.with_extension("away");
    std::fs::rename(&program, &away).unwrap();
    let refused = world.refused(&["failover", "--yes"]);
    refused.is(3, "LB0806", &["etcdutl", "standby-1"]);
    refused.hints(hint);
    std::fs::rename(&away, &program).unwrap();
}

/// By then the standby serves, by its own right; only the name still leads to the lost site.
async fn another_tsig_key(world: &World) {
    let mine = Swapped::with(world.lab.directory().join("tsig.key"), OTHER_SECRET);
    let refused = world.refused(&["failover", "--yes"]);
    refused.is(3, "LB0502", &["TSIG key lifeboat", "BADSIG"]);
    refused.hints("compare dns.key in the estate with the key lifeboat");
    let main = world.lab.topology().load_balancer("main").unwrap().to_string();
    assert_eq!(world.name_leads_to().await, main);
    assert_eq!(world.state_of("standby"), "serving");
    mine.back();
}

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn agents_that_stay_away_are_named() {
    block_on(async {
        let within = ("    manager:\n", "    manager:\n      agentsWithin: 90s\n");
        let world = served(&[("mode: automatic", "mode: propose"), within]).await;
        world.break_it(&["site", "main", "--power"]);
        let cut = ambient::monotonic();
        // Too late for main to see it: the copies say that it is connected.
        world.run("edge-2", "sv -w 10 force-stop agent || sv -w 5 down agent").await;

        let refused = world.refused(&["failover", "--yes"]);
        refused.is(3, "LB0809", &["1 of 2", "edge-2 (c-edge2)"]);
        assert!(!refused.names("edge-1"), "edge-1 is back: {}", refused.error);
        assert!(refused.said.contains("edge-1 (c-edge1) is connected"), "{}", refused.said);
        refused.hints("the same command again");
        say(&format!("edge-2 named {:.0} s after the loss of power", cut.elapsed().as_secs_f64()));
        let run = world.json(&["run", "show"]).unwrap();
        assert_eq!((&run["run"], &run["state"]), (&1.into(), &"stopped".into()));
        assert_eq!(run["problem"]["code"], "LB0809");
        assert!(run["problem"]["causes"][0].as_str().unwrap().starts_with("edge-2 (c-edge2): "), "{run}");
        let shown = text(&world.cli(&["run", "show"]).stdout);
        assert!(shown.contains("stopped: ") && shown.contains("because: edge-2 (c-edge2)"), "{shown}");

        world.run("edge-2", "sv up agent").await;
        let last = world.cli(&["failover", "--yes"]);
        assert!(last.status.success(), "{}", text(&last.stderr));
        let run = world.succeeded().await;
        let agents = step(&run, "agents")["outcome"]["agents"].as_array().unwrap();
        assert_eq!((run["run"].as_u64(), agents.len()), (Some(1), 2));
        say(&format!("all back {:.0} s after the loss of power", cut.elapsed().as_secs_f64()));
    });
}

/// How the standby's host was before any run.
struct Standby {
    own: String,
    running: String,
}

impl Standby {
    async fn of(world: &World) -> Self {
        let running = world.serving_on("standby-1").await;
        assert!(running.contains("etcd") && running.contains("kube-apiserver"), "{running}");
        Self { own: world.run("standby-1", OWN).await, running }
    }

    /// The very same processes still run, on the same keys and data.
    async fn runs_untouched(&self, world: &World) {
        assert_eq!(world.serving_on("standby-1").await, self.running);
        assert_eq!(world.run("standby-1", OWN).await, self.own);
    }

    /// Nothing runs, nothing is started by itself, and where data would be started from lies what lay there before.
    async fn is_stopped_and_whole(&self, world: &World) {
        assert_eq!(world.serving_on("standby-1").await, "");
        assert_eq!(world.run("standby-1", "ls -A /etc/kubernetes/manifests").await, "");
        assert_eq!(world.run("standby-1", OWN).await, self.own);
    }
}

/// A file of the operator with another text in it.
struct Swapped {
    path: PathBuf,
    before: String,
}

impl Swapped {
    fn with(path: PathBuf, text: &str) -> Self {
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        Self { path, before }
    }

    fn back(self) {
        std::fs::write(self.path, self.before).unwrap();
    }
}

/// How a command ended that did not succeed.
struct Refused {
    exit: Option<i32>,
    error: Value,
    /// All that it said.
    said: String,
}

impl Refused {
    /// Whether the error names something.
    fn names(&self, what: &str) -> bool {
        self.error["message"].as_str().unwrap().contains(what) || self.error["causes"].to_string().contains(what)
    }

    fn is(&self, exit: i32, code: &str, names: &[&str]) {
        assert_eq!((self.exit, &self.error["code"]), (Some(exit), &code.into()), "{}", self.error);
        for name in names {
            assert!(self.names(name), "{name} is not named: {}", self.error);
        }
    }

    fn hints(&self, command: &str) {
        assert!(
            self.error["hint"].as_str().unwrap().contains(command),
            "{command} is no hint: {}",
            self.error
        );
    }
}

impl World {
    /// A command of the operator that must not succeed.
    fn refused(&self, words: &[&str]) -> Refused {
        let output = self.cli(&[words, &["--output", "json"]].concat());
        let said = text(&output.stderr);
        let error = said.lines().rev().find(|line| line.starts_with('{'));
        let error = serde_json::from_str(error.unwrap_or_else(|| panic!("{words:?} has no error: {said}"))).unwrap();
        let refused = Refused { exit: output.status.code(), error, said };
        say(&format!("{}\n      {}", words.join(" "), refused.error));
        refused
    }

    /// The ids of all copies, the newest first.
    fn copies(&self) -> Vec<String> {
        let points = self.json(&["points", "rancher"]).unwrap();
        points["clusters"][0]["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|copy| copy["id"].as_str().unwrap().to_owned())
            .collect()
    }
}
