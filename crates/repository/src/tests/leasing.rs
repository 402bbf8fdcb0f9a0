//! Leases on stores as they are: what the protocol asks of one, two writers of whom one is paused, and a lease that is kept.

use super::odd::{Habit, Odd};
use super::*;
use crate::Error;
use crate::lease::{Entry, JOURNAL, Lease, LeaseError, LeaseStore, Numbers, Outcome, Records, Terms, Verdict, hash};
use estate::Kind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The run whose journal is guarded here.
const RUN: u64 = 77;

fn terms(holder: &str) -> Terms {
    Terms { holder: holder.to_owned(), ttl: Duration::from_secs(1) }
}

fn capture() -> Name {
    "capture".parse().unwrap()
}

/// What must hold on every kind of store.
pub(super) async fn all(repository: &Repository) {
    what_the_protocol_asks_for(&records(repository, RUN + 1).await).await;
    two_writers(repository).await;
}

async fn records(repository: &Repository, run: u64) -> Records {
    let name = format!("run-{run:010}").parse().unwrap();
    repository.records(&Scope::Shared, &name, Some(run)).await.unwrap()
}

/// A record as a takeover would write it.
fn takeover(number: u64, writer: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"number":{number},"epoch":{number},"holder":"main-1","writer":"{writer}","ttlMs":1000,"state":"held","floor":0}}"#
    );
    text.into_bytes()
}

async fn what_the_protocol_asks_for(store: &impl LeaseStore) {
    assert_eq!(store.list().await.unwrap(), [0; 0]);
    assert_eq!(store.read(1).await.unwrap(), None);
    assert_eq!(store.streams().await.unwrap(), [""; 0]);
    let (ours, theirs) = (takeover(1, "ours"), takeover(1, "theirs"));
    let both = futures::future::join(store.create(1, ours.clone()), store.create(1, theirs.clone())).await;
    let winner = match both {
        (Outcome::Created, Outcome::Taken) => ours,
        (Outcome::Taken, Outcome::Created) => theirs,
        other => panic!("{other:?}"),
    };
    assert!(matches!(store.create(1, takeover(1, "late")).await, Outcome::Taken));
    assert_eq!(store.read(1).await.unwrap(), Some(winner));
    assert!(matches!(store.create(12, takeover(12, "next")).await, Outcome::Created));
    assert_eq!(sorted(store.list().await.unwrap()), [1, 12]);
    store.remove(1).await.unwrap();
    store.remove(1).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [12]);
    assert!(matches!(store.create(1, takeover(1, "again")).await, Outcome::Created));

    let zero = |epoch, content: &'static [u8]| store.create_entry(JOURNAL, 0, Epoch(epoch), content);
    assert!(matches!(zero(7, b"zero").await, Outcome::Created));
    assert!(matches!(zero(9, b"other").await, Outcome::Taken));
    assert!(matches!(zero(7, b"zero").await, Outcome::Taken), "ours, but of another request");
    let entry = Entry { number: 0, epoch: Epoch(7), hash: hash(b"zero") };
    assert_eq!(store.entry(JOURNAL, 0).await.unwrap(), Some(entry));
    assert_eq!(store.entry(JOURNAL, 1).await.unwrap(), None);
    assert_eq!(store.streams().await.unwrap(), [JOURNAL]);
    assert_eq!(store.entries(JOURNAL).await.unwrap(), Numbers { floor: 0, there: vec![0] });
    assert!(store.entries("another").await.is_err(), "it guards one stream");
    assert!(matches!(store.create_entry("another", 0, Epoch(7), b"").await, Outcome::Impossible(_)));
}

fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

/// A store of which one request to write an entry can be held back.
#[derive(Clone)]
struct Gated {
    records: Records,
    gate: Arc<Mutex<Option<Arc<Semaphore>>>>,
}

impl LeaseStore for Gated {
    async fn create(&self, number: u64, bytes: Vec<u8>) -> Outcome {
        self.records.create(number, bytes).await
    }

