//! A repository: what its credentials may do, whether its store does what is built on it, and whether its clock agrees. Start at [`look`]
//! and [`judge`].

use super::{Finding, State, within};
use crate::Trouble;
use estate::{Kind, Name};
use repository::{Error, Probed, Repository, Rights};
use std::time::Duration;

/// How long trying it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What was found of a store.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Where it is, without credentials.
    pub store: String,
    /// What the credentials may do.
    pub rights: Rights,
    /// Whether it does what is built on it; nothing where that may not be tried.
    pub probed: Option<Probed>,
    /// Whether its clock agrees with this machine's; nothing where it cannot be asked.
    pub clock: Option<Result<(), Trouble>>,
}

/// What this host does with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It writes copies there, and prunes.
    Writes,
    /// It recovers from there.
    Reads,
}

/// Tries it. Changes nothing that anybody counts.
///
/// # Errors
/// It cannot be asked.
pub async fn look(name: &Name, repository: &Repository) -> Result<Looked, Trouble> {
    let looking = async {
        let rights = repository.rights().await?;
        let probed = match rights.are_all() {
            true => Some(repository.probe().await?),
            false => None,
        };
        let clock = match repository.compare_clocks().await {
            Ok(()) => Some(Ok(())),
            Err(error @ Error::Clock { .. }) => Some(Err(error.into())),
            // That it cannot be asked stands in another line.
            Err(_) => None,
        };
        Ok(Looked { store: repository.store().to_owned(), rights, probed, clock })
    };
    within(&format!("repository {name}"), LIMIT, looking).await
}

/// What is said of it. Purely.
#[must_use]
pub fn judge(name: &Name, used: Use, looked: &Result<Looked, Trouble>) -> Vec<Finding> {
    let what = format!("repository {name}");
    let it = match looked {
        Ok(it) => it,
        Err(trouble) => return vec![Finding::trouble(State::Fail, what, trouble)],
    };
    let mut findings = vec![match &it.probed {
        None => Finding::unknown(
            &what,
            format!(
                "{}: whether it does what leases and journals are built on cannot be tried with these credentials",
                it.store
            ),
            "lifeboat check, on a host that may write there",
        ),
        Some(probed) => {
            let found = format!("{}: {probed}", it.store);
            match probed.sound() {
                true => Finding::ok(&what, found),
                false => Finding::trouble(State::Fail, &what, &Trouble::new("LB0310", Kind::Person, found)),
            }
        }
    }];
    findings.push(rights(name, used, &it.rights));
    let clock = format!("clock of {name}");
    findings.extend(it.clock.as_ref().map(|agrees| match agrees {
        Ok(()) => Finding::ok(clock, "agrees with this machine's"),
        Err(trouble) => Finding::trouble(State::Fail, clock, trouble),
    }));
    findings
}

fn rights(name: &Name, used: Use, rights: &Rights) -> Finding {
    let what = format!("rights at {name}");
    let reason = rights
        .refused()
        .next()
        .map(|(_, reason)| format!(": {reason}"))
        .unwrap_or_default();
    let found = format!("{rights}{reason}");
    let (reads, creates) = (!rights.list.is_refused() && !rights.read.is_refused(), rights.create.is_allowed());
    match (reads, creates, used) {
        (false, ..) => {
            Finding::fail(what, found, "give the credentials the right to list and to read there").coded("LB0302")
        }
        (_, false, Use::Writes) => Finding::fail(
            what,
            found,
            "give the credentials the right to create objects: this host takes copies there",
        )
        .coded("LB0302"),
        (_, false, Use::Reads) => Finding::warn(
            what,
            format!("read-only: {found}"),
            "copies can be read with them; a run, which writes its journal there, needs others",
        ),
        _ if rights.delete.is_refused() => Finding::warn(
            what,
            format!("write without delete: {found}"),
            "prune with other credentials, or nothing is ever thinned out; merging leaves what it replaces",
        ),
        _ => Finding::ok(what, found),
    }
}
