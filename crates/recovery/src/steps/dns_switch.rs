//! `dns.switch`: moves the name, and sees the new answer at the name servers and through a resolver.

use super::{Carry, Context, done, until};
use crate::Trouble;
use async_trait::async_trait;
use dns::{Askable, Expected, Held, How, NotSeen, Provider, Verified, Wanted};
use engine::Performed;
use estate::Kind;
use plan::SwitchDns;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// What the name server had, and what it has now: enough to put the name back.
    before: Held,
    left: Held,
    changed: bool,
    /// The resolvers that give the new answer.
    seen_by: Vec<SocketAddr>,
    /// Those that do not, and why.
    not_seen_by: Vec<String>,
}

#[async_trait]
impl Carry for SwitchDns {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let names = context.world.names()?;
        context.inside.point();
        let before = names.read(&self.name).await?;
        let wanted = Wanted::new([self.to], self.ttl);
        let changed = names.change(&self.name, &before, &wanted).await?;
        context.inside.point();
        let seen = match changed.how {
            How::ByHand => by_a_person(self, &*names, (&before, &wanted), context).await?,
            How::Already | How::Made => seen(self, &*names).await?,
        };
        done(Done {
            before,
            left: changed.left,
            changed: changed.how == How::Made,
            seen_by: seen.resolvers.by,
            not_seen_by: seen.resolvers.not_by.into_iter().map(|not| not.says).collect(),
        })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let seen = seen(self, &*context.world.names()?).await?;
        Ok(format!(
            "{} name servers and {} resolvers lead {} to {}",
            seen.servers.by.len(),
            seen.resolvers.by.len(),
            self.name,
            self.to
        ))
    }

    /// What the name server had stands in the outcome; a switch that was broken off has none, and then the plan knows where the name leads
    /// on an ordinary day.
    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let names = context.world.names()?;
        context.inside.point();
        let changed = match back(self, done) {
            Back::To { before, left } => names.restore(&self.name, &before, &left).await?,
            Back::Ordinary(former) => {
                let from = names.read(&self.name).await?;
                names.change(&self.name, &from, &Wanted::new([former], self.ttl)).await?
            }
            Back::Unknown => return Ok(json!({ "none": "nobody knows where it led before" })),
        };
        match changed.how {
            How::ByHand => {
                let message = format!("a person moves {}: it led elsewhere before", self.name);
                let mut trouble = Trouble::new("LB0505", Kind::Person, message);
                let former = Wanted::new(self.former, self.ttl);
                trouble.causes = names.by_hand(&self.name, &changed.left, &former);
                Err(trouble.hint(format!(
                    "lifeboat run undo {} --leave {} --because 'done by hand'",
                    context.typed, context.step.id
                )))
            }
            How::Already | How::Made => {
                Ok(json!({ "left": changed.left.to_string(), "changed": changed.how == How::Made }))
            }
        }
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let names = context.world.names()?;
        let held = names.read(&self.name).await?;
        Ok(vec![format!("{} has: {} leads to {held} now", names.place(), self.name)])
    }
}

/// Where an undone switch leads the name.
#[derive(Debug, PartialEq)]
enum Back {
    /// To what the name server had before.
    To {
        before: Held,
        left: Held,
    },
    /// To where the plan has it on an ordinary day.
    Ordinary(IpAddr),
    Unknown,
}

/// An attempt that was broken off may have moved the name before the one whose outcome is there looked at it: what found the name moved
/// already does not know what was before.
fn back(it: &SwitchDns, done: Option<&Value>) -> Back {
    let held = |key: &str| -> Option<Held> { serde_json::from_value(done?[key].clone()).ok() };
    match (held("before"), held("left"), it.former) {
        (Some(before), Some(left), former) if former.is_none() || before.addresses() != [it.to].into() => {
            Back::To { before, left }
        }
        (_, _, Some(former)) => Back::Ordinary(former),
        _ => Back::Unknown,
    }
}

