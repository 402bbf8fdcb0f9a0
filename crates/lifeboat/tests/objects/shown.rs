//! Whether a rebuild for other hosts did what was shown, and nothing else. Start at [`was_done`].

use objects::changes::between;
use objects::key::{Place, REGISTRY};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the records `before` and `after` with what `lifeboat etcd transplant` showed. `json` says what `lifeboat etcd` says to
/// such words.
pub(crate) async fn was_done(shown: &Value, (before, after): (&str, &str), json: impl AsyncFn(&str) -> Value) {
    let rows = |what: &str| -> BTreeMap<&str, &Value> {
        let all = shown["objects"].as_array().unwrap().iter();
        all.filter(|row| row["what"] == what)
            .map(|row| (row["object"].as_str().unwrap(), &row["changes"]))
            .collect()
    };
    let (goes, changes) = (rows("goes"), rows("changes"));
    let (old, new) = (keys(&json, before).await, keys(&json, after).await);
    let gone: BTreeSet<&str> = old.keys().filter(|key| !new.contains_key(*key)).map(String::as_str).collect();
    assert_eq!(gone, goes.into_keys().collect());
    // What stays has the revision that wrote it, and as many bytes.
    let changed: BTreeSet<&str> = new
        .iter()
        .filter(|(key, record)| old.get(*key) != Some(record))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(changed, changes.keys().copied().collect());
    let names = changes.keys().copied().collect::<Vec<_>>().join(" ");
    let objects = async |from: &str| match json(&format!("get {from} {names}")).await {
        Value::Array(all) => all,
        one => vec![one],
    };
    let (old, new) = (objects(before).await, objects(after).await);
    for ((object, expected), (old, new)) in changes.into_iter().zip(old.iter().zip(&new)) {
        let made = between(old.as_object().unwrap(), new.as_object().unwrap(), None);
        assert_eq!(&json!(made), expected, "{object}");
    }
}

/// The objects, and the revision and bytes of each.
async fn keys(json: &impl AsyncFn(&str) -> Value, from: &str) -> BTreeMap<String, (Value, Value)> {
    let listed = json(&format!("keys {from} --list")).await;
    let one = |it: &Value| {
        let key = it["key"].as_str().unwrap();
        let shown = Place::of(REGISTRY, key.as_bytes()).map_or_else(|| key.to_owned(), |place| place.to_string());
        (shown, (it["revision"].clone(), it["bytes"].clone()))
    };
    listed["keys"].as_array().unwrap().iter().map(one).collect()
}
