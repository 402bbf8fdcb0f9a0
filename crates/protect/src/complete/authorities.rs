//! CAs: the key belongs to the certificate, the captured certificates are signed by it, and the objects in etcd know the same one.
//! Start at [`judge`].

use super::finding::{BACK, Found, Pair, counted, some};
use super::layout::{Authority, Layout, Told};
use super::pki::{self, Certificate, Signed};
use super::reader::{Reader, data};
use super::{CapturedFiles, Parts, Unreadable};
use std::collections::BTreeSet;

/// Tests them.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, reader: &Reader<'_>, found: &mut Found) {
    if layout.authorities.is_empty() {
        let why = "which CAs this cluster has is not known, as nobody knows who installed it: none was tested";
        found.unknown(Pair::AuthorityKey, why, "name the CAs' files in the estate, and try them in a drill");
    }
    for authority in &layout.authorities {
        let held = held(authority, parts.files);
        if held.is_empty() {
            if authority.required {
                let why = format!("the {} {} was not captured from any host", authority.name, authority.certificate);
                found.missing(
                    Pair::AuthorityKey,
                    why,
                    "capture it, and its key: nothing of this cluster trusts another one",
                );
            }
            continue;
        }
        belongs(authority, &held, parts.files, found);
        signed(authority, &held, parts.files, found);
        told(authority, &held, reader, found);
    }
}

/// The certificates of a CA on each host that has them.
type Held<'a> = Vec<(&'a str, Vec<Certificate>)>;

fn held<'a>(authority: &Authority, files: &'a dyn CapturedFiles) -> Held<'a> {
    let of = |host| Some((host, pki::certificates(files.get(host, &authority.certificate)?)));
    files.hosts().into_iter().filter_map(of).collect()
}

/// Whether the key belongs to the certificate.
fn belongs(authority: &Authority, held: &Held<'_>, files: &dyn CapturedFiles, found: &mut Found) {
    const PAIR: Pair = Pair::AuthorityKey;
    const AGAIN: &str = "capture it again from a control plane host that works";
    let Authority { name, certificate, key, .. } = authority;
    let (mut good, mut others, mut illegible, mut without) = (Vec::new(), Vec::new(), Vec::new(), true);
    for (host, certificates) in held {
        let Some(file) = files.get(host, key) else {
            continue;
        };
        without = false;
        let keys = pki::private_keys(file);
        if keys.is_empty() {
            illegible.push((*host).to_owned());
        } else if certificates.iter().any(|it| keys.contains(&it.key)) {
            good.push((*host).to_owned());
        } else if !certificates.is_empty() {
            others.push((*host).to_owned());
        }
    }
    let unreadable = held.iter().filter(|(_, it)| it.is_empty());
    let unreadable: Vec<String> = unreadable.map(|(host, _)| (*host).to_owned()).collect();
    if !unreadable.is_empty() {
        let why = format!("the {name} {certificate} of {} cannot be read as a certificate", some(&unreadable));
        found.mismatch(PAIR, why, AGAIN);
    }
    if !illegible.is_empty() {
        let why = format!("the {name}'s key {key} of {} cannot be read as a private key", some(&illegible));
        found.mismatch(PAIR, why, AGAIN);
    }
    if !others.is_empty() {
        let why = format!("the {name}'s key {key} of {} does not belong to {certificate}", some(&others));
        let next =
            format!("put the key of this CA back, with another one nothing new can be issued for this cluster: {BACK}");
        found.mismatch(PAIR, why, next);
    }
    if !good.is_empty() {
        let why = format!("the {name}'s key {key} belongs to {certificate} on {}", some(&good));
        found.matches(PAIR, why);
    } else if without && authority.external {
        let why = format!(
            "the {name}'s key {key} is not on its hosts: kube-controller-manager is started without one, which is kubeadm's \
             external CA mode"
        );
        let next = "make sure that the other site reaches whoever holds this CA: certificates are issued there";
        found.unknown(PAIR, why, next);
    } else if without && authority.required {
        let why = format!("the {name} {certificate} was captured without its key {key}");
        found.missing(
            PAIR,
            why,
            "capture it: without the key no certificate can be issued for the recovered hosts",
        );
    }
}

