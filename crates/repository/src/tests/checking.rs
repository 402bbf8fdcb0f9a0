//! Checking: a small repository with something of everything, and all that can be done to it.

mod every_byte;
mod known;
mod moved;
mod removed;

use super::*;
use crate::inventory::Inventory;
use crate::{CheckOptions, CheckReport, Error, Flaw, Hidden, Kit, Memory, Reading, Severity};
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const BASE: &str = "t0001-base-00000000000000000005-00000000000000aa";
pub(super) const SEGMENT: &str =
    "t0001-seg-00000000000000000005-00000000000000000009-00000000000000aa-00000000000000bb";

/// A repository, and what it was when it was sound.
pub(super) struct Full {
    pub(super) repository: Repository,
    pub(super) store: Arc<InMemory>,
    pub(super) key: Pair,
    pub(super) points: Vec<Point>,
}

pub(super) fn management() -> Scope {
    Scope::Cluster(cluster())
}

pub(super) async fn store_two_parts(repository: &Repository, id: &PointId, contents: [&[u8]; 2]) -> Point {
    let (files, mut new) = (Files::new(), repository.begin(&cluster(), id));
    let mut parts = Vec::new();
    for (name, content) in ["etcd", "files"].into_iter().zip(contents) {
        parts.push(new.part(name, &files.with(name, content)).await.unwrap());
    }
    let point = point(id, parts);
    new.commit(&point).await.unwrap();
    point
}

/// Puts a sealed object where the code for it is elsewhere.
pub(super) async fn put_sealed(repository: &Repository, key: &Key, content: &[u8]) {
    let sealed = repository.sealed(key, 1, content).await.unwrap();
    repository.shared.store.create(key, sealed).await.unwrap();
}

pub(super) fn kit(text: &str) -> Kit {
    let files = [("lifeboat.yaml".to_owned(), Hidden::from(text.to_owned()))];
    let made = "2026-11-22T10:00:00Z".parse().unwrap();
    Kit::new(made, "lifeboat.yaml".to_owned(), BTreeMap::from(files), BTreeMap::new())
}

impl Full {
    pub(super) async fn new() -> Self {
        let (store, key) = (Arc::new(InMemory::new()), key());
        let repository = on(store.clone(), &key).await;
        let mut points = Vec::new();
        for (minute, contents) in [(1, [&b"one"[..], b"a file"]), (2, [b"two", b""])] {
            points.push(store_two_parts(&repository, &id(minute), contents).await);
        }
        for name in [BASE, SEGMENT] {
            let key = Key::from(format!("clusters/management/history/{name}"));
            put_sealed(&repository, &key, name.as_bytes()).await;
        }
        for held in [id(1), id(2)] {
            repository.hold(&cluster(), &held, Some("before upgrade")).await.unwrap();
        }
        repository.release(&cluster(), &id(1)).await.unwrap();
        for (run, entry) in [(1, 0), (1, 1), (1, 2), (2, 0)] {
            repository
                .append(run, entry, format!("entry {entry}").as_bytes())
                .await
                .unwrap();
        }
        for number in 1..=2 {
            repository.put_kit(&kit(&format!("kit {number}"))).await.unwrap();
            let lease = Key::from(format!("clusters/management/leases/owner/{number:010}"));
            put_sealed(&repository, &lease, b"{}").await;
        }
        for scope in scopes() {
            for _ in 0..2 {
                let head = repository.head(&scope).await.unwrap();
                repository.tell(&scope, &head).await.unwrap();
            }
        }
        Self { repository, store, key, points }
    }

    /// Somebody who opens the store anew, and remembers nothing.
    pub(super) fn anew(&self) -> Repository {
        opened_on(self.store.clone(), &self.key)
    }

    pub(super) async fn keys(&self) -> Vec<Key> {
        self.repository.shared.store.list(&Key::default()).await.unwrap()
    }

