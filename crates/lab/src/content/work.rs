//! One change of a churning cluster, carried out.

use super::change::{Change, Population};
use super::fill::{PARALLEL, create, established};
use super::generate::Place;
use super::random::Random;
use super::{custom, kinds, secrets};
use cluster::{Client, Error, KindRef};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a change is tried, with waits of 0.1, 0.2, 0.4 and 0.8 s in between.
const ATTEMPTS: u32 = 5;

/// Mean payload of the ConfigMaps and Secrets that come and go, in bytes.
const ITEM_BYTES: usize = 2_000;

/// What came of a change.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) confirmed: bool,
    pub(super) errors: u64,
    pub(super) took: Duration,
    pub(super) resource_version: u64,
    pub(super) last_error: Option<String>,
}

/// Where changes are made.
pub(super) struct Work<'a> {
    client: &'a Client,
    seed: u64,
    namespace: String,
    /// Tells the events of this run from those of an earlier one with the same seed.
    run: String,
}

impl<'a> Work<'a> {
    pub(super) fn new(client: &'a Client, seed: u64) -> Self {
        Self {
            client,
            seed,
            namespace: format!("churn-{seed}"),
            run: ambient::random_id(6),
        }
    }

    /// Creates whatever of the population is not there.
    pub(super) async fn set_up(&self, population: Population) -> Result<(), Error> {
        self.ground().await?;
        let leases = (0..population.leases).map(|i| self.lease(i));
        let boats = (0..population.boats).map(|i| self.boat(i));
        let items = (0..population.items).map(|i| self.item(i));
        stream::iter(leases.chain(boats).chain(items))
            .map(|object| async move { create(self.client, &object).await })
            .buffer_unordered(PARALLEL)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    /// Creates what the population stands on: its namespace and the definitions.
    async fn ground(&self) -> Result<(), Error> {
        create(self.client, &kinds::namespace(self.seed, 0, &self.namespace)).await?;
        for definition in custom::definitions() {
            create(self.client, &definition).await?;
            established(self.client, definition["metadata"]["name"].as_str().unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// Carries out a change, repeating it for a while when it fails.
    pub(super) async fn perform(&self, change: Change) -> Outcome {
        let begun = ambient::monotonic();
        let mut outcome = Outcome::default();
        for attempt in 0..ATTEMPTS {
            let error = match self.once(change).await {
                Ok(resource_version) => {
                    outcome.confirmed = true;
                    outcome.resource_version = resource_version;
                    break;
                }
                Err(error) => error,
            };
            outcome.errors += 1;
            outcome.last_error = Some(error.to_string());
            if matches!(error, Error::NotFound { .. } | Error::UnknownKind { .. }) {
                // A restore may have taken the ground away; whether it could be given back shows in the next attempt.
                let _ = self.ground().await;
            }
            if attempt + 1 < ATTEMPTS {
                ambient::sleep(Duration::from_millis(100 << attempt)).await;
            }
        }
        outcome.took = begun.elapsed();
        outcome
    }

    /// One attempt; returns the resourceVersion after it, 0 where the answer has none.
    async fn once(&self, change: Change) -> Result<u64, Error> {
        let namespace = Some(self.namespace.as_str());
        let answer = match change {
            Change::Renew { lease } => {
                let patch = json!({ "spec": { "renewTime": kinds::micro_time(ambient::now()) } });
                let renewed = self
                    .client
                    .patch_merge(&lease_kind(), namespace, &format!("lease-{lease}"), &patch)
                    .await;
                self.or_create(renewed, || self.lease(lease)).await?
            }
            Change::Status { boat } => {
                let patch = json!({ "status": custom::report(boat, ambient::now()) });
                let reported = self
                    .client
                    .patch_status(&boat_kind(), namespace, &format!("boat-{boat}"), &patch)
                    .await;
                self.or_create(reported, || self.boat(boat)).await?
            }
            Change::Create { item } => match self.client.create(&self.item(item)).await {
                // The attempt before has done it, or an earlier run.
                Err(Error::AlreadyExists { .. }) => Value::Null,
                other => other?,
            },
            Change::Delete { item } => {
                self.client.delete(&item_kind(item), namespace, &format!("item-{item}")).await?;
                Value::Null
            }
            Change::Event { number } => match self.client.create(&self.event(number)).await {
                Err(Error::AlreadyExists { .. }) => Value::Null,
                other => other?,
            },
        };
        Ok(answer["metadata"]["resourceVersion"]
            .as_str()
            .and_then(|v| v.parse().ok())
            .unwrap_or_default())
    }

    async fn or_create(&self, done: Result<Value, Error>, object: impl Fn() -> Value) -> Result<Value, Error> {
        match done {
            Err(Error::NotFound { .. }) => self.client.create(&object()).await,
            other => other,
        }
    }

    fn lease(&self, number: usize) -> Value {
        self.named(format!("lease-{number}"), number, |random, place| kinds::lease(random, place, 0))
    }

    fn boat(&self, number: usize) -> Value {
        self.named(format!("boat-{number}"), number, |random, place| custom::boat(random, place, 0))
    }

    fn item(&self, number: usize) -> Value {
        let make = if number.is_multiple_of(2) {
            kinds::config_map
        } else {
            secrets::opaque_secret
        };
        self.named(format!("item-{number}"), number, |random, place| make(random, place, ITEM_BYTES))
    }

    fn event(&self, number: usize) -> Value {
        let at = kinds::micro_time(ambient::now());
        self.named(format!("event-{}-{number}", self.run), number, |random, place| {
            kinds::event_at(random, place, &at)
        })
    }

    fn named(&self, name: String, number: usize, make: impl FnOnce(&mut Random, &Place) -> Value) -> Value {
        let place = Place { namespace: &self.namespace, number };
        let mut object = make(&mut Random::of(self.seed, number as u64), &place);
        object["metadata"]["name"] = Value::String(name);
        object
    }
}

fn lease_kind() -> KindRef {
    KindRef::new("coordination.k8s.io/v1", "Lease")
}

fn boat_kind() -> KindRef {
    KindRef::new(format!("{}/v1", custom::GROUP), "Boat")
}

fn item_kind(number: usize) -> KindRef {
    KindRef::new(
        "v1",
        if number.is_multiple_of(2) {
            "ConfigMap"
        } else {
            "Secret"
        },
    )
}
