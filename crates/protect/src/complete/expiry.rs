//! How long the captured certificates are good. Start at [`judge`].

use super::Parts;
use super::finding::{Found, Outcome, Pair, some};
use super::layout::Layout;
use super::pki;
use estate::Distribution;
use jiff::{SignedDuration, Timestamp};

const PAIR: Pair = Pair::Expiry;
/// A CA's successor has to be spread first.
pub(super) const AUTHORITY_DAYS: i64 = 90;
pub(super) const LEAF_DAYS: i64 = 30;

/// A certificate, and until when it is good.
struct Dated {
    what: String,
    hosts: Vec<String>,
    until: Timestamp,
    authority: bool,
    /// Whether a recovery issues it anew.
    anew: bool,
}

/// Tests them.
pub(super) fn judge(parts: &Parts<'_>, layout: &Layout, found: &mut Found) {
    let all = dated(parts, layout);
    for it in &all {
        say(it, parts, found);
    }
    let Some(first) = all.iter().min_by_key(|it| it.until) else {
        if layout.authorities.is_empty() {
            let why = "no certificate was captured whose place is known, so none was tested";
            found.unknown(PAIR, why, "watch the certificates of this cluster by other means");
        }
        return;
    };
    if !found.has(PAIR) {
        let why = format!(
            "no captured certificate expires within {LEAF_DAYS} days and no CA within {AUTHORITY_DAYS}: {} of {} is the first, at {}",
            first.what,
            some(&first.hosts),
            first.until
        );
        found.matches(PAIR, why);
    }
}

fn dated(parts: &Parts<'_>, layout: &Layout) -> Vec<Dated> {
    let mut all: Vec<Dated> = Vec::new();
    let mut put =
        |host: &str, it: Dated| match all.iter_mut().find(|other| other.what == it.what && other.until == it.until) {
            Some(same) => same.hosts.push(host.to_owned()),
            None => all.push(Dated { hosts: vec![host.to_owned()], ..it }),
        };
    for authority in &layout.authorities {
        for host in parts.files.hosts() {
            let file = parts.files.get(host, &authority.certificate);
            // Of a file with several, the first is the one that signs.
            if let Some(first) = file.and_then(|file| pki::certificates(file).into_iter().next()) {
                let what = format!("the {} {}", authority.name, authority.certificate);
                let hosts = Vec::new();
                put(
                    host,
                    Dated {
                        what,
                        hosts,
                        until: first.until,
                        authority: true,
                        anew: false,
                    },
                );
            }
            for leaf in &authority.leaves {
                for (path, it) in leaf.on(parts.files, host) {
                    if let Some(it) = it {
                        let (what, hosts, anew) = (path.to_owned(), Vec::new(), leaf.anew);
                        put(host, Dated { what, hosts, until: it.until, authority: false, anew });
                    }
                }
            }
        }
    }
    all
}

fn say(it: &Dated, parts: &Parts<'_>, found: &mut Found) {
    let days = if it.authority { AUTHORITY_DAYS } else { LEAF_DAYS };
    let soon = parts
        .now
        .checked_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MAX);
    if it.until > soon {
        return;
    }
    let over = it.until < parts.now;
    let when = if over { "expired" } else { "expires" };
    let why = format!("{} of {} {when} at {}", it.what, some(&it.hosts), it.until);
    let (at, anew) = (it.until, it.anew && !it.authority);
    let outcome = match over {
        true => Outcome::Expired { at, anew },
        false => Outcome::Expiring { at },
    };
    // What is issued anew anyway makes no recovery fail.
    let why = match anew {
        true => format!("{why}; a recovery issues it anew"),
        false => why,
    };
    let next = match it.authority {
        true => "replace this CA while the cluster still runs: a restored cluster would trust nothing",
        false => renewal(parts.distribution),
    };
    found.put(PAIR, outcome, why, next);
}

fn renewal(distribution: Distribution) -> &'static str {
    match distribution {
        Distribution::Kubeadm => "kubeadm certs renew all, then restart the control plane's static pods",
        Distribution::Rke1 => "rke cert rotate",
        Distribution::K3s => "k3s certificate rotate, with the server stopped",
        Distribution::Rke2 => "rke2 certificate rotate, with the server stopped",
        Distribution::Other => "renew it",
    }
}
