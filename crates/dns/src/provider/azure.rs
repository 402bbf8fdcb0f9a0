//! Azure DNS, over the REST API of Azure Resource Manager, version 2018-05-01. Start at [`Azure`].
//!
//! Its form: <https://learn.microsoft.com/en-us/rest/api/dns/record-sets/create-or-update>, and its etags:
//! <https://learn.microsoft.com/en-us/azure/dns/dns-zones-records#etags>. How a service principal gets a token:
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use super::{Held, Provider, Records, Right, Wanted, changed, kind};
use crate::http::{Effect, Http, Reply, unsure};
use crate::token::{Given, Grants, Tokens};
use crate::{Error, Secret, name};
use async_trait::async_trait;
use estate::Kind;
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

const ENDPOINT: &str = "https://management.azure.com";
const LOGIN: &str = "https://login.microsoftonline.com";
const VERSION: &str = "2018-05-01";
/// An etag that no record set has.
const NOBODYS: &str = "lifeboat-check";

/// A zone of Azure DNS, and the service principal that may change it.
///
/// Each record set is written with the etag of what was read (`If-Match`, or `If-None-Match: *` for a new one), so that Azure refuses
/// what would overwrite another's change. IPv4 and IPv6 are two requests: what is wanted is written first, and what is to go is
/// deleted after it; a change that was broken off between is completed by repeating it. The metadata of a record set stay, except of one
/// that is deleted and made again. Alias record sets are not changed.
///
/// What `check` proves: the principal may write this very record set, by a write of what is there already under an etag that nothing
/// has. What it cannot: that it may also delete one. It has never met the real service: the tests use a stand-in written from the
/// documentation.
#[derive(Clone, Debug)]
pub struct Azure {
    /// The zone's domain name.
    pub zone: String,
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The tenant's id.
    pub tenant: String,
    /// The application's (client's) id.
    pub client: String,
    /// A client secret of it.
    pub secret: Secret,
    /// Another endpoint than that of Azure's public cloud.
    pub endpoint: Option<String>,
    /// Where tokens come from, when not from that of Azure's public cloud.
    pub login: Option<String>,
    /// Whose certificates count, PEM, rather than those that the host trusts.
    pub ca: Option<String>,
}

impl Azure {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        let service = format!("Azure DNS zone {} in resource group {}", self.zone, self.resource_group);
        let ca = self.ca.as_deref();
        let http = Http::new(service.clone(), self.endpoint.as_deref().unwrap_or(ENDPOINT), ca)?;
        let login = Http::new(service, self.login.as_deref().unwrap_or(LOGIN), ca)?;
        let (http, login) = (http.hiding(&[&self.secret]), login.hiding(&[&self.secret]));
        Ok(Box::new(Opened { of: self, http, login, tokens: Tokens::default() }))
    }
}

#[derive(Debug)]
struct Opened {
    of: Azure,
    http: Http,
    login: Http,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Set {
    #[serde(default)]
    etag: Option<String>,
    properties: Properties,
}

#[derive(Default, Serialize, Deserialize)]
struct Properties {
    #[serde(rename = "TTL")]
    ttl: u32,
    #[serde(rename = "ARecords", default, skip_serializing_if = "Vec::is_empty")]
    a: Vec<A>,
    #[serde(rename = "AAAARecords", default, skip_serializing_if = "Vec::is_empty")]
    aaaa: Vec<Aaaa>,
    /// What people write beside it: kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    #[serde(rename = "targetResource", default, skip_serializing)]
    target: Option<Target>,
}

#[derive(Serialize, Deserialize)]
struct A {
    #[serde(rename = "ipv4Address")]
    address: std::net::Ipv4Addr,
}

#[derive(Serialize, Deserialize)]
struct Aaaa {
    #[serde(rename = "ipv6Address")]
    address: std::net::Ipv6Addr,
}

#[derive(Deserialize)]
struct Target {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Zone {
    properties: ZoneProperties,
}

#[derive(Deserialize)]
struct ZoneProperties {
    #[serde(rename = "nameServers", default)]
    servers: Vec<String>,
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
        let a = self.get(text, true).await?;
        let aaaa = self.get(text, false).await?;
        if a.is_none() && aaaa.is_none() {
            self.is_no_alias(text).await?;
        }
        Ok(Held::Records {
            a: a.map(|set| set.records()),
            aaaa: aaaa.map(|set| set.records()),
        })
    }

