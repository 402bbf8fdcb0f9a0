//! Whether state, configuration and files are of the same generation: all hosts have the same keys, and files say what the cluster
//! says of itself. Start at [`judge`]; a file for each distribution's own.

mod kubeadm;
mod rke1;
mod server;

pub(super) use server::config as server_config;

use super::finding::{Found, Pair, counted, some};
use super::layout::Layout;
use super::reader::Reader;
use super::{CapturedFiles, Parts};
use estate::Distribution;
use serde_json::Value;

const PAIR: Pair = Pair::Generation;

/// Tests them.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, reader: &Reader<'_>, found: &mut Found) {
    same_everywhere(parts.files, layout, found);
    match parts.distribution {
        Distribution::Kubeadm => kubeadm::judge(parts, reader, found),
        Distribution::K3s => server::judge("k3s", parts, layout, found),
        Distribution::Rke2 => server::judge("rke2", parts, layout, found),
        Distribution::Rke1 => rke1::judge(parts, reader, found),
        Distribution::Other => {}
    }
}

/// Whether the hosts that have a file of the cluster's have the same.
fn same_everywhere(files: &dyn CapturedFiles, layout: &Layout, found: &mut Found) {
    let authorities = layout.authorities.iter().flat_map(|it| [&it.certificate, &it.key]);
    let mut paths: Vec<&String> = authorities.chain(&layout.encryption).chain(&layout.verifying).collect();
    paths.sort();
    paths.dedup();
    let (mut equal, mut differ) = (0, false);
    for path in paths {
        let mut held = files
            .hosts()
            .into_iter()
            .filter_map(|host| Some((host, files.get(host, path)?)));
        let Some((first, content)) = held.next() else {
            continue;
        };
        let (same, others): (Vec<_>, Vec<_>) = held.partition(|(_, it)| *it == content);
        if others.is_empty() {
            equal += usize::from(!same.is_empty());
            continue;
        }
        differ = true;
        let others: Vec<String> = others.into_iter().map(|(host, _)| host.to_owned()).collect();
        let why = format!("{path} is not the same on {first} and on {}", some(&others));
        found.mismatch(
            PAIR,
            why,
            "bring the hosts into line first: one of them is of another generation or another cluster",
        );
    }
    if !differ && equal > 0 {
        let all = counted(equal, "file");
        found.matches(PAIR, format!("the hosts have the same in {all} with the cluster's keys"));
    }
}

/// A value as it can be compared: a list as its parts with commas between, nothing for what is not set.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(it) if it.is_empty() => None,
        Value::String(it) => Some(it.clone()),
        Value::Bool(it) => Some(it.to_string()),
        Value::Number(it) => Some(it.to_string()),
        Value::Array(all) => Some(all.iter().filter_map(plain).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// A value in a tree, by names with slashes between; these may have points.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(value, |value, name| &value[name])
}

/// Reads YAML or JSON; the parser's own words are left out, as they may quote a secret.
fn yaml(file: &[u8]) -> Option<Value> {
    serde_saphyr::from_str(std::str::from_utf8(file).ok()?).ok()
}
