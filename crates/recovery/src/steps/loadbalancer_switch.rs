//! `loadbalancer.switch`: HAProxy leads to some servers of a backend, and to none of the others.
//!
//! Source: HAProxy's management guide, "Unix Socket commands": `show servers state`, `set server`, `shutdown sessions server`. Commands that
//! are refused are answered in words, and an accepted one by an empty line. Right after `ready` a server counts as up although nothing
//! listens there: only a check that has passed since counts.

use super::{Carry, Context, done, until};
use crate::Trouble;
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::{Kind, Name};
use plan::SwitchLoadBalancer;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(500);
const CALL: Duration = Duration::from_secs(20);

/// Bits of a server's administrative state.
const FORCED_MAINT: u32 = 1;
const FORCED_DRAIN: u32 = 8;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// The state of each server before: `ready`, `maint`, `drain`.
    before: BTreeMap<String, String>,
    leads_to: Vec<String>,
    /// Where the configuration that was there is kept, if it was changed.
    kept_aside: Option<String>,
}

/// A server as HAProxy has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    name: String,
    /// 2 is up.
    operational: u32,
    administrative: u32,
    /// Whether its last check has passed; none where it is not checked.
    passed: Option<bool>,
}

impl Server {
    fn word(&self) -> &'static str {
        match self.administrative {
            bits if bits & FORCED_MAINT != 0 => "maint",
            bits if bits & FORCED_DRAIN != 0 => "drain",
            _ => "ready",
        }
    }

    fn serves(&self) -> bool {
        self.word() == "ready" && self.operational == 2 && self.passed != Some(false)
    }
}

