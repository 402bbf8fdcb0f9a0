//! The files that TLS needs, read and checked one by one; and why a server hung up, which gRPC does not tell.

use crate::{Connection, Error};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Files of certificates are a few KiB; whatever is larger is something else.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// How long asking why a server hung up may take: whoever waits for it has its error already.
const ASK_LIMIT: Duration = Duration::from_secs(2);

/// The two sides' certificates, as tonic takes them and as rustls does.
pub(crate) struct Tls {
    pub(crate) tonic: ClientTlsConfig,
    rustls: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the files of `connection`, of which `ca_file` is the one that must be there.
    pub(crate) async fn read(connection: &Connection, ca_file: &Path) -> Result<Self, Error> {
        let ca = bytes(ca_file).await?;
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(certificates(ca_file, &ca)?).0 == 0 {
            return Err(unusable(ca_file, "its certificates cannot be read"));
        }
        let provider = CryptoProvider::get_default().cloned();
        let builder =
            ClientConfig::builder_with_provider(provider.unwrap_or_else(|| aws_lc_rs::default_provider().into()))
                .with_safe_default_protocol_versions()
                .map_err(|e| unusable(ca_file, e))?
                .with_root_certificates(roots);
        let mut tonic = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        let mut rustls = match (&connection.cert_file, &connection.key_file) {
            (Some(cert_file), Some(key_file)) => {
                let (cert, key) = (bytes(cert_file).await?, bytes(key_file).await?);
                let chain = certificates(cert_file, &cert)?;
                // The parser's own words may quote the file.
                let secret = PrivateKeyDer::from_pem_slice(&key)
                    .map_err(|_| unusable(key_file, "it holds no whole private key in PEM"))?;
                tonic = tonic.identity(Identity::from_pem(cert, key));
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|e| unusable(key_file, e))?
            }
            _ => builder.with_no_client_auth(),
        };
        rustls.alpn_protocols.push(b"h2".to_vec());
        Ok(Self { tonic, rustls: Arc::new(rustls) })
    }

    /// Asks a server that hung up whether it is because of the client's certificate: its word for it, or `None`.
    ///
    /// With TLS 1.3 a server says so only when the client believes to be connected and has begun to talk, so that gRPC mostly
    /// sees a broken pipe instead. This connects once more and listens, without saying anything.
    pub(crate) async fn objection(&self, host: &str, port: u16) -> Option<String> {
        tokio::time::timeout(ASK_LIMIT, self.alert(host, port))
            .await
            .ok()?
            .filter(|alert| ABOUT_CERTIFICATES.contains(alert))
            .map(|alert| format!("{alert:?}"))
    }

    async fn alert(&self, host: &str, port: u16) -> Option<AlertDescription> {
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let mut tls = ClientConnection::new(self.rustls.clone(), name).ok()?;
        let mut tcp = TcpStream::connect((host, port)).await.ok()?;
        let mut buffer = [0; 4096];
        loop {
            let mut said = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut said).ok()?;
            }
            tcp.write_all(&said).await.ok()?;
            let count = tcp.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
            let mut heard = &buffer[..count];
            while !heard.is_empty() {
                tls.read_tls(&mut heard).ok()?;
                match tls.process_new_packets() {
                    Err(rustls::Error::AlertReceived(alert)) => return Some(alert),
                    // Once it talks HTTP, it has accepted the certificate.
                    Ok(state) if state.plaintext_bytes_to_read() == 0 => {}
                    Ok(_) | Err(_) => return None,
                }
            }
        }
    }
}

/// The alerts that are about the certificate that the client showed, or did not show.
const ABOUT_CERTIFICATES: &[AlertDescription] = &[
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateRequired,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| unusable(file, "it holds no whole certificate in PEM"))
}

async fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let file = tokio::fs::File::open(path).await.map_err(|e| unusable(path, e))?;
    let mut bytes = Vec::new();
    let read = file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes).await;
    if read.map_err(|e| unusable(path, e))? as u64 > PEM_BYTES_MAX {
        return Err(unusable(path, format!("it is larger than {PEM_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn unusable(file: &Path, reason: impl ToString) -> Error {
    Error::Certificate { file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
