//! A stand-in for Azure DNS and for what gives its tokens, written from the vendor's documentation:
//! <https://learn.microsoft.com/en-us/rest/api/dns/record-sets/create-or-update>, `get` and `delete` beside it,
//! <https://learn.microsoft.com/en-us/azure/dns/dns-zones-records#etags>, and
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>. It has never met the real service.
//!
//! Every write gives a record set another etag; one under an etag that is not its own is refused.

use super::{Asked, Said, Sets, serve};
use crate::Records;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub(in crate::tests) const TENANT: &str = "tenant-1";
pub(in crate::tests) const CLIENT: &str = "client-1";
/// An application that may read only.
pub(in crate::tests) const READER: &str = "client-2";
pub(in crate::tests) const SECRET: &str = "Qq~8Q~secret";
/// A secret that has ended.
pub(in crate::tests) const ENDED: &str = "Qq~8Q~ended";

pub(in crate::tests) async fn start(sets: Arc<Mutex<Sets>>) -> SocketAddr {
    serve(SignedDuration::ZERO, move |asked| answer(&asked, &mut sets.lock().unwrap())).await
}

fn answer(asked: &Asked, sets: &mut Sets) -> Said {
    let segments = asked.segments();
    if segments == [TENANT, "oauth2", "v2.0", "token"] {
        return token(asked);
    }
    let who = match asked.header("authorization") {
        "Bearer eyJ.writer" => CLIENT,
        "Bearer eyJ.reader" => READER,
        _ => return refused(401, "InvalidAuthenticationToken", "The access token is invalid."),
    };
    if asked.parameter("api-version") != "2018-05-01" {
        return refused(400, "InvalidApiVersionParameter", "The api-version is invalid.");
    }
    let [
        "subscriptions",
        "sub-1",
        "resourceGroups",
        group,
        "providers",
        "Microsoft.Network",
        "dnsZones",
        zone,
        set @ ..,
    ] = &segments[..]
    else {
        return refused(404, "SubscriptionNotFound", "The subscription could not be found.");
    };
    if who == READER && asked.method != "GET" {
        let message = "The client 'client-2' does not have authorization to perform action \
                       'Microsoft.Network/dnsZones/A/write'.";
        return refused(403, "AuthorizationFailed", message);
    }
    if (*group, *zone) != ("dns", "lab.test") {
        let message =
            format!("The Resource 'Microsoft.Network/dnszones/{zone}' under resource group '{group}' was not found.");
        return refused(404, "ResourceNotFound", &message);
    }
    match set {
        [] => (
            200,
            json!({ "name": "lab.test", "properties": { "nameServers": ["ns.lab.test."] } }).to_string(),
        ),
        [kind, name] => record_set(asked, sets, kind, name),
        _ => refused(404, "InvalidResource", "no such resource"),
    }
}

fn record_set(asked: &Asked, sets: &mut Sets, kind: &str, relative: &str) -> Said {
    let key = (format!("{relative}.lab.test"), kind.to_owned());
    let there = sets.all.get(&key).map(|records| (etag(records), records.clone()));
    let (if_match, if_none_match) = (asked.header("if-match"), asked.header("if-none-match"));
    let current = there.as_ref().map(|(etag, _)| etag.as_str());
    let holds = (if_match.is_empty() || current == Some(if_match)) && (if_none_match != "*" || current.is_none());
    match (asked.method.as_str(), there) {
        ("GET", Some((etag, records))) => (200, written(relative, kind, &etag, &records)),
        ("GET", None) => {
            let message = format!("The resource record '{relative}' does not exist in resource group 'dns'.");
            (404, json!({ "code": "NotFound", "message": message }).to_string())
        }
        (_, _) if !holds => {
            let message = format!("The condition '{if_match}' in the If-Match header was not satisfied.");
            (412, json!({ "code": "PreconditionFailed", "message": message }).to_string())
        }
        ("DELETE", Some(_)) => {
            sets.all.remove(&key);
            sets.changes += 1;
            (200, String::new())
        }
        ("DELETE", None) => (204, String::new()),
        ("PUT", was) => {
            let records = parsed(&asked.json()["properties"], kind);
            let said = written(relative, kind, &etag(&records), &records);
            sets.all.insert(key, records);
            sets.changes += 1;
            (if was.is_some() { 200 } else { 201 }, said)
        }
        _ => refused(405, "MethodNotAllowed", "no such method"),
    }
}

/// Made of what a set says, so that another writer's sets have others.
fn etag(records: &Records) -> String {
    format!("{:?}", records).bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn written(relative: &str, kind: &str, etag: &str, records: &Records) -> String {
    let field = if kind == "A" { "ipv4Address" } else { "ipv6Address" };
    let all: Vec<Value> = records.addresses.iter().map(|address| json!({ field: address })).collect();
    json!({
        "id": format!("/subscriptions/sub-1/resourceGroups/dns/providers/Microsoft.Network/dnszones/lab.test/{kind}/{relative}"),
        "name": relative, "type": format!("Microsoft.Network/dnszones/{kind}"), "etag": etag,
        "properties": {
            "fqdn": format!("{relative}.lab.test."), "TTL": records.ttl, format!("{kind}Records"): all,
            "targetResource": {}, "provisioningState": "Succeeded",
        },
    })
    .to_string()
}

fn parsed(properties: &Value, kind: &str) -> Records {
    let field = if kind == "A" { "ipv4Address" } else { "ipv6Address" };
    let all = properties[format!("{kind}Records")].as_array().cloned().unwrap_or_default();
    let addresses = all.iter().map(|record| record[field].as_str().unwrap().parse().unwrap());
    Records {
        addresses: addresses.collect(),
        ttl: u32::try_from(properties["TTL"].as_u64().unwrap()).unwrap(),
    }
}

fn refused(status: u16, code: &str, message: &str) -> Said {
    (status, json!({ "error": { "code": code, "message": message } }).to_string())
}

fn token(asked: &Asked) -> Said {
    let form = asked.form();
    let refused = |what: &str| (401, json!({ "error": "invalid_client", "error_description": what }).to_string());
    assert_eq!(form["grant_type"], "client_credentials");
    assert!(form["scope"].ends_with("/.default"), "{}", form["scope"]);
    match form["client_secret"].as_str() {
        SECRET => {}
        ENDED => return refused("AADSTS7000222: The provided client secret keys are expired."),
        _ => return refused("AADSTS7000215: Invalid client secret provided."),
    }
    let token = match form["client_id"].as_str() {
        CLIENT => "eyJ.writer",
        READER => "eyJ.reader",
        _ => return refused("AADSTS700016: Application was not found in the directory."),
    };
    (
        200,
        json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }).to_string(),
    )
}