/// Whether it has signed what it should have.
fn signed(authority: &Authority, held: &Held<'_>, files: &dyn CapturedFiles, found: &mut Found) {
    const PAIR: Pair = Pair::AuthorityCertificates;
    let ca = format!("the {} {}", authority.name, authority.certificate);
    let (mut good, mut unreadable, mut odd, mut others) = (0, Vec::new(), Vec::new(), Vec::new());
    for host in files.hosts() {
        // A host without the CA's file is one of the same cluster nevertheless.
        let own = held.iter().find(|(it, _)| *it == host).or(held.first());
        let Some((_, by)) = own.filter(|(_, by)| !by.is_empty()) else {
            continue;
        };
        for (path, leaf) in authority.leaves.iter().flat_map(|leaf| leaf.on(files, host)) {
            let place = format!("{path} of {host}");
            let Some(leaf) = leaf else {
                unreadable.push(place);
                continue;
            };
            let results: Vec<Signed> = by.iter().map(|by| leaf.is_signed_by(by)).collect();
            if results.iter().any(|it| matches!(it, Signed::Yes)) {
                good += 1;
            } else if results.iter().any(|it| matches!(it, Signed::Oddly)) {
                odd.push(place);
            } else {
                others.push(place);
            }
        }
    }
    if good > 0 {
        let all = counted(good, "captured certificate");
        found.matches(PAIR, format!("{ca} has signed {all}"));
    }
    if !others.is_empty() {
        let why = format!("{ca} of the same hosts has not signed these: {}", some(&others));
        let next =
            format!("put back what was changed, the CA or these are of another generation or another cluster: {BACK}");
        found.mismatch(PAIR, why, next);
    }
    if !unreadable.is_empty() {
        let why = format!("these cannot be read as certificates: {}", some(&unreadable));
        found.mismatch(PAIR, why, "capture them again from a control plane host that works");
    }
    if !odd.is_empty() {
        let why = format!(
            "these are signed in a way that is not known here, so {ca} was not tested with them: {}",
            some(&odd)
        );
        found.unknown(PAIR, why, "try them in a drill");
    }
}

/// Whether the objects in etcd know it.
fn told(authority: &Authority, held: &Held<'_>, reader: &Reader<'_>, found: &mut Found) {
    const PAIR: Pair = Pair::AuthorityObjects;
    let ca = format!("the {} {}", authority.name, authority.certificate);
    let held: Held<'_> = held.iter().filter(|(_, it)| !it.is_empty()).cloned().collect();
    if held.is_empty() {
        return;
    }
    let (mut good, mut others, mut hosts, mut unreadable) = (Vec::new(), Vec::new(), BTreeSet::new(), None);
    for told in authority.told {
        let name = told.name().to_owned();
        match told.read(reader) {
            Ok(None) => {}
            Err(why) => unreadable = Some(format!("{name} cannot be read from the records of etcd: {why}")),
            Ok(Some(known)) => {
                let strange = held.iter().filter(|(_, mine)| !mine.iter().any(|it| known.contains(it)));
                let strange: Vec<&str> = strange.map(|(host, _)| *host).collect();
                if strange.is_empty() { &mut good } else { &mut others }.push(name);
                hosts.extend(strange);
            }
        }
    }
    let nothing = good.is_empty() && others.is_empty() && unreadable.is_none();
    if !good.is_empty() {
        found.matches(PAIR, format!("{ca} is the one in {}", good.join(", ")));
    }
    if !others.is_empty() {
        let hosts: Vec<&str> = hosts.into_iter().collect();
        let why = format!("{ca} of {} is not the CA that etcd holds in {}", hosts.join(", "), others.join(", "));
        let next = format!(
            "put back the CA that the cluster uses, pods and clients of the restored etcd trust that one alone: {BACK}"
        );
        found.mismatch(PAIR, why, next);
    }
    if let Some(why) = unreadable {
        found.unknown(PAIR, why, "lifeboat verify, for this cluster: it reads all of its history");
    }
    if nothing && !authority.told.is_empty() {
        let names: Vec<&str> = authority.told.iter().map(|it| it.name()).collect();
        let why = format!("no object in etcd tells of {ca}: there is none of {}", names.join(", "));
        found.unknown(PAIR, why, "check that the records are of this cluster");
    }
}

impl Told {
    fn name(self) -> &'static str {
        match self {
            Self::ClusterInfo => "ConfigMap kube-public/cluster-info",
            Self::Root => "ConfigMap kube-system/kube-root-ca.crt",
            Self::Client => "client-ca-file of ConfigMap kube-system/extension-apiserver-authentication",
            Self::RequestHeader => {
                "requestheader-client-ca-file of ConfigMap kube-system/extension-apiserver-authentication"
            }
        }
    }

    /// The CAs that it tells of; nothing if it is not there.
    fn read(self, reader: &Reader<'_>) -> Result<Option<Vec<Certificate>>, Unreadable> {
        let (path, field) = match self {
            Self::ClusterInfo => ("configmaps/kube-public/cluster-info", "kubeconfig"),
            Self::Root => ("configmaps/kube-system/kube-root-ca.crt", "ca.crt"),
            Self::Client => ("configmaps/kube-system/extension-apiserver-authentication", "client-ca-file"),
            Self::RequestHeader => (
                "configmaps/kube-system/extension-apiserver-authentication",
                "requestheader-client-ca-file",
            ),
        };
        let object = reader.object(path)?;
        let text = object.as_ref().and_then(|it| data(it, field));
        Ok(text.map(|text| match self {
            Self::ClusterInfo => pki::cluster_authorities(text.as_bytes()),
            _ => pki::certificates(text.as_bytes()),
        }))
    }
}
