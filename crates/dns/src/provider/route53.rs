//! Amazon Route 53, over its REST API. Start at [`Route53`].

use super::{Held, Provider, Records, Right, Wanted, judged, kind, route53_xml as xml};
use crate::http::{Effect, Http, Reply, unsure};
use crate::{Error, Secret, name};
use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Method;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::SystemTime;

const ENDPOINT: &str = "https://route53.amazonaws.com";
const VERSION: &str = "2013-04-01";

/// A hosted zone of Amazon Route 53, and the key that may change it.
///
/// A change is one batch that deletes the exact old set and creates the new one: Route 53 makes all of it or nothing, and refuses
/// it when what is there is not what was read, TTL included. Requests are signed with SigV4 by `aws-sigv4`, the signer of AWS's own
/// SDK. Sets with a routing policy, a health check or an alias target are not changed.
///
/// What `check` proves: the key may delete records of this name and type, by a batch that deletes what is not there, which Route 53
/// looks at only after it has let the key in. What it cannot: a policy that lets a key delete and not create. It has never met the
/// real service: the tests use a stand-in written from the documentation.
#[derive(Clone, Debug)]
pub struct Route53 {
    /// The zone's domain name.
    pub zone: String,
    /// The hosted zone's id, such as `Z1D633PJN98FT9`.
    pub zone_id: String,
    /// The id of the access key.
    pub access_key: String,
    /// Its secret.
    pub secret: Secret,
    /// The token of a temporary key.
    pub session_token: Option<Secret>,
    /// The region that signatures are for: `us-east-1`, except in China and other partitions.
    pub region: String,
    /// Another endpoint than AWS's.
    pub endpoint: Option<String>,
    /// Whose certificates count, PEM, rather than those that the host trusts.
    pub ca: Option<String>,
}

impl Route53 {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        Ok(Box::new(self.opened()?))
    }

    pub(crate) fn opened(mut self) -> Result<Opened, Error> {
        name::parse(&self.zone)?;
        self.zone_id = self.zone_id.trim_start_matches("/hostedzone/").to_owned();
        let service = format!("Route 53 zone {}", self.zone_id);
        if self.zone_id.is_empty() || !self.zone_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::Settings {
                service,
                reason: "its zone id has letters and digits only".to_owned(),
            });
        }
        let endpoint = self.endpoint.as_deref().unwrap_or(ENDPOINT);
        let http = Http::new(service, endpoint, self.ca.as_deref())?.hiding(&[&self.secret]);
        Ok(Opened { of: self, http })
    }
}

#[derive(Debug)]
pub(crate) struct Opened {
    of: Route53,
    http: Http,
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
        // The list begins at this set, in the order of names and then of types: A, AAAA and CNAME are among the first.
        let query = format!("maxitems=100&name={name}.&type=A");
        let reply = self
            .send(Method::GET, &["rrset"], Some(&query), String::new(), text, Effect::Reads)
            .await?;
        let listed: xml::Listed = xml::read(&reply.body).map_err(|reason| self.http.garbled(text, &reason))?;
        let of_name = listed.sets.all.into_iter().filter(|set| name::same(&set.name, &name));
        let (mut a, mut aaaa) = (None, None);
        for set in of_name {
            match set.kind.as_str() {
                "A" => a = Some(self.records(text, set, true)?),
                "AAAA" => aaaa = Some(self.records(text, set, false)?),
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
        match self.batch(changes(&name, from, to), &subject).await {
            Ok(reply) => match xml::read::<xml::Changed>(&reply.body) {
                Ok(_) => Ok(()),
                Err(reason) => Err(unsure(self.http.garbled(&subject, &reason))),
            },
            // Its words are for people; what is there now tells for sure.
            Err(error @ Error::Rejected { .. }) => judged(self, text, from, to, error).await,
            Err(error) => Err(error),
        }
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let subject = &self.of.zone;
        let reply = self.send(Method::GET, &[], None, String::new(), subject, Effect::Reads).await?;
        let zone: xml::Zone = xml::read(&reply.body).map_err(|reason| self.http.garbled(subject, &reason))?;
        self.http.is_zone(&self.of.zone, &zone.zone.name)?;
        Ok(name::servers(&zone.delegation.servers.all))
    }

    async fn may_change(&self, text: &str, _held: &Held) -> Result<Right, Error> {
        let name = name::within(&self.of.zone, text)?;
        let nobodys = Records { addresses: [IpAddr::from([0, 0, 0, 0])].into(), ttl: 0 };
        let subject = format!("a change of {text} that changes nothing");
        match self.batch(vec![change("DELETE", &name, &nobodys, true)], &subject).await {
            Err(Error::Rejected { reason, .. }) if reason.contains("InvalidChangeBatch") => Ok(Right::Proven(format!(
                "the key {} was let in to a batch that deletes what is not there",
                self.of.access_key
            ))),
            Err(error @ Error::Rejected { .. }) => Ok(Right::Unproven(error.to_string())),
            Err(error) => Err(error),
            Ok(_) => Ok(Right::Unproven("a batch that cannot be made was taken".to_owned())),
        }
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let target = match self.target(name, from, to) {
            Ok(target) => target,
            Err(error) => return vec![error.to_string()],
        };
        let each = changes(name, from, &target).into_iter().map(|change| {
            let values = change.set.records.into_iter().flat_map(|records| records.all);
            let values: Vec<_> = values.map(|value| serde_json::json!({ "Value": value.value })).collect();
            serde_json::json!({ "Action": change.action, "ResourceRecordSet": {
                "Name": change.set.name, "Type": change.set.kind, "TTL": change.set.ttl, "ResourceRecords": values,
            }})
        });
        let batch = serde_json::json!({ "Changes": each.collect::<Vec<_>>() });
        vec![format!(
            "aws route53 change-resource-record-sets --hosted-zone-id {} --change-batch '{batch}'",
            self.of.zone_id
        )]
    }
}

impl Opened {
    fn records(&self, text: &str, set: xml::Set, ipv4: bool) -> Result<Records, Error> {
        if set.alias.is_some() {
            return Err(self.http.not_plain(text, "it is an alias of another AWS resource"));
        }
        if set.identifier.is_some() || set.health_check.is_some() {
            return Err(self.http.not_plain(text, "it has a routing policy or a health check"));
        }
        let values = set.records.unwrap_or_default().all;
        let addresses: Option<BTreeSet<IpAddr>> = values.iter().map(|it| it.value.trim().parse().ok()).collect();
        match (
            addresses.filter(|all| !all.is_empty() && all.iter().all(|it| it.is_ipv4() == ipv4)),
            set.ttl,
        ) {
            (Some(addresses), Some(ttl)) => Ok(Records { addresses, ttl }),
            _ => Err(self
                .http
                .garbled(text, "its record set has no TTL, or values that are no addresses")),
        }
    }

