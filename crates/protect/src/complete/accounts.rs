//! The key that signs tokens of service accounts: its files belong together, and it verifies the tokens that are stored in etcd.
//! Start at [`judge`].
//!
//! Tokens have been stored in Secrets of type `kubernetes.io/service-account-token` by themselves until Kubernetes 1.24, and since then
//! where somebody asks for it (`pkg/controller/serviceaccount/tokens_controller.go`). Those that pods are given are never stored, so in
//! many a cluster there is none.

use super::Parts;
use super::finding::{BACK, Found, Pair, counted, some};
use super::layout::Layout;
use super::pki::{self, PublicKey};
use super::reader::{Reader, data, secret};
use estate::Distribution;

const PAIR: Pair = Pair::ServiceAccountKey;
const TOKEN: &str = "kubernetes.io/service-account-token";

/// Tests them.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, reader: &Reader<'_>, found: &mut Found) {
    if layout.signing.is_empty() {
        let why = "where this cluster has its key is not known, as nobody knows who installed it: it was not tested";
        return found.unknown(PAIR, why, "name the key's file in the estate, and try it in a drill");
    }
    let Some(together) = together(parts, layout, found) else {
        return;
    };
    let keys = verifying(parts, layout);
    let (mut good, mut refused) = (0, Vec::new());
    let read = reader.all("secrets", |object| {
        if object.fields.get("type").and_then(|it| it.as_str()) != Some(TOKEN) || data(object, "token").is_none() {
            return;
        }
        let token = secret(object, "token")
            .and_then(|it| String::from_utf8(it).ok())
            .unwrap_or_default();
        if keys.iter().any(|key| key.verifies(&token)) {
            good += 1;
        } else {
            let part = |name| object.metadata(name).unwrap_or_default();
            refused.push(format!("{}/{}", part("namespace"), part("name")));
        }
    });
    let signing = &layout.signing;
    match read {
        Err(why) => {
            let why = format!("tokens of service accounts cannot be read from the records of etcd: {why}");
            found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
        }
        Ok(()) if good == 0 && refused.is_empty() => {
            let why = format!(
                "{together}; no token of a service account that can be read is stored in etcd, so no more could be tested"
            );
            found.matches(PAIR, why);
        }
        Ok(()) if good == 0 => {
            let why = format!("{signing} verifies none of the tokens of service accounts in etcd: {}", some(&refused));
            let next = format!(
                "put back the key that the API server uses, with this one no service account's token is accepted: {BACK}"
            );
            found.mismatch(PAIR, why, next);
        }
        Ok(()) => {
            let all = counted(good, "token");
            found.matches(PAIR, format!("{together}, and it verifies {all} of service accounts in etcd"));
            if !refused.is_empty() {
                let why = format!(
                    "these tokens of service accounts in etcd are not signed with a captured key: {}",
                    some(&refused)
                );
                found.unknown(PAIR, why, "they may be older than the key: delete these Secrets if nobody uses them");
            }
        }
    }
}

/// Whether the files of the key belong together, as a sentence; nothing if something was found to be wrong.
fn together(parts: &Parts<'_>, layout: &Layout, found: &mut Found) -> Option<String> {
    let signing = &layout.signing;
    let hosts = parts.files.hosts();
    let mut tested = Vec::new();
    let (mut there, mut illegible, mut others) = (false, Vec::new(), Vec::new());
    for host in hosts {
        let Some(file) = parts.files.get(host, signing) else {
            continue;
        };
        there = true;
        let private = pki::private_keys(file);
        if private.is_empty() {
            illegible.push(host.to_owned());
        }
        for path in layout.verifying.iter().filter(|path| *path != signing) {
            let Some(file) = parts.files.get(host, path) else {
                continue;
            };
            // Old keys may stand beside the one in use.
            if pki::keys(file).iter().any(|key| private.contains(key)) {
                tested.push(path.as_str());
            } else if !private.is_empty() && is_its_half(parts.distribution, path) {
                others.push(format!("{path} of {host}"));
            }
        }
    }
    if !there {
        let why = format!("{signing} was not captured from any host");
        found.missing(PAIR, why, "capture it: without it all tokens of service accounts become worthless");
        return None;
    }
    if !illegible.is_empty() {
        let why = format!("{signing} of {} cannot be read as a private key", some(&illegible));
        found.mismatch(PAIR, why, "capture it again from a control plane host that works");
    }
    if !others.is_empty() {
        let why = format!("these do not belong to {signing} of the same host: {}", some(&others));
        found.mismatch(PAIR, why, format!("put back the one that was changed: {BACK}"));
    }
    tested.sort_unstable();
    tested.dedup();
    (illegible.is_empty() && others.is_empty()).then(|| match tested.as_slice() {
        [] => format!("{signing} is a private key"),
        paths => format!("{} belongs to {signing}", paths.join(", ")),
    })
}

/// Whether a file is made to be the other half of the signing key; other files that a flag names may hold old keys alone.
fn is_its_half(distribution: Distribution, path: &str) -> bool {
    distribution != Distribution::Kubeadm || path.ends_with("/sa.pub")
}

fn verifying(parts: &Parts<'_>, layout: &Layout) -> Vec<PublicKey> {
    let mut all: Vec<PublicKey> = Vec::new();
    for path in &layout.verifying {
        for host in parts.files.hosts() {
            for key in parts.files.get(host, path).map(pki::keys).unwrap_or_default() {
                if !all.contains(&key) {
                    all.push(key);
                }
            }
        }
    }
    all
}
