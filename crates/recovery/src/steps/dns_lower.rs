//! `dns.lower`: ahead of planned work, lets nobody keep for long where a name leads.

use super::{Carry, Context, done};
use crate::Trouble;
use async_trait::async_trait;
use dns::{Held, Provider, Records};
use engine::Performed;
use estate::Kind;
use plan::LowerDns;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// What was held before, and is now: enough to put it back.
    before: Held,
    left: Held,
    changed: bool,
    waited_s: u32,
    notes: Vec<String>,
}

#[async_trait]
impl Carry for LowerDns {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let names = context.world.names()?;
        context.inside.point();
        let before = names.read(&self.name).await?;
        let mut told = Done {
            left: before.clone(),
            before,
            changed: false,
            waited_s: 0,
            notes: Vec::new(),
        };
        match lowered(&told.before, self.ttl, &*names) {
            None => {}
            // It is as well to go on: the name only moves more slowly.
            Some(_) if !names.acts() => told
                .notes
                .push(format!("a person changes {}: its TTL is left as it is", self.name)),
            Some((left, kept)) => {
                names.replace(&self.name, &told.before, &left).await?;
                context.inside.point();
                context
                    .inside
                    .say(&format!("waiting {kept} s, for so long others may keep what they were told"));
                ambient::sleep(Duration::from_secs(u64::from(kept))).await;
                (told.left, told.changed, told.waited_s) = (left, true, kept);
            }
        }
        done(told)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let names = context.world.names()?;
        let held = names.read(&self.name).await?;
        match lowered(&held, self.ttl, &*names) {
            None => Ok(format!("{}: {held}", self.name)),
            Some((_, kept)) => {
                let message = format!("others may keep where {} leads for {kept} s", self.name);
                Err(Trouble::new("LB0803", Kind::Person, message))
            }
        }
    }

    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let held = |key: &str| -> Option<Held> { serde_json::from_value(done?[key].clone()).ok() };
        let names = context.world.names()?;
        let (Some(before), Some(left)) = (held("before"), held("left")) else {
            let now = names.read(&self.name).await?;
            let back = with_ttl(&now, |ttl| ttl.max(names.ttl(self.usual)));
            if names.acts() && back != now {
                names.replace(&self.name, &now, &back).await?;
            }
            return Ok(json!({ "left": back.to_string() }));
        };
        if before == left {
            return Ok(json!({ "none": "nothing was changed" }));
        }
        let changed = names.restore(&self.name, &before, &left).await?;
        Ok(json!({ "left": changed.left.to_string() }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let names = context.world.names()?;
        let held = names.read(&self.name).await?;
        Ok(vec![match lowered(&held, self.ttl, &*names) {
            Some((_, kept)) => format!("{} has: {held}; others may keep it for {kept} s", names.place()),
            None => format!("{} has: {held}; there is nothing to shorten", names.place()),
        }])
    }
}

/// The same with a shorter TTL, and for how many seconds the longer one is kept. None where it is as short, or no record's.
fn lowered(held: &Held, ttl: u32, names: &dyn Provider) -> Option<(Held, u32)> {
    let ttl = names.ttl(ttl);
    let Held::Records { a, aaaa } = held else { return None };
    let before = a.iter().chain(aaaa).map(|records| records.ttl).max()?;
    (before > ttl).then(|| (with_ttl(held, |is| is.min(ttl)), names.kept_for(before)))
}

/// The same with other TTLs, where it is records.
fn with_ttl(held: &Held, ttl: impl Fn(u32) -> u32) -> Held {
    let Held::Records { a, aaaa } = held else {
        return held.clone();
    };
    let of = |records: &Option<Records>| {
        let records = records.as_ref()?;
        Some(Records { ttl: ttl(records.ttl), ..records.clone() })
    };
    Held::Records { a: of(a), aaaa: of(aaaa) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_ttl_is_only_ever_shortened() {
        let records = |ttl| Some(Records { addresses: [Ipv4Addr::LOCALHOST.into()].into(), ttl });
        let held = |a, aaaa| Held::Records { a, aaaa };
        let names = dns::Manual {
            zone: "example.org".to_owned(),
            servers: vec!["192.0.2.1:53".parse().unwrap()],
            words: Vec::new(),
        }
        .open()
        .unwrap();
        let lowered = |it: &Held| lowered(it, 5, &*names);
        assert_eq!(lowered(&held(records(300), records(2))), Some((held(records(5), records(2)), 300)));
        assert_eq!(lowered(&held(records(5), None)), None);
        assert_eq!(lowered(&held(None, None)), None);
        assert_eq!(lowered(&Held::Pools { enabled: true, pools: Default::default() }), None);
    }
}
