//! `dns.switch`: moves the name, and sees the new answer at the name server and through a resolver.

use super::{Carry, Context, done, until};
use crate::Trouble;
use async_trait::async_trait;
use dns::ask;
use engine::Performed;
use estate::Kind;
use futures::future::join_all;
use plan::SwitchDns;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    before: Vec<IpAddr>,
    changed: bool,
    /// The resolvers that give the new answer.
    seen_by: Vec<SocketAddr>,
    /// Those that do not, and why.
    not_seen_by: Vec<String>,
}

#[async_trait]
impl Carry for SwitchDns {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let _ = context;
        leads(self, self.server).await?;
        for resolver in &self.resolvers {
            if leads(self, *resolver).await.is_ok() {
                return Ok(format!("{} and {resolver} lead {} to {}", self.server, self.name, self.to));
            }
        }
        match self.resolvers.first() {
            None => Ok(format!("{} leads {} to {}", self.server, self.name, self.to)),
            Some(first) => Err(leads(self, *first).await.err().unwrap_or_else(|| not_seen(self))),
        }
    }

    /// Where it led before stands in the outcome; a switch that was broken off has none, and then the plan knows where it leads on an
    /// ordinary day.
    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let before: Vec<IpAddr> = done
            .and_then(|done| serde_json::from_value(done["before"].clone()).ok())
            .unwrap_or_else(|| self.former.into_iter().collect());
        if before.is_empty() || before == [self.to] {
            return Ok(json!({ "none": "it led nowhere else before" }));
        }
        let zone = context.world.zone()?;
        context.inside.point();
        let switched = zone.switch(&self.name, &before, self.ttl).await?;
        Ok(json!({ "leadsTo": before, "changed": switched.changed }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        _ = context.world.zone()?;
        let answer = ask(self.server, &self.name).await?;
        let leads: Vec<String> = answer.addresses.iter().map(IpAddr::to_string).collect();
        Ok(vec![format!(
            "{} answers: {} leads to {} now",
            self.server,
            self.name,
            leads.join(", ")
        )])
    }
}

async fn perform(it: &SwitchDns, context: &Context<'_>) -> Result<Done, Trouble> {
    let zone = context.world.zone()?;
    context.inside.point();
    let switched = zone.switch(&it.name, &[it.to], it.ttl).await?;
    context.inside.point();
    until(Duration::from_secs(10), PAUSE, || async { leads(it, it.server).await }).await?;
    // A resolver that asks a secondary too early keeps the old answer for its whole time.
    join_all(it.secondaries.iter().map(|secondary| followed(it, *secondary))).await;
    // A resolver may keep the old answer for as long as it was told to, and a resolver may be down on such a day.
    let limit = Duration::from_secs(u64::from(it.ttl) + 15);
    let asked = it.resolvers.iter().map(|resolver| seen(it, *resolver, limit));
    let (mut seen_by, mut not_seen_by) = (Vec::new(), Vec::new());
    for (resolver, seen) in join_all(asked).await {
        match seen {
            Ok(()) => seen_by.push(resolver),
            Err(trouble) => not_seen_by.push(trouble.to_string()),
        }
    }
    if seen_by.is_empty() && !not_seen_by.is_empty() {
        let mut trouble = not_seen(it);
        trouble.causes = not_seen_by;
        return Err(trouble.hint(format!("dig {} at each resolver; are they fed by {}?", it.name, it.server)));
    }
    Ok(Done {
        before: switched.before,
        changed: switched.changed,
        seen_by,
        not_seen_by,
    })
}

fn not_seen(it: &SwitchDns) -> Trouble {
    let message = format!("the name server says that {} leads to {}, but no resolver does", it.name, it.to);
    Trouble::new("LB0505", Kind::Unreachable, message)
}

/// Waits until a secondary has the new answer; one that does not answer at all is nobody's to wait for on such a day.
async fn followed(it: &SwitchDns, secondary: SocketAddr) {
    _ = until(Duration::from_secs(10), PAUSE, || async {
        match leads(it, secondary).await {
            Err(trouble) if trouble.code == "LB0501" => Ok(()),
            other => other,
        }
    })
    .await;
}

async fn seen(it: &SwitchDns, resolver: SocketAddr, limit: Duration) -> (SocketAddr, Result<(), Trouble>) {
    (resolver, until(limit, PAUSE, || leads(it, resolver)).await)
}

async fn leads(it: &SwitchDns, server: SocketAddr) -> Result<(), Trouble> {
    let answer = ask(server, &it.name).await?;
    if answer.is_exactly(&[it.to]) {
        return Ok(());
    }
    let found: Vec<String> = answer.addresses.iter().map(IpAddr::to_string).collect();
    let found = if found.is_empty() {
        answer.rcode.to_string()
    } else {
        found.join(", ")
    };
    Err(Trouble::new(
        "LB0505",
        Kind::Unreachable,
        format!("{server} says that {} leads to {found}", it.name),
    ))
}