    async fn read(&self, number: u64) -> Result<Option<Vec<u8>>, Error> {
        self.records.read(number).await
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        self.records.list().await
    }

    async fn remove(&self, number: u64) -> Result<(), Error> {
        self.records.remove(number).await
    }

    async fn streams(&self) -> Result<Vec<String>, Error> {
        self.records.streams().await
    }

    async fn entries(&self, stream: &str) -> Result<Numbers, Error> {
        self.records.entries(stream).await
    }

    async fn entry(&self, stream: &str, number: u64) -> Result<Option<Entry>, Error> {
        self.records.entry(stream, number).await
    }

    async fn create_entry(&self, stream: &str, number: u64, epoch: Epoch, content: &[u8]) -> Outcome {
        let gate = self.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        self.records.create_entry(stream, number, epoch, content).await
    }
}

/// Two writers of one journal: one is paused past its lease, with a request under way, and resumed.
async fn two_writers(repository: &Repository) {
    let now_ms = Arc::new(AtomicU64::new(0));
    let gate = Arc::new(Mutex::new(None));
    let store = Gated { records: records(repository, RUN).await, gate: gate.clone() };
    let lease = |host: &str| {
        let now_ms = now_ms.clone();
        let clock = move || Duration::from_millis(now_ms.load(Ordering::SeqCst));
        Lease::new(store.clone(), terms(host), clock).unwrap()
    };
    let (main, standby) = (lease("main-1"), lease("standby-1"));
    let mut first = main.acquire().await.unwrap();
    let mut writer = first.writer(JOURNAL);
    assert_eq!(main.append(&mut writer, b"zero").await.unwrap(), 0);

    let open = Arc::new(Semaphore::new(0));
    *gate.lock().unwrap() = Some(open.clone());
    let mut paused = Box::pin(main.append(&mut writer, b"one"));
    assert!(futures::poll!(paused.as_mut()).is_pending());
    assert!(matches!(standby.acquire().await, Err(LeaseError::Held { .. })));
    now_ms.fetch_add(1250, Ordering::SeqCst);
    let second = standby.acquire().await.unwrap();
    open.add_permits(1);
    let fenced = paused.await.unwrap_err();
    assert_eq!(fenced.to_string(), "epoch 1 is over: standby-1 holds the lease in epoch 3");
    assert_eq!(fenced.kind(), Kind::Fenced);
    assert_eq!(standby.append(&mut second.writer(JOURNAL), b"two").await.unwrap(), 2);

    let counted = standby.counted(JOURNAL).await.unwrap();
    let verdicts: Vec<_> = counted.iter().map(|(entry, it)| (entry.epoch.0, *it)).collect();
    assert_eq!(verdicts, [(1, Verdict::Counts), (1, Verdict::Never), (3, Verdict::Counts)]);
    assert!(matches!(main.renew(&mut first).await, Err(LeaseError::Fenced { .. })));
    // Given back, it is free at once, for whoever keeps leases by the real clock, too.
    standby.release(second).await.unwrap();
    let name = format!("run-{RUN:010}").parse().unwrap();
    let kept = repository
        .keep(&Scope::Shared, &name, terms("main-2"), |_| false)
        .await
        .unwrap();
    assert!(kept.standing().holds() && kept.epoch() == Epoch(6), "{}", kept.epoch());
    kept.release().await.unwrap();
}

#[tokio::test]
async fn a_record_under_another_epoch_than_its_own_is_damaged() {
    let (repository, _) = in_memory().await;
    let store = records(&repository, RUN).await;
    let key = crate::layout::numbered(&crate::layout::lease(&Scope::Shared, &"run-0000000077".parse().unwrap()), "", 3);
    let key = key.unwrap();
    let sealed = repository.sealed(&key, 2, &takeover(3, "x")).await.unwrap();
    repository.shared.store.create(&key, sealed).await.unwrap();
    let error = store.read(3).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{key} is damaged: it is sealed under epoch 2, and says that it is of epoch 3")
    );
}

