//! Values that are encrypted at rest, and the captured EncryptionConfigurations: each value is opened with each of them. Start at
//! [`judge`].

use super::finding::{BACK, Found, Pair, counted};
use super::layout::Layout;
use super::{CapturedFiles, Parts};
use objects::encryption::{Decryption, Sealed};
use objects::envelope::Envelope;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const PAIR: Pair = Pair::EncryptionAtRest;

/// A captured EncryptionConfiguration.
struct Configuration {
    /// Its path, and the hosts that have it.
    place: String,
    bytes: Vec<u8>,
    read: Result<Decryption, String>,
}

/// The values of one key.
#[derive(Default)]
struct Values {
    all: usize,
    /// How many each configuration does not open, and the first of these.
    refused: BTreeMap<usize, (usize, String, bool)>,
}

/// Tests them, and gives the keys that can be used.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, found: &mut Found) -> Vec<Decryption> {
    let given = configurations(parts.files, layout);
    let mut keys: BTreeMap<(String, String), Values> = BTreeMap::new();
    let prefix = format!("{}/", layout.registry);
    let mut seen = 0_u64;
    let read = parts.records.each(prefix.as_bytes(), &mut |key, value| {
        seen += 1;
        if let Envelope::Encrypted { provider, key: name, .. } = Envelope::of(value) {
            let values = keys.entry((provider.to_owned(), name.to_owned())).or_default();
            values.all += 1;
            values.test(&given, key, value);
        }
        ControlFlow::Continue(())
    });
    match read {
        Err(why) => {
            let why = format!("the records of etcd cannot be read, so no captured key can be tried: {why}");
            found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
        }
        Ok(()) if seen == 0 => {
            let why = format!("etcd holds no object under {prefix}, so nothing tells whether values are encrypted");
            found.unknown(PAIR, why, "check that the records are of this cluster");
        }
        Ok(()) if keys.is_empty() => found.matches(PAIR, "nothing in etcd is encrypted at rest, so no key is needed"),
        Ok(()) => {
            for configuration in &given {
                if let Err(why) = &configuration.read {
                    let why = format!("{}: {why}", configuration.place);
                    found.mismatch(PAIR, why, "capture it again from a control plane host that works");
                }
            }
            for ((provider, name), values) in &keys {
                say(provider, name, values, &given, layout, found);
            }
        }
    }
    given.into_iter().filter_map(|it| it.read.ok()).collect()
}

fn configurations(files: &dyn CapturedFiles, layout: &Layout) -> Vec<Configuration> {
    let mut all: Vec<Configuration> = Vec::new();
    for path in &layout.encryption {
        for host in files.hosts() {
            let Some(bytes) = files.get(host, path) else {
                continue;
            };
            if let Some(same) = all.iter_mut().find(|it| it.bytes == bytes) {
                same.place = format!("{}, {host}", same.place);
                continue;
            }
            let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned());
            let read = text.and_then(|text| Decryption::parse(text).map_err(|why| why.to_string()));
            all.push(Configuration {
                place: format!("{path} of {host}"),
                bytes: bytes.to_vec(),
                read,
            });
        }
    }
    all
}

impl Values {
    fn test(&mut self, given: &[Configuration], key: &[u8], value: &[u8]) {
        for (number, configuration) in given.iter().enumerate() {
            let Ok(keys) = &configuration.read else {
                continue;
            };
            if let Some(Err(why)) = keys.opens(key, value) {
                let lacks = matches!(why, Sealed::NoKey { .. });
                let key = || String::from_utf8_lossy(key).into_owned();
                let refused = self.refused.entry(number).or_insert_with(|| (0, key(), lacks));
                refused.0 += 1;
            }
        }
    }
}

fn say(provider: &str, name: &str, values: &Values, given: &[Configuration], layout: &Layout, found: &mut Found) {
    let all = counted(values.all, "value");
    if provider == "kms" {
        let why = format!(
            "{all} in etcd can be opened by the KMS plugin {name} only: the plugin and its key must be at the other site too, which \
             cannot be tested here"
        );
        return found.unknown(PAIR, why, "open a Secret at the other site in a drill");
    }
    let encrypted = format!("{all} in etcd encrypted with {provider}, key {name}");
    let usable = || given.iter().enumerate().filter(|(_, it)| it.read.is_ok());
    if usable().next().is_none() {
        let place = match layout.encryption.as_slice() {
            [] => "no EncryptionConfiguration was captured".to_owned(),
            paths => format!("there is no usable {}", paths.join(", ")),
        };
        let why = format!("{encrypted} cannot be opened with the captured files: {place}");
        return found.missing(PAIR, why, "capture the EncryptionConfiguration of a control plane host");
    }
    for (number, configuration) in usable() {
        let place = &configuration.place;
        match values.refused.get(&number) {
            None => found.matches(PAIR, format!("{encrypted}: {place} opens all of them")),
            Some((_, _, true)) => {
                let why = format!("{encrypted}: {place} has no such key");
                let next =
                    format!("put the file that has it back on the host, without it these values are lost: {BACK}");
                found.missing(PAIR, why, next);
            }
            Some((refused, first, false)) => {
                let why = format!(
                    "{encrypted}: the key of that name in {place} does not open {refused} of them, {first} first"
                );
                let next = format!(
                    "put the key that these were written with back on the host, without it they are lost: {BACK}"
                );
                found.mismatch(PAIR, why, next);
            }
        }
    }
}
