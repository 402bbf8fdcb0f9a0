//! A cluster that moves to hosts of its own kind, which have a control plane already: the keys and the files that flags name go
//! where the *new* host's flags say, and certificates are issued anew. Start at [`restore`].

use super::archive::ArchiveLimits;
use super::tree::{Entry, Files, Tree, What};
use super::{FLAGS, KEYS, PKI};
use crate::Error;
use crate::etcd::waiting;
use crate::manifest::{Flags, MANIFESTS, PARKED};
use cluster::{Exchange, Host, quoted};
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

/// The certificates that a kubelet has asked for.
const KUBELET: &str = "/var/lib/kubelet/pki";

/// What kubeadm issues from the CAs for each host anew, below the directory of certificates.
const ISSUED: &str = "apiserver.crt apiserver.key apiserver-kubelet-client.crt apiserver-kubelet-client.key \
    apiserver-etcd-client.crt apiserver-etcd-client.key front-proxy-client.crt front-proxy-client.key etcd/server.crt \
    etcd/server.key etcd/peer.crt etcd/peer.key etcd/healthcheck-client.crt etcd/healthcheck-client.key";

/// The archive of a host is compressed, and has little more than keys in it.
const ARCHIVE_BYTES_MAX: usize = 256 << 20;

/// What to put where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore<'a> {
    /// The archive, on the host.
    pub archive: &'a str,
    /// The data directory that etcd starts on; below it waits the restored data.
    pub data_dir: &'a str,
    /// What this is done for, an epoch or a time: what is replaced is kept aside under this name.
    pub label: &'a str,
    /// Whether the host has a member of etcd and nothing else: it gets etcd's CA alone.
    pub alone: bool,
}

/// Where the keys and kubeconfigs are kept that were replaced under the name `label`: on the file system that they were on, so that
/// each is moved as a whole.
pub fn kept(label: &str) -> String {
    format!("/etc/kubernetes/lifeboat-replaced-{label}")
}

/// Whether `archive`, on the host, can be put in place there: it must have the keys of one host, and the new host's API server a
/// flag for each file that the old one's had a flag for. Changes nothing.
///
/// # Errors
/// It cannot, or the archive is damaged.
pub async fn fits(host: &Host, archive: &str) -> Result<(), Error> {
    moving(host, archive, false).await.map(|_| ())
}

/// Puts all of it in place; what was there is kept aside. May be repeated and broken off at any moment.
///
/// # Errors
/// The archive is damaged, the new host's API server does not use a file that the copy needs, the restored data is not
/// there, the disk is full.
pub async fn restore(host: &Host, what: &Restore<'_>, limit: Duration) -> Result<(), Error> {
    let (moving, targets) = moving(host, what.archive, what.alone).await?;
    let it = Exchange {
        what: "putting the keys in place",
        script: &script(what, &targets),
        input: &moving,
        output_bytes_max: 1 << 20,
        limit,
        alone: true,
    };
    host.exchange(&it).await?;
    Ok(())
}

