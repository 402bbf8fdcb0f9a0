//! Cloudflare, over its REST API, version 4. Start at [`Cloudflare`].
//!
//! Its form: <https://developers.cloudflare.com/api/resources/dns/subresources/records/>, of which `batch`, `list`, and `zones/get`.

use super::{Held, Provider, Records, Right, Wanted, changed, judged, kind};
use crate::http::{Effect, Http, Reply, unsure};
use crate::{Error, Secret, name};
use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

const ENDPOINT: &str = "https://api.cloudflare.com/client/v4";

/// The lowest TTL in seconds that plans below Enterprise take, and the highest.
const TTL_MIN: u32 = 60;
const TTL_MAX: u32 = 86_400;
/// The TTL that means "automatic", and what that comes to in seconds.
const AUTOMATIC: u32 = 1;
const AUTOMATIC_S: u32 = 300;

/// The code of a record that is not there.
const NO_RECORD: u64 = 81044;
/// The codes of credentials that are not accepted, some of them with HTTP 400.
const NOT_ACCEPTED: [u64; 5] = [6003, 6111, 9109, 10000, 10001];

/// A zone of Cloudflare, and the API token that may change it.
///
/// A change is one batch, which Cloudflare carries out in a single transaction of its own database; its servers may get the parts
/// one after the other. The API has no preconditions: the records are read again directly before, and what somebody else changes
/// in the fraction of a second between is refused only if one of the records is gone. Proxied records are not changed: no resolver
/// ever sees where they lead, so that no switch of them can be seen.
///
/// TTLs are raised to 60 s, the lowest of most plans.
///
/// What `check` proves: the token may change records of the zone, by a batch that deletes a record that does not exist. It has never
/// met the real service: the tests use a stand-in written from the documentation.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    /// The zone's domain name.
    pub zone: String,
    /// The zone's id, 32 hexadecimal digits.
    pub zone_id: String,
    /// An API token with the permission "DNS Write" for the zone.
    pub token: Secret,
    /// Another endpoint than Cloudflare's.
    pub endpoint: Option<String>,
    /// Whose certificates count, PEM, rather than those that the host trusts.
    pub ca: Option<String>,
}

impl Cloudflare {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        let service = format!("Cloudflare zone {}", self.zone_id);
        let endpoint = self.endpoint.as_deref().unwrap_or(ENDPOINT);
        let http = Http::new(service, endpoint, self.ca.as_deref())?.hiding(&[&self.token]);
        Ok(Box::new(Opened { of: self, http }))
    }
}

#[derive(Debug)]
struct Opened {
    of: Cloudflare,
    http: Http,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    #[serde(default)]
    result: Value,
    result_info: Option<Pages>,
}

#[derive(Deserialize)]
struct Pages {
    #[serde(default)]
    total_pages: u64,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    message: String,
}

#[derive(Clone, Deserialize)]
struct Record {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    ttl: u32,
    #[serde(default)]
    proxied: bool,
}

/// A batch that was made.
#[derive(Deserialize)]
struct Made {
    #[serde(rename = "posts")]
    _posts: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Zone {
    name: String,
    #[serde(default)]
    name_servers: Vec<String>,
}

#[async_trait]
impl Provider for Opened {
    fn place(&self) -> String {
        self.http.service.clone()
    }

    fn zone(&self) -> &str {
        &self.of.zone
    }

    async fn read(&self, text: &str) -> Result<Held, Error> {
        self.held(text, &self.list(text).await?)
    }

    async fn replace(&self, text: &str, from: &Held, to: &Held) -> Result<(), Error> {
        let name = name::within(&self.of.zone, text)?;
        let records = self.list(text).await?;
        let now = self.held(text, &records)?;
        if now != *from {
            return Err(changed(self.place(), text, now));
        }
        let subject = format!("a change of {text}");
        let reply = self.batch(&batch(&name, &records, to), &subject).await?;
        match self.result::<Made>(&reply, &subject, Effect::Changes) {
            Ok(_) => Ok(()),
            Err(error @ (Error::Rejected { .. } | Error::NoZone { .. })) => judged(self, text, from, to, error).await,
            Err(error) => Err(unsure(error)),
        }
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let request = self.request(Method::GET, &[]);
        let reply = self.http.send(request, &self.of.zone, Effect::Reads).await?;
        let zone: Zone = self.result(&reply, &self.of.zone, Effect::Reads)?;
        self.http.is_zone(&self.of.zone, &zone.name)?;
        Ok(name::servers(&zone.name_servers))
    }

