//! What is known of each cluster's protection, and from whom: from the Lifeboats that answer, and else from the repository.
//!
//! [`gather`] asks; [`judged`] makes one account for each cluster of what was heard, purely. The Lifeboat that captures a cluster counts for
//! it. Where none answers, what is stored says how much is lost at most: the repository cannot know what was never stored.

mod gather;

pub(crate) use gather::{Facts, Repositories, ask_there, gather, here, told};

use estate::{Copying, Duty, Estate, Following, Name, PointId, Protection, Told};
use jiff::Timestamp;
use plan::{AtRisk, missed_rpo};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "from", content = "name")]
pub(crate) enum From {
    /// The Lifeboat of this host.
    Here,
    /// That of another host, by SSH.
    Host(Name),
    /// That of a site, by what the sites say to each other.
    Site(Name),
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("this host"),
            Self::Host(host) => write!(f, "host {host}"),
            Self::Site(site) => write!(f, "site {site}"),
        }
    }
}

/// What one Lifeboat said.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) from: From,
    /// The host that it runs on, where the estate knows it.
    pub(crate) host: Option<Name>,
    pub(crate) protections: Vec<Protection>,
    pub(crate) copies: Vec<Copying>,
    pub(crate) troubles: Vec<String>,
}

/// Who was asked and did not answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Silent {
    #[serde(flatten)]
    pub(crate) from: From,
    #[serde(flatten)]
    pub(crate) why: Told,
}

/// What the repository says of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// The newest point: when it was begun; whether files are in it, if it could be opened.
    pub(crate) newest: Option<Newest>,
    /// When its etcd was last seen, by what is stored of its history.
    pub(crate) seen: Option<Timestamp>,
    /// When that history was last proven, as the newest point says.
    pub(crate) proof: Option<Proof>,
    /// What the recovery set lacked when the newest point was made.
    pub(crate) lacks: Option<Vec<String>>,
    /// What of the recovery set could not be tested then.
    pub(crate) untested: Vec<String>,
    /// Why some of this is not known.
    pub(crate) trouble: Option<Told>,
}

/// The newest point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Newest {
    pub(crate) id: PointId,
    pub(crate) begun: Timestamp,
    /// Whether files of hosts are in it; none where it was not opened.
    pub(crate) files: Option<bool>,
}

/// A proof by a member's own hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) member: String,
    pub(crate) at: Timestamp,
    pub(crate) revision: u64,
}

/// What is known of one cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) cluster: Name,
    /// Whose word it is; none where it is the repository's alone.
    pub(crate) by: Option<From>,
    #[serde(flatten)]
    pub(crate) at_risk: AtRisk,
    /// When its etcd was last seen, where that is what the repository says.
    pub(crate) seen: Option<Timestamp>,
    pub(crate) newest: Option<Newest>,
    /// Whether it is known that there is no point, where none is above.
    pub(crate) no_point: bool,
    pub(crate) proof: Option<Proof>,
    /// Whether it is known that there is no proof, where none is above.
    pub(crate) no_proof: bool,
    /// What the recovery set lacks; none where nobody has judged it.
    pub(crate) lacks: Option<Vec<String>>,
    /// What of it could not be tested.
    pub(crate) untested: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// The state kept ready, by the host that is to keep it; none where that host did not answer.
    pub(crate) followers: BTreeMap<Name, Option<Following>>,
    /// Objectives that are missed.
    pub(crate) missed: Vec<String>,
    /// What goes wrong, by whom and what it is about.
    pub(crate) troubles: Vec<Trouble>,
    /// A failover or a restore of it that is not over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<Unfinished>,
}

/// A run that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unfinished {
    pub(crate) run: u64,
    /// `running`, or nobody carries it on: `silent`, or `stopped` at a step.
    pub(crate) state: &'static str,
    /// When whoever carries it out was last heard.
    pub(crate) heard: Timestamp,
    /// The command that goes on with it.
    pub(crate) next: String,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trouble {
    /// Who says so.
    pub(crate) by: String,
    /// What it is about.
    pub(crate) about: String,
    #[serde(flatten)]
    pub(crate) told: Told,
}

impl Account {
    /// Whether some Lifeboat that captures it was heard.
    pub(crate) fn is_captured(&self) -> bool {
        self.by.is_some()
    }

    /// Whether a person has to do something: an objective is missed, or nobody captures it.
    pub(crate) fn needs_a_person(&self) -> bool {
        let stands_still = self.unfinished.as_ref().is_some_and(|it| it.state != "running");
        !self.missed.is_empty() || !self.is_captured() || self.is_silent() || stands_still
    }

    /// Whether its etcd has not been heard for so long that somebody has to look.
    fn is_silent(&self) -> bool {
        matches!(self.at_risk, AtRisk::Known { silent_ms: Some(silent), .. } if silent > SILENT_MS)
    }

    /// Whether nothing at all is known of it.
    pub(crate) fn is_unknown(&self) -> bool {
        !self.is_captured() && self.newest.is_none() && !self.no_point && self.seen.is_none()
    }
}

/// An etcd that is started anew is away for less.
const SILENT_MS: u64 = 60_000;

