//! `loadbalancer.switch`: lets HAProxy lead to some servers of a backend and to none of the others, by its runtime API and its configuration.
//! Other load balancers are a `script`.

use super::{At, Names};
use crate::action::{Action, SwitchLoadBalancer};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// The host that it runs on.
    on: String,
    /// The socket of its runtime API, with the level admin.
    #[serde(default = "socket")]
    socket: String,
    /// Its configuration; empty where something else keeps it.
    #[serde(default = "config")]
    config: String,
    /// The backend.
    backend: String,
    /// The servers that it leads to.
    to: Names,
}

fn socket() -> String {
    "/run/haproxy/admin.sock".to_owned()
}

fn config() -> String {
    "/etc/haproxy/haproxy.cfg".to_owned()
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings { on, socket, config, backend, to } = at.settings()?;
    let (host, to) = (at.host("on", &on)?, to.all());
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c));
    if let Some(strange) = [&socket, &backend].into_iter().chain(&to).find(|text| !word(text)) {
        let message = format!("{strange:?} is no name or path of HAProxy's");
        return Err(at.wrong(Which::Settings, Some("to"), message, "letters, digits and . _ - : /"));
    }
    let typed = |command: String| format!("echo '{command}' | socat stdio {socket}");
    let ready = to
        .iter()
        .map(|server| typed(format!("set server {backend}/{server} state ready")));
    let by_hand = ByHand::on(&host, ready)
        .then(ByHand::act(
            "Wait until their checks pass (see below). Then, once for each other server of the backend:",
        ))
        .then_on(
            &host,
            [typed(format!(
                "set server {backend}/OTHER state maint; shutdown sessions server {backend}/OTHER"
            ))],
        );
    let by_hand = match config.is_empty() {
        true => by_hand,
        false => by_hand.then(ByHand::act(format!(
            "In {config} on {host}, put the word disabled behind the other servers of backend {backend}, and behind none of these."
        ))),
    };
    let look = typed(format!("show servers state {backend}"));
    let list = to.join(", ");
    let mut step = Step::new(
        at.id(),
        Action::SwitchLoadBalancer(SwitchLoadBalancer {
            host: host.clone(),
            socket,
            config: Some(config).filter(|config| !config.is_empty()),
            backend: backend.clone(),
            to,
        }),
    );
    step.what = at.what().to_owned();
    step.by_hand = by_hand;
    step.check = Look::new(
        ByHand::on(&host, [look]),
        format!("only {list} are up: the sixth column is 2, the seventh 0 or 4"),
    );
    step.undo = Undo::Lines(ByHand::act(format!(
        "Set each server of backend {backend} on {host} to the state that it had: the run's outcome has them."
    )));
    step.timeout_s = 120;
    step.attempts = 2;
    Ok(vec![step])
}
