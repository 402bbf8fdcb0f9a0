//! A stand-in for Google Cloud DNS and for what gives its tokens, written from the vendor's documentation:
//! <https://cloud.google.com/dns/docs/reference/rest/v1/changes>, `resourceRecordSets` beside it, and
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>. It has never met the real service.
//!
//! It verifies the signature of each assertion, and makes all of a change or nothing.

use super::{Asked, Said, Sets, now, serve};
use crate::Records;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as Rsa, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

static KEY: LazyLock<Rsa> = LazyLock::new(|| Rsa::generate(KeySize::Rsa2048).unwrap());
static OTHER: LazyLock<Rsa> = LazyLock::new(|| Rsa::generate(KeySize::Rsa2048).unwrap());
const EMAIL: &str = "lifeboat@estate.iam.gserviceaccount.com";
/// An account that may read only.
const READER: &str = "reader@estate.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";

/// The key file of an account, with tokens from `at`.
pub(in crate::tests) fn account(at: SocketAddr) -> String {
    key_file(EMAIL, &KEY, at)
}

pub(in crate::tests) fn reader(at: SocketAddr) -> String {
    key_file(READER, &KEY, at)
}

/// One whose key was withdrawn.
pub(in crate::tests) fn stranger(at: SocketAddr) -> String {
    key_file(EMAIL, &OTHER, at)
}

fn key_file(email: &str, key: &Rsa, at: SocketAddr) -> String {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(key).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der.as_ref())
    );
    json!({
        "type": "service_account", "project_id": "estate", "private_key_id": "k1", "private_key": pem,
        "client_email": email, "token_uri": format!("http://{at}/token"),
    })
    .to_string()
}

pub(in crate::tests) async fn start(sets: Arc<Mutex<Sets>>, skew: SignedDuration) -> SocketAddr {
    serve(skew, move |asked| answer(&asked, &mut sets.lock().unwrap(), skew)).await
}

fn answer(asked: &Asked, sets: &mut Sets, skew: SignedDuration) -> Said {
    let segments = asked.segments();
    if segments == ["token"] {
        return token(asked, skew);
    }
    let who = match asked.header("authorization") {
        "Bearer ya29.writer" => EMAIL,
        "Bearer ya29.reader" => READER,
        _ => return refused(401, "authError", "Request had invalid authentication credentials."),
    };
    match (asked.method.as_str(), &segments[..]) {
        (_, ["dns", "v1", "projects", "estate", "managedZones", zone, ..]) if *zone != "lab" => {
            let message = format!("The 'parameters.managedZone' resource named '{zone}' does not exist.");
            refused(404, "notFound", &message)
        }
        ("GET", ["dns", "v1", "projects", "estate", "managedZones", _]) => (
            200,
            json!({ "kind": "dns#managedZone", "dnsName": "lab.test.", "nameServers": ["ns.lab.test."] }).to_string(),
        ),
        ("GET", ["dns", "v1", "projects", "estate", "managedZones", _, "rrsets"]) => {
            let name = asked.parameter("name");
            let of_name = sets.all.iter().filter(|((of, _), _)| format!("{of}.") == name);
            let rrsets: Vec<Value> = of_name.map(|((of, kind), records)| written(of, kind, records)).collect();
            (200, json!({ "kind": "dns#resourceRecordSetsListResponse", "rrsets": rrsets }).to_string())
        }
        ("POST", ["dns", "v1", "projects", "estate", "managedZones", _, "changes"]) => match who {
            READER => refused(403, "forbidden", "Forbidden"),
            _ => changed(&asked.json(), sets),
        },
        _ => (404, "<html>404</html>".to_owned()),
    }
}

fn written(name: &str, kind: &str, records: &Records) -> Value {
    json!({
        "kind": "dns#resourceRecordSet", "name": format!("{name}."), "type": kind, "ttl": records.ttl,
        "rrdatas": records.addresses, "signatureRrdatas": [],
    })
}

fn refused(status: u16, reason: &str, message: &str) -> Said {
    let errors = json!([{ "message": message, "domain": "global", "reason": reason }]);
    (
        status,
        json!({ "error": { "code": status, "message": message, "errors": errors } }).to_string(),
    )
}

fn changed(change: &Value, sets: &mut Sets) -> Said {
    let mut after = sets.all.clone();
    let list = |key: &str| change[key].as_array().cloned().unwrap_or_default();
    for (place, deletion) in list("deletions").iter().enumerate() {
        let (key, records) = parsed(deletion);
        match after.get(&key) {
            None => {
                let message = format!(
                    "The 'entity.change.deletions[{place}]' resource named '{}. ({})' does not exist.",
                    key.0, key.1
                );
                return refused(404, "notFound", &message);
            }
            Some(there) if *there != records => {
                let message = format!("Precondition not met for 'entity.change.deletions[{place}]'");
                return refused(412, "conditionNotMet", &message);
            }
            Some(_) => after.remove(&key),
        };
    }
    for (place, addition) in list("additions").iter().enumerate() {
        let (key, records) = parsed(addition);
        if after.contains_key(&key) {
            let message = format!(
                "The resource 'entity.change.additions[{place}]' named '{}. ({})' already exists",
                key.0, key.1
            );
            return refused(409, "alreadyExists", &message);
        }
        after.insert(key, records);
    }
    sets.all = after;
    sets.changes += 1;
    (
        200,
        json!({ "kind": "dns#change", "id": sets.changes.to_string(), "status": "pending" }).to_string(),
    )
}

fn parsed(set: &Value) -> ((String, String), Records) {
    let text = |key: &str| set[key].as_str().unwrap().to_owned();
    let name = text("name").strip_suffix('.').expect("names end with a dot").to_owned();
    let addresses = set["rrdatas"].as_array().unwrap().iter();
    let addresses = addresses.map(|data| data.as_str().unwrap().parse().unwrap()).collect();
    let ttl = u32::try_from(set["ttl"].as_u64().unwrap()).unwrap();
    ((name, text("type")), Records { addresses, ttl })
}

/// A token for an assertion, RFC 7523.
fn token(asked: &Asked, skew: SignedDuration) -> Said {
    let refused = |what: &str| (400, json!({ "error": "invalid_grant", "error_description": what }).to_string());
    let form = asked.form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key().as_ref());
    if key.verify(signed.as_bytes(), &signature).is_err() {
        return refused("Invalid JWT Signature.");
    }
    let part = |text: &str| -> Value { serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    let (header, claims) = signed.split_once('.').unwrap();
    let (header, claims) = (part(header), part(claims));
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("RS256"), Some("k1")));
    assert_eq!(claims["scope"], SCOPE);
    let (issued, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let clock = now(skew).as_second();
    if (clock - issued).abs() > 300 || ends - issued > 3600 || ends < clock {
        return refused("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
    }
    let token = match claims["iss"].as_str() {
        Some(EMAIL) => "ya29.writer",
        Some(READER) => "ya29.reader",
        _ => return refused("Invalid grant: account not found"),
    };
    (
        200,
        json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" }).to_string(),
    )
}
