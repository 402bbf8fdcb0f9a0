//! A stand-in for Amazon Route 53, written from the vendor's documentation:
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>,
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html>, and for signatures
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. It has never met the real service.
//!
//! It computes the signature of each request itself, and makes all of a batch or nothing.

use super::{Asked, Said, Sets, now, serve};
use crate::Records;
use crate::provider::route53_xml::{Request, Set, read};
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub(in crate::tests) const ZONE_ID: &str = "Z1D633PJN98FT9";
pub(in crate::tests) const KEY: &str = "AKIDEXAMPLE";
/// A key whose policy allows reading only.
pub(in crate::tests) const READER: &str = "AKIDREADER";
pub(in crate::tests) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const XMLNS: &str = "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"";

pub(in crate::tests) async fn start(sets: Arc<Mutex<Sets>>, skew: SignedDuration) -> SocketAddr {
    serve(skew, move |asked| answer(&asked, &mut sets.lock().unwrap(), skew)).await
}

fn answer(asked: &Asked, sets: &mut Sets, skew: SignedDuration) -> Said {
    let key = match signer(asked, skew) {
        Ok(key) => key,
        Err((code, message)) => return refused(403, code, &message),
    };
    let segments = asked.segments();
    match (asked.method.as_str(), &segments[..]) {
        (_, ["2013-04-01", "hostedzone", id, ..]) if *id != ZONE_ID => {
            refused(404, "NoSuchHostedZone", &format!("No hosted zone found with ID: {id}"))
        }
        ("GET", ["2013-04-01", "hostedzone", _]) => (
            200,
            format!(
                "<?xml version=\"1.0\"?>\n<GetHostedZoneResponse {XMLNS}><HostedZone><Id>/hostedzone/{ZONE_ID}</Id>\
                 <Name>lab.test.</Name><CallerReference>x</CallerReference></HostedZone><DelegationSet><NameServers>\
                 <NameServer>ns.lab.test</NameServer></NameServers></DelegationSet></GetHostedZoneResponse>"
            ),
        ),
        ("GET", ["2013-04-01", "hostedzone", _, "rrset"]) => listed(asked, sets),
        ("POST", ["2013-04-01", "hostedzone", _, "rrset"]) if key == READER => refused(
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/reader is not authorized to perform: route53:ChangeResourceRecordSets",
        ),
        ("POST", ["2013-04-01", "hostedzone", _, "rrset"]) => changed(asked, sets),
        _ => refused(404, "InvalidAction", "no such action"),
    }
}

fn refused(status: u16, code: &str, message: &str) -> Said {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse {XMLNS}><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>b25f48e8-84fd</RequestId></ErrorResponse>"
    );
    (status, body)
}

fn listed(asked: &Asked, sets: &Sets) -> Said {
    let from = (asked.parameter("name"), asked.parameter("type"));
    let most: usize = asked.parameter("maxitems").parse().unwrap();
    let mut body = String::new();
    let all = sets
        .all
        .iter()
        .map(|((name, kind), records)| ((format!("{name}."), kind.clone()), records));
    let mut all: Vec<_> = all.collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    for ((name, kind), records) in all.into_iter().filter(|(key, _)| *key >= from).take(most) {
        let _infallible = write!(
            body,
            "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>{}</TTL>",
            records.ttl
        );
        body.push_str("<ResourceRecords>");
        for address in &records.addresses {
            let _infallible = write!(body, "<ResourceRecord><Value>{address}</Value></ResourceRecord>");
        }
        body.push_str("</ResourceRecords></ResourceRecordSet>");
    }
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ListResourceRecordSetsResponse {XMLNS}><ResourceRecordSets>{body}</ResourceRecordSets>\
         <IsTruncated>false</IsTruncated><MaxItems>{most}</MaxItems></ListResourceRecordSetsResponse>"
    );
    (200, body)
}

