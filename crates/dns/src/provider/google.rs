//! Google Cloud DNS, over its REST API, version 1. Start at [`Google`].
//!
//! Its form: <https://cloud.google.com/dns/docs/reference/rest/v1/changes>, and `resourceRecordSets` and `managedZones` beside it. How
//! a service account gets a token: <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>.

use super::{Held, Provider, Records, Right, Wanted, judged, kind};
use crate::http::{Effect, Http, Reply, unsure};
use crate::token::{Given, Grants, Tokens};
use crate::{Error, Secret, name};
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

const ENDPOINT: &str = "https://dns.googleapis.com";
const TOKENS: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
/// Seconds for which a token is asked: the most that there is.
const TOKEN_S: i64 = 3600;

/// A managed zone of Google Cloud DNS, and the service account that may change it.
///
/// A change deletes the exact old set and adds the new one: Google makes all of it or nothing, and refuses it when what is there is
/// not what was read, TTL included. Sets with a routing policy are not changed.
///
/// What `check` proves: the account may create changes in the zone, by one that deletes what is not there. What it cannot: that the
/// account may also create record sets, which is a permission of its own. It has never met the real service: the tests use a stand-in
/// written from the documentation.
#[derive(Clone, Debug)]
pub struct Google {
    /// The zone's domain name.
    pub zone: String,
    /// The project's id.
    pub project: String,
    /// The managed zone's name in it.
    pub managed_zone: String,
    /// The service account's key file, JSON.
    pub service_account: Secret,
    /// Another endpoint than Google's.
    pub endpoint: Option<String>,
    /// Whose certificates count, PEM, rather than those that the host trusts.
    pub ca: Option<String>,
}

impl Google {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        let service = format!("Google Cloud DNS zone {} in project {}", self.managed_zone, self.project);
        let unusable = |reason: &str| Error::Settings { service: service.clone(), reason: reason.to_owned() };
        // The parser's own words would show a part of the key.
        let account: Account = serde_json::from_str(self.service_account.reveal())
            .map_err(|_| unusable("its service account is not a key file of the documented form"))?;
        let key = EncodingKey::from_rsa_pem(account.private_key.as_bytes())
            .map_err(|_| unusable("its service account's private key is no RSA key in PEM"))?;
        let ca = self.ca.as_deref();
        let tokens_at = Http::new(service.clone(), account.token_uri.as_deref().unwrap_or(TOKENS), ca)?;
        let http = Http::new(service, self.endpoint.as_deref().unwrap_or(ENDPOINT), ca)?;
        Ok(Box::new(Opened {
            of: self,
            account,
            key,
            http,
            tokens_at,
            tokens: Tokens::default(),
        }))
    }
}

struct Opened {
    of: Google,
    account: Account,
    key: EncodingKey,
    http: Http,
    tokens_at: Http,
    tokens: Tokens,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Google").field(&self.of).finish()
    }
}

/// A service account's key file.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    rrsets: Vec<Set>,
    #[serde(rename = "nextPageToken")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    ttl: Option<u32>,
    #[serde(default)]
    rrdatas: Vec<String>,
    #[serde(rename = "routingPolicy")]
    policy: Option<Value>,
}

/// A change that was made: `pending` or `done`.
#[derive(Deserialize)]
struct Made {
    #[serde(rename = "status")]
    _status: String,
}

