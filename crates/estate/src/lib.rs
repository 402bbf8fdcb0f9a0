//! What is protected: the nouns that several floors share, their rules, and the estate file.
//!
//! Pure: no IO, no clocks, no Kubernetes types. Start at [`Estate`], the file as a value; [`Name`] is what sites, clusters and
//! hosts bear, [`Point`] what can be recovered, [`Epoch`] who may serve, [`Report`] what an observer saw.

mod epoch;
mod evidence;
mod file;
mod first;
mod name;
mod nouns;
mod point;
mod problem;

pub use epoch::{Epoch, MAJORITY, Majority, Promised, Renewal, Renewed, Standing, Takeover};
pub use evidence::{
    ChannelState, Copying, Duty, Following, Lag, LastRenewal, Made, Protection, Proven, Report, Seen, Serving, Told,
};
pub use file::{
    AzureDns, BigIp, Channel, Cloudflare, Cluster, Contact, Dns, DnsProvider, Email, Estate, EtcdAccess, Failover,
    FileError, Form, GoogleDns, Host, InvalidStoreUrl, KINDS, Keep, KeyHolder, KitSettings, MailTls, Manager, Mode,
    Monitor, Objectives, OnFailure, Parameter, ParameterType, Peers, Place, Placed, Playbook, PlaybookStep, Probe,
    Protect, ProtectEtcd, ProtectFiles, Referred, Repository, Route53, SecretRef, Severity, Site, SnapshotPlace, Ssh,
    Stand, StoreUrl, TsigAlgorithm, TsigKey, Webhook, WebhookUrl, What, is_safe_to_call, json_schema, nearest,
};
pub use first::{Context, Found, FoundCluster, first_file};
pub use name::{InvalidName, Name};
pub use nouns::{Distribution, LockMode, Role};
pub use point::{HashProof, InvalidPointId, Part, Point, PointId};
pub use problem::{Kind, UnknownKind};

#[cfg(test)]
mod tests;
