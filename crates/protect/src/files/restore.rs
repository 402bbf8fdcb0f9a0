//! Putting the files and the restored data directory in place.

use super::{FLAGS, Files, ISSUED, PKI};
use crate::Error;
use crate::etcd::waiting;
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
    /// The data directory that etcd starts on; below it waits the restored data.
    pub data_dir: &'a str,
    /// The number of the epoch that this is done for: what is replaced is kept aside under it.
    pub epoch: &'a str,
}

/// Where the keys and kubeconfigs are kept that epoch `epoch` replaced: on the file system that they were on, so that each is
/// moved as a whole.
pub fn kept(epoch: &str) -> String {
    format!("/etc/kubernetes/lifeboat-replaced-{epoch}")
}

/// Whether `archive`, on the host, can be put in place there: the new host's API server must have a flag for each file that
/// belongs to one. Changes nothing.
///
/// # Errors
/// It cannot, or the archive is damaged.
pub async fn fits(host: &Host, archive: &str) -> Result<(), Error> {
    targets(host, archive).await.map(|_| ())
}

/// Puts all of it in place; what was there is kept aside. May be repeated and broken off at any moment.
///
/// # Errors
/// The archive is damaged, the new host's API server does not use a file that the copy needs, the restored data is not
/// there, the disk is full.
pub async fn restore(host: &Host, what: &Restore<'_>, limit: Duration) -> Result<(), Error> {
    let targets = targets(host, what.archive).await?;
    host.run_alone("putting the keys in place", &script(what, &targets), limit)
        .await?;
    Ok(())
}

/// For each file of a flag, the flag and where the new host's API server looks for it.
async fn targets(host: &Host, archive: &str) -> Result<Vec<(&'static str, String)>, Error> {
    let flags = Flags::read(host, "kube-apiserver").await?;
    let unusable =
        |path: &str, reason: String| Error::Unusable { host: host.name().to_owned(), path: path.to_owned(), reason };
    let bytes = host.read(archive, 16 << 20).await?;
    let bytes = bytes.ok_or_else(|| unusable(archive, "it is not there".to_owned()))?;
    let files = Files::read(&bytes).map_err(|e| unusable(archive, e.to_string()))?;
    let mut targets = Vec::new();
    for flag in FLAGS.iter().filter(|flag| files.0.contains_key(&format!("flags/{flag}"))) {
        let Some(path) = flags.get(flag) else {
            let reason =
                format!("it has no flag --{flag}, but the copied cluster needs one: add it as at the main site");
            return Err(unusable("/etc/kubernetes/manifests/kube-apiserver.yaml", reason));
        };
        targets.push((*flag, path.to_owned()));
    }
    Ok(targets)
}

/// Each thing is moved by a rename within its file system, and what is already moved is recognised by where it lies.
fn script(what: &Restore<'_>, named: &[(&str, String)]) -> String {
    let data = what.data_dir.trim_end_matches('/');
    let (new, old) = (quoted(&waiting(data)), quoted(&format!("{data}/lifeboat-replaced-{}", what.epoch)));
    let data = quoted(data);
    let kept = quoted(&kept(what.epoch));
    let unpacked = quoted(&format!("{}.unpacked", what.archive));
    let pki = quoted(PKI);
    let mut script = format!(
        "mkdir -p -m 700 {kept} {old}
         rm -rf {unpacked}; mkdir -p -m 700 {unpacked}
         tar -xpf {archive} -C {unpacked}
         if [ -d {new}/member ]; then
           if [ -d {data}/member ]; then
             [ ! -e {old}/member ] || {{ echo {data}/member 'was replaced already, and is there again' >&2; exit 1; }}
             mv {data}/member {old}/member
           fi
           mv {new}/member {data}/member
           : > {old}/done
         fi
         [ -e {old}/done ] || [ -d {data}/member -a ! -d {new}/member -a -d {new} ] || {{ echo 'the restored data' {new} 'is not there' >&2; exit 1; }}
         : > {old}/done
         rm -rf {new}
         if [ -d {pki} ] && [ ! -e {kept}/pki ]; then mv {pki} {kept}/pki; fi
         mkdir -p {kept}/pki
         rm -rf {pki} {pki}.partial; mkdir -p {pki}.partial
         cp -pR {kept}/pki/. {pki}.partial/
         ( cd {pki}.partial && rm -f {ISSUED} )
         cp -pR --remove-destination {unpacked}/pki/. {pki}.partial/
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