#[derive(Deserialize)]
struct Zone {
    #[serde(rename = "dnsName")]
    name: String,
    #[serde(rename = "nameServers", default)]
    servers: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Problem,
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    reason: String,
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
        let name = name::within(&self.of.zone, text)?;
        let mut url = self.http.url(&self.path(&["rrsets"]));
        url.set_query(Some(&format!("name={name}.")));
        let reply = self.authorized(self.http.client().get(url), text, Effect::Reads).await?;
        let listed: Listed = self.read_as(&reply, text, Effect::Reads)?;
        // Of one name, there is never a second page: the question was not understood, and the name may be on another page.
        if listed.next.is_some() {
            return Err(self
                .http
                .garbled(text, "it has more pages than record sets of one name can fill"));
        }
        let (mut a, mut aaaa) = (None, None);
        for set in listed.rrsets.into_iter().filter(|set| name::same(&set.name, &name)) {
            match set.kind.as_str() {
                "A" => a = Some(self.records(text, &set, true)?),
                "AAAA" => aaaa = Some(self.records(text, &set, false)?),
                "CNAME" => {
                    return Err(self.http.not_plain(text, "it is an alias (CNAME), which can have no addresses"));
                }
                _ => {}
            }
        }
        Ok(Held::Records { a, aaaa })
    }

    async fn replace(&self, text: &str, from: &Held, to: &Held) -> Result<(), Error> {
        let name = name::within(&self.of.zone, text)?;
        let subject = format!("a change of {text}");
        let reply = self.post(&change(&name, from, to), &subject).await?;
        match self.read_as::<Made>(&reply, &subject, Effect::Changes) {
            Ok(_) => Ok(()),
            // 409: it is there already; 412: it is another; 404: it is gone, or the zone is. What is there now tells for sure.
            Err(error @ (Error::Rejected { .. } | Error::NoZone { .. })) => judged(self, text, from, to, error).await,
            Err(error) => Err(unsure(error)),
        }
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let request = self.request(Method::GET, &[]);
        let reply = self.authorized(request, &self.of.zone, Effect::Reads).await?;
        let zone: Zone = self.read_as(&reply, &self.of.zone, Effect::Reads)?;
        self.http.is_zone(&self.of.zone, &zone.name)?;
        Ok(name::servers(&zone.servers))
    }

    async fn may_change(&self, text: &str, _held: &Held) -> Result<Right, Error> {
        let name = name::within(&self.of.zone, text)?;
        let subject = format!("a change of {text} that changes nothing");
        let nobodys = Records { addresses: [IpAddr::from([0, 0, 0, 0])].into(), ttl: 1 };
        let nobodys = Held::Records { a: Some(nobodys), aaaa: None };
        let reply = self.post(&change(&name, &nobodys, &Held::NOTHING), &subject).await?;
        let said = refusal(&reply).message;
        match (reply.status, self.read_as::<Value>(&reply, &subject, Effect::Changes)) {
            (412, _) => Ok(()),
            // The set is not there, rather than the zone.
            (404, _) if said.contains("entity.change") => Ok(()),
            (_, Err(error @ (Error::Rejected { .. } | Error::NoZone { .. }))) => {
                return Ok(Right::Unproven(error.to_string()));
            }
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => return Ok(Right::Unproven("a change that cannot be made was taken".to_owned())),
        }?;
        Ok(Right::Proven(format!(
            "{} was let in to a change that deletes what is not there",
            self.account.client_email
        )))
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let target = match self.target(name, from, to) {
            Ok(target) => target,
            Err(error) => return vec![error.to_string()],
        };
        let transaction = |what: &str| {
            let (zone, project) = (&self.of.managed_zone, &self.of.project);
            format!("gcloud dns record-sets transaction {what} --zone={zone} --project={project}")
        };
        let mut lines = vec![transaction("start")];
        for ipv4 in [true, false] {
            let (before, wanted) = (from.records(ipv4), target.records(ipv4));
            let line = |action: &str, records: &Records| {
                let all: Vec<String> = records.addresses.iter().map(IpAddr::to_string).collect();
                transaction(&format!(
                    "{action} --name={name}. --type={} --ttl={} {}",
                    kind(ipv4),
                    records.ttl,
                    all.join(" ")
                ))
            };
            if before != wanted {
                lines.extend(before.map(|records| line("remove", records)));
                lines.extend(wanted.map(|records| line("add", records)));
            }
        }
        lines.push(transaction("execute"));
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
        let now = ambient::now();
        let aud = self.account.token_uri.as_deref().unwrap_or(TOKENS);
        let iat = now.as_second();
        let claims = Claims {
            iss: &self.account.client_email,
            scope: SCOPE,
            aud,
            iat,
            exp: iat + TOKEN_S,
        };
        let header = Header {
            kid: self.account.private_key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        let signed = jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|error| Error::Settings { service: self.place(), reason: error.to_string() })?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &signed),
        ];
        let request = self.tokens_at.client().post(self.tokens_at.url(&[])).form(&form);
        let reply = self.tokens_at.send(request, subject, Effect::Reads).await?;
        super::granted(&self.tokens_at, &reply, subject)
    }
}

impl Opened {
    fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        let zone = [
            "dns",
            "v1",
            "projects",
            &self.of.project,
            "managedZones",
            &self.of.managed_zone,
        ];
        zone.iter().chain(below).copied().collect()
    }

    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        self.http.client().request(method, self.http.url(&self.path(below)))
    }

    async fn post(&self, change: &Value, subject: &str) -> Result<Reply, Error> {
        let request = self.request(Method::POST, &["changes"]).json(change);
        self.authorized(request, subject, Effect::Changes).await
    }

    fn records(&self, text: &str, set: &Set, ipv4: bool) -> Result<Records, Error> {
        if set.policy.is_some() {
            return Err(self.http.not_plain(text, "it has a routing policy"));
        }
        let addresses: Option<BTreeSet<IpAddr>> = set.rrdatas.iter().map(|it| it.parse().ok()).collect();
        match (
            addresses.filter(|all| !all.is_empty() && all.iter().all(|it| it.is_ipv4() == ipv4)),
            set.ttl,
        ) {
            (Some(addresses), Some(ttl)) => Ok(Records { addresses, ttl }),
            _ => Err(self
                .http
                .garbled(text, "its record set has no TTL, or data that are no addresses")),
        }
    }

    fn read_as<T: serde::de::DeserializeOwned>(
        &self,
        reply: &Reply,
        subject: &str,
        effect: Effect,
    ) -> Result<T, Error> {
        if reply.status == 200 {
            return self.http.json(reply, subject);
        }
        let Problem { message, errors } = refusal(reply);
        let slow_down = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
        if reply.status == 403 && errors.iter().any(|it| slow_down.contains(&it.reason.as_str())) {
            return Err(self.http.busy(subject, &message));
        }
        Err(self.http.refusal(reply, subject, effect, &message))
    }
}

fn refusal(reply: &Reply) -> Problem {
    serde_json::from_slice::<Refusal>(&reply.body).unwrap_or_default().error
}

/// Deletes what is there and adds what is wanted, per type, where they differ.
fn change(name: &str, from: &Held, to: &Held) -> Value {
    let set = |ipv4: bool, records: &Records| {
        json!({
            "kind": "dns#resourceRecordSet", "name": format!("{name}."), "type": kind(ipv4), "ttl": records.ttl,
            "rrdatas": records.addresses,
        })
    };
    let (mut deletions, mut additions) = (Vec::new(), Vec::new());
    for ipv4 in [true, false] {
        let (before, wanted) = (from.records(ipv4), to.records(ipv4));
        if before != wanted {
            deletions.extend(before.map(|records| set(ipv4, records)));
            additions.extend(wanted.map(|records| set(ipv4, records)));
        }
    }
    json!({ "kind": "dns#change", "deletions": deletions, "additions": additions })
}
