//! A stand-in for Cloudflare's API, written from the vendor's documentation:
//! <https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch> and `list` beside it, and for errors
//! <https://developers.cloudflare.com/fundamentals/api/troubleshooting/>. It has never met the real service.
//!
//! A batch deletes, then patches, then posts, all or nothing.

use super::{Asked, Said, Sets, serve};
use crate::Records;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

pub(in crate::tests) const ZONE_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub(in crate::tests) const TOKEN: &str = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY";
/// A token that may read only.
pub(in crate::tests) const READER: &str = "reader0000000000000000000000000000000000";

pub(in crate::tests) async fn start(sets: Arc<Mutex<Sets>>) -> SocketAddr {
    serve(SignedDuration::ZERO, move |asked| answer(&asked, &mut sets.lock().unwrap())).await
}

fn answer(asked: &Asked, sets: &mut Sets) -> Said {
    let token = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    if token.len() != 40 {
        return refused(400, 6003, "Invalid request headers");
    }
    if token != TOKEN && token != READER {
        return refused(403, 10000, "Authentication error");
    }
    let segments = asked.segments();
    match (asked.method.as_str(), &segments[..]) {
        (_, ["client", "v4", "zones", id, ..]) if *id != ZONE_ID => {
            let message = format!("Could not route to /zones/{id}, perhaps your object identifier is invalid?");
            refused(404, 7003, &message)
        }
        ("GET", ["client", "v4", "zones", _]) => {
            said(json!({ "id": ZONE_ID, "name": "lab.test", "status": "active", "name_servers": ["ns.lab.test"] }))
        }
        ("GET", ["client", "v4", "zones", _, "dns_records"]) => {
            let name = asked.parameter("name.exact");
            said(records(sets).into_iter().filter(|record| record["name"] == *name).collect())
        }
        ("POST", ["client", "v4", "zones", _, "dns_records", "batch"]) => match token {
            READER => refused(403, 10000, "Authentication error"),
            _ => changed(&asked.json(), sets),
        },
        _ => refused(404, 7000, "No route for that URI"),
    }
}

fn said(result: Value) -> Said {
    (
        200,
        json!({ "success": true, "errors": [], "messages": [], "result": result }).to_string(),
    )
}

fn refused(status: u16, code: u32, message: &str) -> Said {
    let errors = json!([{ "code": code, "message": message }]);
    (
        status,
        json!({ "success": false, "errors": errors, "messages": [], "result": null }).to_string(),
    )
}

/// Every record by itself, with an id that is made of what it says.
fn records(sets: &Sets) -> Vec<Value> {
    let mut all = Vec::new();
    for ((name, kind), set) in &sets.all {
        for address in &set.addresses {
            all.push(json!({
                "id": id(name, *address), "name": name, "type": kind, "content": address, "ttl": set.ttl, "proxied": false,
            }));
        }
    }
    all
}

fn id(name: &str, address: IpAddr) -> String {
    let text = format!("{name} {address}");
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn changed(batch: &Value, sets: &mut Sets) -> Said {
    let mut all = records(sets);
    let list = |key: &str| batch[key].as_array().cloned().unwrap_or_default();
    for delete in list("deletes") {
        let Some(place) = all.iter().position(|record| record["id"] == delete["id"]) else {
            return refused(404, 81044, "Record does not exist.");
        };
        all.remove(place);
    }
    for patch in list("patches") {
        let Some(record) = all.iter_mut().find(|record| record["id"] == patch["id"]) else {
            return refused(404, 81044, "Record does not exist.");
        };
        record["content"] = patch["content"].clone();
        record["ttl"] = patch["ttl"].clone();
    }
    all.extend(list("posts"));
    let mut seen: Vec<(Value, Value)> = Vec::new();
    let mut after = std::collections::BTreeMap::new();
    for record in &all {
        let what = (record["name"].clone(), record["content"].clone());
        if seen.contains(&what) {
            return refused(400, 81058, "An identical record already exists.");
        }
        seen.push(what);
        let ttl = record["ttl"].as_u64().unwrap();
        if ttl != 1 && !(60..=86400).contains(&ttl) {
            return refused(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
        }
        let text = |key: &str| record[key].as_str().unwrap().to_owned();
        let records = Records { addresses: [].into(), ttl: u32::try_from(ttl).unwrap() };
        let set: &mut Records = after.entry((text("name"), text("type"))).or_insert(records);
        set.addresses.insert(text("content").parse().unwrap());
    }
    sets.all = after;
    sets.changes += 1;
    said(json!({ "deletes": [], "patches": [], "puts": [], "posts": [] }))
}
