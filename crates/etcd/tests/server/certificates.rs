//! An authority, and certificates from it for etcd and for its client.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) server_cert: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) client_cert: PathBuf,
    pub(crate) client_key: PathBuf,
    _folder: TempDir,
}

impl Files {
    /// `host` is the name or address that etcd's certificate is for.
    pub(crate) fn create(host: &str) -> Self {
        Self::create_for(host, "nobody")
    }

    /// The client's certificate is for the user `client`.
    pub(crate) fn create_for(host: &str, client: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = |names: Vec<String>, common: &str, usages: Vec<ExtendedKeyUsagePurpose>| {
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, common);
            params.extended_key_usages = usages;
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
        };
        // etcd's gateway for HTTP connects to etcd itself, with the server's certificate.
        let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let server = issue(vec![host.to_owned()], host, both);
        let client = issue(Vec::new(), client, vec![ExtendedKeyUsagePurpose::ClientAuth]);
        Self {
            ca: write("ca.crt", authority.pem()),
            server_cert: write("server.crt", server.0),
            server_key: write("server.key", server.1),
            client_cert: write("client.crt", client.0),
            client_key: write("client.key", client.1),
            _folder: folder,
        }
    }
}
