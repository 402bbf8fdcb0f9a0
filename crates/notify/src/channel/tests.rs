//! Channels against servers on loopback that do as the tests want.

mod mail;
mod server;
mod web;

use super::*;
use crate::message::tests::message;

/// Opens a channel of an estate file; the secrets are `hunter2`, or the URL that is given.
fn open(of: &estate::Channel, url: &str) -> Result<Channel, Error> {
    let secret = |it: &SecretRef| match it {
        SecretRef::Env(name) if name == "URL" => Ok(format!("{url}\n")),
        _ => Ok("hunter2\n".to_owned()),
    };
    let file = |_: &Path| Ok(String::new());
    Channel::open(&"example".parse().unwrap(), &"ops".parse().unwrap(), of, secret, file)
}

/// The only channel of an estate that is otherwise of no interest.
fn channel(settings: &str) -> estate::Channel {
    serde_saphyr::from_str(settings).unwrap()
}