/// A tar archive of what moves, `pki/NAME` and `flags/FLAG`; and for each of the flags where the new host's API server looks.
async fn moving(host: &Host, archive: &str, alone: bool) -> Result<(Vec<u8>, Vec<(&'static str, String)>), Error> {
    let unusable =
        |path: &str, reason: String| Error::Unusable { host: host.name().to_owned(), path: path.to_owned(), reason };
    let theirs = match alone {
        false => Flags::read(host, "kube-apiserver").await?,
        true => Flags::default(),
    };
    let bytes = host.read(archive, ARCHIVE_BYTES_MAX).await?;
    let bytes = bytes.ok_or_else(|| unusable(archive, "it is not there".to_owned()))?;
    let files = Files::read(&bytes, &ArchiveLimits::default())?;
    let moving = chosen(&files, alone).map_err(|reason| unusable(archive, reason))?;
    let mut targets = Vec::new();
    for flag in moving.flags {
        let Some(path) = theirs.get(flag) else {
            let reason =
                format!("it has no flag --{flag}, but the copied cluster needs one: add it as at the main site");
            return Err(unusable(&format!("{MANIFESTS}/kube-apiserver.yaml"), reason));
        };
        targets.push((flag, path.to_owned()));
    }
    let tar = Files::one("moving", moving.tree).tar();
    Ok((tar.map_err(|reason| unusable(archive, reason.to_string()))?, targets))
}

/// What moves to a new host.
#[derive(Debug)]
pub(super) struct Moving {
    /// Below `/pki` and `/flags`.
    pub(super) tree: Tree,
    pub(super) flags: Vec<&'static str>,
}

/// Chooses what moves: the keys of a host with an API server, which all of a cluster share, and what the flags of its API server
/// name; for a host with a member of etcd `alone`, the CA of etcd. Otherwise, what is wrong with them.
pub(super) fn chosen(files: &Files, alone: bool) -> Result<Moving, String> {
    let manifest = |tree: &Tree| {
        let places = [MANIFESTS, PARKED].map(|directory| format!("{directory}/kube-apiserver.yaml"));
        places.iter().find_map(|path| tree.bytes(path).map(<[u8]>::to_vec))
    };
    let mut hosts = files.0.values().filter_map(|tree| Some((tree, manifest(tree)?)));
    let (tree, manifest) = hosts.next().ok_or("it has no files of a host with an API server")?;
    let flags = Flags::parse(&String::from_utf8_lossy(&manifest))?;
    let mut moving = Moving { tree: Tree::default(), flags: Vec::new() };
    let mut add = |from: &str, to: String| match tree.at(from) {
        Some(Entry { mode, owner, what: what @ What::File { .. }, .. }) => {
            // Labels are the new host's affair.
            let entry = Entry { mode: *mode, owner: *owner, label: None, what: what.clone() };
            moving.tree.0.insert(to, entry);
            Ok(())
        }
        _ => Err(format!("it has no {from}")),
    };
    for key in KEYS.iter().filter(|key| !alone || key.starts_with("etcd/")) {
        add(&format!("{PKI}/{key}"), format!("/pki/{key}"))?;
    }
    if alone {
        return Ok(moving);
    }
    for flag in FLAGS {
        if let Some(path) = flags.get(flag) {
            add(path, format!("/flags/{flag}"))?;
            moving.flags.push(flag);
        }
    }
    Ok(moving)
}

/// Each thing is moved by a rename within its file system, and what is already moved is recognised by where it lies.
fn script(what: &Restore<'_>, named: &[(&str, String)]) -> String {
    let data = what.data_dir.trim_end_matches('/');
    let (new, old) = (quoted(&waiting(data)), quoted(&format!("{data}/lifeboat-replaced-{}", what.label)));
    let data = quoted(data);
    let kept = quoted(&kept(what.label));
    let unpacked = quoted(&format!("{}.unpacked", what.archive));
    let pki = quoted(PKI);
    let mut script = format!(
        "mkdir -p -m 700 {kept} {old}
         rm -rf {unpacked}; mkdir -p -m 700 {unpacked}
         tar -xp -C {unpacked} --strip-components=1
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
    if what.alone {
        _ = write!(script, "rm -rf {unpacked}\n         sync -f /etc/kubernetes {data} {kept}");
        return script;
    }
    // A kubelet would go on with the certificates that the former CA has signed.
    _ = write!(
        script,
        "if [ -d {KUBELET} ] && [ ! -e {kept}/kubelet-pki ]; then cp -pR {KUBELET} {kept}/kubelet-pki.partial; mv {kept}/kubelet-pki.partial {kept}/kubelet-pki; fi
         rm -rf {KUBELET}
         "
    );
    for name in KUBECONFIGS {
        let path = format!("/etc/kubernetes/{name}");
        _ = write!(script, "if [ -e {path} ]; then mv {path} {kept}/{name}; fi\n         ");
    }
    _ = write!(script, "rm -rf {unpacked}\n         sync -f /etc/kubernetes {data} {kept}");
    script
}
