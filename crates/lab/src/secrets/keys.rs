//! Keys that come in pairs: the hosts' own for SSH, and what Lifeboat needs to protect the lab.
//!
//! Start at [`EstateKeys`].

use super::base64_key;
use crate::error::{Error, Result};
use crate::shell;
use crate::topology::Topology;
use age::secrecy::ExposeSecret as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
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
    /// Opens the management cluster's copies at the primary, and nothing else.
    pub(crate) main: AgeKey,
    /// Opens everything at the standby.
    pub(crate) standby: AgeKey,
    /// Opens everything, too, and stays with the operator: the other may be lost with its host.
    pub(crate) spare: AgeKey,
    /// Signs what the primary writes.
    pub(crate) main_signer: SigningKey,
    /// Signs what the standby and the operator write.
    pub(crate) standby_signer: SigningKey,
    /// Decides who may open and write the repository; stays with the operator.
    pub(crate) root: SigningKey,
}

/// An Ed25519 key pair, as Lifeboat's repository reads it (docs/repository-format.md).
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SigningKey {
    /// The private half, `LIFEBOAT-SIGNING-KEY-...`.
    pub(crate) secret: String,
    /// The public half, 64 hexadecimal digits.
    pub(crate) public: String,
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
            main: AgeKey::make(),
            standby: AgeKey::make(),
            spare: AgeKey::make(),
            main_signer: SigningKey::make()?,
            standby_signer: SigningKey::make()?,
            root: SigningKey::make()?,
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

impl SigningKey {
    pub(crate) fn make() -> Result<Self> {
        let seed = ambient::random_bytes::<32>();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|reason| Error::Command {
            purpose: "making a signing key".to_owned(),
            command: "Ed25519".to_owned(),
            status: "an error".to_owned(),
            output: reason.to_string(),
        })?;
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(Self {
            secret: format!("LIFEBOAT-SIGNING-KEY-{}", hex(&seed).to_uppercase()),
            public: hex(pair.public_key().as_ref()),
        })
    }
}

impl HostKey {
    /// Makes a key for every host of the lab. They are made before the disks are, so that hosts can know each other.
    pub(super) async fn make_all(lab: &Topology, directory: &Path) -> Result<BTreeMap<String, Self>> {
        let scratch = directory.join("scratch-ssh");
        std::fs::create_dir_all(&scratch).map_err(Error::file(&scratch, "making room for SSH keys"))?;
        let made = lab.hosts.iter().map(async |host| {
            let made = Self::make(host.name.as_str(), &scratch).await?;
            Ok((host.name.to_string(), made))
        });
        let made = try_join_all(made).await?.into_iter().collect();
        std::fs::remove_dir_all(&scratch).map_err(Error::file(&scratch, "removing the scratch of SSH keys"))?;
        Ok(made)
    }

    /// Makes the key of one host, in the directory `scratch`.
    pub(crate) async fn make(host: &str, scratch: &Path) -> Result<Self> {
        let file = scratch.join(host);
        ssh_key("making a host's SSH key", host, &file).await?;
        Ok(Self {
            private: read(&file)?,
            public: read(&file.with_extension("pub"))?,
        })
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
