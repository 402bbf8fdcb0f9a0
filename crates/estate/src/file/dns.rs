//! The names that move, and who moves them. Start at [`Dns`].

use super::check::{Checked, hidden, wrong};
use super::place::Place;
use super::reference::SecretRef;
use super::{Placed, check::check_url};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The names that move: the zone, and one provider that changes them there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dns {
    /// The zone that the manager's name is in.
    pub zone: Placed<String>,
    /// How long others may keep the answer, in seconds.
    #[serde(default = "default_ttl")]
    pub ttl: u32,
    /// The primary name server, which takes RFC 2136 updates. It goes with `key`.
    pub server: Option<SocketAddr>,
    /// The key that signs them.
    pub key: Option<TsigKey>,
    /// Amazon Route 53 moves the names.
    pub route53: Option<Route53>,
    /// Cloudflare does.
    pub cloudflare: Option<Cloudflare>,
    /// Google Cloud DNS does.
    pub google: Option<GoogleDns>,
    /// Azure DNS does.
    pub azure: Option<AzureDns>,
    /// BIG-IP DNS (GTM) answers for them, and enables and disables what its pools have.
    pub bigip: Option<BigIp>,
    /// A person does, by these words; `{name}`, `{addresses}`, `{ttl}` and `{before}` stand for what they say. Lifeboat watches until it is
    /// done.
    pub manual: Option<Vec<String>>,
    /// The zone's other name servers. A resolver that is asked before they have the new answer keeps the old one for its TTL.
    #[serde(default)]
    pub secondaries: Vec<SocketAddr>,
    /// Resolvers that have to give the new answer before the switch counts: those that agents and people use.
    #[serde(default)]
    pub resolvers: Vec<SocketAddr>,
}

/// A TSIG key (RFC 8945).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TsigKey {
    /// Its name at the server.
    pub name: String,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    #[serde(default)]
    pub algorithm: TsigAlgorithm,
    /// The key, base64.
    pub secret: SecretRef,
}

/// How a TSIG key signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum TsigAlgorithm {
    #[default]
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl TsigAlgorithm {
    /// As configurations of name servers have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

/// A hosted zone of Amazon Route 53.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route53 {
    /// The hosted zone's id.
    pub zone_id: String,
    /// The id of an access key that may change it.
    pub access_key: SecretRef,
    /// The secret of that key.
    pub secret_key: SecretRef,
    /// Another server than Amazon's own.
    pub endpoint: Option<Placed<String>>,
}

/// A zone of Cloudflare.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cloudflare {
    /// The zone's id.
    pub zone_id: String,
    /// An API token that may edit its DNS.
    pub token: SecretRef,
    /// Another server than Cloudflare's own.
    pub endpoint: Option<Placed<String>>,
}

/// A managed zone of Google Cloud DNS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoogleDns {
    /// The project.
    pub project: String,
    /// The managed zone's name.
    pub managed_zone: String,
    /// The JSON key file of a service account that may change it.
    pub service_account: SecretRef,
    /// Another server than Google's own.
    pub endpoint: Option<Placed<String>>,
}

/// A zone of Azure DNS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureDns {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The directory's id.
    pub tenant: String,
    /// The id of an application that may change it.
    pub client: String,
    /// Its secret.
    pub secret: SecretRef,
    /// Another server than Azure's own.
    pub endpoint: Option<Placed<String>>,
    /// Another server than Azure's own for logging in.
    pub login: Option<Placed<String>>,
}

/// A BIG-IP DNS (GTM).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BigIp {
    /// Its management address, `https://`.
    pub url: Placed<String>,
    /// A user of its REST API.
    pub user: String,
    /// That user's password.
    pub password: SecretRef,
    /// The partition that wide IPs and pools are in.
    #[serde(default = "default_partition")]
    pub partition: String,
    /// Which address each member of a pool answers with, by the member's name, `SERVER:VIRTUAL-SERVER`.
    pub members: BTreeMap<String, IpAddr>,
    /// The CA of its certificate, PEM; without it those of the system.
    pub ca: Option<PathBuf>,
}

