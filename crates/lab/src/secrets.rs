//! What a lab's parts know of each other and nobody else may: keys, tokens, the manager's CA. Made once at `up`.

mod keys;

#[cfg(test)]
pub(crate) use keys::AgeKey;
#[cfg(test)]
pub(crate) use keys::SigningKey;
pub(crate) use keys::{EstateKeys, HostKey};

use crate::error::{Error, Result};
use crate::parts::{self, rke2_tls::Authorities};
use crate::tools;
use crate::topology::{MANAGER_NAME, Topology, ZONE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estate::Distribution;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Every secret of a lab. Kept in the lab's directory, readable by root alone; its `Debug` shows nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Secrets {
    /// The TSIG key of the zone, base64.
    pub(crate) tsig: String,
    /// S3 access key id.
    pub(crate) s3_access: String,
    /// S3 secret key.
    pub(crate) s3_secret: String,
    /// The public half of the key that may enter every host.
    pub(crate) ssh_public: String,
    /// The manager's private CA, as agents pin it, PEM.
    pub(crate) manager_ca: String,
    /// The manager's serving certificate, PEM.
    pub(crate) manager_certificate: String,
    /// The key of the serving certificate, PEM.
    pub(crate) manager_key: String,
    /// The administrator's API token at the manager, `token-xxxxx:secret`.
    pub(crate) api_token: String,
    /// Each downstream cluster's registration token, by the cluster's id.
    pub(crate) registration: BTreeMap<String, String>,
    /// Each cluster's key for Secrets at rest, base64, by the cluster's name.
    pub(crate) encryption: BTreeMap<String, String>,
    /// Each cluster's join token (RKE2 layout), by the cluster's name.
    pub(crate) join: BTreeMap<String, String>,
    /// Each cluster's CAs (RKE2 layout; kubeadm makes its own), by the cluster's name.
    pub(crate) authorities: BTreeMap<String, Authorities>,
    /// Each host's SSH key, by the host's name. None are known of a lab that was saved before the lab kept them.
    #[serde(default)]
    pub(crate) host_keys: BTreeMap<String, HostKey>,
    /// What Lifeboat needs to protect the lab; none where it cannot.
    #[serde(default)]
    pub(crate) estate: Option<EstateKeys>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Makes fresh secrets; the SSH key pair is left in `directory` as `id_ed25519`.
    pub(crate) async fn make(lab: &Topology, directory: &Path) -> Result<Self> {
        let key = directory.join("id_ed25519");
        keys::ssh_key("making the SSH key", "lifeboat-lab", &key).await?;
        let public = key.with_extension("pub");
        let ssh_public = std::fs::read_to_string(&public).map_err(Error::file(&public, "reading the SSH key"))?;
        let manager = manager_certificate()?;
        let mut authorities = BTreeMap::new();
        for cluster in lab.clusters.iter().filter(|c| c.distribution == Distribution::Rke2) {
            let scratch = directory.join(format!("scratch-{}", cluster.name));
            let made = Authorities::make(&tools::kubernetes().join("kubeadm"), &scratch).await?;
            authorities.insert(cluster.name.to_string(), made);
        }
        let estate = match parts::estate::protectable(lab) {
            true => Some(EstateKeys::make(&key)?),
            false => None,
        };
        let names = || lab.clusters.iter().map(|c| c.name.to_string());
        Ok(Self {
            tsig: base64_key(),
            s3_access: ambient::random_id(20),
            s3_secret: ambient::random_id(40),
            ssh_public,
            manager_ca: manager.ca,
            manager_certificate: manager.certificate,
            manager_key: manager.key,
            api_token: format!("token-{}:{}", ambient::random_id(5), ambient::random_id(54)),
            registration: lab
                .clusters
                .iter()
                .filter_map(|c| c.id.clone())
                .map(|id| (id, ambient::random_id(54)))
                .collect(),
            encryption: names().map(|name| (name, base64_key())).collect(),
            join: names().map(|name| (name, ambient::random_id(32))).collect(),
            authorities,
            host_keys: HostKey::make_all(lab, directory).await?,
            estate,
        })
    }

    /// No secrets at all, where a test needs a record.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        let text = String::new;
        Self {
            tsig: text(),
            s3_access: text(),
            s3_secret: text(),
            ssh_public: text(),
            manager_ca: text(),
            manager_certificate: text(),
            manager_key: text(),
            api_token: text(),
            registration: BTreeMap::new(),
            encryption: BTreeMap::new(),
            join: BTreeMap::new(),
            authorities: BTreeMap::new(),
            host_keys: BTreeMap::new(),
            estate: None,
        }
    }

    /// The checksum of the CA that agents pin: SHA-256 of its PEM, in hexadecimal.
    pub(crate) fn ca_checksum(&self) -> String {
        hex(&Sha256::digest(&self.manager_ca))
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64_key() -> String {
    STANDARD.encode(ambient::random_bytes::<32>())
}

struct Signed {
    ca: String,
    certificate: String,
    key: String,
}

/// A private CA and the manager's certificate from it, valid for the name that agents dial and no other site's.
fn manager_certificate() -> Result<Signed> {
    let broken = |source| Error::Certificate { name: MANAGER_NAME.to_owned(), source };
    let mut ca = CertificateParams::new(Vec::new()).map_err(broken)?;
    ca.distinguished_name.push(DnType::CommonName, "dynamiclistener-ca");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate().map_err(broken)?;
    let ca_certificate = ca.self_signed(&ca_key).map_err(broken)?;
    let mut serving = CertificateParams::new(vec![MANAGER_NAME.to_owned()]).map_err(broken)?;
    serving.distinguished_name.push(DnType::CommonName, format!("rancher.{ZONE}"));
    let key = KeyPair::generate().map_err(broken)?;
    let certificate = serving.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).map_err(broken)?;
    Ok(Signed {
        ca: ca_certificate.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}
