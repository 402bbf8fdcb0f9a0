//! `probe`: sees whether something answers, again and again until it does.

use super::At;
use crate::action::{Action, Probe, Probed};
use crate::hand::{ByHand, Look, Undo};
use crate::playbook::Which;
use crate::{NoPlan, Step};
use estate::Distribution;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    http: Option<Http>,
    tcp: Option<SocketAddr>,
    dns: Option<Dns>,
    ready: Option<Ready>,
    command: Option<Command>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Http {
    /// `http://` or `https://`.
    url: String,
    /// The address that is asked, whatever DNS says.
    address: Option<IpAddr>,
    /// A file with the CA that its certificate must be of.
    ca: Option<PathBuf>,
    /// The SHA-256 of that file, hexadecimal, as Rancher's agents pin it.
    ca_sha256: Option<String>,
    /// The status that is wanted.
    #[serde(default = "ok")]
    status: u16,
    /// What the answer has to contain.
    contains: Option<String>,
}

fn ok() -> u16 {
    200
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dns {
    name: String,
    to: Vec<IpAddr>,
    /// Who is asked; without this, the resolvers of the estate.
    #[serde(default)]
    resolvers: Vec<SocketAddr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ready {
    /// The host whose API server is asked; without this, the cluster's first.
    host: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Command {
    run: String,
    on: Option<String>,
}

pub(super) fn steps(at: &At<'_>) -> Result<Vec<Step>, NoPlan> {
    let Settings { http, tcp, dns, ready, command } = at.settings()?;
    let (probed, by_hand, expect) = match (http, tcp, dns, ready, command) {
        (Some(it), None, None, None, None) => of_http(at, it)?,
        (None, Some(address), None, None, None) => (
            Probed::Tcp { address },
            ByHand::here([format!("nc -vz {} {}", address.ip(), address.port())]),
            "it says that the connection succeeded".to_owned(),
        ),
        (None, None, Some(it), None, None) => of_dns(at, it)?,
        (None, None, None, Some(it), None) => of_ready(at, &it)?,
        (None, None, None, None, Some(it)) => {
            let on = it.on.as_deref().map(|on| at.host("command", on)).transpose()?;
            let by_hand = match &on {
                Some(host) => ByHand::on(host, [it.run.clone()]),
                None => ByHand::here([it.run.clone()]),
            };
            (Probed::Command { on, run: it.run }, by_hand, "it ends without an error".to_owned())
        }
        _ => {
            let message = format!("step {} asks nothing, or more than one thing", at.id());
            return Err(at.wrong(Which::Settings, None, message, "with one of http, tcp, dns, ready, command"));
        }
    };
    let mut step = Step::new(at.id(), Action::Probe(Probe { probed }));
    step.what = at.what().to_owned();
    step.check = Look::new(by_hand.clone(), expect);
    step.by_hand = by_hand;
    step.undo = Undo::none("none is needed: nothing is changed");
    step.timeout_s = 120;
    Ok(vec![step])
}

type Found = (Probed, ByHand, String);

fn of_http(at: &At<'_>, it: Http) -> Result<Found, NoPlan> {
    let bad = |message: &str| at.wrong(Which::Settings, Some("http"), message.to_owned(), "mend it in with.http");
    let (scheme, rest) = it
        .url
        .split_once("://")
        .ok_or_else(|| bad("a url begins with http:// or https://"))?;
    if !matches!(scheme, "http" | "https") || rest.split('/').next().is_none_or(|host| host.contains('@')) {
        return Err(bad("a url begins with http:// or https://, and has no credentials in it"));
    }
    if it
        .ca_sha256
        .as_ref()
        .is_some_and(|pin| pin.len() != 64 || !pin.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(bad("caSha256 is 64 hexadecimal digits"));
    }
    let host = rest.split('/').next().unwrap_or_default();
    let (name, port) = host
        .rsplit_once(':')
        .unwrap_or((host, if scheme == "https" { "443" } else { "80" }));
    let mut line = format!("curl -sS -o /dev/null -w '%{{http_code}}' '{}'", it.url);
    if let Some(address) = it.address {
        line += &format!(" --resolve {name}:{port}:{address}");
    }
    if let Some(ca) = &it.ca {
        line += &format!(" --cacert {}", ca.display());
    }
    let expect = match &it.contains {
        None => it.status.to_string(),
        Some(text) => {
            line = line.replace("-o /dev/null ", "");
            format!("{text} and {}", it.status)
        }
    };
    let probed = Probed::Http {
        url: it.url,
        address: it.address,
        ca: it.ca,
        ca_sha256: it.ca_sha256,
        status: it.status,
        contains: it.contains,
    };
    Ok((probed, ByHand::here([line]), expect))
}

fn of_dns(at: &At<'_>, it: Dns) -> Result<Found, NoPlan> {
    let of_estate = || {
        at.scene
            .estate
            .dns
            .as_ref()
            .map(|dns| dns.resolvers.clone())
            .unwrap_or_default()
    };
    let resolvers = match it.resolvers.is_empty() {
        true => of_estate(),
        false => it.resolvers,
    };
    if resolvers.is_empty() || it.to.is_empty() {
        return Err(at.lacks("resolvers, here or in the estate's dns, and addresses to expect"));
    }
    let lines = resolvers
        .iter()
        .map(|at| format!("dig +short -p {} @{} {}", at.port(), at.ip(), it.name));
    let by_hand = ByHand::here(lines);
    let words: Vec<String> = it.to.iter().map(IpAddr::to_string).collect();
    let expect = format!("each says {}", words.join(" "));
    Ok((Probed::Dns { name: it.name, to: it.to, resolvers }, by_hand, expect))
}

fn of_ready(at: &At<'_>, it: &Ready) -> Result<Found, NoPlan> {
    let host = match &it.host {
        Some(host) => at.host("ready", host)?,
        None => {
            let first = at.scene.of.hosts.first().map(|host| (**host).clone());
            first.ok_or_else(|| at.lacks("a host: with.ready.host, or hosts of the cluster"))?
        }
    };
    let line = match at.scene.distribution {
        Distribution::K3s | Distribution::Rke2 => format!("{} kubectl get --raw /readyz", at.scene.distribution),
        _ => "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz".to_owned(),
    };
    let by_hand = ByHand::on(&host, [line]);
    let probed = Probed::Ready { host, distribution: at.scene.distribution };
    Ok((probed, by_hand, "ok".to_owned()))
}
