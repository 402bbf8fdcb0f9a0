//! RKE2's certificates: five CAs of a cluster, and what a host's components present, by the names that RKE2 gives them.

use super::rke2::serving_names;
use crate::error::{Error, Result};
use crate::shell;
use crate::topology::Host;
use crate::tree::Tree;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

const TLS: &str = "/var/lib/rancher/rke2/server/tls";

/// A certificate and its key, PEM.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The CAs of a cluster, and the key that signs service accounts' tokens.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Authorities {
    pub(crate) server: Issued,
    client: Issued,
    request_header: Issued,
    etcd_server: Issued,
    etcd_peer: Issued,
    service_key: String,
}

/// The identities that kubeconfigs carry.
pub(super) struct Identities {
    pub(super) admin: Issued,
    pub(super) controller: Issued,
    pub(super) scheduler: Issued,
}

fn broken(name: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let name = name.to_owned();
    move |source| Error::Certificate { name, source }
}

impl Authorities {
    /// Makes the CAs of one cluster. The key for tokens comes from kubeadm: API servers read its form only.
    pub(crate) async fn make(kubeadm: &Path, scratch: &Path) -> Result<Self> {
        std::fs::create_dir_all(scratch).map_err(Error::file(scratch, "making a scratch directory"))?;
        let config = scratch.join("config.yaml");
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.3\n\
             certificatesDir: {}\n",
            scratch.display()
        );
        std::fs::write(&config, text).map_err(Error::file(&config, "writing a configuration"))?;
        let (program, config) = (kubeadm.to_string_lossy(), config.to_string_lossy());
        let words = [&*program, "init", "phase", "certs", "sa", "--config", &config];
        shell::run("making the key for service accounts' tokens", &words).await?;
        let file = scratch.join("sa.key");
        let service_key = std::fs::read_to_string(&file).map_err(Error::file(&file, "reading a key"))?;
        std::fs::remove_dir_all(scratch).map_err(Error::file(scratch, "removing a scratch directory"))?;
        Ok(Self {
            server: authority("rke2-server-ca")?,
            client: authority("rke2-client-ca")?,
            request_header: authority("rke2-request-header-ca")?,
            etcd_server: authority("etcd-server-ca")?,
            etcd_peer: authority("etcd-peer-ca")?,
            service_key,
        })
    }
}

fn authority(name: &str) -> Result<Issued> {
    let mut params = CertificateParams::new(Vec::new()).map_err(broken(name))?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().map_err(broken(name))?;
    let certificate = params.self_signed(&key).map_err(broken(name))?;
    Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn issue(ca: &Issued, name: &str, group: &str, names: Vec<String>) -> Result<Issued> {
    let mut params = CertificateParams::new(names).map_err(broken(name))?;
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let ca_key = KeyPair::from_pem(&ca.key).map_err(broken(name))?;
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, ca_key).map_err(broken(name))?;
    let key = KeyPair::generate().map_err(broken(name))?;
    let certificate = params.signed_by(&key, &issuer).map_err(broken(name))?;
    Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Writes `server/tls` of `host`.
pub(super) fn render(tree: &mut Tree, ca: &Authorities, host: &Host) -> Result<Identities> {
    let mut put = |file: &str, issued: &Issued| {
        tree.file(&format!("{TLS}/{file}.crt"), issued.certificate.clone());
        tree.secret(&format!("{TLS}/{file}.key"), issued.key.clone());
    };
    put("server-ca", &ca.server);
    put("client-ca", &ca.client);
    put("request-header-ca", &ca.request_header);
    put("etcd/server-ca", &ca.etcd_server);
    put("etcd/peer-ca", &ca.etcd_peer);
    let names = || serving_names(host);
    put("etcd/server-client", &issue(&ca.etcd_server, "etcd-server", "", names())?);
    put("etcd/peer-server-client", &issue(&ca.etcd_peer, "etcd-peer", "", names())?);
    put("etcd/client", &issue(&ca.etcd_server, "etcd-client", "", Vec::new())?);
    put("serving-kube-apiserver", &issue(&ca.server, "kube-apiserver", "", names())?);
    let client = |name: &str, group: &str| issue(&ca.client, name, group, Vec::new());
    put("client-kube-apiserver", &client("system:apiserver", "system:masters")?);
    put("client-auth-proxy", &issue(&ca.request_header, "system:auth-proxy", "", Vec::new())?);
    let identities = Identities {
        admin: client("system:admin", "system:masters")?,
        controller: client("system:kube-controller-manager", "")?,
        scheduler: client("system:kube-scheduler", "")?,
    };
    put("client-admin", &identities.admin);
    put("client-controller", &identities.controller);
    put("client-scheduler", &identities.scheduler);
    tree.secret(&format!("{TLS}/service.key"), ca.service_key.clone());
    tree.secret(&format!("{TLS}/service.current.key"), ca.service_key.clone());
    Ok(identities)
}