#[async_trait]
impl Carry for SwitchLoadBalancer {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let host = context.world.host(&self.host)?;
        let servers = servers(self, &host).await?;
        if let Some(strange) = self.to.iter().find(|name| servers.iter().all(|server| server.name != **name)) {
            let known: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
            let message = format!("backend {} of HAProxy on {} has no server {strange}", self.backend, self.host);
            return Err(Trouble::new("LB0813", Kind::Invalid, message).hint(format!("one of: {}", known.join(", "))));
        }
        let before: BTreeMap<String, String> = servers
            .iter()
            .map(|server| (server.name.clone(), server.word().to_owned()))
            .collect();
        context.inside.point();
        for name in &self.to {
            set(self, &host, name, "ready").await?;
        }
        context.inside.say("waits until their checks pass");
        until(context.limit / 2, PAUSE, || async { up(self, &host).await }).await?;
        context.inside.point();
        for server in servers.iter().filter(|server| !self.to.contains(&server.name)) {
            set(self, &host, &server.name, "maint").await?;
            // What leads there already, tunnels of agents among it, would stay there for ever.
            say(self, &host, &format!("shutdown sessions server {}/{}", self.backend, server.name)).await?;
        }
        context.inside.point();
        let kept_aside = configure(self, &host, &self.to, context).await?;
        done(Done { before, leads_to: self.to.clone(), kept_aside })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let host = context.world.host(&self.host)?;
        up(self, &host).await?;
        let others = servers(self, &host).await?;
        match others.iter().find(|server| !self.to.contains(&server.name) && server.serves()) {
            None => Ok(format!("backend {} leads to {}", self.backend, self.to.join(", "))),
            Some(other) => {
                let message = format!("backend {} leads to {}, too", self.backend, other.name);
                Err(Trouble::new("LB0813", Kind::Person, message))
            }
        }
    }

    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let host = context.world.host(&self.host)?;
        let before = done.and_then(|done| done["before"].as_object());
        let Some(before) = before else {
            return Ok(json!({ "none": "nobody wrote down what it led to before" }));
        };
        for (name, word) in before {
            set(self, &host, name, word.as_str().unwrap_or("ready")).await?;
        }
        let ready = before.iter().filter(|(_, word)| *word == "ready").map(|(name, _)| name.clone());
        configure(self, &host, &ready.collect::<Vec<_>>(), context).await?;
        Ok(json!({ "leadsTo": before }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let host = context.world.host(&self.host)?;
        let servers = servers(self, &host).await?;
        let told: Vec<String> = servers
            .iter()
            .map(|server| format!("{} {}", server.name, server.word()))
            .collect();
        Ok(vec![format!("backend {}: {}", self.backend, told.join(", "))])
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn up(it: &SwitchLoadBalancer, host: &Host) -> Result<(), Trouble> {
    let servers = servers(it, host).await?;
    let down = servers.iter().find(|server| it.to.contains(&server.name) && !server.serves());
    match down {
        None => Ok(()),
        Some(server) => {
            let message =
                format!("HAProxy on {} does not reach {} of backend {} yet", it.host, server.name, it.backend);
            Err(Trouble::new("LB0813", Kind::Unreachable, message).hint("see whether it listens there"))
        }
    }
}

async fn set(it: &SwitchLoadBalancer, host: &Host, server: &str, word: &str) -> Result<(), Trouble> {
    say(it, host, &format!("set server {}/{server} state {word}", it.backend)).await
}

/// Gives a command that is answered by nothing.
async fn say(it: &SwitchLoadBalancer, host: &Host, command: &str) -> Result<(), Trouble> {
    let said = ask(it, host, command).await?;
    match said.trim() {
        "" => Ok(()),
        refused => Err(Trouble::new("LB0813", Kind::Person, format!("HAProxy on {}: {refused}", it.host))),
    }
}

async fn ask(it: &SwitchLoadBalancer, host: &Host, command: &str) -> Result<String, Trouble> {
    let script = format!("printf '%s\\n' {} | socat -t 5 stdio {}", quoted(command), quoted(&it.socket));
    Ok(host.run("speaking with HAProxy", &script, CALL).await?)
}

async fn servers(it: &SwitchLoadBalancer, host: &Host) -> Result<Vec<Server>, Trouble> {
    let said = ask(it, host, &format!("show servers state {}", it.backend)).await?;
    parsed(&said).ok_or_else(|| {
        let first = said.lines().next().unwrap_or("nothing");
        Trouble::new("LB0813", Kind::Invalid, format!("HAProxy on {} says of its servers: {first}", it.host))
    })
}

/// The servers in an answer of `show servers state`, version 1.
fn parsed(said: &str) -> Option<Vec<Server>> {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next()? != "1" {
        return None;
    }
    let lines = lines.filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| words.get(index)?.parse::<u32>().ok();
        // Of srv_check_status, 0 to 5 say that nothing was checked; 6, 15, 16 and 18 that a check has passed.
        let status = number(10)?;
        Some(Server {
            name: (*words.get(3)?).to_owned(),
            operational: number(5)?,
            administrative: number(6)?,
            passed: (status > 5).then_some(matches!(status, 6 | 15 | 16 | 18)),
        })
    };
    lines.map(parse).collect()
}

/// Writes the same into the configuration, so that a restart forgets nothing: `disabled` stands behind all servers of the backend but those
/// that it leads to. What was there is kept, and one that HAProxy does not take is not put in place.
async fn configure(
    it: &SwitchLoadBalancer,
    host: &Host,
    to: &[String],
    context: &Context<'_>,
) -> Result<Option<String>, Trouble> {
    let Some(config) = &it.config else {
        return Ok(None);
    };
    let aside = format!("{config}.lifeboat-{}", context.made.strftime("%Y%m%dT%H%M%SZ"));
    let (config, kept) = (quoted(config), quoted(&aside));
    let script = format!(
        "[ -e {config} ] || {{ echo {config} 'is not there' >&2; exit 1; }}
         awk -v backend={} -v to={} '
           BEGIN {{ n = split(to, names, \" \"); for (i = 1; i <= n; i++) wanted[names[i]] = 1 }}
           /^[^ \\t#]/ {{ inside = ($1 == \"backend\" && $2 == backend) }}
           inside && $1 == \"server\" {{
             gsub(/[ \\t]+disabled([ \\t]|$)/, \" \")
             sub(/[ \\t]+$/, \"\")
             if (!($2 in wanted)) $0 = $0 \" disabled\"
           }}
           {{ print }}' {config} >{config}.new
         if cmp -s {config} {config}.new; then rm -f {config}.new; exit 0; fi
         haproxy -c -q -f {config}.new >&2
         [ -e {kept} ] || cp -p {config} {kept}
         cat {config}.new >{config} && rm -f {config}.new && sync {config}
         echo changed",
        quoted(&it.backend),
        quoted(&to.join(" ")),
    );
    let said = host
        .run_alone("changing HAProxy's configuration", &script, context.limit / 4)
        .await?;
    Ok((said.trim() == "changed").then_some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HAProxy 2.6 answers.
    const SAID: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n3 manager 1 main-1 10.100.1.10 2 0 1 1 9 15 3 2 6 0 0 0 - 8443 - 0 0 - - 0\n3 manager 2 standby-1 10.100.2.10 0 5 1 1 15 1 0 0 14 0 0 0 - 8443 - 0 0 - - 0\n\n";

    #[test]
    fn servers_are_read_from_what_it_says() {
        let servers = parsed(SAID).unwrap();
        let told: Vec<(&str, &str, bool)> = servers
            .iter()
            .map(|server| (server.name.as_str(), server.word(), server.serves()))
            .collect();
        assert_eq!(told, [("main-1", "ready", true), ("standby-1", "maint", false)]);
        assert_eq!(parsed("Can't find backend.\n"), None);
        assert_eq!(parsed(""), None);
        assert_eq!(parsed("1\n# be_id\n3 manager\n"), None);
        // Made ready and not yet checked: `disabled` in the configuration stays as a bit, and is only information.
        let fresh = SAID.replace("0 5 1 1 15 1 0", "2 4 1 1 15 8 0");
        let fresh = parsed(&fresh).unwrap();
        assert_eq!((fresh[1].word(), fresh[1].serves()), ("ready", false), "its last check was refused");
    }
}
