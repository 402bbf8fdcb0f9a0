//! F5 BIG-IP DNS (GTM), over its iControl REST API. Start at [`BigIp`].
//!
//! Its form: <https://clouddocs.f5.com/api/icontrol-rest/APIRef_tm_gtm_pool_a.html> and `APIRef_tm_gtm_wideip_a.html` beside it; its
//! tokens: <https://community.f5.com/kb/technicalarticles/icontrol-rest-authentication-token-management/287462>.

use super::{Held, Member, Pool, Provider, Right, Wanted, bigip_by_hand, changed, held};
use crate::http::{Effect, Http, Reply};
use crate::token::{Given, Grants, Tokens};
use crate::{Error, Secret, name};
use async_trait::async_trait;
use estate::Kind;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The types of wide IPs and pools that have addresses.
const KINDS: [&str; 2] = ["a", "aaaa"];

/// A BIG-IP DNS system, and the user who may change its pools.
///
/// A name is a wide IP; it leads where the enabled members of its pools lead. A switch enables members and disables others: those
/// that are wanted are enabled first, so that there is no moment without an answer, and in between answers may lead to either. A
/// switch that was broken off in between is completed by repeating it. Afterwards wide IP, pools and members are read back, and the
/// configuration is saved.
///
/// iControl REST has no preconditions: pools are read again directly before, and what somebody else changes in the fraction of a
/// second between is seen only when they are read back.
///
/// What `check` proves: the user may change a member of the pool, by writing what it is already. What it cannot: whether the zone
/// above leads to this system, since it does not tell its own names. It has never met a real BIG-IP: the tests use a stand-in written
/// from F5's documentation.
#[derive(Clone, Debug)]
pub struct BigIp {
    /// The domain name of the zone that is delegated to it.
    pub zone: String,
    /// Where its management interface is, such as `https://192.0.2.10`.
    pub endpoint: String,
    /// Who changes the pools.
    pub user: String,
    /// The user's password, for which a token is given.
    pub password: Secret,
    /// The partition of the wide IP: `Common`, mostly.
    pub partition: String,
    /// Where each member leads, by its full name, such as `/Common/berlin:/Common/rancher`.
    pub members: BTreeMap<String, IpAddr>,
    /// Whose certificates count, PEM, rather than those that the host trusts: its own is signed by itself, mostly.
    pub ca: Option<String>,
}

impl BigIp {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        let service = format!("BIG-IP {}", self.endpoint.trim_start_matches("https://"));
        let http = Http::new(service, &self.endpoint, self.ca.as_deref())?.hiding(&[&self.password]);
        Ok(Box::new(Opened { of: self, http, tokens: Tokens::default() }))
    }
}

#[derive(Debug)]
struct Opened {
    of: BigIp,
    http: Http,
    tokens: Tokens,
}

/// A wide IP, a pool or a member: either `enabled` or `disabled` is there, and true.
#[derive(Deserialize)]
struct Thing {
    #[serde(rename = "fullPath", default)]
    full_path: String,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    ttl: Option<u32>,
    #[serde(default)]
    pools: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    #[serde(default)]
    partition: String,
}

#[derive(Deserialize)]
struct Items {
    #[serde(default)]
    items: Vec<Thing>,
}

#[derive(Deserialize)]
struct Login {
    token: LoginToken,
}