    async fn may_change(&self, text: &str, _held: &Held) -> Result<Right, Error> {
        let subject = format!("a change of {text} that changes nothing");
        let nobodys = json!({ "deletes": [{ "id": "0".repeat(32) }] });
        let reply = self.batch(&nobodys, &subject).await?;
        let envelope: Option<Envelope> = serde_json::from_slice(&reply.body).ok();
        if envelope.is_some_and(|it| it.errors.iter().any(|problem| problem.code == NO_RECORD)) {
            let how = "the token was let in to a batch that deletes what is not there";
            return Ok(Right::Proven(how.to_owned()));
        }
        match self.result::<Value>(&reply, &subject, Effect::Changes) {
            Err(error @ (Error::Denied { .. } | Error::Busy { .. })) => Err(error),
            Err(error) => Ok(Right::Unproven(error.to_string())),
            Ok(_) => Ok(Right::Unproven("a batch that cannot be made was taken".to_owned())),
        }
    }

    fn ttl(&self, ttl: u32) -> u32 {
        match ttl {
            AUTOMATIC => ttl,
            _ => ttl.clamp(TTL_MIN, TTL_MAX),
        }
    }

    fn kept_for(&self, ttl: u32) -> u32 {
        match ttl {
            AUTOMATIC => AUTOMATIC_S,
            _ => ttl,
        }
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let base = format!(
            "{}/zones/{}/dns_records",
            self.of.endpoint.as_deref().unwrap_or(ENDPOINT),
            self.of.zone_id
        );
        let target = match self.target(name, from, to) {
            Ok(target) => target,
            Err(error) => return vec![error.to_string()],
        };
        let posts = batch(name, &[], &target);
        vec![
            format!("curl -sH \"Authorization: Bearer $TOKEN\" '{base}?name.exact={name}'"),
            format!(
                "with the ids of its A and AAAA records for ID: curl -sH \"Authorization: Bearer $TOKEN\" '{base}/batch' --json \
                 '{{\"deletes\":[{{\"id\":\"ID\"}}],\"posts\":{}}}'",
                posts["posts"]
            ),
        ]
    }
}

impl Opened {
    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        let path: Vec<&str> = ["zones", &self.of.zone_id].iter().chain(below).copied().collect();
        self.http
            .client()
            .request(method, self.http.url(&path))
            .bearer_auth(self.of.token.reveal())
    }

    async fn batch(&self, batch: &Value, subject: &str) -> Result<Reply, Error> {
        let request = self.request(Method::POST, &["dns_records", "batch"]).json(batch);
        self.http.send(request, subject, Effect::Changes).await
    }

    fn held(&self, text: &str, records: &[Record]) -> Result<Held, Error> {
        let set = |ipv4| -> Result<Option<Records>, Error> {
            let of_kind: Vec<&Record> = records.iter().filter(|record| record.kind == kind(ipv4)).collect();
            let addresses: Option<BTreeSet<IpAddr>> = of_kind.iter().map(|record| address(record, ipv4)).collect();
            let addresses = addresses.ok_or_else(|| self.http.garbled(text, "a record's content is no address"))?;
            // They should be the same, and each is written in a record of its own.
            let ttl = of_kind.iter().map(|record| record.ttl).min();
            Ok(ttl.map(|ttl| Records { addresses, ttl }))
        };
        Ok(Held::Records { a: set(true)?, aaaa: set(false)? })
    }

