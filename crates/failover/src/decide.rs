//! Evidence in, verdict out. Start at [`decide`]; `evidence` has the nouns, `view` what one observer sees, `fitness` what
//! stands in the way of a failover that nobody asked for, `words` how times read.

mod evidence;
mod fitness;
mod view;
mod words;

pub use evidence::{Arrived, Call, Evidence, Policy, Verdict};

use estate::Serving;
use fitness::{Ground, fitness};
use jiff::Timestamp;
use view::View;
use words::span;

/// What to do about the site that serves, and why. `now` is the wall clock of whoever decides; only the age of the newest
/// proven copy is measured with it.
///
/// A site is lost when both observers have fresh answers, every probe of both has failed for long enough, and it does not say
/// itself that it serves. Whatever is less than that is at most a warning.
pub fn decide(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Verdict {
    nothing_to_take_over(policy, evidence).unwrap_or_else(|| {
        let views = [&evidence.standby, &evidence.witness].map(|site| View::of(policy, evidence, site));
        observed(policy, evidence, &views, now)
    })
}

fn nothing_to_take_over(policy: &Policy, evidence: &Evidence) -> Option<Verdict> {
    if let Some(run) = &evidence.run {
        let reason = format!("run {run} is under way: one failover at a time");
        return Some(Verdict::of(Call::Stay, [reason]));
    }
    if policy.probes.is_empty() {
        return Some(Verdict::of(
            Call::Warn,
            ["no probe is configured: nobody can see whether a site is lost".to_owned()],
        ));
    }
    let Some(standing) = &evidence.standing else {
        let reason = "no voter has said which epoch is the newest: nobody can tell what would be taken over".to_owned();
        return Some(Verdict::of(Call::Warn, [reason]));
    };
    if standing.holder == evidence.serves {
        return None;
    }
    let holder = [&evidence.from_standby, &evidence.from_witness, &evidence.from_inside]
        .into_iter()
        .flatten()
        .find(|arrived| arrived.report.site == standing.holder && arrived.fresh(policy));
    Some(match holder.map(|arrived| &arrived.report.serving) {
        Some(Serving::Serving { .. }) => {
            let reason = format!(
                "{standing} is newer, and it serves: there is nothing to take over from {}",
                evidence.serves
            );
            Verdict::of(Call::Stay, [reason])
        }
        _ => {
            let reason = format!("{standing} is newer, but {} does not say that it serves", standing.holder);
            let advice = "a person can look with `lifeboat runs` and go on with `lifeboat failover --yes`".to_owned();
            Verdict::of(Call::Warn, [reason, advice])
        }
    })
}

fn observed(policy: &Policy, evidence: &Evidence, views: &[View; 2], now: Timestamp) -> Verdict {
    let (standby, witness, serves) = (&evidence.standby, &evidence.witness, &evidence.serves);
    let [a, b] = views;
    if a.silent().is_some() || b.silent().is_some() {
        let mut reasons: Vec<_> = views.iter().filter_map(View::silent).map(str::to_owned).collect();
        reasons.extend(views.iter().filter(|view| view.silent().is_none()).map(|view| view.told()));
        reasons.push("nobody declares alone: both observers have to agree".to_owned());
        return Verdict::of(Call::Warn, reasons);
    }
    if a.reaches() && b.reaches() {
        let reason = format!("{standby} and {witness} both reach {serves}: {}", a.answering());
        return Verdict::of(Call::Stay, [reason]);
    }
    let (Some(by_a), Some(by_b)) = (a.lost_for_ms(), b.lost_for_ms()) else {
        return Verdict::of(Call::Warn, partial(serves, views));
    };
    let lost_ms = by_a.min(by_b);
    let seen = format!("{standby} and {witness} have not reached {serves} for {}; both agree", span(lost_ms));
    let seen = format!("{seen} ({})", a.failures().join("; "));
    let verdict = unreachable(policy, evidence, seen, lost_ms, now);
    Verdict { lost_for_ms: Some(lost_ms), ..verdict }
}

/// Both observers have seen nothing but failure for `lost_ms`.
fn unreachable(policy: &Policy, evidence: &Evidence, seen: String, lost_ms: u64, now: Timestamp) -> Verdict {
    let (serves, needed_ms) = (&evidence.serves, policy.declare_after_ms());
    if lost_ms < needed_ms {
        let wait = format!("{} are needed: {} more", span(needed_ms), words::span_up(needed_ms - lost_ms));
        return Verdict::of(Call::Warn, [seen, wait]);
    }
    let inside = evidence.from_inside.as_ref();
    let inside = inside.filter(|arrived| arrived.fresh(policy) && arrived.report.site == *serves);
    let lives = |says: String| Verdict::of(Call::Warn, [seen.clone(), says]);
    let own = match inside.map(|arrived| &arrived.report.serving) {
        Some(Serving::Serving { epoch, .. }) => {
            return lives(format!(
                "{serves} itself says that it serves epoch {epoch}: it lives, so nobody takes over from it"
            ));
        }
        _ if fitness::still_asks(policy, evidence) => {
            return lives(format!("{serves} still asks to be confirmed: it lives, so nobody takes over from it"));
        }
        Some(Serving::Alone { .. }) => format!("{serves} itself says that it has stopped: no majority confirms it"),
        Some(_) => format!("{serves} itself does not say that it serves"),
        None => format!("nothing is heard from {serves} itself"),
    };
    let long_enough = format!("{} are needed to count as lost", span(needed_ms));
    of_lost_site([seen, long_enough, own], fitness(policy, evidence, lost_ms, now))
}

/// What is in the way comes first: it is what a person has to weigh.
fn of_lost_site(lost: [String; 3], grounds: Vec<Ground>) -> Verdict {
    let (against, favour): (Vec<_>, Vec<_>) =
        grounds.into_iter().partition(|ground| matches!(ground, Ground::Against(_)));
    let call = if against.is_empty() {
        Call::Declare
    } else {
        Call::Propose
    };
    let mut reasons = lost.to_vec();
    reasons.extend(against.into_iter().chain(favour).map(Ground::into_text));
    Verdict::of(call, reasons)
}

/// Some probes fail, for somebody: what is broken is smaller than the site.
fn partial(serves: &estate::Name, views: &[View; 2]) -> Vec<String> {
    let [a, b] = views;
    for (reaching, failing) in [(a, b), (b, a)] {
        if reaching.reaches() && failing.lost_for_ms().is_some() {
            let broken = format!(
                "{} reaches {serves}, {} does not: {}",
                reaching.site(),
                failing.site(),
                failing.failures().join("; ")
            );
            return vec![
                broken,
                format!("only the way from {} to {serves} is broken, so {serves} is not lost", failing.site()),
            ];
        }
    }
    if a.failing() == b.failing() {
        let fails = format!("both observers reach {serves}, but not all of it: {}", a.failures().join("; "));
        return vec![fails, format!("{}: {serves} is not lost as a whole", a.answering())];
    }
    vec![a.told(), b.told(), format!("they do not agree that {serves} is lost")]
}

#[cfg(test)]
mod tests;