/// One account for `cluster` from all that was heard of it, as of `now`.
pub(crate) fn judged(
    estate: &Estate,
    cluster: &Name,
    heard: &[Heard],
    stored: Option<&Stored>,
    now: Timestamp,
) -> Account {
    let of_it = |heard: &Heard| heard.protections.iter().find(|it| it.cluster == *cluster).cloned();
    let all: Vec<(&Heard, Protection)> = heard.iter().filter_map(|it| Some((it, of_it(it)?))).collect();
    let captures: Vec<_> = all.iter().filter(|(_, it)| it.duty == Duty::Captures).collect();
    let mut troubles: Vec<Trouble> = all.iter().flat_map(|(by, it)| troubles_of(by, it)).collect();
    if let [(one, _), (other, _), ..] = captures[..] {
        troubles.push(twice(&one.from, &other.from));
    }
    let known = captures.first().map(|(by, it)| (*by, it));
    let mut account = Account {
        cluster: cluster.clone(),
        by: known.map(|(by, _)| by.from.clone()),
        at_risk: AtRisk::Unknown,
        seen: None,
        newest: None,
        no_point: false,
        proof: None,
        no_proof: false,
        lacks: None,
        untested: Vec::new(),
        unfinished: None,
        warnings: Vec::new(),
        followers: followers(estate, cluster, heard, &all),
        missed: Vec::new(),
        troubles,
    };
    if let Some((_, it)) = known {
        account.heard(it);
    } else {
        let reasons = all.iter().filter_map(|(by, it)| match &it.duty {
            Duty::StandsBy { why } => Some(format!("{} stands by: {why}", by.from)),
            _ => None,
        });
        account.troubles.push(nobody(cluster, reasons.collect()));
    }
    if let Some(stored) = stored {
        account.stored(stored, now);
    }
    account.missed.extend(missed_rpo(estate, cluster, account.at_risk));
    account
}

impl Account {
    /// What the Lifeboat that captures it says.
    fn heard(&mut self, it: &Protection) {
        self.at_risk = AtRisk::heard(it.at_risk_ms, it.silent_ms);
        self.newest = it
            .newest
            .as_ref()
            .map(|made| Newest { id: made.id.clone(), begun: made.begun, files: None });
        self.proof = it.proof.as_ref().map(proof);
        self.lacks = it.judged.map(|_| it.lacks.clone());
        self.untested.clone_from(&it.untested);
        self.warnings.clone_from(&it.warnings);
    }

    /// What the repository says, where nobody else has said it.
    fn stored(&mut self, stored: &Stored, now: Timestamp) {
        if let (None, Some(seen)) = (&self.by, stored.seen) {
            let ms = u64::try_from(now.duration_since(seen).as_millis()).unwrap_or(0);
            (self.seen, self.at_risk) = (Some(seen), AtRisk::AtMost { ms });
        }
        // Of two, the repository's may be newer: somebody else may have made it.
        if let Some(newest) = &stored.newest
            && self.newest.as_ref().is_none_or(|own| own.begun <= newest.begun)
        {
            self.newest = Some(newest.clone());
        }
        if self.proof.is_none() {
            self.proof.clone_from(&stored.proof);
        }
        if self.lacks.is_none() {
            self.lacks.clone_from(&stored.lacks);
            self.untested.clone_from(&stored.untested);
        }
        let whole = stored.trouble.is_none();
        self.no_point = whole && self.newest.is_none();
        self.no_proof = whole && self.proof.is_none();
        if let Some(told) = &stored.trouble {
            self.troubles.push(Trouble {
                by: "the repository".to_owned(),
                about: "points".to_owned(),
                told: told.clone(),
            });
        }
    }
}

fn proof(proof: &estate::HashProof) -> Proof {
    Proof {
        member: proof.member.clone(),
        at: proof.at,
        revision: proof.revision,
    }
}

fn troubles_of(by: &Heard, it: &Protection) -> Vec<Trouble> {
    let trouble = |(about, told): (&String, &Told)| Trouble {
        by: by.from.to_string(),
        about: about.clone(),
        told: told.clone(),
    };
    it.troubles.iter().map(trouble).collect()
}

fn twice(one: &From, other: &From) -> Trouble {
    Trouble {
        by: one.to_string(),
        about: "capture".to_owned(),
        told: Told {
            code: "LB0410".to_owned(),
            text: format!("{one} and {other} both say that they capture it; the lease lets only one of them store"),
            next: Some("lifeboat status, again: one of the two stops when its lease is over".to_owned()),
        },
    }
}

fn nobody(cluster: &Name, reasons: Vec<String>) -> Trouble {
    let why: String = reasons.iter().map(|reason| format!("; {reason}")).collect();
    Trouble {
        by: "nobody".to_owned(),
        about: "capture".to_owned(),
        told: Told {
            code: "LB0415".to_owned(),
            text: format!("no Lifeboat that answers captures {cluster}{why}"),
            next: Some("lifeboat serve, on a host that protects it".to_owned()),
        },
    }
}

/// Each host that is to keep the newest state ready, and what it keeps; besides, whoever else does.
fn followers(
    estate: &Estate,
    cluster: &Name,
    heard: &[Heard],
    all: &[(&Heard, Protection)],
) -> BTreeMap<Name, Option<Following>> {
    let meant = estate.clusters.get(cluster).into_iter().flat_map(|of| &of.protect.follow);
    let mut followers: BTreeMap<Name, Option<Following>> = meant.map(|host| ((**host).clone(), None)).collect();
    let host = |by: &Heard| heard.iter().find(|it| it.from == by.from).and_then(|it| it.host.clone());
    for (by, it) in all {
        if let (Some(host), Some(following)) = (host(by), &it.following) {
            followers.insert(host, Some(following.clone()));
        }
    }
    followers
}

#[cfg(test)]
pub(crate) mod tests;