    async fn batch(&self, changes: Vec<xml::Change>, subject: &str) -> Result<Reply, Error> {
        let body = xml::request(changes).map_err(|reason| self.http.garbled(subject, &reason))?;
        // With the final slash, as the service model has it.
        self.send(Method::POST, &["rrset", ""], None, body, subject, Effect::Changes)
            .await
    }

    async fn send(
        &self,
        method: Method,
        below: &[&str],
        query: Option<&str>,
        body: String,
        subject: &str,
        effect: Effect,
    ) -> Result<Reply, Error> {
        let path: Vec<&str> = [VERSION, "hostedzone", &self.of.zone_id].iter().chain(below).copied().collect();
        let mut url = self.http.url(&path);
        url.set_query(query);
        let mut request = self.http.client().request(method.clone(), url.clone());
        let now = SystemTime::from(ambient::now());
        for (header, value) in self.signature(method.as_str(), url.as_str(), body.as_bytes(), now)? {
            request = request.header(header, value);
        }
        let reply = self.http.send(request.body(body), subject, effect).await?;
        match reply.status {
            200 => Ok(reply),
            _ => Err(self.refusal(&reply, subject, effect)),
        }
    }

    /// The headers that say who asks.
    fn signature(&self, method: &str, url: &str, body: &[u8], now: SystemTime) -> Result<Vec<(String, String)>, Error> {
        let unusable = |reason: String| Error::Settings { service: self.place(), reason };
        let token = self.of.session_token.as_ref().map(|token| token.reveal().to_owned());
        let identity = Credentials::new(&self.of.access_key, self.of.secret.reveal(), token, None, "estate").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.of.region)
            .name("route53")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let request = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body));
        let request = request.map_err(|error| unusable(error.to_string()))?;
        let signed = sign(request, &parameters.into()).map_err(|error| unusable(error.to_string()))?;
        let (instructions, _signature) = signed.into_parts();
        let (headers, _query) = instructions.into_parts();
        Ok(headers
            .into_iter()
            .map(|header| (header.name().to_owned(), header.value().to_owned()))
            .collect())
    }

    fn refusal(&self, reply: &Reply, subject: &str, effect: Effect) -> Error {
        let (code, message) = xml::refusal(&reply.body);
        let said = format!("{code}: {message}");
        match code.as_str() {
            "Throttling" | "ThrottlingException" | "PriorRequestNotComplete" => self.http.busy(subject, &said),
            "RequestExpired" | "IncompleteSignature" | "MissingAuthenticationToken" => {
                self.http.skewed(reply).unwrap_or_else(|| self.http.denied(subject, &said))
            }
            _ => self.http.refusal(reply, subject, effect, said.trim_matches([':', ' '])),
        }
    }
}

/// Deletes what is there and creates what is wanted, per type, where they differ.
fn changes(name: &str, from: &Held, to: &Held) -> Vec<xml::Change> {
    let mut all = Vec::new();
    for ipv4 in [true, false] {
        let (before, wanted) = (from.records(ipv4), to.records(ipv4));
        if before != wanted {
            all.extend(before.map(|records| change("DELETE", name, records, ipv4)));
            all.extend(wanted.map(|records| change("CREATE", name, records, ipv4)));
        }
    }
    all
}

fn change(action: &str, name: &str, records: &Records, ipv4: bool) -> xml::Change {
    let values = records
        .addresses
        .iter()
        .map(|address| xml::Value { value: address.to_string() });
    let set = xml::Set {
        name: format!("{}.", name.trim_end_matches('.')),
        kind: kind(ipv4).to_owned(),
        identifier: None,
        ttl: Some(records.ttl),
        records: Some(xml::Values { all: values.collect() }),
        alias: None,
        health_check: None,
    };
    xml::Change { action: action.to_owned(), set }
}
