//! The objects of a cluster, in an order in which they can be created. Pure: the same seed and size give the same objects.

use super::random::Random;
use super::{custom, kinds, secrets, workloads};
use serde_json::Value;

/// How much a cluster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Namespaces, at least one.
    pub namespaces: usize,
    /// Objects in all, namespaces and definitions included; never fewer than these and the rights of each namespace take.
    pub objects: usize,
    /// Mean payload of the ConfigMaps, in bytes: single ones have from a fifteenth of it to four times as much. Secrets
    /// follow with a quarter of it. Other kinds are as large as they are in real clusters, about 0.5 to 3 KB.
    pub bytes_per_object: usize,
}

/// ConfigMaps of 0.3 to 20 KB.
const USUAL_BYTES: usize = 4_700;

/// How many namespaces `objects` spread over.
const OBJECTS_PER_NAMESPACE: usize = 60;

impl Size {
    /// What `lab up` puts into each cluster: every kind is there, and it takes a second or two.
    pub fn small() -> Self {
        Self { namespaces: 4, objects: 120, bytes_per_object: 2_000 }
    }

    /// A cluster of about `objects` objects, of the usual sizes.
    pub fn of_objects(objects: usize) -> Self {
        Self {
            namespaces: (objects / OBJECTS_PER_NAMESPACE).clamp(1, 2_000),
            objects,
            bytes_per_object: USUAL_BYTES,
        }
    }
}

/// A kind of which there are as many as the size asks for.
type Maker = fn(&mut Random, &Place, usize) -> Value;

/// How many of each, in a hundred.
const MIX: [(Maker, usize); 14] = [
    (kinds::config_map, 24),
    (secrets::opaque_secret, 10),
    (workloads::deployment, 12),
    (workloads::service, 9),
    (kinds::event, 8),
    (custom::boat, 8),
    (kinds::lease, 7),
    (secrets::tls_secret, 6),
    (custom::voyage, 5),
    (secrets::basic_auth_secret, 3),
    (workloads::network_policy, 3),
    (workloads::disruption_budget, 2),
    (workloads::cron_job, 2),
    (custom::harbor, 1),
];

/// Where an object stands: what its maker needs to know of the rest.
pub(super) struct Place<'a> {
    /// The object's namespace.
    pub(super) namespace: &'a str,
    /// A number that no other object of the cluster has.
    pub(super) number: usize,
}

/// The objects of a cluster: first namespaces, then CustomResourceDefinitions, then what is cluster-wide, then what lives in
/// namespaces. Each is made when it is asked for.
pub fn objects(seed: u64, size: Size) -> impl Iterator<Item = Value> + Send {
    let names: Vec<String> = (0..size.namespaces.max(1)).map(|i| kinds::namespace_name(seed, i)).collect();
    let mut first: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(i, name)| kinds::namespace(seed, i, name))
        .collect();
    first.extend(custom::definitions());
    first.extend(workloads::priority_classes());
    first.extend(kinds::cluster_roles());
    first.extend(names.iter().flat_map(|name| kinds::rights(name)));

    let rest = size.objects.saturating_sub(first.len());
    let deck = deck();
    let drawn = (0..rest).map(move |i| {
        // Another stream than the namespaces'.
        let mut random = Random::of(seed ^ 0x6f62_6a65_6374, i as u64);
        // Round robin first, so that small clusters have something everywhere; then as it falls.
        let namespace = if i < names.len() { i } else { random.below(names.len()) };
        let place = Place { namespace: &names[namespace], number: i };
        let make = deck[i % deck.len()];
        make(&mut random, &place, size.bytes_per_object)
    });
    first.into_iter().chain(drawn)
}

/// The mix, dealt evenly: every kind comes early, and every hundred in a row keep the proportions.
fn deck() -> Vec<Maker> {
    let mut cards: Vec<(usize, Maker)> = Vec::new();
    for (maker, count) in MIX {
        // Card k of n stands at (k + 1/2) / n of the way; the first of all stand in front.
        cards.extend((0..count).map(|k| {
            if k == 0 {
                (0, maker)
            } else {
                ((2 * k + 1) * 1_000 / (2 * count), maker)
            }
        }));
    }
    cards.sort_by_key(|(at, _)| *at);
    cards.into_iter().map(|(_, maker)| maker).collect()
}