fn changed(asked: &Asked, sets: &mut Sets) -> Said {
    let starts = format!("<ChangeResourceRecordSetsRequest {XMLNS}>");
    let request: Request = match read(&asked.body) {
        Ok(request) if asked.body.starts_with(starts.as_bytes()) => request,
        _ => return refused(400, "MalformedInput", "Unexpected list element termination"),
    };
    let mut after = sets.all.clone();
    let mut messages = String::new();
    for change in request.batch.changes.all {
        let (key, records) = parsed(&change.set);
        let (name, kind) = (&change.set.name, &change.set.kind);
        let complaint = match (change.action.as_str(), after.get(&key)) {
            ("DELETE", None) => Some("but it was not found"),
            ("DELETE", Some(there)) if *there != records => {
                Some("but the values provided do not match the current values")
            }
            ("CREATE", Some(_)) => Some("but it already exists"),
            _ => None,
        };
        if let Some(complaint) = complaint {
            let doing = change.action.to_ascii_lowercase();
            let _infallible = write!(
                messages,
                "<Message>Tried to {doing} resource record set [name='{name}', type='{kind}'] {complaint}</Message>"
            );
        }
        match change.action.as_str() {
            "DELETE" => after.remove(&key),
            _ => after.insert(key, records),
        };
    }
    if !messages.is_empty() {
        let body = format!(
            "<?xml version=\"1.0\"?>\n<InvalidChangeBatch {XMLNS}><Messages>{messages}</Messages>\
             <RequestId>b25f48e8-84fd</RequestId></InvalidChangeBatch>"
        );
        return (400, body);
    }
    sets.all = after;
    sets.changes += 1;
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ChangeResourceRecordSetsResponse {XMLNS}><ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id>\
         <Status>PENDING</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>"
    );
    (200, body)
}

fn parsed(set: &Set) -> ((String, String), Records) {
    let values = set.records.clone().unwrap_or_default().all;
    let addresses = values.iter().map(|value| value.value.parse().unwrap()).collect();
    let name = set.name.strip_suffix('.').expect("names end with a dot").to_owned();
    ((name, set.kind.clone()), Records { addresses, ttl: set.ttl.expect("a TTL") })
}

/// Whose signature a request bears.
fn signer(asked: &Asked, skew: SignedDuration) -> Result<&str, (&'static str, String)> {
    let bad = |message: &str| ("SignatureDoesNotMatch", message.to_owned());
    let fields = asked
        .header("authorization")
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| ("MissingAuthenticationToken", "Missing Authentication Token".to_owned()))?;
    let field = |name: &str| {
        let found = fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| bad("a field is missing"))
    };
    let (credential, signed, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let [key, date, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
        return Err(bad("the credential's scope is another"));
    };
    if key != KEY && key != READER {
        return Err((
            "InvalidClientTokenId",
            "The security token included in the request is invalid.".to_owned(),
        ));
    }
    let time = asked.header("x-amz-date");
    assert!(
        (region, service) == ("us-east-1", "route53") && time.starts_with(date),
        "{credential} at {time}"
    );
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).map_err(|_| bad("the date"))?;
    let at: Timestamp = at.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad("the date"))?.timestamp();
    if (now(skew).as_second() - at.as_second()).abs() > 300 {
        return Err(bad(&format!("Signature expired: {time} is now earlier than {}", now(skew))));
    }
    let mut headers = String::new();
    for name in signed.split(';') {
        let _infallible = writeln!(headers, "{name}:{}", asked.header(name).trim());
    }
    let body = hexadecimal(&Sha256::digest(&asked.body));
    let canonical = format!("{}\n{}\n{}\n{headers}\n{signed}\n{body}", asked.method, asked.path, asked.query);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let digest = hexadecimal(&Sha256::digest(canonical.as_bytes()));
    let mut derived = format!("AWS4{SECRET}").into_bytes();
    for part in [date, region, service, "aws4_request"] {
        derived = mac(&derived, part);
    }
    let wanted = hexadecimal(&mac(&derived, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}")));
    match wanted == signature && signed.split(';').any(|name| name == "host") {
        true => Ok(key),
        false => Err(bad("The request signature we calculated does not match the signature you provided.")),
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