    async fn replace(&self, text: &str, from: &Held, to: &Held) -> Result<(), Error> {
        let differing = [true, false]
            .into_iter()
            .filter(|ipv4| from.records(*ipv4) != to.records(*ipv4));
        // What is wanted comes first, so that there is no moment without it.
        let (puts, deletes): (Vec<bool>, Vec<bool>) = differing.partition(|ipv4| to.records(*ipv4).is_some());
        let mut begun = false;
        for ipv4 in puts.into_iter().chain(deletes) {
            let outcome = self.write(text, ipv4, from, to).await;
            outcome.map_err(|error| match begun && error.kind() == Kind::Unreachable {
                true => Error::Lost {
                    service: self.place(),
                    subject: format!("a change of {text}"),
                    reason: format!("a part of it was made, and then {error}"),
                },
                false => error,
            })?;
            begun = true;
        }
        Ok(())
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let reply = self
            .authorized(self.request(Method::GET, &[]), &self.of.zone, Effect::Reads)
            .await?;
        if reply.status != 200 {
            return Err(self.refusal(&reply, &self.of.zone, Effect::Reads));
        }
        let zone: Zone = self.http.json(&reply, &self.of.zone)?;
        Ok(name::servers(&zone.properties.servers))
    }

    async fn may_change(&self, text: &str, held: &Held) -> Result<Right, Error> {
        let Some(ipv4) = [true, false].into_iter().find(|ipv4| held.records(*ipv4).is_some()) else {
            return Ok(Right::Unproven(
                "it has no addresses, and only a write of what is there changes nothing".to_owned(),
            ));
        };
        let subject = format!("a change of {text} that changes nothing");
        let body = json!({ "properties": properties(held.records(ipv4), None) });
        let request = self.set(Method::PUT, text, ipv4)?.header(IF_MATCH, NOBODYS).json(&body);
        let reply = self.authorized(request, &subject, Effect::Changes).await?;
        match reply.status {
            412 => Ok(Right::Proven(format!(
                "the application {} was let in to a write under an etag that nothing has",
                self.of.client
            ))),
            200..300 => Ok(Right::Unproven("a write under an etag that nothing has was taken".to_owned())),
            _ => match self.refusal(&reply, &subject, Effect::Changes) {
                error @ (Error::Rejected { .. } | Error::NoZone { .. }) => Ok(Right::Unproven(error.to_string())),
                error => Err(error),
            },
        }
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let (target, relative) = match (self.target(name, from, to), self.relative(name)) {
            (Ok(target), Ok(relative)) => (target, relative),
            (Err(error), _) | (_, Err(error)) => return vec![error.to_string()],
        };
        let mut lines = Vec::new();
        for ipv4 in [true, false] {
            let none = Records { addresses: BTreeSet::new(), ttl: 0 };
            let (before, wanted) = (from.records(ipv4), target.records(ipv4));
            let (old, new) = (before.unwrap_or(&none), wanted.unwrap_or(&none));
            let line = |action: &str, more: String| {
                let (group, zone, kind) = (&self.of.resource_group, &self.of.zone, kind(ipv4).to_ascii_lowercase());
                format!("az network dns record-set {kind} {action} -g {group} -z {zone} -n {relative}{more}")
            };
            let of = if ipv4 { "--ipv4-address" } else { "--ipv6-address" };
            if wanted.is_none() {
                lines.extend(before.map(|_| line("delete", " --yes".to_owned())));
                continue;
            }
            // In this order, there is no moment without an address.
            let comes = new.addresses.difference(&old.addresses);
            lines.extend(comes.map(|address| line("add-record", format!(" {of} {address} --ttl {}", new.ttl))));
            let goes = old.addresses.difference(&new.addresses);
            lines.extend(goes.map(|address| line("remove-record", format!(" {of} {address}"))));
            if old.ttl != new.ttl {
                lines.push(line("update", format!(" --set ttl={}", new.ttl)));
            }
        }
        lines
    }
}

#[async_trait]
impl Grants for Opened {
    fn http(&self) -> &Http {
        &self.http
    }

    fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    async fn grant(&self, subject: &str) -> Result<Given, Error> {
        let scope = format!("{}/.default", self.of.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/'));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.of.client),
            ("client_secret", self.of.secret.reveal()),
            ("scope", &scope),
        ];
        let url = self.login.url(&[&self.of.tenant, "oauth2", "v2.0", "token"]);
        let reply = self
            .login
            .send(self.login.client().post(url).form(&form), subject, Effect::Reads)
            .await?;
        super::granted(&self.login, &reply, subject)
    }
}

impl Opened {
    /// A name relative to its zone, as Azure has it.
    fn relative(&self, text: &str) -> Result<String, Error> {
        let (name, zone) = (name::within(&self.of.zone, text)?, name::within(&self.of.zone, &self.of.zone)?);
        let relative = name
            .strip_suffix(&zone)
            .map(|rest| rest.trim_end_matches('.'))
            .unwrap_or_default();
        Ok(if relative.is_empty() {
            "@".to_owned()
        } else {
            relative.to_owned()
        })
    }

    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        let Azure { subscription, resource_group, zone, .. } = &self.of;
        let group = [
            "subscriptions",
            subscription.as_str(),
            "resourceGroups",
            resource_group,
            "providers",
        ];
        let zone = ["Microsoft.Network", "dnsZones", zone.as_str()];
        let path = [&group[..], &zone, below].concat();
        let mut url = self.http.url(&path);
        url.set_query(Some(&format!("api-version={VERSION}")));
        self.http.client().request(method, url)
    }

