//! `dns.switch`: moves the name, and sees the new answer at the name servers and through a resolver.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use dns::{Askable, Expected, Held, How, NotSeen, Provider as _, Verified, Wanted, ask};
use engine::Performed;
use estate::Kind;
use plan::SwitchDns;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

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
        let zone = context.world.zone()?;
        context.inside.point();
        let before = zone.read(&self.name).await?;
        let changed = zone.change(&self.name, &before, &Wanted::new([self.to], self.ttl)).await?;
        context.inside.point();
        let seen = seen(self, zone.answers_all()).await?;
        done(Done {
            before,
            left: changed.left,
            changed: changed.how == How::Made,
            seen_by: seen.resolvers.by,
            not_seen_by: seen.resolvers.not_by.into_iter().map(|not| not.says).collect(),
        })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let seen = seen(self, context.world.zone()?.answers_all()).await?;
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
        let zone = context.world.zone()?;
        let held = |key: &str| -> Option<Held> { serde_json::from_value(done?[key].clone()).ok() };
        context.inside.point();
        let changed = match (held("before"), held("left"), self.former) {
            (Some(before), Some(left), _) => zone.restore(&self.name, &before, &left).await?,
            (_, _, Some(former)) => {
                let from = zone.read(&self.name).await?;
                zone.change(&self.name, &from, &Wanted::new([former], self.ttl)).await?
            }
            _ => return Ok(json!({ "none": "nobody knows where it led before" })),
        };
        Ok(json!({ "left": changed.left.to_string(), "changed": changed.how == How::Made }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        _ = context.world.zone()?;
        let answer = ask(self.server, &self.name).await?;
        let leads: Vec<String> = answer.addresses.iter().map(IpAddr::to_string).collect();
        let leads = leads.join(", ");
        Ok(vec![format!("{} answers: {} leads to {leads} now", self.server, self.name)])
    }
}

/// Sees the new answer at the server that took the change, and through a resolver, if there are any.
async fn seen(it: &SwitchDns, all: bool) -> Result<Verified, Trouble> {
    let expected = Expected { name: it.name.clone(), to: [it.to].into(), all };
    let at = Askable {
        servers: [it.server].iter().chain(&it.secondaries).copied().collect(),
        resolvers: it.resolvers.clone(),
    };
    let seen = dns::verify(&expected, &at, it.ttl).await;
    // A secondary may be down on such a day; the one that took the change may not.
    if let Some(not) = seen.servers.not_by.iter().find(|not| not.server == it.server) {
        return Err(unseen(not));
    }
    if seen.resolvers.by.is_empty() && !seen.resolvers.not_by.is_empty() {
        let message = format!("the name server says that {} leads to {}, but no resolver does", it.name, it.to);
        let mut trouble = Trouble::new("LB0505", Kind::Unreachable, message);
        trouble.causes = seen.resolvers.not_by.into_iter().map(|not| not.says).collect();
        return Err(trouble.hint(format!("dig {} at each resolver; are they fed by {}?", it.name, it.server)));
    }
    Ok(seen)
}

fn unseen(not: &NotSeen) -> Trouble {
    let code = if not.answers { "LB0505" } else { "LB0501" };
    Trouble::new(code, Kind::Unreachable, not.says.clone())
}