#[derive(Deserialize)]
struct LoginToken {
    token: String,
    #[serde(default)]
    timeout: Option<u64>,
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
        let (mut enabled, mut pools) = (true, BTreeMap::new());
        for kind in KINDS {
            let wide_ip = ["wideip", kind, &path(&format!("/{}/{name}", self.of.partition))];
            let Some(wide_ip) = self.get::<Thing>(&wide_ip, text).await? else {
                continue;
            };
            enabled &= !wide_ip.disabled;
            for pool in wide_ip.pools {
                let full = pool.full_path();
                let found = self.pool(kind, &full, text).await?;
                pools.insert(format!("{kind} {full}"), found);
            }
        }
        Ok(Held::Pools { enabled, pools })
    }

    fn target(&self, name: &str, from: &Held, to: &Wanted) -> Result<Held, Error> {
        held::refuse(name, to)?;
        let refused = |reason| Err(Error::Addresses { name: name.to_owned(), reason });
        let mut target = from.clone();
        let Held::Pools { enabled: true, pools } = &mut target else {
            return refused(format!("its wide IP at {} is disabled", self.place()));
        };
        let mut missing = to.addresses.clone();
        for (pool_name, pool) in pools {
            for (member, state) in &mut pool.members {
                let Some(address) = state.address else {
                    return refused(format!("no address is given for {member}, a member of its pool {pool_name}"));
                };
                state.enabled = to.addresses.contains(&address);
                missing.retain(|wanted| *wanted != address || !pool.enabled);
            }
            pool.ttl = to.ttl.unwrap_or(pool.ttl);
        }
        match missing.first() {
            None => Ok(target),
            Some(address) => refused(format!("no member of an enabled pool at {} leads to {address}", self.place())),
        }
    }

    async fn replace(&self, text: &str, from: &Held, to: &Held) -> Result<(), Error> {
        let now = self.read(text).await?;
        if now != *from {
            return Err(changed(self.place(), text, now));
        }
        let subject = format!("a change of {text}");
        let lost = |reason: String| Error::Lost { service: self.place(), subject: subject.clone(), reason };
        let mut begun = false;
        for (place, body) in writes(from, to) {
            self.patch(&place, &body, &subject).await.map_err(|error| {
                match begun && error.kind() == Kind::Unreachable {
                    true => lost(format!("a part of it was made, and then {error}")),
                    false => error,
                }
            })?;
            begun = true;
        }
        match self.read(text).await {
            Ok(now) if now == *to => {}
            Ok(now) if now == *from => return Err(lost("it reads back as it was before".to_owned())),
            Ok(now) => return Err(changed(self.place(), text, now)),
            Err(error) => return Err(lost(format!("it could not be read back: {error}"))),
        }
        self.save(&subject).await.map_err(|error| {
            lost(format!(
                "it was made, and not saved, so that a restart would undo it (tmsh save sys config): {error}"
            ))
        })
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        Ok(BTreeSet::new())
    }

    async fn may_change(&self, text: &str, held: &Held) -> Result<Right, Error> {
        let Held::Pools { pools, .. } = held else {
            return Ok(Right::Unproven("it is no wide IP".to_owned()));
        };
        let first = pools.iter().find_map(|(pool, of)| Some((pool, of.members.first_key_value()?)));
        let Some((pool, (member, state))) = first else {
            return Ok(Right::Unproven("its wide IP has no pool with a member".to_owned()));
        };
        let subject = format!("a change of {text} that changes nothing");
        self.patch(&member_of(pool, member), &switched(state.enabled), &subject).await?;
        Ok(Right::Proven(format!("the user {} wrote of {member} what it is already", self.of.user)))
    }

    fn answers_all(&self) -> bool {
        false
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        match self.target(name, from, to) {
            Ok(target) => bigip_by_hand::lines(&self.of.endpoint, from, &target),
            Err(error) => vec![error.to_string()],
        }
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
        // `tmos` is whatever the system itself asks: its own users, or LDAP, RADIUS, TACACS+.
        let body = json!({
            "username": self.of.user, "password": self.of.password.reveal(), "loginProviderName": "tmos",
        });
        let url = self.http.url(&["mgmt", "shared", "authn", "login"]);
        let reply = self
            .http
            .send(self.http.client().post(url).json(&body), subject, Effect::Reads)
            .await?;
        if reply.status != 200 {
            return Err(self.refusal(&reply, subject, Effect::Reads));
        }
        let Login { token } = self.http.json(&reply, subject)?;
        if token.token.is_empty() {
            return Err(self.http.garbled(subject, "there is no token in it"));
        }
        Ok(Given {
            token: Secret::new(&token.token),
            lasts: Duration::from_secs(token.timeout.unwrap_or(1200)),
        })
    }

    fn bear(&self, request: RequestBuilder, token: &Secret) -> RequestBuilder {
        request.header("X-F5-Auth-Token", token.reveal())
    }
}

impl Opened {
    fn request(&self, method: Method, below: &[&str]) -> RequestBuilder {
        let path: Vec<&str> = ["mgmt", "tm"].iter().chain(below).copied().collect();
        self.http.client().request(method, self.http.url(&path))
    }

