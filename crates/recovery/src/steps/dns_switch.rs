//! `dns.switch`: moves the name, and sees the new answer at the name servers and through a resolver.

use super::Context;
use crate::Trouble;
use dns::{Askable, Expected, Held, How, NotSeen, Provider, Wanted};
use estate::Kind;
use plan::SwitchDns;
use serde::Serialize;
use std::net::SocketAddr;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    /// What the name server had, and what it has now: enough to put the name back.
    before: Held,
    left: Held,
    changed: bool,
    /// The resolvers that give the new answer.
    seen_by: Vec<SocketAddr>,
    /// Those that do not, and why.
    not_seen_by: Vec<String>,
}

pub(super) async fn perform(it: &SwitchDns, context: &Context<'_>) -> Result<Done, Trouble> {
    let zone = context.world.zone()?;
    context.inside.point();
    let before = zone.read(&it.name).await?;
    let changed = zone.change(&it.name, &before, &Wanted::new([it.to], it.ttl)).await?;
    context.inside.point();
    let expected = Expected {
        name: it.name.clone(),
        to: [it.to].into(),
        all: zone.answers_all(),
    };
    let at = Askable {
        servers: [it.server].iter().chain(&it.secondaries).copied().collect(),
        resolvers: it.resolvers.clone(),
    };
    let seen = dns::verify(&expected, &at, it.ttl).await;
    // A secondary may be down on such a day; the one that took the change may not.
    if let Some(not) = seen.servers.not_by.iter().find(|not| not.server == it.server) {
        return Err(unseen(not));
    }
    let not_seen_by: Vec<String> = seen.resolvers.not_by.into_iter().map(|not| not.says).collect();
    if seen.resolvers.by.is_empty() && !not_seen_by.is_empty() {
        let message = format!("the name server says that {} leads to {}, but no resolver does", it.name, it.to);
        let mut trouble = Trouble::new("LB0505", Kind::Unreachable, message);
        trouble.causes = not_seen_by;
        return Err(trouble.hint(format!("dig {} at each resolver; are they fed by {}?", it.name, it.server)));
    }
    Ok(Done {
        before,
        left: changed.left,
        changed: changed.how == How::Made,
        seen_by: seen.resolvers.by,
        not_seen_by,
    })
}

fn unseen(not: &NotSeen) -> Trouble {
    let code = if not.answers { "LB0505" } else { "LB0501" };
    Trouble::new(code, Kind::Unreachable, not.says.clone())
}
