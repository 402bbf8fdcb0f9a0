//! Whose certificates are trusted: a CA of the estate's, or the host's, or, on a bare host that has none, those that Lifeboat
//! carries.

use lettre::transport::smtp::client::{self as smtp, CertificateStore, TlsParameters};
use reqwest::ClientBuilder;

/// Whose certificates are trusted.
pub(crate) enum Trust {
    /// Those that this CA signed, PEM.
    Own(String),
    /// Those that the host trusts.
    Host,
    /// Those that web browsers trust, by the list that is built in.
    Carried,
}

impl Trust {
    /// The CA's, if there is one.
    pub(crate) fn of(ca: Option<String>) -> Self {
        match ca {
            Some(pem) => Self::Own(pem),
            None if rustls_native_certs::load_native_certs().certs.is_empty() => Self::Carried,
            None => Self::Host,
        }
    }

    /// The same for HTTP.
    pub(crate) fn over_http(&self, builder: ClientBuilder) -> Result<ClientBuilder, String> {
        match self {
            Self::Host => Ok(builder),
            Self::Own(pem) => {
                let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
                let certificates = certificates.ok().filter(|all| !all.is_empty());
                Ok(builder.tls_certs_only(certificates.ok_or(NO_CA)?))
            }
            Self::Carried => {
                let ders = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
                let certificates: Result<Vec<_>, _> = ders.map(|der| reqwest::Certificate::from_der(der)).collect();
                Ok(builder.tls_certs_only(certificates.map_err(|e| e.to_string())?))
            }
        }
    }

    /// The same for SMTP with a server of that name.
    pub(crate) fn over_smtp(&self, server: &str) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(server.to_owned());
        match self {
            Self::Host => {}
            Self::Own(pem) => {
                let certificate = smtp::Certificate::from_pem(pem.as_bytes()).map_err(|_| NO_CA)?;
                builder = builder
                    .certificate_store(CertificateStore::None)
                    .add_root_certificate(certificate);
            }
            Self::Carried => {
                builder = builder.certificate_store(CertificateStore::None);
                for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
                    let certificate = smtp::Certificate::from_der(der.to_vec()).map_err(|e| e.to_string())?;
                    builder = builder.add_root_certificate(certificate);
                }
            }
        }
        builder.build_rustls().map_err(|e| e.to_string())
    }
}

const NO_CA: &str = "its CA: there is no certificate in it";
