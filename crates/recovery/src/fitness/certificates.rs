//! Until when certificates in files are good, those of this host's control plane included. Start at [`look`], [`of_host`] and [`judge`].

use super::{Finding, State, within};
use crate::{Trouble, World};
use cluster::Host;
use estate::{Cluster, Distribution, Kind, Name};
use jiff::{SignedDuration, Timestamp};
use protect::complete::{Complete, Dated, dates, expiring};
use protect::files::{Files, Settings, take, wanted};
use std::path::Path;
use std::time::Duration;

/// Certificates and kubeconfigs are a few KiB.
const BYTES_MAX: u64 = 4 << 20;
/// How long reading a host's files may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The certificates in a file of this host.
///
/// # Errors
/// It cannot be read.
pub fn look(path: &Path) -> Result<Vec<Dated>, Trouble> {
    let cannot =
        |why: String| Trouble::new("LB0203", Kind::Person, format!("{} cannot be read: {why}", path.display()));
    let is_small = std::fs::metadata(path).map_err(|why| cannot(why.to_string()))?.len() <= BYTES_MAX;
    if !is_small {
        return Err(cannot("it is too large for certificates".to_owned()));
    }
    Ok(dates(&std::fs::read(path).map_err(|why| cannot(why.to_string()))?))
}

/// What is said of a file's certificates. Purely. Nothing where there are none, as in a kubeconfig with a token.
#[must_use]
pub fn judge(what: &str, path: &str, found: &Result<Vec<Dated>, Trouble>, now: Timestamp) -> Option<Finding> {
    let what = format!("certificate of {what}");
    let found = match found {
        Ok(found) => found,
        Err(trouble) => {
            let next = format!("ls -l {path}");
            return Some(Finding {
                next: Some(next),
                ..Finding::trouble(State::Fail, what, trouble)
            });
        }
    };
    let first = found.iter().min_by_key(|it| it.until)?;
    let named = format!("{} in {path}", first.subject);
    let soon = SignedDuration::from_hours(24 * first.notice_days());
    let soon = now.checked_add(soon).unwrap_or(Timestamp::MAX);
    let next = "issue it anew, and put it there";
    Some(match first.until {
        until if until < now => Finding::fail(what, format!("{named} expired at {until}"), next),
        until if until < soon => Finding::warn(what, format!("{named} expires at {until}"), next),
        until => Finding::ok(what, format!("good until {until}: {path}")),
    })
}

/// How long the certificates of this host's control plane are good, by the judge that judges the recovery set.
///
/// # Errors
/// Its files cannot be read.
pub async fn of_host(
    world: &World,
    here: &Name,
    of: &Cluster,
    found: Option<Distribution>,
) -> Result<Complete, Trouble> {
    let distribution = found.unwrap_or_else(|| of.distribution());
    // Of another one, no certificate's place is known.
    if distribution == Distribution::Other {
        return Ok(Complete::default());
    }
    let settings = Settings {
        kubeadm_config: of.protect.files.kubeadm_config.clone(),
        paths: of.protect.files.paths.iter().map(|path| (**path).clone()).collect(),
        ..Settings::default()
    };
    let host: Host = world.host(here)?;
    let reading = async {
        let wanted = wanted(&host, distribution, &settings).await?;
        Ok(take(&host, &wanted).await?.tree)
    };
    let tree = within(&format!("the files of {here}"), LIMIT, reading).await?;
    let files = Files([(here.to_string(), tree)].into());
    Ok(expiring(distribution, &files, ambient::now()))
}
