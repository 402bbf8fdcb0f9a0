//! Kinds that a cluster does not know by itself: the group `fleet.lab.test` with boats, harbors and voyages.

use super::generate::Place;
use super::kinds::{holder, metadata, micro_time};
use super::random::Random;
use serde_json::{Value, json};

pub(super) const GROUP: &str = "fleet.lab.test";

/// The CustomResourceDefinitions.
pub(super) fn definitions() -> Vec<Value> {
    vec![
        definition("boats", "boat", "Boat", "Namespaced"),
        definition("harbors", "harbor", "Harbor", "Cluster"),
        definition("voyages", "voyage", "Voyage", "Namespaced"),
    ]
}

fn definition(plural: &str, singular: &str, kind: &str, scope: &str) -> Value {
    // Open below spec and status, as many operators' definitions are.
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{GROUP}") },
        "spec": {
            "group": GROUP, "scope": scope,
            "names": { "plural": plural, "singular": singular, "kind": kind, "listKind": format!("{kind}List") },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": open, "status": open } } },
                "additionalPrinterColumns": [{ "name": "Phase", "type": "string", "jsonPath": ".status.phase" }],
            }],
        },
    })
}

pub(super) fn boat(random: &mut Random, place: &Place, _: usize) -> Value {
    json!({ "apiVersion": format!("{GROUP}/v1"), "kind": "Boat", "metadata": metadata(random, place, "boat"), "spec": {
        "captain": holder(random),
        "length": 4 + random.below(40),
        "ratio": random.below(1_000) as f64 / 8.0,
        "crew": (0..random.below(6)).map(|_| json!({ "name": random.hex(8), "watch": random.below(4) })).collect::<Vec<_>>(),
    }})
}

pub(super) fn voyage(random: &mut Random, place: &Place, _: usize) -> Value {
    let legs: Vec<Value> = (0..1 + random.below(8))
        .map(|_| json!({ "to": random.hex(8), "miles": random.below(900), "notes": note(random) }))
        .collect();
    json!({ "apiVersion": format!("{GROUP}/v1"), "kind": "Voyage", "metadata": metadata(random, place, "voyage"),
        "spec": { "legs": legs, "insured": random.below(2) == 0 } })
}

pub(super) fn harbor(random: &mut Random, place: &Place, _: usize) -> Value {
    let mut metadata = metadata(random, place, "harbor");
    if let Some(fields) = metadata.as_object_mut() {
        fields.remove("namespace");
    }
    json!({ "apiVersion": format!("{GROUP}/v1"), "kind": "Harbor", "metadata": metadata,
        "spec": { "berths": 1 + random.below(200), "depth": format!("{}m", 3 + random.below(20)) } })
}

/// Text beyond ASCII: copies must keep it too.
fn note(random: &mut Random) -> &'static str {
    random.pick(&[
        "fair wind",
        "Gewitter über der Förde",
        "åska",
        "嵐",
        "calm \u{1f6f6}",
        "tab\tand \"quotes\"",
    ])
}

/// What a controller would say about a boat just now.
pub(super) fn report(boat: usize, now: jiff::Timestamp) -> Value {
    let second = now.as_second();
    let phases = ["Moored", "Sailing", "Arrived"];
    let phase = phases[(second.unsigned_abs() as usize + boat) % phases.len()];
    json!({ "phase": phase, "position": { "east": second % 360, "north": boat % 90 }, "conditions": [{
        "type": "Ready", "status": if phase == "Sailing" { "False" } else { "True" }, "reason": phase,
        "message": format!("boat {boat} is {phase}"), "lastTransitionTime": micro_time(now),
    }] })
}