/// Who moves the names.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the structs say it")]
pub enum DnsProvider<'a> {
    Rfc2136(SocketAddr, &'a TsigKey),
    Route53(&'a Route53),
    Cloudflare(&'a Cloudflare),
    Google(&'a GoogleDns),
    Azure(&'a AzureDns),
    BigIp(&'a BigIp),
    Manual(&'a [String]),
}

impl Dns {
    /// Who moves the names. [`super::Estate::parse`] has seen that there is just one; a person, if there were none.
    pub fn provider(&self) -> DnsProvider<'_> {
        let rfc2136 = self
            .server
            .zip(self.key.as_ref())
            .map(|(server, key)| DnsProvider::Rfc2136(server, key));
        let cloud = [
            self.route53.as_ref().map(DnsProvider::Route53),
            self.cloudflare.as_ref().map(DnsProvider::Cloudflare),
            self.google.as_ref().map(DnsProvider::Google),
            self.azure.as_ref().map(DnsProvider::Azure),
            self.bigip.as_ref().map(DnsProvider::BigIp),
        ];
        let found = rfc2136.or_else(|| cloud.into_iter().flatten().next());
        found.unwrap_or_else(|| DnsProvider::Manual(self.manual.as_deref().unwrap_or_default()))
    }

    /// The name servers that the estate names: the one that takes changes first.
    pub fn servers(&self) -> impl Iterator<Item = &SocketAddr> {
        self.server.iter().chain(&self.secondaries)
    }

    /// The secrets that it refers to, each with its key below `dns`.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        match self.provider() {
            DnsProvider::Rfc2136(_, key) => vec![("key.secret", &key.secret)],
            DnsProvider::Route53(it) => {
                vec![
                    ("route53.accessKey", &it.access_key),
                    ("route53.secretKey", &it.secret_key),
                ]
            }
            DnsProvider::Cloudflare(it) => vec![("cloudflare.token", &it.token)],
            DnsProvider::Google(it) => vec![("google.serviceAccount", &it.service_account)],
            DnsProvider::Azure(it) => vec![("azure.secret", &it.secret)],
            DnsProvider::BigIp(it) => vec![("bigip.password", &it.password)],
            DnsProvider::Manual(_) => Vec::new(),
        }
    }
}

pub(super) fn check(dns: &Dns) -> Checked {
    let at = dns.zone.place();
    if dns.server.is_some() != dns.key.is_some() {
        return wrong(
            at,
            "server and key go together: who takes RFC 2136 updates, and what signs them".to_owned(),
        );
    }
    let named = [
        ("server", dns.server.is_some()),
        ("route53", dns.route53.is_some()),
        ("cloudflare", dns.cloudflare.is_some()),
        ("google", dns.google.is_some()),
        ("azure", dns.azure.is_some()),
        ("bigip", dns.bigip.is_some()),
        ("manual", dns.manual.is_some()),
    ];
    let named: Vec<&str> = named.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    match named[..] {
        [_] => {}
        [] => {
            let message = "nobody moves the names: give server and key, or one of route53, cloudflare, google, azure, bigip, manual";
            return wrong(at, message.to_owned());
        }
        _ => return wrong(at, format!("one moves the names, and here are {}", named.join(" and "))),
    }
    if dns.manual.is_some() && dns.secondaries.is_empty() && dns.resolvers.is_empty() {
        return wrong(
            at,
            "whether a person has moved a name is seen at secondaries or resolvers: name some".to_owned(),
        );
    }
    let endpoints = [
        dns.route53.as_ref().and_then(|it| it.endpoint.as_ref()),
        dns.cloudflare.as_ref().and_then(|it| it.endpoint.as_ref()),
        dns.google.as_ref().and_then(|it| it.endpoint.as_ref()),
        dns.azure.as_ref().and_then(|it| it.endpoint.as_ref()),
        dns.azure.as_ref().and_then(|it| it.login.as_ref()),
    ];
    endpoints.into_iter().flatten().try_for_each(check_url)?;
    if let Some(it) = &dns.bigip {
        let place: Place = it.url.place();
        if it.url.contains('@') || !it.url.starts_with("https://") {
            return hidden(place, "a BIG-IP's url is https://HOST, without credentials");
        }
        if it.members.is_empty() {
            return wrong(
                place,
                "members says which address each member of the pools answers with, and it is empty".to_owned(),
            );
        }
    }
    Ok(())
}

fn default_ttl() -> u32 {
    30
}

fn default_partition() -> String {
    "Common".to_owned()
}
