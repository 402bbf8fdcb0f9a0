//! Certificates and keys, as far as they are compared. Start at [`certificates`] and [`keys`].
//!
//! A public key is told by the bits of its BIT STRING (RFC 5280, 4.1.2.7): the same for a certificate, a public key file and the
//! public half of a private key in any of the forms in use: PKCS 1 and 8, SEC 1.

use super::dates::Dated;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;
use x509_parser::error::X509Error;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    /// Its public key.
    pub(super) key: PublicKey,
    /// The last moment at which it is good.
    pub(super) until: Timestamp,
}

/// The bits of a public key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PublicKey(Vec<u8>);

/// Whether one certificate has signed another.
pub(super) enum Signed {
    Yes,
    No,
    /// In a way that is not known here.
    Oddly,
}

/// All certificates of a PEM file.
pub(super) fn certificates(file: &[u8]) -> Vec<Certificate> {
    let blocks = blocks(file).filter(|block| block.label == "CERTIFICATE");
    blocks.filter_map(|block| Certificate::of(block.contents)).collect()
}

/// The public keys of all keys in a PEM file, private or public, and of its certificates.
pub(super) fn keys(file: &[u8]) -> Vec<PublicKey> {
    blocks(file).filter_map(|block| key(&block)).collect()
}

/// The public halves of the private keys in a PEM file.
pub(super) fn private_keys(file: &[u8]) -> Vec<PublicKey> {
    let private = blocks(file).filter(|block| block.label.ends_with("PRIVATE KEY"));
    private.filter_map(|block| key(&block)).collect()
}

/// The certificates that a kubeconfig's first user presents.
pub(super) fn client_certificates(kubeconfig: &[u8]) -> Vec<Certificate> {
    inside(kubeconfig, "users", "user", "client-certificate-data")
}

/// The CA by which a kubeconfig's first cluster is known.
pub(super) fn cluster_authorities(kubeconfig: &[u8]) -> Vec<Certificate> {
    inside(kubeconfig, "clusters", "cluster", "certificate-authority-data")
}

fn inside(kubeconfig: &[u8], list: &str, of: &str, field: &str) -> Vec<Certificate> {
    let read = || {
        let config: Value = serde_saphyr::from_str(std::str::from_utf8(kubeconfig).ok()?).ok()?;
        BASE64_STANDARD.decode(config[list][0][of][field].as_str()?).ok()
    };
    read().map(|pem| certificates(&pem)).unwrap_or_default()
}

fn blocks(file: &[u8]) -> impl Iterator<Item = Pem> {
    Pem::iter_from_buffer(file).map_while(Result::ok)
}

fn key(block: &Pem) -> Option<PublicKey> {
    let der = &block.contents;
    let bits = match block.label.as_str() {
        "CERTIFICATE" => return Certificate::of(der.clone()).map(|it| it.key),
        "PUBLIC KEY" => SubjectPublicKeyInfo::from_der(der).ok()?.1.subject_public_key.data.to_vec(),
        "RSA PUBLIC KEY" => der.clone(),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).ok()?.public_key().as_ref().to_vec(),
        "EC PRIVATE KEY" => elliptic(der)?,
        "PRIVATE KEY" => {
            let rsa = || Some(RsaKeyPair::from_pkcs8(der).ok()?.public_key().as_ref().to_vec());
            let edwards = || {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
                Some(pair.public_key().as_ref().to_vec())
            };
            rsa().or_else(|| elliptic(der)).or_else(edwards)?
        }
        _ => return None,
    };
    Some(PublicKey(bits))
}

fn elliptic(der: &[u8]) -> Option<Vec<u8>> {
    let curves = [
        &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let mut pairs = curves.into_iter().filter_map(|curve| {
        let sec1 = EcdsaKeyPair::from_private_key_der(curve, der);
        sec1.or_else(|_| EcdsaKeyPair::from_pkcs8(curve, der)).ok()
    });
    pairs.next().map(|pair| pair.public_key().as_ref().to_vec())
}

impl Certificate {
    fn of(der: Vec<u8>) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(&der).ok()?;
        let key = PublicKey(read.public_key().subject_public_key.data.to_vec());
        // One that never expires is written as the end of the year 9999 (RFC 5280, 4.1.2.5), which is later than the latest time.
        let until = Timestamp::from_second(read.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
        drop(read);
        Some(Self { der, key, until })
    }

    /// Whether `authority` has signed it.
    pub(super) fn is_signed_by(&self, authority: &Self) -> Signed {
        let (Ok((_, it)), Ok((_, by))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&authority.der))
        else {
            return Signed::No;
        };
        match it.verify_signature(Some(by.public_key())) {
            Ok(()) => Signed::Yes,
            Err(X509Error::SignatureUnsupportedAlgorithm) if it.issuer() == by.subject() => Signed::Oddly,
            Err(_) => Signed::No,
        }
    }

    /// It, without its keys.
    pub(super) fn dated(&self) -> Dated {
        let read = X509Certificate::from_der(&self.der);
        let (subject, authority) = read.map(|(_, it)| (it.subject().to_string(), it.is_ca())).unwrap_or_default();
        Dated { subject, until: self.until, authority }
    }

    /// The SHA-256 of its DER.
    pub(super) fn digest(&self) -> String {
        sha256(&self.der)
    }
}

impl PublicKey {
    /// Whether it verifies a JSON Web Token (RFC 7515), which service accounts' tokens are.
    pub(super) fn verifies(&self, token: &str) -> bool {
        self.verified(token).is_some()
    }

    fn verified(&self, token: &str) -> Option<()> {
        let (message, sealed) = token.rsplit_once('.')?;
        let (header, _) = message.split_once('.')?;
        let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let algorithm: &dyn signature::VerificationAlgorithm = match header["alg"].as_str()? {
            "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
            "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
            "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
            "ES384" => &signature::ECDSA_P384_SHA384_FIXED,
            "ES512" => &signature::ECDSA_P521_SHA512_FIXED,
            _ => return None,
        };
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let key = signature::UnparsedPublicKey::new(algorithm, &self.0);
        key.verify(message.as_bytes(), &sealed).ok()
    }
}

/// SHA-256, in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
