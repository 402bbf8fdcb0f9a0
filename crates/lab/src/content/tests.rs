use super::change::{Change, Dealer, Population};
use super::pace::Pace;
use super::*;
use cluster::Client;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

fn all(seed: u64, size: Size) -> Vec<Value> {
    objects(seed, size).collect()
}

fn label(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

fn bytes(objects: &[Value], kind: &str) -> Vec<usize> {
    objects
        .iter()
        .filter(|o| o["kind"] == kind)
        .map(|o| o["data"].to_string().len())
        .collect()
}

#[test]
fn a_small_cluster_has_every_kind_and_stays_the_same_for_ever() {
    let objects = all(7, Size::small());
    assert_eq!(objects.len(), 120);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for object in &objects {
        *kinds.entry(object["kind"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!(kinds.len(), 20, "{kinds:?}");
    assert_eq!(kinds["Namespace"], 4);
    assert_eq!(kinds["CustomResourceDefinition"], 3);
    // A fingerprint: benchmarks compare figures of the same content over time.
    let bytes: usize = objects.iter().map(|o| o.to_string().len()).sum();
    assert_eq!((bytes, objects[119]["metadata"]["name"].as_str().unwrap()), (147_960, "importer-boat-95"));
}

#[test]
fn config_maps_have_the_mean_and_the_spread_that_was_asked_for() {
    let objects = all(1, Size::of_objects(20_000));
    let bytes = bytes(&objects, "ConfigMap");
    let mean = bytes.iter().sum::<usize>() / bytes.len();
    assert!((4_200..5_400).contains(&mean), "{mean}");
    assert!(*bytes.iter().min().unwrap() < 400);
    assert!((15_000..22_000).contains(bytes.iter().max().unwrap()));
}

#[test]
fn no_object_is_larger_than_the_api_server_takes() {
    let size = Size { namespaces: 1, objects: 300, bytes_per_object: 5_000_000 };
    assert!(objects(3, size).all(|o| o.to_string().len() < 1_300_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_seed_gives_the_same_objects_and_another_seed_others(seed: u64, namespaces in 0usize..9, count in 0usize..400) {
        let size = Size { namespaces, objects: count, bytes_per_object: 500 };
        let objects = all(seed, size);
        prop_assert_eq!(&objects, &all(seed, size));
        prop_assert_ne!(&objects, &all(seed ^ 1, size));
        let base = 3 + 2 + 3 + 4 * namespaces.max(1);
        prop_assert_eq!(objects.len(), count.max(base));
    }

    #[test]
    fn objects_have_valid_unique_names_and_come_after_what_they_need(seed: u64, namespaces in 1usize..9, count in 100usize..600) {
        let size = Size { namespaces, objects: count, bytes_per_object: 300 };
        let (mut seen, mut namespaces, mut served) = (HashSet::new(), HashSet::new(), HashSet::new());
        for object in objects(seed, size) {
            let (kind, metadata) = (object["kind"].as_str().unwrap(), &object["metadata"]);
            let name = metadata["name"].as_str().unwrap();
            prop_assert!(name.split('.').all(label), "{name}");
            prop_assert!(seen.insert((kind.to_owned(), metadata["namespace"].to_string(), name.to_owned())), "{kind} {name} twice");
            if let Some(namespace) = metadata["namespace"].as_str() {
                prop_assert!(namespaces.contains(namespace), "{kind} {name} before its namespace");
            }
            if object["apiVersion"] == "fleet.lab.test/v1" {
                prop_assert!(served.contains(kind), "{kind} {name} before its definition");
            }
            match kind {
                "Namespace" => { namespaces.insert(name.to_owned()); }
                "CustomResourceDefinition" => { served.insert(object["spec"]["names"]["kind"].as_str().unwrap().to_owned()); }
                _ => {}
            }
        }
    }

    #[test]
    fn a_pace_never_drifts_and_leaves_out_what_an_outage_took(rate in 0.5f64..2000.0, away in 0u64..100) {
        let start = ambient::monotonic();
        let mut pace = Pace::new(start, rate);
        for _ in 0..1_000 {
            pace.advance();
        }
        prop_assert!((pace.due() - start).abs_diff(Duration::from_secs_f64(1_000.0 / rate)) < Duration::from_micros(1));
        let now = pace.due() + Duration::from_secs(away);
        let left_out = pace.catch_up(now);
        prop_assert_eq!(left_out > 0, away > 1 && away as f64 * rate >= 1.0);
        prop_assert!(now.saturating_duration_since(pace.due()) <= Duration::from_secs_f64(1.001 + 1.0 / rate));
    }
}

#[test]
fn changes_come_in_the_proportions_of_a_living_cluster_and_keep_the_population() {
    let population = Population::of(300);
    assert_eq!(population, Population { leases: 75, boats: 100, items: 125 });
    let mut dealer = Dealer::new(5, population);
    let mut counts = [0i32; 4];
    let mut items: HashSet<usize> = (0..125).collect();
    for _ in 0..10_000 {
        match dealer.next() {
            Change::Renew { lease } => {
                assert!(lease < 75);
                counts[0] += 1;
            }
            Change::Status { boat } => {
                assert!(boat < 100);
                counts[1] += 1;
            }
            Change::Create { item } => {
                assert!(items.insert(item));
                counts[2] += 1;
            }
            Change::Delete { item } => {
                assert!(items.remove(&item));
                counts[2] += 1;
            }
            Change::Event { .. } => counts[3] += 1,
        }
        assert!((125..=126).contains(&items.len()));
    }
    for (count, expected) in counts.into_iter().zip([4_000, 3_000, 2_000, 1_000]) {
        assert!((count - expected).abs() < 200, "{counts:?}");
    }
}

#[tokio::test]
async fn churn_waits_for_an_api_server_that_is_away_until_it_is_stopped() {
    let kubeconfig = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}"#;
    let client = Client::from_kubeconfig_text(kubeconfig).await.unwrap();
    let stop = ambient::sleep(Duration::from_millis(300));
    let run = Churn { objects: 10, rate: 100.0, seed: 1, duration: None, stop };
    let churned = churn(&client, run, |_| {}).await.unwrap();
    assert_eq!(churned.done, 0);
    assert!(churned.elapsed >= Duration::from_millis(300));
}
