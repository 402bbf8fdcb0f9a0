//! What a person types at a BIG-IP for a switch. Pure.

use super::Held;

/// Lines for `tmsh`, on the system itself.
pub(super) fn lines(endpoint: &str, from: &Held, to: &Held) -> Vec<String> {
    let (Held::Pools { pools: before, .. }, Held::Pools { pools: after, .. }) = (from, to) else {
        return Vec::new();
    };
    let host = endpoint.trim_start_matches("https://").trim_end_matches('/');
    let mut lines = vec![format!("ssh root@{host}")];
    // Those that come first, so that there is no moment without an answer.
    for comes in [true, false] {
        for (name, pool) in after {
            let was = before.get(name);
            for (member, state) in &pool.members {
                let differs = was
                    .and_then(|was| was.members.get(member))
                    .is_none_or(|was| was.enabled != state.enabled);
                if differs && state.enabled == comes {
                    let state = if comes { "enabled" } else { "disabled" };
                    lines.push(format!("tmsh modify gtm pool {name} members modify {{ {member} {{ {state} }} }}"));
                }
            }
            if comes && was.is_none_or(|was| was.ttl != pool.ttl) {
                lines.push(format!("tmsh modify gtm pool {name} ttl {}", pool.ttl));
            }
        }
    }
    lines.push("tmsh save sys config".to_owned());
    lines
}