    async fn get<T: DeserializeOwned>(&self, below: &[&str], subject: &str) -> Result<Option<T>, Error> {
        let below: Vec<&str> = ["gtm"].iter().chain(below).copied().collect();
        let reply = self
            .authorized(self.request(Method::GET, &below), subject, Effect::Reads)
            .await?;
        match reply.status {
            200 => self.http.json(&reply, subject).map(Some),
            404 => Ok(None),
            _ => Err(self.refusal(&reply, subject, Effect::Reads)),
        }
    }

    async fn pool(&self, kind: &str, full: &str, subject: &str) -> Result<Pool, Error> {
        let gone = || Error::NoZone {
            service: self.place(),
            subject: subject.to_owned(),
            reason: format!("its wide IP names the pool {full}, and there is none"),
        };
        let at = path(full);
        let pool: Thing = self.get(&["pool", kind, &at], subject).await?.ok_or_else(gone)?;
        let members: Items = self.get(&["pool", kind, &at, "members"], subject).await?.ok_or_else(gone)?;
        let Some(ttl) = pool.ttl else {
            return Err(self.http.garbled(subject, &format!("its pool {full} has no TTL")));
        };
        let members = members.items.into_iter().map(|member| {
            let address = self.of.members.get(&member.full_path).copied();
            (member.full_path, Member { address, enabled: !member.disabled })
        });
        Ok(Pool { enabled: !pool.disabled, ttl, members: members.collect() })
    }

    async fn patch(&self, place: &[String], body: &Value, subject: &str) -> Result<(), Error> {
        let below: Vec<&str> = ["gtm", "pool"].into_iter().chain(place.iter().map(String::as_str)).collect();
        let request = self.request(Method::PATCH, &below).json(body);
        self.done(&self.authorized(request, subject, Effect::Changes).await?, subject)
    }

    async fn save(&self, subject: &str) -> Result<(), Error> {
        let request = self
            .request(Method::POST, &["sys", "config"])
            .json(&json!({ "command": "save" }));
        self.done(&self.authorized(request, subject, Effect::Changes).await?, subject)
    }

    fn done(&self, reply: &Reply, subject: &str) -> Result<(), Error> {
        match reply.status {
            200 => Ok(()),
            _ => Err(self.refusal(reply, subject, Effect::Changes)),
        }
    }

    fn refusal(&self, reply: &Reply, subject: &str, effect: Effect) -> Error {
        let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        self.http
            .refusal(reply, subject, effect, said["message"].as_str().unwrap_or_default())
    }
}

impl Reference {
    fn full_path(&self) -> String {
        match self.name.starts_with('/') {
            true => self.name.clone(),
            false => format!("/{}/{}", self.partition, self.name),
        }
    }
}

/// A full name as it is written in an address.
fn path(full: &str) -> String {
    full.replace('/', "~")
}

/// Where a member is, below `pool`; `pool` is its type and full name.
fn member_of(pool: &str, member: &str) -> Vec<String> {
    let (kind, full) = pool.split_once(' ').unwrap_or(("a", pool));
    vec![kind.to_owned(), path(full), "members".to_owned(), path(member)]
}

fn switched(enabled: bool) -> Value {
    match enabled {
        true => json!({ "enabled": true }),
        false => json!({ "disabled": true }),
    }
}

/// What is written, in this order: members that come, TTLs, members that go.
fn writes(from: &Held, to: &Held) -> Vec<(Vec<String>, Value)> {
    let (Held::Pools { pools: before, .. }, Held::Pools { pools: after, .. }) = (from, to) else {
        return Vec::new();
    };
    let (mut comes, mut ttls, mut goes) = (Vec::new(), Vec::new(), Vec::new());
    for (name, pool) in after {
        let was = before.get(name);
        if was.is_none_or(|was| was.ttl != pool.ttl) {
            ttls.push((member_of(name, "")[..2].to_vec(), json!({ "ttl": pool.ttl })));
        }
        for (member, state) in &pool.members {
            if was
                .and_then(|was| was.members.get(member))
                .is_none_or(|was| was.enabled != state.enabled)
            {
                let all = if state.enabled { &mut comes } else { &mut goes };
                all.push((member_of(name, member), switched(state.enabled)));
            }
        }
    }
    comes.into_iter().chain(ttls).chain(goes).collect()
}