#[tokio::test]
async fn what_the_store_did_not_answer_is_unknown() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    let records = records(&repository, RUN).await;
    repository.keys(&Scope::Shared).await.unwrap();
    store.becomes(Habit::LosesAnswers);
    assert!(matches!(records.create(1, takeover(1, "x")).await, Outcome::Unknown(_)));
    store.becomes(Habit::Honest);
    assert_eq!(records.read(1).await.unwrap(), Some(takeover(1, "x")), "it was carried out");
    store.becomes(Habit::Down);
    assert!(matches!(records.create(2, takeover(2, "x")).await, Outcome::Unknown(_)));
    store.becomes(Habit::Honest);
    assert_eq!(records.list().await.unwrap(), [1]);
}

#[tokio::test]
async fn a_copy_carries_no_leases() {
    let key = key();
    let repository = on(Arc::new(InMemory::new()), &key).await;
    let to = opened_on(Arc::new(InMemory::new()), &key);
    crate::copy(&repository, &to, &crate::CopyOptions::default(), &|_| {})
        .await
        .unwrap();
    let Err(error) = to.lease(&Scope::Shared, &capture(), terms("x")).await else {
        panic!("a copy carries a lease")
    };
    assert_eq!(error.to_string(), "the lease's store failed");
    assert!(matches!(error, LeaseError::Store(Error::NoLeases { .. })));
}

#[tokio::test]
async fn a_store_that_writes_over_what_exists_carries_no_leases() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    store.becomes(Habit::IgnoresConditions);
    let kept = repository.keep(&Scope::Shared, &capture(), terms("x"), |_| false).await;
    let Err(LeaseError::Store(error)) = kept else {
        panic!("it carries a lease")
    };
    assert_eq!(error.to_string(), "memory carries no leases: it writes over what exists");
}

#[tokio::test]
async fn who_waits_is_told_why_and_gets_it_when_it_is_given_back() {
    let (repository, _) = in_memory().await;
    let (scope, name) = (Scope::Cluster(cluster()), capture());
    let patient = Terms { ttl: Duration::from_secs(60), ..terms("main-1") };
    let first = repository.keep(&scope, &name, patient.clone(), |_| false).await.unwrap();
    let gone = repository.keep(&scope, &name, patient.clone(), |_| false).await;
    assert!(matches!(gone, Err(LeaseError::Held { holder, .. }) if holder == "main-1"));
    let mut first = Some(first);
    let (give, given) = tokio::sync::oneshot::channel();
    let mut give = Some(give);
    let releasing = tokio::spawn(async move {
        given.await.unwrap();
        first.take().unwrap().release().await.unwrap();
    });
    let waiting = |error: &LeaseError| {
        assert!(matches!(error, LeaseError::Held { .. }), "{error}");
        give.take().map(|give| give.send(()));
        true
    };
    let second = repository.keep(&scope, &name, patient, waiting).await.unwrap();
    releasing.await.unwrap();
    assert!(second.standing().holds());
}

#[tokio::test]
async fn a_lease_that_somebody_else_took_is_lost_and_nothing_is_believed_any_more() {
    let (repository, _) = in_memory().await;
    let (scope, name) = (Scope::Cluster(cluster()), capture());
    let short = Terms { ttl: Duration::from_millis(60), ..terms("main-1") };
    let kept = repository.keep(&scope, &name, short, |_| false).await.unwrap();
    let standing = kept.standing();
    // Whoever has waited for long enough by their own clock takes it; that clock runs ahead here.
    let now_ms = Arc::new(AtomicU64::new(0));
    let clock = move || Duration::from_millis(now_ms.fetch_add(100_000, Ordering::SeqCst));
    let records = repository.records(&scope, &name, None).await.unwrap();
    let other = Lease::new(records, terms("standby-1"), clock).unwrap();
    let mut taken = other.acquire().await;
    while taken.is_err() {
        taken = other.acquire().await;
    }
    let lost = kept.lost().await;
    assert!(matches!(&*lost, LeaseError::Fenced { holder, .. } if holder == "standby-1"), "{lost}");
    assert!(!standing.holds());
    kept.release().await.unwrap();
}
