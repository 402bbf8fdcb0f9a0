//! Every member of a live etcd, found from some of their URLs. Start at [`every_member`].

use super::Clients;
use crate::{Client, Connection, Error, Member};
use std::collections::BTreeMap;

/// A client for each member of a live etcd, and the members that do not answer.
pub struct Asked {
    /// Those that answer.
    pub clients: Clients,
    /// Those that do not, by name, and why.
    pub silent: BTreeMap<String, String>,
}

/// Finds every member of the etcd that `connections` lead to: under the URLs that were given, otherwise under its own.
///
/// # Errors
/// What the last of them said, if none answers; [`Error::Endpoint`] where none is given.
pub async fn every_member(connections: &[Connection]) -> Result<Asked, Error> {
    let mut given = BTreeMap::new();
    let mut known = Vec::new();
    let mut last = None;
    for connection in connections {
        match ask(connection).await {
            Ok((id, client, members)) => {
                given.insert(id, client);
                known = members;
            }
            Err(error) => last = Some(error),
        }
    }
    let Some(like) = connections.first().filter(|_| !given.is_empty()) else {
        let none = || Error::Endpoint { endpoint: String::new(), reason: "none is given".to_owned() };
        return Err(last.unwrap_or_else(none));
    };
    let mut asked = Asked { clients: Clients(BTreeMap::new()), silent: BTreeMap::new() };
    for member in known {
        // etcd lets two members have one name, and one that has not started has none.
        let taken = asked.clients.0.contains_key(&member.name) || asked.silent.contains_key(&member.name);
        let name = if member.name.is_empty() || taken {
            format!("{} {:x}", member.name, member.id).trim_start().to_owned()
        } else {
            member.name.clone()
        };
        let client = match given.remove(&member.id) {
            Some(client) => Ok(client),
            None => own(like, &member).await,
        };
        match client {
            Ok(client) => _ = asked.clients.0.insert(name, client),
            Err(why) => _ = asked.silent.insert(name, why),
        }
    }
    Ok(asked)
}

/// Who is there, and whom it knows.
async fn ask(connection: &Connection) -> Result<(u64, Client, Vec<Member>), Error> {
    let client = Client::connect(connection).await?;
    let id = client.status().await?.member_id;
    let members = client.members().await?;
    Ok((id, client, members))
}

/// A member under the URLs that it tells others. An address such as 127.0.0.1 may lead to another one.
async fn own(like: &Connection, member: &Member) -> Result<Client, String> {
    let mut why = "it tells no URL for clients".to_owned();
    for endpoint in &member.client_urls {
        match ask(&Connection { endpoint: endpoint.clone(), ..like.clone() }).await {
            Ok((id, client, _)) if id == member.id => return Ok(client),
            Ok(_) => why = format!("another member answers at {endpoint}"),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}
