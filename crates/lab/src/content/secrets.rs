//! Secrets of the usual types, with bytes that do not pack.

use super::generate::Place;
use super::kinds::{APPS, metadata, payload};
use super::random::Random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) fn opaque_secret(random: &mut Random, place: &Place, bytes: usize) -> Value {
    let bytes = payload(random, bytes / 4).max(16);
    let data = json!({ "token": STANDARD.encode(random.bytes(bytes)) });
    secret(random, place, "Opaque", "token", data)
}

pub(super) fn tls_secret(random: &mut Random, place: &Place, _: usize) -> Value {
    let certificate = pem(random, "CERTIFICATE", 1_100);
    let key = pem(random, "PRIVATE KEY", 1_190);
    let data = json!({ "tls.crt": STANDARD.encode(certificate), "tls.key": STANDARD.encode(key) });
    secret(random, place, "kubernetes.io/tls", "tls", data)
}

pub(super) fn basic_auth_secret(random: &mut Random, place: &Place, _: usize) -> Value {
    let password = random.hex(16) + &random.hex(8);
    let data = json!({ "username": STANDARD.encode(random.pick(&APPS)), "password": STANDARD.encode(password) });
    secret(random, place, "kubernetes.io/basic-auth", "login", data)
}

fn secret(random: &mut Random, place: &Place, kind: &str, stem: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata(random, place, stem), "data": data })
}

fn pem(random: &mut Random, label: &str, bytes: usize) -> String {
    let body = STANDARD.encode(random.bytes(bytes));
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}
