//! The XML of Amazon Route 53, API version 2013-04-01: what is sent and what is read. Pure.
//!
//! Its form: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html> and the pages of
//! `ListResourceRecordSets` and `GetHostedZone` beside it.

use serde::{Deserialize, Serialize};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// The answer to `ListResourceRecordSets`.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    #[serde(rename = "ResourceRecordSets")]
    pub(crate) sets: Sets,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Sets {
    #[serde(rename = "ResourceRecordSet", default)]
    pub(crate) all: Vec<Set>,
}

/// A record set. What is not read here, such as health checks, is not changed here either.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Set {
    #[serde(rename = "Name")]
    pub(crate) name: String,
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    /// Of one of several sets with a routing policy.
    #[serde(rename = "SetIdentifier", skip_serializing_if = "Option::is_none")]
    pub(crate) identifier: Option<String>,
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<u32>,
    #[serde(rename = "ResourceRecords", skip_serializing_if = "Option::is_none")]
    pub(crate) records: Option<Values>,
    #[serde(rename = "AliasTarget", skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<Alias>,
    #[serde(rename = "HealthCheckId", skip_serializing_if = "Option::is_none")]
    pub(crate) health_check: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Values {
    #[serde(rename = "ResourceRecord", default)]
    pub(crate) all: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Value {
    #[serde(rename = "Value")]
    pub(crate) value: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alias {
    #[serde(rename = "DNSName")]
    pub(crate) name: String,
}

/// The body of `ChangeResourceRecordSets`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    #[serde(rename = "@xmlns")]
    namespace: String,
    #[serde(rename = "ChangeBatch")]
    pub(crate) batch: Batch,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Changes")]
    pub(crate) changes: Changes,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Changes {
    #[serde(rename = "Change", default)]
    pub(crate) all: Vec<Change>,
}

/// `DELETE` or `CREATE` of a set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    #[serde(rename = "Action")]
    pub(crate) action: String,
    #[serde(rename = "ResourceRecordSet")]
    pub(crate) set: Set,
}

/// The answer to `ChangeResourceRecordSets`.
#[derive(Debug, Deserialize)]
pub(crate) struct Changed {
    #[serde(rename = "ChangeInfo")]
    _info: Info,
}

#[derive(Debug, Deserialize)]
struct Info {
    /// `PENDING`, until all of Route 53's servers have it, or `INSYNC`.
    #[serde(rename = "Status")]
    _status: String,
}

/// The answer to `GetHostedZone`.
#[derive(Debug, Deserialize)]
pub(crate) struct Zone {
    #[serde(rename = "HostedZone")]
    pub(crate) zone: ZoneName,
    /// A private zone has none.
    #[serde(rename = "DelegationSet", default)]
    pub(crate) delegation: Delegation,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ZoneName {
    #[serde(rename = "Name")]
    pub(crate) name: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delegation {
    #[serde(rename = "NameServers", default)]
    pub(crate) servers: NameServers,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct NameServers {
    #[serde(rename = "NameServer", default)]
    pub(crate) all: Vec<String>,
}

/// A refusal, in either of its two forms.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(rename = "Error")]
    error: Option<Coded>,
    #[serde(rename = "Messages")]
    messages: Option<Messages>,
}

#[derive(Debug, Deserialize)]
struct Coded {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

#[derive(Debug, Deserialize)]
struct Messages {
    #[serde(rename = "Message", default)]
    all: Vec<String>,
}

/// The body that asks for these changes, all or none of which are made.
pub(crate) fn request(changes: Vec<Change>) -> Result<String, String> {
    let batch = Batch { changes: Changes { all: changes } };
    let request = Request { namespace: NAMESPACE.to_owned(), batch };
    let body = quick_xml::se::to_string_with_root("ChangeResourceRecordSetsRequest", &request);
    body.map_err(|error| error.to_string())
}

/// Reads an answer.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    quick_xml::de::from_str(text).map_err(|error| format!("it is no XML of the documented form: {error}"))
}

/// A refusal's code and its words; both empty when it has none.
pub(crate) fn refusal(body: &[u8]) -> (String, String) {
    let refusal: Refusal = read(body).unwrap_or_default();
    match (refusal.error, refusal.messages) {
        (Some(error), _) => (error.code, error.message),
        (None, Some(messages)) => ("InvalidChangeBatch".to_owned(), messages.all.join("; ")),
        (None, None) => Default::default(),
    }
}