    /// The address records of a name.
    async fn list(&self, text: &str) -> Result<Vec<Record>, Error> {
        let name = name::within(&self.of.zone, text)?;
        let mut url = self.http.url(&["zones", &self.of.zone_id, "dns_records"]);
        url.set_query(Some(&format!("name.exact={name}&per_page=100")));
        let request = self.http.client().get(url).bearer_auth(self.of.token.reveal());
        let reply = self.http.send(request, text, Effect::Reads).await?;
        let all: Vec<Record> = self.result(&reply, text, Effect::Reads)?;
        let mut of_name: Vec<Record> = all.into_iter().filter(|record| name::same(&record.name, &name)).collect();
        let refused = |reason| Err(self.http.not_plain(text, reason));
        if of_name.iter().any(|record| record.kind == "CNAME") {
            return refused("it is an alias (CNAME), which can have no addresses");
        }
        of_name.retain(|record| record.kind == "A" || record.kind == "AAAA");
        if of_name.iter().any(|record| record.proxied) {
            return refused("it is proxied by Cloudflare, so that nobody sees where it leads");
        }
        Ok(of_name)
    }

    fn result<T: DeserializeOwned>(&self, reply: &Reply, subject: &str, effect: Effect) -> Result<T, Error> {
        let envelope: Option<Envelope> = serde_json::from_slice(&reply.body).ok();
        if let (200..300, Some(Envelope { success: true, result, result_info, .. })) = (reply.status, &envelope) {
            // Of one name, there is never a second page: the question was not understood, and the name may be on another page.
            if result_info.as_ref().is_some_and(|pages| pages.total_pages > 1) {
                return Err(self
                    .http
                    .garbled(subject, "it has more pages than records of one name can fill"));
            }
            let read = serde_json::from_value(result.clone());
            return read.map_err(|_| self.http.garbled(subject, "its result is not of the documented form"));
        }
        let problems = envelope.map(|it| it.errors).unwrap_or_default();
        let said: Vec<String> = problems.iter().map(|it| format!("{} (code {})", it.message, it.code)).collect();
        let said = said.join("; ");
        if problems.iter().any(|problem| NOT_ACCEPTED.contains(&problem.code)) {
            return Err(self.http.denied(subject, &said));
        }
        Err(self.http.refusal(reply, subject, effect, &said))
    }
}

fn address(record: &Record, ipv4: bool) -> Option<IpAddr> {
    let address: IpAddr = record.content.parse().ok()?;
    (address.is_ipv4() == ipv4).then_some(address)
}

/// Makes of the records that are there those that are wanted. As many as can be are altered in place: they keep what else is
/// written in them, such as comments and tags.
fn batch(name: &str, records: &[Record], to: &Held) -> Value {
    let (mut deletes, mut patches, mut posts) = (Vec::new(), Vec::new(), Vec::new());
    for ipv4 in [true, false] {
        let mut there: Vec<&Record> = records.iter().filter(|record| record.kind == kind(ipv4)).collect();
        let wanted = to.records(ipv4);
        let ttl = wanted.map(|wanted| wanted.ttl).unwrap_or_default();
        let mut missing = Vec::new();
        for address in wanted.iter().flat_map(|wanted| &wanted.addresses) {
            // Cloudflare refuses two records that say the same, so that those that stay keep their address.
            match there.iter().position(|record| record.content.parse() == Ok(*address)) {
                Some(place) => {
                    let record = there.remove(place);
                    if record.ttl != ttl {
                        patches.push(patch(record, *address, ttl));
                    }
                }
                None => missing.push(*address),
            }
        }
        for address in missing {
            match there.pop() {
                Some(record) => patches.push(patch(record, address, ttl)),
                None => posts.push(json!({
                    "type": kind(ipv4), "name": name, "content": address, "ttl": ttl, "proxied": false,
                })),
            }
        }
        deletes.extend(there.into_iter().map(|record| json!({ "id": record.id })));
    }
    json!({ "deletes": deletes, "patches": patches, "posts": posts })
}

fn patch(record: &Record, content: IpAddr, ttl: u32) -> Value {
    json!({ "id": record.id, "type": record.kind, "name": record.name, "content": content, "ttl": ttl })
}
