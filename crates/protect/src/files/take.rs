//! Reading the files on their host.

use super::{FLAGS, Files, KEYS, Kept, PKI};
use crate::Error;
use crate::manifest::Flags;
use cluster::{Host, quoted};
use estate::Distribution;
use std::collections::BTreeMap;
use std::time::Duration;

/// Keys and configurations are a few KiB each.
const BYTES_MAX: usize = 1 << 20;

/// Reads the files of the control plane on `host`.
///
/// # Errors
/// One of the keys is missing, or the host cannot be read.
pub async fn take(host: &Host, distribution: Distribution) -> Result<Files, Error> {
    let Distribution::Kubeadm = distribution else {
        return Err(Error::Unusable {
            host: host.name().to_owned(),
            path: "its files".to_owned(),
            reason: format!("only those of kubeadm are known so far, not of {distribution}"),
        });
    };
    let flags = Flags::read(host, "kube-apiserver").await?;
    let keys = KEYS.iter().map(|key| (format!("pki/{key}"), format!("{PKI}/{key}")));
    let named = FLAGS
        .iter()
        .filter_map(|flag| Some((format!("flags/{flag}"), flags.get(flag)?.to_owned())));
    let wanted: Vec<(String, String)> = keys.chain(named).collect();
    let metadata = metadata(host, &wanted).await?;
    let mut files = BTreeMap::new();
    for (name, path) in wanted {
        let bytes = host.read(&path, BYTES_MAX).await?;
        let (Some(bytes), Some((mode, owner))) = (bytes, metadata.get(&path)) else {
            let why = "without it a copy of etcd cannot be used".to_owned();
            return Err(Error::Missing { host: host.name().to_owned(), path, why });
        };
        files.insert(name, Kept { bytes, mode: *mode, owner: *owner });
    }
    Ok(Files(files))
}

/// Mode and owner of each file that is there, by its path.
async fn metadata(host: &Host, wanted: &[(String, String)]) -> Result<BTreeMap<String, (u32, (u64, u64))>, Error> {
    let paths: Vec<String> = wanted.iter().map(|(_, path)| quoted(path)).collect();
    // Files that are missing make stat fail after it has told of the others.
    let script = format!("stat -L -c '%a %u %g %n' {} 2>/dev/null || true", paths.join(" "));
    let said = host.run("reading the modes of keys", &script, Duration::from_secs(20)).await?;
    let parse = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let owner = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((words.next()?.to_owned(), (mode, owner)))
    };
    Ok(said.lines().filter_map(parse).collect())
}
