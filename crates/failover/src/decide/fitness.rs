//! What speaks for and against a failover that nobody asked for, once a site is lost. Start at [`fitness`].

use super::evidence::millis;
use super::words::{span, span_up};
use super::{Evidence, Policy};
use estate::{LastRenewal, Mode, Proven};
use jiff::Timestamp;
use std::time::Duration;

/// How far a copy may seem to come from the future before the clocks count as disagreeing.
const CLOCKS_AGREE_WITHIN_MS: i128 = 5000;

/// A reason for or against.
pub(super) enum Ground {
    For(String),
    Against(String),
}

use Ground::{Against, For};

impl Ground {
    pub(super) fn into_text(self) -> String {
        match self {
            For(text) | Against(text) => text,
        }
    }
}

/// Every ground, in the order in which people ask: may it, would it lose too much, could it, is the old site surely down.
pub(super) fn fitness(policy: &Policy, evidence: &Evidence, lost_ms: u64, now: Timestamp) -> Vec<Ground> {
    let mut grounds = Vec::new();
    if policy.mode == Mode::Propose {
        let text = "monitor.mode is propose: a person declares, with `lifeboat failover --yes`";
        grounds.push(Against(text.to_owned()));
    }
    grounds.push(copy(evidence.proven.as_ref(), policy.maximum_loss, lost_ms, now));
    grounds.extend(standby(evidence));
    grounds.push(keeper(policy, evidence, lost_ms));
    grounds
}

/// Whether the newest proven copy lacks no more than is accepted: what it lacks ends with the site's last sign of life.
fn copy(proven: Option<&Proven>, maximum: Duration, lost_ms: u64, now: Timestamp) -> Ground {
    let accepted = span(millis(maximum));
    let accepts = |loss: &str| format!("`lifeboat failover --yes` accepts {loss}");
    let Some(proven) = proven else {
        let yes = accepts("that all is lost which no proven copy holds");
        return Against(format!("no copy has been proven, and one of {accepted} or younger is needed; {yes}"));
    };
    let age_ms = now.duration_since(proven.begun).as_millis();
    if age_ms < -CLOCKS_AGREE_WITHIN_MS {
        let ahead = span(u64::try_from(-age_ms).unwrap_or(u64::MAX));
        let yes = accepts("a loss that nobody can tell");
        return Against(format!(
            "the newest proven copy seems to come from {ahead} in the future: the clocks disagree, so its age is not known; {yes}"
        ));
    }
    // A copy that seems a little younger than now is as young as can be.
    let age_ms = u64::try_from(age_ms).unwrap_or(0).saturating_sub(lost_ms);
    let age = span_up(age_ms);
    if age_ms > millis(maximum) {
        let yes = accepts(&format!("the loss of the last {age}"));
        return Against(format!("the newest proven copy lacks the last {age}, {accepted} are accepted; {yes}"));
    }
    For(format!("the newest proven copy lacks the last {age}, {accepted} are accepted"))
}

fn standby(evidence: &Evidence) -> Vec<Ground> {
    let site = &evidence.standby;
    let unfit = evidence.from_standby.as_ref().and_then(|arrived| arrived.report.unfit.as_ref());
    match unfit.map(Vec::as_slice) {
        None => vec![Against(format!("{site} does not say that it could take over"))],
        Some([]) => vec![For(format!("{site} says that it could take over"))],
        Some(reasons) => reasons
            .iter()
            .map(|reason| Against(format!("{site} cannot take over: {reason}")))
            .collect(),
    }
}

/// Without a keeper that asked for confirmations until the end, a lost site may still serve: nothing stopped it.
fn keeper(policy: &Policy, evidence: &Evidence, lost_ms: u64) -> Ground {
    let serves = &evidence.serves;
    let unknown = format!("{serves} had no keeper: nobody can know that it stopped");
    let advice = "see that it is off, then `lifeboat failover --yes`";
    let lease = span(millis(policy.lease));
    let Some((renewed, age_ms)) = newest_renewal(evidence) else {
        let epoch = evidence.standing.as_ref().map_or("its epoch".to_owned(), ToString::to_string);
        return Against(format!("{unknown}, since neither observer has confirmed {epoch}; {advice}"));
    };
    // Both ages are of the moment of the report, so they can be compared.
    let before_ms = renewed.ago_ms.saturating_sub(lost_ms);
    if before_ms > millis(policy.lease) {
        let before = span(before_ms);
        return Against(format!(
            "{unknown}, since its lease of {lease} was confirmed last {before} before the probes began to fail; {advice}"
        ));
    }
    let ago_ms = renewed.ago_ms.saturating_add(age_ms);
    let left_ms = millis(policy.lease).saturating_sub(ago_ms);
    let ends = match left_ms {
        0 => "is over, so it may serve no longer".to_owned(),
        _ => format!("ends in {}, for which a takeover waits", span_up(left_ms)),
    };
    For(format!("{serves} was confirmed last {} ago: its lease of {lease} {ends}", span(ago_ms)))
}

/// Whether the site that serves was confirmed so lately that it must live.
pub(super) fn still_asks(policy: &Policy, evidence: &Evidence) -> bool {
    newest_renewal(evidence)
        .is_some_and(|(renewed, age_ms)| renewed.ago_ms.saturating_add(age_ms) <= policy.stale_after_ms())
}

/// The newest confirmation of the current epoch that either observer gave, and the age of its report.
fn newest_renewal(evidence: &Evidence) -> Option<(&LastRenewal, u64)> {
    let both = [&evidence.from_standby, &evidence.from_witness].into_iter().flatten();
    let renewed = both.filter_map(|arrived| arrived.report.renewed.as_ref().map(|renewed| (renewed, arrived.age_ms)));
    renewed
        .filter(|(renewed, _)| Some(&renewed.standing) == evidence.standing.as_ref())
        .min_by_key(|(renewed, age_ms)| renewed.ago_ms.saturating_add(*age_ms))
}