    pub(super) async fn bytes(&self, key: &Key) -> Vec<u8> {
        self.store.get(key).await.unwrap().bytes().await.unwrap().to_vec()
    }

    pub(super) async fn put(&self, key: &Key, bytes: &[u8]) {
        self.store.put(key, PutPayload::from(bytes.to_vec())).await.unwrap();
    }

    pub(super) async fn check(&self, memory: Option<&Memory>, second: Option<&Repository>) -> CheckReport {
        let options = CheckOptions {
            reading: Reading::All,
            memory,
            second,
            ..CheckOptions::default()
        };
        self.anew().check(&options, &|_| {}).await.unwrap()
    }

    /// What a check says of the sound repository.
    pub(super) async fn sound(&self) -> BTreeSet<String> {
        let report = self.check(None, None).await;
        assert!(report.sound(), "{:#?}", report.faults);
        report.faults.into_iter().map(|fault| fault.object).collect()
    }

    /// Reads everything, through what the crate gives to others. What is refused is `None`.
    pub(super) async fn read(&self, repository: &Repository) -> BTreeMap<String, Option<String>> {
        let mut all = BTreeMap::new();
        let mut put = |name: String, found: Option<String>| drop(all.insert(name, found));
        let id_and_root = (repository.id().await.map(str::to_owned).ok(), repository.root().await.ok());
        put("id".to_owned(), id_and_root.0.map(|id| format!("{id} {:?}", id_and_root.1)));
        put("copy".to_owned(), repository.is_copy().await.ok().map(|it| it.to_string()));
        put("scopes".to_owned(), shown(repository.scopes().await));
        put("writers".to_owned(), shown(repository.writers().await));
        put(
            "kit".to_owned(),
            shown(
                repository
                    .kit()
                    .await
                    .map(|(n, kit, _)| (n, kit.files["lifeboat.yaml"].to_string())),
            ),
        );
        put("runs".to_owned(), shown(repository.runs().await));
        put("points".to_owned(), shown(repository.points(&cluster()).await));
        for run in 1..=2 {
            put(format!("run {run}"), shown(repository.entries(run).await));
        }
        for scope in scopes() {
            put(format!("keyring of {scope}"), shown(repository.keyring_info(&scope).await));
            let told = repository.told(&scope).await.ok().filter(|it| it.refused.is_empty());
            put(format!("evidence in {scope}"), told.map(|it| format!("{it:?}")));
        }
        for point in &self.points {
            put(format!("point {}", point.id), shown(repository.point(&cluster(), &point.id).await));
            for part in &point.parts {
                let files = Files::new();
                let done = repository.fetch(&cluster(), point, &part.name, &files.at("x")).await;
                let read = done.ok().map(|()| format!("{:?}", std::fs::read(files.at("x")).unwrap()));
                put(format!("part {} of {}", part.name, point.id), read);
            }
        }
        for name in [BASE, SEGMENT] {
            let key = Key::from(format!("clusters/management/history/{name}"));
            put(name.to_owned(), shown(repository.opened(&key).await));
        }
        for number in 1..=2 {
            let key = Key::from(format!("clusters/management/leases/owner/{number:010}"));
            put(key.to_string(), shown(repository.opened(&key).await));
        }
        all
    }
}

fn shown<T: std::fmt::Debug>(found: Result<T, Error>) -> Option<String> {
    found.ok().map(|it| format!("{it:?}"))
}

