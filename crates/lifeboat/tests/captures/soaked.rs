//! `lifeboat serve` while things break around it, one after the other: what was called safe is there afterwards, what is at risk is
//! told meanwhile, and it catches up alone. Start at [`soak`].
//!
//! `LIFEBOAT_KILLS` says how often it is killed, `LIFEBOAT_OUTAGE_SECONDS` how long the repository is away, and `LIFEBOAT_SEED` when it is
//! killed; all are told at the end.

mod around;
mod watched;
mod writer;

use super::place::Place;
use super::served::Serving;
use super::server::{Cluster, newest};
use super::weed;
use around::{all, estate, fill, kept, put_bucket, rebuilt};
use estate::{Duty, Protection};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use watched::Watched;
use writer::{Acknowledged, Writer};

/// Longer than anything here takes, by far.
const LIMIT: Duration = Duration::from_secs(180);
/// Where the clock's skew is, see `ambient`.
const SKEW: &str = ambient::SKEW_FILE;

/// In namespaces of its own: a small disk, a clock, and nothing that outlives it.
#[test]
#[ignore = "needs root, etcd and weed: cargo xtask test"]
fn whatever_breaks_nothing_that_was_called_safe_is_lost_and_nothing_at_risk_is_called_safe() {
    const INSIDE: &str = "LIFEBOAT_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        std::thread::spawn(end_with_parent);
        tokio::runtime::Runtime::new().unwrap().block_on(soak());
        return;
    }
    let script = "mount -t tmpfs none /run && mkdir /run/lifeboat && exec \"$0\" --ignored --exact \"$1\" --nocapture";
    let name = "soaked::whatever_breaks_nothing_that_was_called_safe_is_lost_and_nothing_at_risk_is_called_safe";
    let mut inside = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            script,
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // Open for as long as this process lives.
    let _held = inside.stdin.take();
    assert!(inside.wait().unwrap().success());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the first process of its namespace, which cannot be killed from inside"
)]
fn end_with_parent() {
    let _nobody_writes = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(1);
}

/// All that stands around Lifeboat, and Lifeboat.
struct World {
    place: Place,
    store: weed::Server,
    etcd: Cluster,
    writer: Arc<Writer>,
    watched: Watched,
    serving: Serving,
}

async fn soak() {
    let number = |name: &str, few: u64| std::env::var(name).map_or(few, |text| text.parse().unwrap());
    let (kills, outage_s) = (number("LIFEBOAT_KILLS", 2), number("LIFEBOAT_OUTAGE_SECONDS", 5));
    let seed = number("LIFEBOAT_SEED", u64::from_le_bytes(ambient::random_bytes()));
    let mut world = World::begin().await;
    world.store_stops(Duration::from_secs(outage_s)).await;
    world.disk_is_full().await;
    world.member_is_lost().await;
    world.clock_is_stepped().await;
    world.is_killed(kills, seed).await;
    world
        .ends(&format!("{outage_s} s without the repository, {kills} kills, seed {seed}"))
        .await;
}

