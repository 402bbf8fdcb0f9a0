//! `lifeboat serve` of an estate in which nobody fails over: from nothing to protected, the second host that takes over from one that
//! was killed, and a changed estate file.

use super::place::Place;
use super::server::{Server, newest};
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Longer than anything here takes, by far.
const LIMIT: Duration = Duration::from_secs(90);

/// A host's Lifeboat.
pub(super) struct Serving {
    pub(super) child: Child,
    pub(super) socket: String,
}

impl Serving {
    pub(super) fn begin(place: &Place, host: &str) -> Self {
        let socket = place.0.join(format!("{host}.sock")).display().to_string();
        let line = format!("serve --host {host} --directory state-{host} --control {socket}");
        let log = std::fs::File::create(place.0.join(format!("{host}.log"))).unwrap();
        let mut command = place.command(&line);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, socket }
    }

    /// What it says of a cluster; nothing when it cannot be asked.
    fn says(&self, place: &Place, cluster: &str) -> Option<Value> {
        let said = place.run(&format!("status --here --control {} --output json", self.socket));
        let report: Value = serde_json::from_str(&said.out).ok()?;
        let all = report["protections"].as_array()?.clone();
        all.into_iter().find(|it| it["cluster"] == cluster)
    }

    /// Waits until what it says of a cluster is as it should be.
    async fn until(&self, place: &Place, cluster: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = ambient::monotonic() + LIMIT;
        let mut last = None;
        while ambient::monotonic() < deadline {
            last = self.says(place, cluster);
            if let Some(it) = last.as_ref().filter(|it| is_so(it)) {
                return it.clone();
            }
            ambient::sleep(Duration::from_millis(200)).await;
        }
        let log = place.0.join(self.socket.replace(".sock", ".log"));
        panic!("not {what}: {last:?}\n{}", std::fs::read_to_string(log).unwrap_or_default());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn captures(it: &Value) -> bool {
    it["duty"]["duty"] == "captures"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: cargo xtask test"]
async fn an_estate_is_protected_by_whoever_lives() {
    let place = Place::new("served");
    let server = Server::start(&newest(), None).await;
    let client = server.client().await;
    let put = async |value: &'static str| client.put("/registry/x", value, 0).await.unwrap().revision;
    let cluster = |name: &str| {
        format!(
            "  {name}:\n    role: downstream\n    distribution: other\n    site: main\n    \
             etcd: {{endpoints: ['{}']}}\n    hosts: [main-1]\n    repository: standby-s3\n    \
             protect: {{by: [main-1, witness], every: 5s, files: {{paths: [{}/settings]}}}}\n",
            server.connection.endpoint,
            place.0.display()
        )
    };
    std::fs::create_dir(place.0.join("settings")).unwrap();
    std::fs::write(place.0.join("settings/a"), "one").unwrap();
    let text = std::fs::read_to_string(place.0.join("lifeboat.yaml")).unwrap();
    let begin = text.find("clusters:\n  rancher").unwrap();
    let plain = text[..begin].replace("    ssh: {}\n", "");
    std::fs::write(place.0.join("lifeboat.yaml"), format!("{plain}clusters:\n{}", cluster("shop"))).unwrap();
    place.must("repository init --repository standby-s3 --root-key root.key");

    // From nothing to protected.
    let first = put("one").await;
    let main = Serving::begin(&place, "main-1");
    let stored = |it: &Value, revision: u64| it["stored"].as_u64().is_some_and(|stored| stored >= revision);
    main.until(&place, "shop", "captured", |it| captures(it) && stored(it, first))
        .await;
    main.until(&place, "shop", "proven", |it| !it["proof"].is_null() && !it["newest"].is_null())
        .await;
    let points = || place.must("points shop --output json").out;
    assert!(points().contains("\"revision\""), "{}", points());

    // What can be tried is well, and what nobody could judge says so.
    let is = |socket: &str, what: &str, state: &str| {
        let said = place.run(&format!("check --host main-1 --control {socket} --output json"));
        let all: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        let found = all.iter().find(|it| it["what"] == what);
        assert!(found.is_some_and(|it| it["state"] == state), "{what}: {}\n{}", said.out, said.err);
    };
    for what in [
        "etcd of shop",
        "rights at etcd of shop",
        "versions of etcd of shop",
        "rights at standby-s3",
    ] {
        is(&main.socket, what, "ok");
    }
    is(&main.socket, "newest point of shop", "ok");
    is(&main.socket, "recovery set of shop", "unknown");
    is(&main.socket, "host witness", "unknown");

    // A second host stands by, and takes over when the first is killed.
    let other = Serving::begin(&place, "witness");
    other
        .until(&place, "shop", "standing by", |it| it["duty"]["duty"] == "standsBy")
        .await;
    let mut main = main;
    main.child.kill().unwrap();
    main.child.wait().unwrap();
    let second = put("two").await;
    other
        .until(&place, "shop", "taken over", |it| captures(it) && stored(it, second))
        .await;

    // A file that changes is in a point of its own soon.
    let before = other.says(&place, "shop").unwrap()["newest"]["id"].clone();
    std::fs::write(place.0.join("settings/b"), "two").unwrap();
    other
        .until(&place, "shop", "a new point", |it| {
            !it["newest"].is_null() && it["newest"]["id"] != before
        })
        .await;

    // A cluster that is added is protected, and the one that was there does not notice.
    std::fs::write(
        place.0.join("lifeboat.yaml"),
        format!("{plain}clusters:\n{}{}", cluster("shop"), cluster("bank")),
    )
    .unwrap();
    place.must("repository keys apply --repository standby-s3 --root-key root.key");
    other.until(&place, "bank", "captured", captures).await;
    let log = std::fs::read_to_string(place.0.join("witness.log")).unwrap();
    assert_eq!(log.matches("shop: watching").count(), 1, "{log}");

    // Ended well, it leaves nobody to wait, and what it stored is what etcd has.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(other.child.id()).unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    let mut other = other;
    assert_eq!(other.child.wait().unwrap().code(), Some(0));
    // With nobody to ask, its set is judged here.
    is("none.sock", "recovery set of shop", "unknown");
    let verified = place.must(&format!("etcd verify --cluster shop --endpoints {}", server.connection.endpoint));
    assert!(verified.out.contains(&second.to_string()), "{}", verified.out);
}
