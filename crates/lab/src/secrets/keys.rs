//! Keys that come in pairs: the hosts' own for SSH, and what Lifeboat needs to protect the lab.
//!
//! Start at [`EstateKeys`].

use super::base64_key;
use crate::error::{Error, Result};
use crate::shell;
use crate::topology::Topology;
use age::secrecy::ExposeSecret as _;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What Lifeboat is given besides the secrets that the lab has anyway.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EstateKeys {
    /// Signs what the sites' Lifeboats say to each other: 32 bytes, base64.
    pub(crate) peers: String,
    /// The private half of the key that enters every host.
    pub(crate) ssh: String,
    /// Opens the copies at the standby.
    pub(crate) standby: AgeKey,
    /// Opens them too, and stays with the operator: the other may be lost with its host.
    pub(crate) spare: AgeKey,
}

/// An age key pair.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgeKey {
    /// The private half, `AGE-SECRET-KEY-1...`.
    pub(crate) identity: String,
    /// The public half, `age1...`.
    pub(crate) recipient: String,
}

/// An SSH host key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HostKey {
    /// As sshd reads it.
    pub(crate) private: String,
    /// `ssh-ed25519 KEY HOST`.
    pub(crate) public: String,
}

impl EstateKeys {
    /// Makes fresh keys; `ssh` is the file of the key that enters every host.
    pub(super) fn make(ssh: &Path) -> Result<Self> {
        Ok(Self {
            peers: base64_key(),
            ssh: read(ssh)?,
            standby: AgeKey::make(),
            spare: AgeKey::make(),
        })
    }
}

impl AgeKey {
    pub(crate) fn make() -> Self {
        let identity = age::x25519::Identity::generate();
        Self {
            identity: identity.to_string().expose_secret().to_owned(),
            recipient: identity.to_public().to_string(),
        }
    }
}

impl HostKey {
    /// Makes a key for every host of the lab. They are made before the disks are, so that hosts can know each other.
    pub(super) async fn make_all(lab: &Topology, directory: &Path) -> Result<BTreeMap<String, Self>> {
        let scratch = directory.join("scratch-ssh");
        std::fs::create_dir_all(&scratch).map_err(Error::file(&scratch, "making room for SSH keys"))?;
        let made = lab.hosts.iter().map(async |host| {
            let file = scratch.join(host.name.as_str());
            ssh_key("making a host's SSH key", host.name.as_str(), &file).await?;
            let (private, public) = (read(&file)?, read(&file.with_extension("pub"))?);
            Ok((host.name.to_string(), Self { private, public }))
        });
        let made = try_join_all(made).await?.into_iter().collect();
        std::fs::remove_dir_all(&scratch).map_err(Error::file(&scratch, "removing the scratch of SSH keys"))?;
        Ok(made)
    }
}

/// Has ssh-keygen make a key pair: `file` and `file.pub`.
pub(super) async fn ssh_key(purpose: &str, comment: &str, file: &Path) -> Result<()> {
    let file = file.to_string_lossy();
    let words = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        comment,
        "-f",
        &*file,
    ];
    shell::run(purpose, &words).await?;
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(Error::file(file, "reading an SSH key"))
}