/// What was read differently, and not refused.
pub(super) fn silently(
    was: &BTreeMap<String, Option<String>>,
    is: &BTreeMap<String, Option<String>>,
) -> BTreeSet<String> {
    let differs = |(name, now): &(&String, &Option<String>)| now.is_some() && **now != was[*name];
    is.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

/// The objects that the check of everything would look at together with this one.
pub(super) async fn around(full: &Full, key: &Key) -> Inventory {
    let mut inventory = Inventory::default();
    let text = key.to_string();
    let point = full.points.iter().map(|it| it.id.as_str()).find(|id| text.contains(id));
    let run = text.strip_prefix("shared/runs/").map(|it| &it[..10]);
    for listed in full.repository.shared.store.list_with_sizes(&Key::default()).await.unwrap() {
        let other = listed.key.to_string();
        let together = point.is_some_and(|it| other.contains(it))
            || run.is_some_and(|it| other.starts_with(&format!("shared/runs/{it}")));
        if other == text || together {
            inventory.add(listed);
        }
    }
    inventory
}

#[tokio::test]
async fn a_sound_repository_is_said_to_be_sound() {
    let full = Full::new().await;
    let report = full.check(None, None).await;
    // One recipient alone opens everything: a warning, and no harm.
    let faults: Vec<_> = report.faults.iter().map(|it| (&*it.object, it.severity, it.flaw)).collect();
    let risk = |object| (object, Severity::Warning, Flaw::Risk);
    assert_eq!(
        faults,
        [
            risk("clusters/management/keys/0000000001"),
            risk("shared/keys/0000000001")
        ]
    );
    assert_eq!(
        report.faults[1].reason,
        "safe alone opens it: if that key is lost, so is everything in shared"
    );
    assert!(
        report.points.iter().all(|point| point.unharmed() && point.proven()),
        "{:#?}",
        report.points
    );
    assert_eq!((report.points.len(), report.read.objects, report.read.of_objects), (2, 6, 6));
    let memory = report.memory.unwrap();
    let json = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&json).unwrap(), memory);
    let known = &memory.scopes[&management()];
    assert_eq!(known.point.as_ref().unwrap().id, id(2));
    assert_eq!(known.history.as_ref().map(|it| (&*it.name, it.revision)), Some((SEGMENT, 9)));
    assert_eq!(memory.scopes[&Scope::Shared].runs, [(1, 2), (2, 0)].into());
}

#[tokio::test]
async fn a_sample_is_chosen_by_its_seed() {
    let full = Full::new().await;
    let check = async |percent, seed| {
        let reading = Reading::Sample { percent, seed };
        let options = CheckOptions { reading, ..CheckOptions::default() };
        full.anew().check(&options, &|_| {}).await.unwrap()
    };
    let proven = |report: &CheckReport| -> Vec<bool> {
        report.points.iter().flat_map(|it| &it.parts).map(|it| it.proven).collect()
    };
    let (first, again) = (check(50, Some(7)).await, check(50, Some(7)).await);
    assert_eq!((first.read.objects, first.read.seed), (3, Some(7)));
    assert_eq!(proven(&first), proven(&again));
    let mut others = Vec::new();
    for seed in 8..20 {
        others.push(proven(&check(50, Some(seed)).await));
    }
    assert!(others.iter().any(|other| *other != proven(&first)));
    assert_eq!(check(1, Some(1)).await.read.objects, 1);
    assert!(check(1, None).await.read.seed.is_some());
    let structure = full.anew().check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert_eq!((structure.read.objects, structure.read.of_objects), (0, 6));
}

#[tokio::test]
async fn progress_ends_where_it_was_said_to_end() {
    let full = Full::new().await;
    let seen = std::sync::Mutex::new(Vec::new());
    let options = CheckOptions { reading: Reading::All, ..CheckOptions::default() };
    full.anew()
        .check(&options, &|progress| seen.lock().unwrap().push(progress))
        .await
        .unwrap();
    let seen = seen.into_inner().unwrap();
    for bytes_now in [false, true] {
        let last = seen.iter().rfind(|it| it.bytes_now == bytes_now).unwrap();
        assert_eq!((last.objects, last.bytes), (last.of_objects, last.of_bytes));
        assert!(last.objects > 0);
    }
}

