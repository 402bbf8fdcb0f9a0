//! An estate in the lab that Lifeboat serves, and ways to look at it. Start at [`served`].

use lab::Lab;
use serde_json::Value;
use std::future::Future;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The limit on whatever is waited for: many times what it takes on a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(240);
/// The hosts on which Lifeboat serves.
pub(crate) const HOSTS: [&str; 3] = ["main-1", "standby-1", "witness"];

/// The lab of these tests, and the save that each but the first begins with; `LIFEBOAT_ROAD_NAME` gives another name.
static NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("LIFEBOAT_ROAD_NAME").unwrap_or_else(|_| "road".to_owned()));
/// Out of the way of labs that take the first free range; `LIFEBOAT_ROAD_SUBNET` gives another one.
static SUBNET: LazyLock<String> =
    LazyLock::new(|| std::env::var("LIFEBOAT_ROAD_SUBNET").unwrap_or_else(|_| "10.117.0.0/16".to_owned()));

/// Takes the lab down at the end of its test, also when that panics.
pub(crate) struct World {
    pub(crate) lab: Lab,
}

impl Drop for World {
    fn drop(&mut self) {
        // A second panic in here would end the whole run, so nothing of this asserts.
        if std::thread::panicking() {
            for host in HOSTS {
                let words = [
                    "lab",
                    "exec",
                    "--name",
                    &NAME,
                    host,
                    "--",
                    "tail",
                    "-n",
                    "25",
                    "/var/log/lifeboat.log",
                ];
                let log = Command::new(lifeboat()).args(words).output();
                say(&format!("{host}:\n{}", log.map(|log| text(&log.stdout)).unwrap_or_default()));
            }
        }
        let _best_effort = Command::new(lifeboat()).args(["lab", "down", "--name", &NAME]).output();
    }
}

/// A fresh estate, with these changes made in its file on all hosts; Lifeboat serves it, and a copy is proven.
pub(crate) async fn served(changes: &[(&str, &str)]) -> World {
    let begun = ambient::monotonic();
    let world = fresh().await;
    world.change(changes).await;
    lab_must(&["serve", "--name", &NAME]);
    world
        .until("all is protected", async || {
            let status = world.status()?;
            let (main, standby, witness) =
                (report(&status, "main"), report(&status, "standby"), report(&status, "witness"));
            let confirmed = !standby["renewed"].is_null() && !witness["renewed"].is_null();
            let serves = main["serving"]["state"] == "serving" && status["verdict"]["kind"] == "stay";
            let ready = !standby["proven"].is_null() && standby["unfit"].as_array().is_some_and(Vec::is_empty);
            (serves && confirmed && ready).then_some(())
        })
        .await;
    say(&format!("an estate is served after {:.1} s", begun.elapsed().as_secs_f64()));
    world
}

/// A fresh lab that nobody serves yet: brought up by the first test, by this very build; loaded by the others.
pub(crate) async fn fresh() -> World {
    static SAVED: AtomicBool = AtomicBool::new(false);
    down();
    if SAVED.load(Ordering::SeqCst) {
        lab_must(&["load", &NAME]);
    } else {
        up(&[]);
        let _absent = std::fs::remove_dir_all(lab::tools::cache().join("labs").join(&*NAME));
    }
    let world = World::open();
    // The copies say `Connected` only after the manager has looked, 15 s after its start.
    world
        .until("the manager's conditions say that the agents are connected", async || {
            let status = world.lab.status().await.ok()?;
            let connected = status.agents.iter().filter(|agent| agent.condition.as_deref() == Some("True"));
            (connected.count() == status.agents.len()).then_some(())
        })
        .await;
    if !SAVED.swap(true, Ordering::SeqCst) {
        lab_must(&["save", &NAME, "--name", &NAME]);
    }
    world
}

/// A lab of another kind, which no other test needs.
pub(crate) fn fresh_with(options: &[&str]) -> World {
    down();
    up(options);
    World::open()
}

fn down() {
    let _absent = Command::new(lifeboat()).args(["lab", "down", "--name", &NAME]).output();
}

fn up(options: &[&str]) {
    lab_must(
        &[
            &["up", "--name", &NAME, "--objects", "40", "--subnet", &SUBNET],
            options,
        ]
        .concat(),
    );
}

impl World {
    pub(crate) fn open() -> Self {
        Self {
            lab: Lab::open(&NAME.parse().unwrap()).unwrap_or_else(|e| panic!("{e}")),
        }
    }

