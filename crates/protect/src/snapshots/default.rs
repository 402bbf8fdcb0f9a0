//! Where distributions keep their snapshots. Start at [`default_directory`].

use super::Error;
use cluster::Host;
use estate::Distribution;
use std::time::Duration;

/// How long a host may take to say it.
const LIMIT: Duration = Duration::from_secs(30);

/// The directory in which `distribution` keeps snapshots on `host`: what its configuration there says (`etcd-snapshot-dir`, or else
/// below `data-dir`), or the one that it has by itself. Nothing else of the configuration leaves the host: tokens are in there.
///
/// Caveat: what stands on the command line of the service only is not seen.
///
/// # Errors
/// [`Error::NoDefault`] for a distribution that makes no snapshots; [`Error::Host`].
pub async fn default_directory(host: &Host, distribution: Distribution) -> Result<String, Error> {
    let Some(program) = program(distribution) else {
        return match distribution {
            Distribution::Rke1 => Ok("/opt/rke/etcd-snapshots".to_owned()),
            _ => Err(Error::NoDefault { distribution }),
        };
    };
    let script = format!(
        r#"for file in /etc/rancher/{program}/config.yaml /etc/rancher/{program}/config.yaml.d/*.yaml; do
  [ -r "$file" ] && grep -hE '^"?(data-dir|etcd-snapshot-dir)"?[[:space:]]*:' "$file" || true
done"#
    );
    let lines = host.run("reading where snapshots are kept", &script, LIMIT).await?;
    Ok(directory_in(program, &lines))
}

/// The directory that these lines of configuration mean, the last of a kind counting.
pub(super) fn directory_in(program: &str, lines: &str) -> String {
    let (mut data, mut own) = (format!("/var/lib/rancher/{program}"), None);
    for line in lines.lines() {
        let Ok(parsed) = serde_saphyr::from_str::<std::collections::BTreeMap<String, String>>(line) else {
            continue;
        };
        for (key, value) in parsed.into_iter().filter(|(_, value)| value.starts_with('/')) {
            match key.as_str() {
                "data-dir" => data = value.trim_end_matches('/').to_owned(),
                "etcd-snapshot-dir" => own = Some(value),
                _ => {}
            }
        }
    }
    own.unwrap_or_else(|| format!("{data}/server/db/snapshots"))
}

/// The data directory that a snapshot's directory is in, if it is where k3s and RKE2 have it by themselves.
pub(super) fn data_of(directory: &str) -> Option<&str> {
    directory.trim_end_matches('/').strip_suffix("/server/db/snapshots")
}

/// What a distribution's program and its folders are called, if it is k3s or RKE2.
pub(super) fn program(distribution: Distribution) -> Option<&'static str> {
    match distribution {
        Distribution::K3s => Some("k3s"),
        Distribution::Rke2 => Some("rke2"),
        _ => None,
    }
}