impl World {
    /// From nothing to protected.
    async fn begin() -> Self {
        let made = async |endpoint: &str| match put_bucket(&format!("{endpoint}/soaked")) {
            200 => Ok(()),
            code => Err(code.to_string()),
        };
        let store = weed::Server::start(made).await;
        let etcd = Cluster::start(&newest(), None, 3).await;
        let place = Place::new("soaked");
        estate(&place, &store.endpoint, &etcd.members);
        place.must("repository init --repository standby-s3 --root-key root.key");
        let state = place.0.join("state-main-1");
        std::fs::create_dir(&state).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "none"])
            .arg(&state)
            .status();
        assert!(mounted.unwrap().success());
        let writer = Arc::new(Writer::begin(&etcd.members));
        let serving = Serving::begin(&place, "main-1");
        let watched = Watched::begin(&serving.socket, &writer);
        let world = Self { place, store, etcd, writer, watched, serving };
        world.until("proven", |it| it.proof.is_some() && it.newest.is_some()).await;
        world.catches_up().await;
        world
    }

    async fn until(&self, what: &str, is_so: impl FnMut(&Protection) -> bool) -> Protection {
        self.watched.until(what, LIMIT, is_so).await
    }

    /// Waits until everything is as if nothing had happened.
    async fn catches_up(&self) {
        let revision = self.writer.next().await;
        let well = |it: &Protection| {
            it.duty == Duty::Captures && it.stored.is_some_and(|stored| stored >= revision) && it.troubles.is_empty()
        };
        self.until("caught up", well).await;
        let lies = self.watched.looks().lies;
        assert!(lies.is_empty(), "{lies:#?}");
    }

    /// Kills Lifeboat without a warning, and starts it again.
    fn restarts(&mut self) {
        self.serving.child.kill().unwrap();
        self.serving.child.wait().unwrap();
        self.serving = Serving::begin(&self.place, "main-1");
    }

    /// The repository is away: what is at risk grows all the time, and the reason is told; also by one who was started meanwhile.
    async fn store_stops(&mut self, outage: Duration) {
        self.store.stop();
        let revision = self.writer.next().await;
        let named = |it: &Protection| it.troubles.get("storing").is_some_and(|told| told.code == "LB0301");
        self.until("in trouble", |it| named(it) && it.at_risk_ms.is_some_and(|ms| ms > 0))
            .await;
        let mut before = 0;
        let grows = |it: &Protection| {
            let ms = it.at_risk_ms.unwrap_or(0);
            assert!(ms > before && named(it), "after {before} ms: {it:?}");
            assert!(it.stored.is_none_or(|stored| stored < revision), "{it:?}");
            before = ms;
            Duration::from_millis(ms) >= outage
        };
        self.watched.until("at risk for so long", LIMIT + outage, grows).await;
        let said = self.place.run(&format!("status shop --control {}", self.serving.socket));
        assert!(
            said.out.contains("what has changed is not stored, and is at risk"),
            "{}\n{}",
            said.out,
            said.err
        );

        self.restarts();
        let unknown = |it: &Protection| {
            assert!(it.at_risk_ms.is_none() && it.duty != Duty::Captures, "{it:?}");
            it.troubles.get("capture").is_some_and(|told| told.code == "LB0301")
        };
        self.until("waiting for the repository", unknown).await;
        self.store.go_on();
        self.catches_up().await;
    }

    /// No byte fits on the disk of Lifeboat: what needs it says so, the rest goes on, and it can be started.
    async fn disk_is_full(&mut self) {
        let filler = self.place.0.join("state-main-1/filler");
        fill(&filler);
        let named = |it: &Protection| {
            let full = |told: &estate::Told| told.text.contains("No space left on device");
            it.troubles.values().any(full)
        };
        for _ in 0..2 {
            self.until("told of the disk", named).await;
            let revision = self.writer.next().await;
            self.until("stored all the same", |it| it.stored.is_some_and(|stored| stored >= revision))
                .await;
            self.restarts();
        }
        std::fs::remove_file(filler).unwrap();
        self.catches_up().await;
    }

    /// One of three members is gone: the others tell what changes, and who is missed is told.
    async fn member_is_lost(&mut self) {
        for member in 0..self.etcd.members.len() {
            let url = self.etcd.members[member].connection.endpoint.clone();
            self.etcd.members[member].kill().await;
            let revision = self.writer.next().await;
            self.until("stored from the others", |it| it.stored.is_some_and(|stored| stored >= revision))
                .await;
            let named = |it: &Protection| it.troubles.values().any(|told| told.text.contains(&url));
            self.until(&format!("told of {url}"), named).await;
            self.etcd.members[member].restart().await;
            self.catches_up().await;
        }
    }

    /// The clock is put forward, right, back, and right again: points wait for one that is right, and say so; the history does not.
    async fn clock_is_stepped(&mut self) {
        for ms in ["3600000", "-3600000"] {
            std::fs::write(SKEW, ms).unwrap();
            let named = |it: &Protection| it.troubles.get("points").is_some_and(|told| told.code == "LB0315");
            for _ in 0..2 {
                self.until("told of the clock", named).await;
                let revision = self.writer.next().await;
                self.until("stored all the same", |it| it.stored.is_some_and(|stored| stored >= revision))
                    .await;
                self.restarts();
            }
            std::fs::write(SKEW, "0").unwrap();
            let pointed = |it: &Protection| it.newest.is_some() && it.proof.is_some();
            self.until("with a point", pointed).await;
            self.catches_up().await;
        }
    }

    /// Killed at one moment or another.
    async fn is_killed(&mut self, kills: u64, seed: u64) {
        let mut chance = seed | 1;
        for _ in 0..kills {
            // Marsaglia's xorshift.
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let revision = self.writer.next().await;
            let is_time: fn(&Protection, u64) -> bool = match chance >> 32 & 3 {
                0 => |_, _| true,
                1 => |it, _| it.duty == Duty::Captures,
                2 => |it, revision| it.stored.is_some_and(|stored| stored >= revision),
                _ => |it, revision| it.newest.as_ref().is_some_and(|made| made.revision.unsigned_abs() >= revision),
            };
            self.until("far enough to be killed", |it| is_time(it, revision)).await;
            self.restarts();
        }
        self.catches_up().await;
    }

    /// What the repository holds is what etcd has acknowledged, and every member says so.
    async fn ends(self, what: &str) {
        self.catches_up().await;
        let looks = self.watched.looks();
        let Self { place, store, etcd, writer, watched, mut serving } = self;
        drop(watched);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(serving.child.id()).unwrap());
        let acknowledged = writer.end();
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(serving.child.wait().unwrap().code(), Some(0));
        let endpoints: Vec<&str> = etcd.members.iter().map(|it| it.connection.endpoint.as_str()).collect();
        place.must(&format!("etcd verify --cluster shop --endpoints {}", endpoints.join(",")));
        let kept = kept(&place, &store.endpoint).await;
        for (revision, it) in &acknowledged {
            let Acknowledged { key, value, .. } = it;
            assert_eq!(kept.get(revision), Some(&(key.clone(), value.clone())), "revision {revision}");
        }
        assert_eq!(rebuilt(&place).await, all(&etcd.members[0].client().await).await);
        tell(&format!(
            "{what}: {} writes acknowledged, none lost; {} looks, {} of them when nobody knew what is at risk, and {} s at most",
            acknowledged.len(),
            looks.told,
            looks.unknown,
            looks.most_ms / 1000
        ));
    }
}

#[expect(clippy::print_stdout, reason = "what a long run has done is worth knowing")]
fn tell(what: &str) {
    println!("soaked: {what}");
}