    /// Changes the estate file, on the hosts and at the operator's.
    pub(crate) async fn change(&self, changes: &[(&str, &str)]) {
        let file = self.file();
        let mut text = std::fs::read_to_string(&file).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from:?} is not in the estate file");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(&file, &text).unwrap();
        for host in HOSTS {
            let script =
                format!("cat > /etc/lifeboat/lifeboat.yaml <<'END'\n{text}\nEND\nsync /etc/lifeboat/lifeboat.yaml");
            self.run(host, &script).await;
        }
    }

    /// The estate file of the operator, who stands outside.
    pub(crate) fn file(&self) -> PathBuf {
        self.lab.estate_file().unwrap()
    }

    /// Runs `lifeboat` with these words as the operator.
    pub(crate) fn cli(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// A command of the operator, with the program that the hosts have.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.lab.directory().join("bin/lifeboat"));
        // Who carries out a run has Helm and OpenTofu, as every host of the lab has.
        let mut path = vec![lab::tools::helm(), lab::tools::opentofu()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        command
            .args(words)
            .env("LIFEBOAT_ESTATE", self.file())
            .env("PATH", std::env::join_paths(path).unwrap());
        command
    }

    /// `lifeboat lab` with these words.
    pub(crate) fn lab_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(lifeboat());
        command.arg("lab").args(words).args(["--name", &NAME]);
        command
    }

    /// What `lifeboat WORDS --output json` says; `None` when it fails.
    pub(crate) fn json(&self, words: &[&str]) -> Option<Value> {
        let output = self.cli(&[words, &["--output", "json"]].concat());
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// What `lifeboat status` says of who serves the management cluster; it says so, too, when a person is needed.
    pub(crate) fn status(&self) -> Option<Value> {
        let output = self.cli(&["status", "--output", "json"]);
        let mut status: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(status["serves"].take()).filter(|serves| !serves.is_null())
    }

    /// What `lifeboat status` says to people.
    pub(crate) fn status_text(&self) -> String {
        text(&self.cli(&["status"]).stdout)
    }

    /// The state of a site: `serving`, `fenced`, ...; empty when it does not answer.
    pub(crate) fn state_of(&self, site: &str) -> String {
        let status = self.status().unwrap_or_default();
        report(&status, site)["serving"]["state"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The runs there are.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let runs = self.json(&["runs"]).unwrap_or_else(|| panic!("the runs cannot be listed"));
        runs.as_array().cloned().unwrap()
    }

    /// The first run, as soon as it has succeeded.
    pub(crate) async fn succeeded(&self) -> Value {
        let done = self.until("run 1 succeeds", async || {
            self.json(&["run", "show", "1"]).filter(|run| run["state"] == "succeeded")
        });
        done.await
    }

    /// Runs a script on a host; it must succeed.
    pub(crate) async fn run(&self, host: &str, script: &str) -> String {
        self.lab.run(host, script).await.unwrap_or_else(|e| panic!("{host}: {e}"))
    }

    /// Lifeboat serves on main-1 an estate of this one cluster, without a standby, into a directory there.
    pub(crate) async fn protects_alone(&self, cluster: &str) {
        let address = self.lab.topology().host("main-1").unwrap().address;
        let made = async |place: &str| {
            let script =
                format!("umask 077; mkdir -p {place}; lifeboat repository keys new --into {place} --output json");
            serde_json::from_str::<Value>(&self.run("main-1", &script).await).unwrap()
        };
        // Beside what is destroyed, so that no test need bring them back: another one does.
        let (own, spare) = (made("/opt/keys").await, made("/opt/spare").await);
        let estate = format!(
            "name: alone\nsites: {{main: {{}}, other: {{}}}}\nhosts:\n  main-1: {{site: main, address: {address}}}\n\
             repositories:\n  other:\n    site: other\n    url: file:/opt/copies\n    recipients:\n    \
             - {{name: main-1, key: {}}}\n    - {{name: spare, key: {}}}\n    writers:\n    \
             - {{name: main-1, key: '{}'}}\n    identity: file:/opt/keys/identity.txt\n    signer: file:/opt/keys/signer.key\n\
             clusters:\n  {cluster}\n",
            own["recipient"].as_str().unwrap(),
            spare["recipient"].as_str().unwrap(),
            own["writer"].as_str().unwrap(),
        );
        let script = format!(
            "umask 077; mkdir -p /etc/lifeboat /opt/copies; cat >/etc/lifeboat/lifeboat.yaml <<'END'\n{estate}\nEND
             lifeboat repository init --root-key /opt/root.key --into /opt/sheet.txt
             cd /; setsid lifeboat serve </dev/null >/var/log/lifeboat.log 2>&1 &"
        );
        self.run("main-1", &script).await;
    }

    /// `kubectl` on a host of a control plane, as its administrator.
    pub(crate) async fn kubectl(&self, host: &str, words: &str) -> String {
        self.run(host, &format!("kubectl --kubeconfig /etc/kubernetes/super-admin.conf {words}"))
            .await
    }

    /// What `lifeboat etcd WORDS` says on a host; `None` when it fails.
    pub(crate) async fn etcd(&self, host: &str, words: &str) -> Option<Value> {
        let said = self.lab.run(host, &format!("lifeboat etcd {words} --output json")).await.ok()?;
        serde_json::from_str(&said).ok()
    }

    /// Rebuilds on a host, as the only member; `words` say what, and where it goes.
    pub(crate) async fn rebuild(&self, host: &str, words: &str) -> Value {
        let address = self.lab.topology().host(host).unwrap().address;
        let words = format!("rebuild {words} --name {host} --member {host}=https://{address}:2380");
        let made = self.etcd(host, &words).await;
        made.unwrap_or_else(|| panic!("lifeboat etcd {words}"))
    }

    /// Waits until the API server on a host is ready.
    pub(crate) async fn ready(&self, host: &str) {
        self.until("the API server is ready", async || {
            let ready = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf get --raw /readyz";
            self.lab.run(host, ready).await.ok()
        })
        .await;
    }

    /// What runs on a host that writes to a cluster's state or serves it, a line a process; empty when nothing does.
    pub(crate) async fn serving_on(&self, host: &str) -> String {
        let look = "pgrep -l -x 'etcd|kube-apiserver|kube-controller|kube-scheduler|lab-manager' || [ $? = 1 ]";
        self.run(host, look).await
    }

    /// Where the manager's name leads an agent.
    pub(crate) async fn name_leads_to(&self) -> String {
        let found = self.run("edge-1", "getent ahostsv4 rancher.lab.test").await;
        found.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// What a downstream cluster's own API server tells an outsider through the manager at `site`; `None` when it does not.
    /// The token goes to curl's input: others see its words.
    pub(crate) async fn through_the_manager(&self, site: &str, cluster: &str) -> Option<String> {
        let (address, token) = (self.lab.topology().load_balancer(site).unwrap(), self.lab.api_token());
        let script = format!(
            "curl -sSk --fail --max-time 10 -H @- --resolve rancher.lab.test:443:{address} \\
               https://rancher.lab.test/k8s/clusters/{cluster}/version <<'END'\nAuthorization: Bearer {token}\nEND"
        );
        self.lab.run("edge-1", &script).await.ok()
    }

    /// Breaks something, in the words of `lifeboat lab break`.
    pub(crate) fn break_it(&self, words: &[&str]) {
        lab_must(&[&["break", "--name", &NAME], words].concat());
    }

    /// Heals everything.
    pub(crate) fn heal(&self) {
        lab_must(&["heal", "--name", &NAME]);
    }

    /// Asks again and again until `wanted` says yes; panics with `what` at the limit.
    pub(crate) async fn until<T>(&self, what: &str, mut wanted: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = ambient::monotonic() + LONG;
        loop {
            if let Some(value) = wanted().await {
                return value;
            }
            if ambient::monotonic() >= deadline {
                let status = self.cli(&["status"]);
                panic!("not in {} s: {what}\n{}{}", LONG.as_secs(), text(&status.stdout), text(&status.stderr));
            }
            ambient::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The report of a site in a status; null when it did not answer.
pub(crate) fn report<'a>(status: &'a Value, site: &str) -> &'a Value {
    let sites = status["sites"].as_array().map(Vec::as_slice).unwrap_or_default();
    sites
        .iter()
        .find(|found| found["name"] == site)
        .map_or(&Value::Null, |found| &found["report"])
}

/// A step of a run that was shown.
pub(crate) fn step<'a>(run: &'a Value, step: &str) -> &'a Value {
    let steps = run["steps"].as_array().unwrap();
    steps
        .iter()
        .find(|found| found["step"] == step)
        .unwrap_or_else(|| panic!("no step {step} in {run}"))
}

/// The reasons of a verdict, a line each.
pub(crate) fn reasons(status: &Value) -> String {
    let reasons = status["verdict"]["reasons"].as_array().into_iter().flatten();
    reasons.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _gone = writeln!(std::io::stderr(), "    {text}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Does asynchronous work in a test.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Runs `lifeboat lab` with these words; it must succeed.
fn lab_must(words: &[&str]) {
    let output = Command::new(lifeboat()).arg("lab").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
}

/// The binary under test.
fn lifeboat() -> &'static str {
    env!("CARGO_BIN_EXE_lifeboat")
}