    fn set(&self, method: Method, text: &str, ipv4: bool) -> Result<RequestBuilder, Error> {
        Ok(self.request(method, &[kind(ipv4), &self.relative(text)?]))
    }

    async fn get(&self, text: &str, ipv4: bool) -> Result<Option<Set>, Error> {
        let reply = self.authorized(self.set(Method::GET, text, ipv4)?, text, Effect::Reads).await?;
        match reply.status {
            200 => {
                let set: Set = self.http.json(&reply, text)?;
                match set.properties.target.as_ref().is_some_and(|target| target.id.is_some()) {
                    true => Err(self.http.not_plain(text, "it is an alias of another Azure resource")),
                    false => Ok(Some(set)),
                }
            }
            404 => {
                // Of a set that is missing and of a zone that is missing, the codes differ from one version to another.
                self.servers().await?;
                Ok(None)
            }
            _ => Err(self.refusal(&reply, text, Effect::Reads)),
        }
    }

    async fn is_no_alias(&self, text: &str) -> Result<(), Error> {
        let request = self.request(Method::GET, &["CNAME", &self.relative(text)?]);
        let reply = self.authorized(request, text, Effect::Reads).await?;
        match reply.status {
            404 => Ok(()),
            200 => Err(self.http.not_plain(text, "it is an alias (CNAME), which can have no addresses")),
            _ => Err(self.refusal(&reply, text, Effect::Reads)),
        }
    }

    /// Writes or deletes one record set, if it is still as `from` says.
    async fn write(&self, text: &str, ipv4: bool, from: &Held, to: &Held) -> Result<(), Error> {
        let now = self.get(text, ipv4).await?;
        let records = now.as_ref().map(Set::records);
        if records.as_ref() == to.records(ipv4) {
            return Ok(());
        }
        if records.as_ref() != from.records(ipv4) {
            return Err(changed(self.place(), text, self.read(text).await?));
        }
        let subject = format!("a change of {text}");
        let etag = now.as_ref().and_then(|set| set.etag.clone());
        let request = match to.records(ipv4) {
            None => self.set(Method::DELETE, text, ipv4)?,
            wanted => {
                let metadata = now.and_then(|set| set.properties.metadata);
                let body = json!({ "properties": properties(wanted, metadata) });
                self.set(Method::PUT, text, ipv4)?.json(&body)
            }
        };
        let request = match (records, etag) {
            (None, _) => request.header(IF_NONE_MATCH, "*"),
            (Some(_), Some(etag)) => request.header(IF_MATCH, etag),
            (Some(_), None) => return Err(self.http.garbled(&subject, "its record set has no etag")),
        };
        let reply = self.authorized(request, &subject, Effect::Changes).await?;
        match reply.status {
            200..300 => match to.records(ipv4) {
                // A deletion is answered with nothing.
                None => Ok(()),
                Some(wanted) => match self.http.json::<Set>(&reply, &subject) {
                    Ok(set) if set.records() == *wanted => Ok(()),
                    Ok(_) => {
                        Err(unsure(self.http.garbled(&subject, "it has other records than those that were written")))
                    }
                    Err(error) => Err(unsure(error)),
                },
            },
            412 => match self.read(text).await? {
                // It was carried out twice on its way.
                there if there.records(ipv4) == to.records(ipv4) => Ok(()),
                there => Err(changed(self.place(), text, there)),
            },
            _ => Err(self.refusal(&reply, &subject, Effect::Changes)),
        }
    }

    fn refusal(&self, reply: &Reply, subject: &str, effect: Effect) -> Error {
        let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let problem = if said["error"].is_object() {
            &said["error"]
        } else {
            &said
        };
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let said = format!("{}: {}", text("code"), text("message"));
        self.http.refusal(reply, subject, effect, said.trim_matches([':', ' ']))
    }
}

impl Set {
    fn records(&self) -> Records {
        let a = self.properties.a.iter().map(|it| IpAddr::V4(it.address));
        let aaaa = self.properties.aaaa.iter().map(|it| IpAddr::V6(it.address));
        Records { addresses: a.chain(aaaa).collect(), ttl: self.properties.ttl }
    }
}

fn properties(records: Option<&Records>, metadata: Option<Value>) -> Properties {
    let mut properties = Properties { metadata, ..Properties::default() };
    if let Some(records) = records {
        properties.ttl = records.ttl;
        for address in &records.addresses {
            match *address {
                IpAddr::V4(address) => properties.a.push(A { address }),
                IpAddr::V6(address) => properties.aaaa.push(Aaaa { address }),
            }
        }
    }
    properties
}