#[tokio::test]
async fn strange_names_leftovers_and_scopes_of_others_are_named_and_no_harm() {
    let full = Full::new().await;
    let before = full.sound().await;
    for strange in [
        "notes.txt",
        "shared/keys/1",
        "clusters/management/history/A",
        "clusters/x/y",
        "shared/kit/0000000000",
    ] {
        full.put(&Key::from(strange), b"x").await;
    }
    full.put(&Key::from("probe/abc/object"), b"x").await;
    store_part(&full.repository, &id(9), b"early").await;
    full.put(&Key::from(format!("clusters/management/parts/{}/more", id(1))), b"x")
        .await;
    let report = full.check(None, None).await;
    assert!(report.sound(), "{:#?}", report.faults);
    let new = report.faults.iter().filter(|it| !before.contains(&it.object));
    let found: Vec<_> = new.map(|it| (it.severity, it.flaw, &*it.object, &*it.reason)).collect();
    assert!(found.iter().all(|it| it.0 == Severity::Note), "{found:#?}");
    assert_eq!(found.iter().filter(|it| it.1 == Flaw::Strange).count(), 5);
    let early = format!("clusters/management/parts/{}/etcd", id(9));
    assert!(
        found
            .iter()
            .any(|it| it.2 == early && it.3 == "its point has no manifest, so it counts for nothing")
    );
    assert!(found.iter().any(|it| it.3 == "its point's manifest does not name it"));

    // A stranger's identity opens nothing, and finds no harm; and a root that is not pinned is a risk.
    let stranger = Settings { root: None, ..settings(Path::new("/"), &key()) };
    let stranger = Repository::on(Store::on(full.store.clone(), "memory"), &stranger).unwrap();
    let report = stranger.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(report.sound(), "{:#?}", report.faults);
    assert_eq!(report.faults.iter().filter(|it| it.flaw == Flaw::Closed).count(), 2);
    assert!(report.points.iter().all(|it| !it.unharmed()));
    assert!(
        report
            .faults
            .iter()
            .any(|it| it.object == "lifeboat.json" && it.flaw == Flaw::Risk)
    );
}

#[tokio::test]
async fn another_root_is_another_repository_unless_keyrings_know_the_one_that_is_meant() {
    let full = Full::new().await;
    let other = Settings {
        root: Some(key().root().public().to_string()),
        ..settings(Path::new("/"), &key())
    };
    let other = Repository::on(Store::on(full.store.clone(), "memory"), &other).unwrap();
    let error = other.check(&CheckOptions::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. }), "{error}");
    let marker = Key::from("lifeboat.json");
    let text = String::from_utf8(full.bytes(&marker).await).unwrap();
    let root = full.repository.root().await.unwrap().to_string();
    full.put(&marker, text.replace(&root, &key().root().public().to_string()).as_bytes())
        .await;
    let report = full.anew().check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(
        report
            .faults
            .iter()
            .any(|it| it.object == "lifeboat.json" && it.severity == Severity::Damage)
    );
}

#[tokio::test]
async fn a_check_of_one_scope_looks_at_nothing_else() {
    let full = Full::new().await;
    full.put(&Key::from("shared/kit/0000000002"), b"x").await;
    let scopes = Some(BTreeSet::from([management()]));
    let options = CheckOptions { scopes, reading: Reading::All, ..CheckOptions::default() };
    let report = full.anew().check(&options, &|_| {}).await.unwrap();
    assert!(report.sound(), "{:#?}", report.faults);
    assert!(report.points.iter().all(|it| it.proven()));
}

#[tokio::test]
async fn a_store_that_stops_answering_ends_the_check() {
    let store = odd::Odd::new();
    let repository = on(store.clone(), &key()).await;
    store_point(&repository, &id(1), b"x").await;
    store.becomes(odd::Habit::Down);
    let error = repository.check(&CheckOptions::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let nothing = opened_on(Arc::new(InMemory::new()), &key());
    let error = nothing.check(&CheckOptions::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Uninitialised { .. }), "{error}");
}
