//! Putting the files and the restored data directory in place.

use super::{FLAGS, Files, PKI};
use crate::Error;
use crate::manifest::Flags;
use cluster::{Host, quoted};
use std::fmt::Write as _;
use std::time::Duration;

/// The kubeconfigs that kubeadm issues from the CA, below `/etc/kubernetes`.
const KUBECONFIGS: [&str; 5] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

/// What to put where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore<'a> {
    /// The archive, on the host.
    pub archive: &'a str,
    /// etcd's restored data, beside the data in use.
    pub data: &'a str,
    /// The data directory that etcd starts on.
    pub data_dir: &'a str,
    /// A directory of this takeover alone, on the file systems of both, where what is replaced is kept.
    pub keep: &'a str,
}

/// Puts all of it in place; what was there is kept below `keep`. May be repeated and broken off at any moment.
///
/// # Errors
/// The archive is damaged, the new host's API server does not use a file that the copy needs, the restored data is not
/// there, the disk is full.
pub async fn restore(host: &Host, what: &Restore<'_>, limit: Duration) -> Result<(), Error> {
    let flags = Flags::read(host, "kube-apiserver").await?;
    let unusable =
        |path: &str, reason: String| Error::Unusable { host: host.name().to_owned(), path: path.to_owned(), reason };
    let archive = host.read(what.archive, 16 << 20).await?;
    let archive = archive.ok_or_else(|| unusable(what.archive, "it is not there".to_owned()))?;
    let files = Files::read(&archive).map_err(|e| unusable(what.archive, e.to_string()))?;
    let mut named = Vec::new();
    for flag in FLAGS.iter().filter(|flag| files.0.contains_key(&format!("flags/{flag}"))) {
        let Some(path) = flags.get(flag) else {
            let reason =
                format!("it has no flag --{flag}, but the copied cluster needs one: add it as at the main site");
            return Err(unusable("/etc/kubernetes/manifests/kube-apiserver.yaml", reason));
        };
        named.push((*flag, path));
    }
    host.run_alone("putting the keys in place", &script(what, &named), limit)
        .await?;
    Ok(())
}

/// Each thing is moved by a rename, and what is already moved is recognised by where it lies.
fn script(what: &Restore<'_>, named: &[(&str, &str)]) -> String {
    let (new, data) = (quoted(what.data), quoted(what.data_dir));
    let kept = quoted(&format!("{}/replaced", what.keep));
    let unpacked = quoted(&format!("{}/unpacked", what.keep));
    let pki = quoted(PKI);
    let mut script = format!(
        "mkdir -p -m 700 {kept}
         rm -rf {unpacked}; mkdir -p -m 700 {unpacked}
         tar -xpf {archive} -C {unpacked}
         if [ -d {new} ]; then
           if [ -d {data} ]; then
             [ ! -e {kept}/etcd ] || {{ echo {data} 'was restored already, and is there again' >&2; exit 1; }}
             mv {data} {kept}/etcd
           fi
           mkdir -p {kept}/etcd
           mv {new} {data}
         fi
         [ -d {data} ] && [ -d {kept}/etcd ] || {{ echo 'the restored data' {new} 'is not there' >&2; exit 1; }}
         if [ -d {pki} ] && [ ! -e {kept}/pki ]; then mv {pki} {kept}/pki; fi
         mkdir -p {kept}/pki
         rm -rf {pki} {pki}.partial; mkdir -p {pki}.partial
         cp -pR {unpacked}/pki/. {pki}.partial/
         sync -f {pki}.partial
         mv {pki}.partial {pki}
         ",
        archive = quoted(what.archive),
    );
    for (flag, path) in named {
        let (from, to, aside) = (format!("{unpacked}/flags/{flag}"), quoted(path), format!("{kept}/{flag}"));
        _ = write!(
            script,
            "mkdir -p \"$(dirname {to})\"
             if [ -e {to} ] && [ ! -e {aside} ]; then cp -p {to} {aside}.partial; mv {aside}.partial {aside}; fi
             cp -p {from} {to}.partial
             mv {to}.partial {to}
             "
        );
    }
    for name in KUBECONFIGS {
        let path = format!("/etc/kubernetes/{name}");
        _ = write!(script, "if [ -e {path} ]; then mv {path} {kept}/{name}; fi\n         ");
    }
    _ = write!(script, "rm -rf {unpacked}\n         sync -f /etc/kubernetes {data} {kept}");
    script
}