/// Tells a person exactly what to change, and watches until it is.
async fn by_a_person(
    it: &SwitchDns,
    names: &dyn Provider,
    (before, wanted): (&Held, &Wanted),
    context: &Context<'_>,
) -> Result<Verified, Trouble> {
    context.inside.say("a person moves the name:");
    for line in names.by_hand(&it.name, before, wanted) {
        context.inside.say(&format!("  {line}"));
    }
    let limit = context.limit.saturating_sub(Duration::from_secs(u64::from(it.ttl) + 30));
    until(limit, Duration::from_secs(5), || async { seen(it, names).await }).await
}

/// Sees the new answer at the server that took the change, and through a resolver, if there are any.
async fn seen(it: &SwitchDns, names: &dyn Provider) -> Result<Verified, Trouble> {
    let expected = Expected {
        name: it.name.clone(),
        to: [it.to].into(),
        all: names.answers_all(),
    };
    let mut servers: Vec<SocketAddr> = it.server.iter().chain(&it.secondaries).copied().collect();
    if let (true, Some(resolver)) = (servers.is_empty(), it.resolvers.first()) {
        // A cloud's own name servers; where they cannot be found, the resolvers say it.
        servers = dns::authoritative(*resolver, &it.zone).await.unwrap_or_default();
    }
    let at = Askable { servers, resolvers: it.resolvers.clone() };
    let seen = dns::verify(&expected, &at, it.ttl).await;
    // A secondary may be down on such a day; the one that took the change may not.
    let takes = it.server.or_else(|| {
        seen.servers
            .by
            .is_empty()
            .then(|| seen.servers.not_by.first().map(|not| not.server))?
    });
    if let Some(not) = seen.servers.not_by.iter().find(|not| Some(not.server) == takes) {
        return Err(unseen(not));
    }
    if seen.resolvers.by.is_empty() && !seen.resolvers.not_by.is_empty() {
        let message = format!("the name server says that {} leads to {}, but no resolver does", it.name, it.to);
        let mut trouble = Trouble::new("LB0505", Kind::Unreachable, message);
        trouble.causes = seen.resolvers.not_by.into_iter().map(|not| not.says).collect();
        return Err(trouble.hint(format!(
            "dig {} at each resolver; are they fed by the name servers of {}?",
            it.name, it.zone
        )));
    }
    Ok(seen)
}

fn unseen(not: &NotSeen) -> Trouble {
    let code = if not.answers { "LB0505" } else { "LB0501" };
    Trouble::new(code, Kind::Unreachable, not.says.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::Records;

    #[test]
    fn a_switch_that_was_made_by_a_broken_off_attempt_is_undone_too() {
        let [main, standby, third] = [1, 2, 3].map(|last| IpAddr::from([192, 0, 2, last]));
        let held = |address| Held::Records {
            a: Some(Records { addresses: [address].into(), ttl: 60 }),
            aaaa: None,
        };
        let it = SwitchDns {
            name: "rancher.example.org".to_owned(),
            zone: "example.org".to_owned(),
            server: None,
            to: standby,
            former: Some(main),
            ttl: 60,
            secondaries: Vec::new(),
            resolvers: Vec::new(),
        };
        let done = |before| json!({ "before": held(before), "left": held(standby) });
        let to = |before| Back::To { before: held(before), left: held(standby) };
        // What was there is put back, wherever it led.
        assert_eq!(back(&it, Some(&done(main))), to(main));
        assert_eq!(back(&it, Some(&done(third))), to(third));
        // An earlier attempt had moved it.
        assert_eq!(back(&it, Some(&done(standby))), Back::Ordinary(main));
        assert_eq!(back(&it, None), Back::Ordinary(main));
        let unknown = SwitchDns { former: None, ..it };
        assert_eq!(back(&unknown, Some(&done(standby))), to(standby));
        assert_eq!(back(&unknown, None), Back::Unknown);
    }
}
