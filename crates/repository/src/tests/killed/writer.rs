//! The process that is killed: it writes everything that a repository holds, and says what it begins and what it has done.

use super::careless::{Careless, Omission};
use super::ledger::{Deed, Said};
use crate::digest::sha256;
use crate::store::Store;
use crate::tests::chance::Chance;
use crate::tests::{Pair, cluster, found, point, scopes, settings};
use crate::{
    CopyOptions, Files, Hidden, Kit, Pruning, Recipient, Repository, Retention, Scope, Settings, Sightings, Taking,
    What, copy,
};
use estate::{Epoch, Keep, PointId};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the process finds its [`Orders`].
pub(super) const ORDERS: &str = "LIFEBOAT_TEST_ORDERS";

/// What the process is to do.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Orders {
    /// The disk.
    pub(super) place: PathBuf,
    /// A folder that is not on it.
    pub(super) own: PathBuf,
    pub(super) identity: String,
    pub(super) recipient: String,
    pub(super) signer: String,
    pub(super) root: String,
    pub(super) seed: u64,
    /// How much is done at once.
    pub(super) tasks: u64,
    /// Whether a second repository is kept.
    pub(super) copies: bool,
    /// What is left out, to show that it is noticed.
    pub(super) omits: Option<Omission>,
}

impl Orders {
    pub(super) fn key(&self) -> Pair {
        Pair {
            identity: self.identity.clone(),
            recipient: self.recipient.clone(),
            signer: self.signer.clone(),
            root: self.root.clone(),
        }
    }

    pub(super) fn settings(&self) -> Settings {
        settings(&self.place.join("copies"), &self.key())
    }

    pub(super) fn settings_of_copy(&self) -> Settings {
        settings(&self.place.join("second"), &self.key())
    }

    fn repository(&self) -> Repository {
        match self.omits {
            None => Repository::open(self.settings()).unwrap(),
            Some(omits) => {
                let careless = Arc::new(Careless::new(&self.place.join("copies"), omits));
                Repository::on(Store::on(careless, "careless"), &self.settings()).unwrap()
            }
        }
    }
}

