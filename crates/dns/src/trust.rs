//! Whose certificates are trusted: a CA of the estate's, or the host's, or, on a bare host that has none, those that Lifeboat
//! carries. The same as for messages to people, in `notify`.

use reqwest::{Certificate, ClientBuilder};

const NO_CA: &str = "its CA: there is no certificate in it";

/// A client that trusts those that `ca` (PEM) signed and no others; without a `ca`, those that the host trusts.
pub(crate) fn over_http(ca: Option<&str>, builder: ClientBuilder) -> Result<ClientBuilder, String> {
    if let Some(pem) = ca {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes());
        let certificates = certificates.ok().filter(|all| !all.is_empty());
        return Ok(builder.tls_certs_only(certificates.ok_or(NO_CA)?));
    }
    if !rustls_native_certs::load_native_certs().certs.is_empty() {
        return Ok(builder);
    }
    let ders = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let certificates: Result<Vec<_>, _> = ders.map(|der| Certificate::from_der(der)).collect();
    Ok(builder.tls_certs_only(certificates.map_err(|error| error.to_string())?))
}