/// No test by itself: the process that the tests around it kill.
#[test]
#[ignore = "a part of other tests"]
fn writer() {
    let Some(orders) = std::env::var_os(ORDERS) else { return };
    let orders: Orders = serde_json::from_slice(&fs::read(orders).unwrap()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(write(orders));
}

async fn write(orders: Orders) {
    let writer = Writer {
        repository: orders.repository(),
        files: tokio::sync::OnceCell::new(),
        // As it is, without what holds lines back or mixes them.
        told: Mutex::new(File::options().write(true).open("/proc/self/fd/1").unwrap()),
        orders,
    };
    let founded = async {
        found(&writer.repository, &writer.orders.key()).await.map_err(said)?;
        writer.repository.id().await.map(str::to_owned).map_err(said)
    };
    writer.does(0, Deed::Found, founded).await;
    let writer = Arc::new(writer);
    let tasks = (0..writer.orders.tasks).map(|number| {
        let (writer, chance) = (writer.clone(), Chance::new(writer.orders.seed.wrapping_add(number)));
        Box::pin(Task { writer, number, chance }.run())
    });
    // None of them ends.
    futures::future::join_all(tasks).await;
}

struct Writer {
    orders: Orders,
    repository: Repository,
    files: tokio::sync::OnceCell<Files>,
    told: Mutex<File>,
}

fn said(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl Writer {
    fn say(&self, task: u64, said: &Said) {
        // The test runner may have begun a line.
        let line = format!("\n@{}\n", serde_json::to_string(&(task, said)).unwrap());
        self.told.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// Does something, and says so before and after.
    async fn does(&self, task: u64, deed: Deed, doing: impl Future<Output = Result<String, String>>) {
        self.say(task, &Said::Begun(deed));
        match doing.await {
            Ok(answer) => self.say(task, &Said::Done(answer)),
            Err(reason) => {
                self.say(task, &Said::Failed(reason));
                // What comes after it is of no use.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn files(&self) -> &Files {
        let files = || async { self.repository.files(&cluster()).await.unwrap() };
        self.files.get_or_init(files).await
    }
}

/// One after the other; only the first task does what must not be done twice at once.
struct Task {
    writer: Arc<Writer>,
    number: u64,
    chance: Chance,
}

/// Some bytes that a seed makes.
pub(super) fn content(seed: u64, length: u64) -> Vec<u8> {
    let (mut chance, length) = (Chance::new(seed), usize::try_from(length).unwrap());
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&chance.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

impl Task {
    async fn run(mut self) {
        loop {
            let kinds = if self.number == 0 { 19 } else { 8 };
            match self.chance.below(kinds) {
                0..=2 => self.point().await,
                3..=4 => self.history().await,
                5..=7 => self.entry().await,
                8..=9 => self.kit().await,
                10 => self.evidence().await,
                11 => self.keyring().await,
                12 => self.writers().await,
                13 => self.remove_point().await,
                14 => self.prune().await,
                15 => self.remove_history().await,
                16 => self.copy().await,
                _ => self.snapshot().await,
            }
        }
    }

    /// A length in bytes: of what is created in one request, or now and then of what travels in pieces.
    fn length(&mut self, pieces: u64) -> u64 {
        match self.writer.orders.omits.is_none() && self.chance.one_in(20) {
            true => pieces + 1 + self.chance.below(200_000),
            false => self.chance.below(70_000),
        }
    }

    async fn does(&self, deed: Deed, doing: impl Future<Output = Result<String, String>>) {
        self.writer.does(self.number, deed, doing).await;
    }

    async fn point(&mut self) {
        let salt = ambient::random_id(4);
        let id = PointId::new(Epoch(1), ambient::now(), &salt).unwrap();
        let mut contents = Vec::new();
        for name in ["etcd", "pki", "files"]
            .into_iter()
            .take(1 + usize::try_from(self.chance.below(3)).unwrap())
        {
            let file = self.writer.orders.own.join(format!("part-{}-{name}", self.number));
            let length = self.length(5 << 20);
            fs::write(&file, content(self.chance.next(), length)).unwrap();
            contents.push((name, file));
        }
        let mut new = self.writer.repository.begin(&cluster(), &id);
        let parts = contents.iter().map(|(name, file)| {
            let bytes = fs::read(file).unwrap();
            estate::Part {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
                sha256: sha256(&bytes),
            }
        });
        let manifest = point(&id, parts.collect());
        let sha256 = sha256(&serde_json::to_vec(&manifest).unwrap());
        let stored = async {
            for (name, file) in &contents {
                new.part(name, file).await.map_err(said)?;
            }
            new.commit(&manifest).await.map_err(said)?;
            Ok(String::new())
        };
        self.does(Deed::Point { id, sha256 }, stored).await;
    }

    async fn history(&mut self) {
        let there = self.writer.repository.list_history(&cluster()).await.unwrap().objects;
        let name = match there.get(usize::try_from(self.chance.below(10)).unwrap()) {
            // Once more: it is the same.
            Some(known) if self.chance.one_in(2) => known.name.clone(),
            _ => {
                let (revision, seed, length) = (there.len() as u64, self.chance.next(), self.length(4 << 20));
                let at = ambient::now().as_millisecond();
                format!("t0001-seg-{revision:010}-{at:015}-{seed}-{length}")
            }
        };
        let mut numbers = name.rsplit('-').map(|part| part.parse::<u64>().unwrap());
        let (length, seed) = (numbers.next().unwrap(), numbers.next().unwrap());
        let content = content(seed, length);
        let deed = Deed::History { name: name.clone(), sha256: sha256(&content) };
        let repository = self.writer.repository.clone();
        let stored = async {
            let put = repository.put_history(&cluster(), &name, 1, Cursor::new(content)).await;
            put.map(|_| String::new()).map_err(said)
        };
        self.does(deed, stored).await;
    }

    /// Each task has runs of its own.
    async fn entry(&mut self) {
        let (repository, own) = (self.writer.repository.clone(), self.number * 1000);
        let runs = repository.runs().await.unwrap();
        let newest = runs
            .into_iter()
            .filter(|run| (own..own + 1000).contains(run))
            .max()
            .unwrap_or(own);
        let entries = repository.entries(newest).await.unwrap().len() as u64;
        let (run, number) = if entries > 20 {
            (newest + 1, 0)
        } else {
            (newest, entries)
        };
        let length = self.chance.below(20_000);
        let entry = content(self.chance.next(), length);
        let stored = async {
            repository
                .append(run, number, &entry)
                .await
                .map(|()| String::new())
                .map_err(said)
        };
        self.does(Deed::Entry { run, number, sha256: sha256(&entry) }, stored).await;
    }

    async fn numbered(&self, stream: &str, sha256: String, doing: impl Future<Output = Result<String, String>>) {
        self.does(Deed::Numbered { stream: stream.to_owned(), sha256 }, doing).await;
    }

    async fn kit(&mut self) {
        let text = format!("kit {}", self.chance.below(4));
        let kit = Kit::new(
            "2026-11-22T10:00:00Z".parse().unwrap(),
            "lifeboat.yaml".to_owned(),
            [("lifeboat.yaml".to_owned(), Hidden::from(text))].into(),
            Default::default(),
        );
        let stored = async {
            let number = self.writer.repository.put_kit(&kit).await.map_err(said)?;
            Ok(number.map(|number| number.to_string()).unwrap_or_default())
        };
        self.numbered("kit", sha256(&serde_json::to_vec(&kit).unwrap()), stored).await;
    }

    async fn evidence(&mut self) {
        let scope = self.scope();
        let head = self.writer.repository.head(&scope).await.unwrap();
        let told = async {
            let number = self.writer.repository.tell(&scope, &head).await.map_err(said)?;
            Ok(number.to_string())
        };
        // One stream for each scope.
        let stream = format!("evidence of {scope}");
        self.numbered(&stream, sha256(&serde_json::to_vec(&head).unwrap()), told).await;
    }

    fn scope(&mut self) -> Scope {
        if self.chance.one_in(2) {
            Scope::Shared
        } else {
            Scope::Cluster(cluster())
        }
    }

    /// Who can open a scope, with a new key now and then.
    async fn keyring(&mut self) {
        let (scope, key) = (self.scope(), self.writer.orders.key());
        let another = age::x25519::Identity::generate().to_public().to_string();
        let recipients = vec![
            key.recipient("safe"),
            Recipient { name: "cellar".parse().unwrap(), recipient: another },
        ];
        let text = sha256(&serde_json::to_vec(&recipients).unwrap());
        let rotates = self.chance.one_in(3);
        let wrapped = async {
            let number = self.writer.repository.rewrap(&key.root(), &scope, recipients, rotates).await;
            number.map(|number| number.to_string()).map_err(said)
        };
        self.numbered(&format!("keyring of {scope}"), text, wrapped).await;
    }

    async fn writers(&mut self) {
        let key = self.writer.orders.key();
        let mut another = key.writer(&[Scope::Shared]);
        another.name = format!("writer-{}", self.chance.below(1000)).parse().unwrap();
        another.key = key.root().public();
        let writers = vec![key.writer(&scopes()), another];
        let text = sha256(&serde_json::to_vec(&writers).unwrap());
        let listed = async {
            let number = self.writer.repository.set_writers(&key.root(), writers).await;
            number.map(|number| number.to_string()).map_err(said)
        };
        self.numbered("writers", text, listed).await;
    }

    async fn remove_point(&mut self) {
        let points = self.writer.repository.points(&cluster()).await.unwrap().points;
        let Some(id) = points.get(6).cloned() else { return };
        let removed = async {
            self.writer.repository.remove(&cluster(), &id).await.map_err(said)?;
            Ok(String::new())
        };
        self.does(Deed::RemovePoints { ids: vec![id.clone()] }, removed).await;
    }

    async fn prune(&mut self) {
        let keep = Keep {
            last: 5,
            within: Duration::ZERO,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
        };
        let retention = Retention { keep, ..Retention::default() };
        let pruning = Pruning { clusters: [(cluster(), retention)].into(), shared: true };
        let plan = self
            .writer
            .repository
            .prune_plan(&pruning, &mut Sightings::default())
            .await
            .unwrap();
        let ids = plan.removals.iter().filter_map(|removal| match &removal.what {
            What::Point { point, .. } => Some(point.clone()),
            _ => None,
        });
        let deed = Deed::RemovePoints { ids: ids.collect() };
        let pruned = async {
            self.writer.repository.prune(&plan, |_| {}).await.map_err(said)?;
            Ok(String::new())
        };
        self.does(deed, pruned).await;
    }

    async fn remove_history(&mut self) {
        let there = self.writer.repository.list_history(&cluster()).await.unwrap().objects;
        let Some(name) = there.first().filter(|_| there.len() > 8).map(|it| it.name.clone()) else {
            return;
        };
        let removed = async {
            self.writer.repository.remove_history(&cluster(), &name).await.map_err(said)?;
            Ok(String::new())
        };
        self.does(Deed::RemoveHistory { name: name.clone() }, removed).await;
    }

    async fn copy(&mut self) {
        if !self.writer.orders.copies {
            return;
        }
        let options = CopyOptions { remove: self.chance.one_in(2), ..CopyOptions::default() };
        let copied = async {
            let to = Repository::open(self.writer.orders.settings_of_copy()).map_err(said)?;
            let copied = copy(&self.writer.repository, &to, &options, &|_| {}).await.map_err(said)?;
            Ok(copied.differing.join(" "))
        };
        self.does(Deed::Copy, copied).await;
    }

    async fn snapshot(&mut self) {
        if self.writer.orders.omits.is_some() {
            return;
        }
        let files = self.writer.files().await;
        let made = async { files.init().await.map(|_| String::new()).map_err(said) };
        self.does(Deed::Chore, made).await;
        let snapshots = files.list().await.unwrap();
        assert_eq!(snapshots.damaged, []);
        if let (Some(old), true) = (snapshots.snapshots.get(4), self.chance.one_in(2)) {
            let forgotten = async {
                files.forget(std::slice::from_ref(&old.id)).await.map_err(said)?;
                Ok(String::new())
            };
            self.does(Deed::Forget { id: old.id.clone() }, forgotten).await;
            let pruned = async { files.prune(false).await.map(|_| String::new()).map_err(said) };
            self.does(Deed::Chore, pruned).await;
        }
        // Some of what it holds is there already.
        let (seed, length) = (self.chance.below(3), 50_000 + self.chance.below(100_000));
        let label = format!("label-{}", self.chance.below(1000));
        let options = Taking {
            host: "main-1".to_owned(),
            label: label.clone(),
            ..Taking::default()
        };
        let taken = async {
            let stream = Cursor::new(content(seed, length));
            files
                .take_stream("dump", stream, &options)
                .await
                .map(|taken| taken.snapshot)
                .map_err(said)
        };
        self.does(Deed::Snapshot { label }, taken).await;
    }
}
